#!/usr/bin/env bash
# Measurements on the real system: workers, real Kafka, a private Redis, and a receiver that answers as it is told.
#
#     tests/bench/lab.sh isolation [--rounds N] [--seconds S] [--backlog N] [--pace N] [--neighbours hang,drip,flood]
#     tests/bench/lab.sh comeback  [--backlog N] [--pace N] [--answer-ms N] [--rate N]
#     tests/bench/lab.sh scaling   [--workers 1,2,4,8] [--seconds S]
#     tests/bench/lab.sh burst     [--file FILE] [--before S] [--burst S] [--after S] [--rate N]
#
#   isolation  P7: what other accounts' latency is beside an endpoint that hangs for ever and has a backlog, against a run without it,
#              in turns (B A B A ...), medians; and how long the group's lag takes to be zero
#   comeback   an endpoint that hung comes back to a backlog: POSTs a second and in flight, as the receiver sees them
#   scaling    P10: deliveries a second of 1 to 8 workers against endpoints of 100 ms, and what a rebalance costs
#   burst      the autoscaler's rule obeyed by real workers under one tenant's burst: 24 minutes, which it writes to tests/k8s/burst.tsv
#
#   --json FILE   the figures, as JSON
#   --bin DIR     the programs of this folder; nothing is built (default: the release build)
#   --keep DIR    the run's folder, with all logs, stays there
#
# --pace: events a second that the backlog is written at.
# With two cores or more the worker under measurement has the first one, all else the others; but all have all cores in isolation, which
# measures latency: a core that a broker, Redis and the load must share would be what is measured. Needs root for missing packages only.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

readonly bench_dir=$root_dir/tests/bench
measurement='' bin='' folder='' arguments=()

usage() { sed -n '2,22s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            isolation | comeback | scaling | burst) measurement=$1 ;;
            -h | --help)
                usage
                exit 0
                ;;
            --*)
                [[ $# -ge 2 ]] || die "$1 needs a value"
                case $1 in
                    --bin) bin=$(realpath "$2") ;;
                    --keep) folder=$(realpath -m "$2") ;;
                    *) arguments+=("$1" "$2") ;;
                esac
                shift
                ;;
            *)
                usage >&2
                exit 64
                ;;
        esac
        shift
    done
    if [[ ! $measurement ]]; then
        usage >&2
        exit 64
    fi
}

main() {
    local cores keep=()
    parse "$@"
    measurement_environment
    packages_install "${BUILD_PACKAGES[@]}" "${KAFKA_PACKAGES[@]}" python3 python3-cryptography kcat
    # Debian's Python: the packages are its own.
    [[ $measurement != burst ]] || packages_install python3-yaml
    provide_redis
    PATH=$(dirname "$redis_server"):$PATH
    if [[ ! $bin ]]; then
        build_preset release trueftp-worker trueftpctl chaos_receiver
        bin=$root_dir/build/release/bin
    fi
    if [[ $folder ]]; then
        [[ ! -e $folder ]] || die "$folder exists"
        mkdir -p "$folder"
        keep=(--keep)
    else
        folder=$(mktemp -d "${TMPDIR:-/tmp}/trueftp-bench.XXXXXX")
    fi
    cores=$(nproc)
    [[ $cores -lt 2 || $measurement == isolation ]] || taskset -pc "1-$((cores - 1))" $$ >/dev/null
    exec /usr/bin/python3 "$bench_dir/$measurement.py" --bin "$bin" --folder "$folder" "${keep[@]}" "${arguments[@]}"
}

main "$@"
