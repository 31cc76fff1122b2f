#!/usr/bin/env bash
# The agent under fire: real Kafka, a log of ProFTPD's format, and what is done to them; then every event id is accounted for.
#
#     tests/chaos/producer.sh [--seed N] [--uploads N] [--kills N] [--broker-restarts N] [--rotations N] [--seconds N]
#
#   100,000 uploads, 50 kills (SIGKILL), 5 broker restarts and 10 rotations by default: about 3 minutes. A failing run's seed is in its
#   last line.
#
#   --release     the optimised build instead of the sanitized one
#   --bin DIR     the programs of this folder; nothing is built
#   --keep DIR    the run's folder, which must not exist; it stays there when something is wrong
#
# Exit status 0: every event that was due is in Kafka, and no other. README.md tells what is checked.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

preset=dev bin='' folder='' arguments=()

usage() { sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --release) preset=release ;;
            --bin | --keep | --seed | --uploads | --kills | --broker-restarts | --rotations | --seconds)
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

main() {
    parse "$@"
    export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
    packages_install "${BUILD_PACKAGES[@]}" "${KAFKA_PACKAGES[@]}" python3 kcat
    if [[ ! $bin ]]; then
        build_preset "$preset" trueftp-producer trueftpctl
        bin=$root_dir/build/$preset/bin
    fi
    if [[ ! $folder ]]; then
        folder=$(mktemp -d "${TMPDIR:-/tmp}/trueftp-chaos.XXXXXX")
    else
        [[ ! -e $folder ]] || die "$folder exists"
        mkdir -p "$folder"
    fi
    exec python3 "$root_dir/tests/chaos/producer.py" --bin "$bin" --folder "$folder" "${arguments[@]}"
}

main "$@"
