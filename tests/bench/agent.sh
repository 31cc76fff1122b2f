#!/usr/bin/env bash
# What trueftp-producer costs per record, beside the bare cost of reading the log and producing the same events with librdkafka, and the
# delay from a record's write to its event:
#
#     tests/bench/agent.sh [--records N] [--rounds N] [--delays N]
#
# Installs what is missing, builds the release preset, starts real Kafka on this machine. About two minutes on two cores.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

[[ ${1:-} != --help ]] || {
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 0
}
packages_install "${BUILD_PACKAGES[@]}" "${KAFKA_PACKAGES[@]}" python3 kcat
build_preset release trueftp-producer trueftpctl bench_agent
measurement_environment
exec python3 "$root_dir/tests/bench/agent.py" --build "$root_dir/build/release" "$@"
