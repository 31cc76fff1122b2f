#!/usr/bin/env bash
# Builds the images of deploy/Dockerfile without a registry, starts the programs in them, and deploy/compose.yaml with them:
#
#     tests/image.sh [TARGET...]       default: worker ctl api producer, and then compose
#
# The base is a Debian 13 made by mmdebstrap; buildah builds with vfs storage and chroot isolation, each image twice, which must give the same
# digest. Compose runs in a Docker of its own, with images that stand in for Kafka's and Valkey's (tests/compose) and an endpoint on this
# machine. As root, under build/image (some gigabytes, removed at the end). Takes minutes, so it is part of tests/run.sh --full alone.
# The last line is `N passed, M failed`.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

readonly work=$root_dir/build/image base=localhost/trueftp-test-base
readonly compose_deb=docker-compose # Debian 13's: version 2, which knows the file's conditions
targets=("$@")
[[ $# -gt 0 ]] || targets=(worker ctl api producer compose)
passed=0 failed=0
export DOCKER_HOST=unix://$work/docker.sock

buildah_() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

clean_up() {
    [[ ! -S $work/docker.sock ]] || compose down -v >/dev/null 2>&1 || true
    stop_all
    buildah_ rm --all >/dev/null 2>&1 || true
    umount "$work"/docker-run/netns/* 2>/dev/null || true
    rm -rf "$work"
}

# check WHAT COMMAND...: `set -e` does not hold in it.
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

# ---- images

# Without documentation, as the official slim image is.
make_base() {
    local container
    step 'Base: Debian 13'
    quietly mmdebstrap --variant=minbase --include=ca-certificates --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' trixie "$work/base.tar"
    container=$(buildah_ from scratch)
    quietly buildah_ add "$container" "$work/base.tar" /
    quietly buildah_ commit --timestamp 0 "$container" "$base"
    rm "$work/base.tar"
}

# build_image TARGET NAME [OPTION...]
build_image() {
    local target=$1 name=$2
    shift 2
    buildah_ bud --isolation chroot --timestamp 0 "$@" --build-arg "DEBIAN=$base" --target "$target" -t "$name" -f "$root_dir/deploy/Dockerfile" "$work/tree"
}

digest() { buildah_ images --format '{{.Digest}}' "localhost/$1"; }

# Everything anew for the first target, all packages and the compiler's work among it; the layers of that for the others.
same_twice() {
    local how=(--layers)
    [[ $1 != "${targets[0]}" ]] || how=(--no-cache --layers)
    build_image "$1" "again-$1" "${how[@]}"
    [[ $(digest "again-$1") == "$(digest "trueftp-$1")" ]]
}

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
    check "it builds" build_image "$target" "trueftp-$target" --layers
    container=$(buildah_ from "trueftp-$target") || return 0
    say "  size    $(buildah_ images --format '{{.Size}}' "localhost/trueftp-$target"), of which $(buildah_ images --format '{{.Size}}' "$base") are Debian"
    check "its user is 65532" is_nobody "$target"
    check "it runs as 65532" runs_as "$container"
    check "it cannot change its programs" cannot_write "$container"
    check "the program starts" says_version "$container" "$program"
    [[ $target == ctl ]] || check "the program refuses what it does not know" refuses_nonsense "$container" "$program"
    buildah_ rm "$container" >/dev/null
    check "built again, it has the same digest" same_twice "$target"
}

# ---- compose

provide_compose() {
    local listed=http://deb.debian.org/debian
    packages_install docker.io iptables curl
    compose_program=$work/usr/libexec/docker/cli-plugins/docker-compose
    mmdebstrap --variant=extract --include="$compose_deb" trixie "$work/compose.tar" "$listed" >/dev/null 2>&1 ||
        die "Debian 13's $compose_deb cannot be had"
    tar -x -f "$work/compose.tar" -C "$work" --wildcards './usr/libexec/docker/cli-plugins/*'
    rm "$work/compose.tar"
}

compose() { "$compose_program" -f "$root_dir/deploy/compose.yaml" -f "$root_dir/tests/compose/local.yaml" "$@"; }
ctl() { compose run --rm ctl "$@" </dev/null; }

start_docker() {
    start dockerd "$work/dockerd.log" dockerd --data-root "$work/docker" --exec-root "$work/docker-run" --pidfile "$work/docker.pid" -H "$DOCKER_HOST"
    wait_for 60 'Docker answers' docker version
}

# Official images where there is a registry would do as well; these need none.
make_stand_ins() {
    mkdir -p "$work/kafka"
    cp -RL "$root_dir/build/kafka/lib" "$work/kafka/lib"
    cp "$root_dir/tests/compose/kafka.sh" "$work/kafka"
    docker build -q --network host --build-arg DEBIAN="$base" -t apache/kafka:3.9.1 -f "$root_dir/tests/compose/kafka.Dockerfile" "$work/kafka" || return 1
    docker build -q --network host --build-arg DEBIAN="$base" -t valkey/valkey:8.1-alpine -f "$root_dir/tests/compose/valkey.Dockerfile" "$work/kafka"
}

give_image() { # NAME AS
    rm -f "$work/image.tar"
    buildah_ push -q "$1" "docker-archive:$work/image.tar:$2" && docker load -q -i "$work/image.tar"
}

hand_over() {
    local target
    for target in worker ctl api; do
        give_image "localhost/trueftp-$target" "trueftp-$target:dev" || return 1
    done
    give_image "$base" "$base:latest"
}

starts_restricted() { # TARGET PROGRAM
    [[ $(docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges --entrypoint "$2" "trueftp-$1:dev" --version) == "${2##*/} "* ]]
}

member() { sed -nE 's/.*"'"$1"'": *"([^"]+)".*/\1/p'; }

# An account's webhook is made through the API; an event published with trueftpctl is posted to the endpoint, which checks its signature, and
# the delivery log says so.
delivers() {
    local gateway key secret port
    gateway=$(docker network inspect trueftp_default -f '{{(index .IPAM.Config 0).Gateway}}')
    port=$(free_port)
    ctl accounts create acc_1 --plan pro
    key=$(ctl keys create acc_1 --output json | member key)
    secret=$(compose run --rm -e "TRUEFTP_API_KEY=$key" ctl webhooks create --url "http://$gateway:$port/hook" --output json </dev/null | member secret)
    printf '/hook %s\n' "$secret" >"$work/secrets"
    printf '/hook\tfile.uploaded\t/in/a.csv\n' >"$work/expected"
    start receiver "$work/receiver.log" "$root_dir/deploy/receiver.py" serve --address "$gateway" --port "$port" --secrets "$work/secrets" --journal "$work/journal"
    ctl events publish --account acc_1 --event file.uploaded --path /in/a.csv
    "$root_dir/deploy/receiver.py" check --journal "$work/journal" --expected "$work/expected" --seconds 60 || return 1
    ctl log tail --from-beginning --status delivered | grep /in/a.csv
}

# SIGTERM ends them within the grace period, with status 0.
drains() {
    local container
    compose stop worker
    for container in $(compose ps -aq worker); do
        [[ $(docker inspect -f '{{.State.ExitCode}}' "$container") == 0 ]] || return 1
    done
}

try_compose() {
    step 'deploy/compose.yaml'
    provide_compose
    "$root_dir/deploy/kafka/kafka.sh" fetch
    start_docker
    check "images are handed over" hand_over
    check "images stand in for Kafka and Valkey" make_stand_ins
    check "worker starts with a read-only root and without any capability" starts_restricted worker /usr/bin/trueftp-worker
    check "api starts likewise" starts_restricted api /usr/bin/trueftp-api
    check "the file is valid" compose config -q
    check "all of it comes up" timeout 300 "$compose_program" -f "$root_dir/deploy/compose.yaml" -f "$root_dir/tests/compose/local.yaml" up -d --no-build
    check "the dashboard answers" curl -fsS --retry 20 --retry-delay 1 --retry-all-errors -o /dev/null http://127.0.0.1:8080/
    check "an event is delivered, and signed" delivers
    check "three workers" compose up -d --no-build --scale worker=3
    check "workers drain when told to stop" drains
    check "it goes away" compose down -v
}

main() {
    local target
    [[ $(id -u) -eq 0 ]] || die 'buildah with chroot isolation needs root here'
    packages_install buildah mmdebstrap git python3 "${KAFKA_PACKAGES[@]}"
    trap clean_up EXIT
    rm -rf "$work"
    mkdir -p "$work/tree"
    git -C "$root_dir" ls-files -z --cached --others --exclude-standard | (cd "$root_dir" && tar --null --no-recursion -c -T -) | tar -x -C "$work/tree"
    make_base
    for target in "${targets[@]}"; do
        if [[ $target == compose ]]; then try_compose; else try_image "$target"; fi
    done
    say ''
    say "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}

main "$@"
