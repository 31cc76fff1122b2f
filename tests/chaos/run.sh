#!/usr/bin/env bash
# The chaos lab: real workers, real Kafka, a real Redis; what is done to them, and a checker of what came of it.
#
#     tests/chaos/run.sh [--seed N] [--deliveries N] [--workers N] [--gap SECONDS]
#                        [--kills N] [--stops N] [--flushall N] [--redis-restarts N] [--redis-rollbacks N] [--redis-stops N]
#                        [--redis-full N] [--redis-readonly N] [--broker-restarts N] [--broker-stops N] [--rebalances N] [--full]
#     tests/chaos/run.sh --crash-points [--seed N] [--jobs N] [--case POINT:N[:wiped|:stopped]]... [--junit FILE] [--full]
#
#   The first is a random run: 20,000 deliveries and 36 faults by default, 2 to 3.5 minutes; with --full 200,000 deliveries, 200 kills,
#   20 FLUSHALLs, 10 broker restarts, 10 rebalances and more, 20 minutes. A failing run's seed is in its last line.
#   The second kills a worker at each of the protocol's 16 crash points, with Redis kept or emptied: 32 cases, or 256 with
#   --full, which also has a worker stand still at each point until another one has done its work; and one more, a worker that gets
#   SIGTERM while it gives partitions back.
#
#   --release     the optimised build instead of the sanitized one (build/chaos-release instead of build/chaos)
#   --bin DIR     the programs of this folder; nothing is built
#   --keep DIR    the run's folder, which must not exist; it stays there when something is wrong
#
# Exit status 0: all invariants hold. README.md tells what is checked. Needs root for missing Debian packages only.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

readonly chaos_dir=$root_dir/tests/chaos
preset=dev build='' bin='' folder='' program=chaos.py arguments=()

usage() { sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --crash-points) program=crash_points.py ;;
            --release) preset=release ;;
            --full) arguments+=("$1") ;;
            --bin | --keep | --seed | --deliveries | --workers | --gap | --kills | --stops | --flushall | --redis-restarts | \
                --redis-rollbacks | --redis-stops | --redis-full | --redis-readonly | --broker-restarts | --broker-stops | --rebalances | --jobs | --case | --junit)
                [[ $# -ge 2 ]] || die "$1 needs a value"
                case $1 in
                    --bin) bin=$(realpath "$2") ;;
                    --keep) folder=$(realpath -m "$2") ;;
                    *) arguments+=("$1" "$2") ;;
                esac
                shift
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            *)
                usage >&2
                exit 64
                ;;
        esac
        shift
    done
}

install() {
    packages_install "${BUILD_PACKAGES[@]}" "${KAFKA_PACKAGES[@]}" python3 python3-cryptography kcat
    provide_redis
    PATH=$(dirname "$redis_server"):$PATH
}

build_programs() {
    [[ ! $bin ]] || return 0
    build=$root_dir/build/chaos
    [[ $preset == dev ]] || build=$build-$preset
    cd "$root_dir"
    quietly cmake --preset "$preset" -B "$build" -DTRUEFTP_CRASH_POINTS=ON || die 'cmake failed'
    quietly cmake --build "$build" -j "$(nproc)" --target trueftp-worker trueftpctl chaos_receiver || die 'the build failed'
    bin=$build/bin
}

main() {
    parse "$@"
    export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
    install
    build_programs
    if [[ ! $folder ]]; then
        folder=$(mktemp -d "${TMPDIR:-/tmp}/trueftp-chaos.XXXXXX")
    else
        [[ ! -e $folder ]] || die "$folder exists"
        mkdir -p "$folder"
    fi
    exec python3 "$chaos_dir/$program" --bin "$bin" --folder "$folder" "${arguments[@]}"
}

main "$@"
