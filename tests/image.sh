#!/usr/bin/env bash
# Builds the images of deploy/Dockerfile without Docker and without a registry, and starts the programs in them:
#
#     tests/image.sh [TARGET...]       default: worker ctl api producer
#
# The base is a Debian 13 made by mmdebstrap; buildah builds with vfs storage and chroot isolation, as root, under build/image (some gigabytes,
# removed at the end). Takes minutes, so it is no part of tests/run.sh. The last line is `N passed, M failed`.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

readonly work=$root_dir/build/image
targets=("$@")
[[ $# -gt 0 ]] || targets=(worker ctl api producer)
passed=0 failed=0

buildah_() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

clean_up() {
    buildah_ rm --all >/dev/null 2>&1 || true
    rm -rf "$work"
}

# check WHAT COMMAND...
check() {
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        say "  ok      $what"
    else
        failed=$((failed + 1))
        say "  FAILED  $what"
        tail -n 30 "$work/log"
    fi
}

make_base() {
    local container
    step 'Base: Debian 13'
    quietly mmdebstrap --variant=minbase --include=ca-certificates trixie "$work/base.tar"
    container=$(buildah_ from scratch)
    quietly buildah_ add "$container" "$work/base.tar" /
    quietly buildah_ commit "$container" trueftp-test-base
    rm "$work/base.tar"
}

build_image() { buildah_ bud --isolation chroot --layers --build-arg DEBIAN=localhost/trueftp-test-base --target "$1" -t "trueftp-$1" -f "$root_dir/deploy/Dockerfile" "$work/tree"; }

says_version() { [[ $(buildah_ run --isolation chroot "$1" -- "$2" --version) == "${2##*/} "* ]]; }
is_nobody() { [[ $(buildah_ inspect --type image --format '{{.OCIv1.Config.User}}' "trueftp-$1") == 65532:65532 ]]; }
runs_as() { [[ $(buildah_ run --isolation chroot "$1" -- /usr/bin/id -u) == 65532 ]]; }
cannot_write() { ! buildah_ run --isolation chroot "$1" -- /usr/bin/touch /usr/bin/x; }
refuses_nonsense() {
    local status=0
    buildah_ run --isolation chroot --env TRUEFTP_NONSENSE=1 --env TRUEFTP_KAFKA_BROKERS=127.0.0.1:1 "$1" -- "$2" || status=$?
    [[ $status -eq 64 ]]
}

try_image() {
    local target=$1 container program=/usr/bin/trueftp-$1
    [[ $target != ctl ]] || program=/usr/bin/trueftpctl
    step "Image $target"
    check "it builds" build_image "$target"
    container=$(buildah_ from "trueftp-$target") || return 0
    say "  size    $(buildah_ images --format '{{.Size}}' "localhost/trueftp-$target")"
    check "its user is 65532" is_nobody "$target"
    check "it runs as 65532" runs_as "$container"
    check "it cannot change its programs" cannot_write "$container"
    check "the program starts" says_version "$container" "$program"
    [[ $target == ctl ]] || check "the program refuses what it does not know" refuses_nonsense "$container" "$program"
    buildah_ rm "$container" >/dev/null
}

main() {
    local target
    [[ $(id -u) -eq 0 ]] || die 'buildah with chroot isolation needs root here'
    packages_install buildah mmdebstrap
    trap clean_up EXIT
    rm -rf "$work"
    mkdir -p "$work/tree"
    git -C "$root_dir" ls-files -z --cached --others --exclude-standard | (cd "$root_dir" && tar --null --no-recursion -c -T -) | tar -x -C "$work/tree"
    make_base
    for target in "${targets[@]}"; do
        try_image "$target"
    done
    say ''
    say "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}

main "$@"
