#!/usr/bin/env bash
# The project on Debian 13, wherever it is started: builds it with sanitizers in a root made by mmdebstrap, and runs the unit tests and some
# scenarios there, as tests/run.sh does it:
#
#     tests/debian13.sh [SCENARIO-FILE...]       default: test_file_to_post.py test_retries.py test_nothing_is_lost.py test_secured_links.py
#                                                         test_ftp_servers.py
#
# As root, under build/debian13, which stays: 1.3 GB. A second run builds what has changed. Takes 15 minutes, so it is part of
# tests/run.sh --full alone. The last line is that of tests/run.sh, with what failed above it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

readonly root=$root_dir/build/debian13/root
scenarios=("$@")
[[ $# -gt 0 ]] || scenarios=(test_file_to_post.py test_retries.py test_nothing_is_lost.py test_secured_links.py test_ftp_servers.py)

clean_up() {
    mountpoint -q "$root/dev" && umount "$root/dev"
    mountpoint -q "$root/proc" && umount "$root/proc"
    return 0
}

make_root() {
    [[ ! -f $root/.complete ]] || return 0
    step 'Debian 13'
    packages_install mmdebstrap
    rm -rf "$root"
    mkdir -p "$root"
    quietly mmdebstrap --variant=minbase --include=ca-certificates,git,iproute2,procps trixie "$root"
    touch "$root/.complete"
}

# Our files as they are, those of before gone, what was built stays. Kafka's jars are the ones that are here already.
copy_tree() {
    packages_install git "${KAFKA_PACKAGES[@]}"
    mkdir -p "$root/src/build/kafka"
    find "$root/src" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    git -C "$root_dir" ls-files -z --cached --others --exclude-standard |
        (cd "$root_dir" && while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done) |
        tar -C "$root_dir" --null --no-recursion -c -T - | tar -x -C "$root/src"
    "$root_dir/deploy/kafka/kafka.sh" fetch
    [[ -d $root/src/build/kafka/lib ]] || cp -RL "$root_dir/build/kafka/lib" "$root/src/build/kafka/lib"
}

# run ARGUMENT...: tests/run.sh in the root. Nothing of this machine's settings goes in.
run() {
    chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin CI="${CI:-}" /src/tests/run.sh "$@"
}

main() {
    [[ $(id -u) -eq 0 ]] || die 'a root of its own needs root here'
    trap clean_up EXIT
    make_root
    copy_tree
    mount --bind /proc "$root/proc"
    mount --bind /dev "$root/dev"
    run --only unit --only scenario -- "${scenarios[@]}"
}

main "$@"
