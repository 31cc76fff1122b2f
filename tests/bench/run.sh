#!/usr/bin/env bash
# What a delivery costs, beside what it would cost at best, on real Kafka and real Redis: the table P1 to P10.
#
#     tests/bench/run.sh [--quick] [--json FILE] [--only ROW[,ROW]...] [--profile]
#
#   --quick      two rounds instead of five, a fifth of the events: whether all of it works, not a figure to quote
#   --json FILE  writes {"rows":[{"id":"P1","goal":...,"figure":...,"met":true},...]}
#   --only P1,P4 these rows alone
#   --profile    no table: where the worker's time goes at saturation, by function (perf)
#
# Installs what is missing and builds the release preset. The worker and the yardsticks run on the first core, receiver, Redis, broker and feed on
# the second; everything compared runs in turns (A B A B), and what counts is the median of the ratios of CPU per operation.
# About 30 minutes on two cores, 20 of them for P7; the machine should have nothing else to do.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

[[ ${1:-} != --help && ${1:-} != -h ]] || {
    sed -n '2,14s/^# \{0,1\}//p' "$0"
    exit 0
}
packages_install "${BUILD_PACKAGES[@]}" "${KAFKA_PACKAGES[@]}" python3 openssl kcat linux-perf
provide_redis
provide_proftpd
say '  building the release preset'
build_preset release trueftp-worker trueftp-producer trueftpctl bench_receiver bench_feed bench_yard bench_worker_without_redis \
    bench_worker_without_records bench_count_malloc
"$root_dir/deploy/kafka/kafka.sh" fetch
measurement_environment
exec python3 "$root_dir/tests/bench/bench.py" --build "$root_dir/build/release" --redis "$redis_server" --proftpd "$proftpd_dir" "$@"
