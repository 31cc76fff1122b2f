#!/usr/bin/env bash
# Builds the fuzz targets and runs each for SECONDS (60) or N minutes, as many at a time as there are processors:
#   tests/fuzz/run.sh [SECONDS | --minutes N] [TARGET...]
# Installs clang where it is missing. A line a target: executions, coverage as libFuzzer counts it (edges of the control flow, and
# features), inputs of its corpus, CPU seconds. What is found stays in build/fuzz/found; the corpora grow in build/fuzz/corpus. Fails when a target fails.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

seconds=${1:-60}
if [[ $seconds == --minutes && ${2:-} =~ ^[0-9]+$ ]]; then
    seconds=$((10#$2 * 60))
    shift
fi
[[ $seconds =~ ^[0-9]+$ ]] || {
    sed -n '2,5s/^# //p' "$0" >&2
    exit 64
}
targets=("${@:2}")
readonly row='%-24s %14s %8s %9s %8s %8s\n'

run_target() {
    local target=$1 log=build/fuzz/found/$1.log corpus=build/fuzz/corpus/${1#fuzz_} cpu executions covered
    mkdir -p "$corpus"
    local TIMEFORMAT='%U %S'
    if cpu=$({
        time "build/fuzz/bin/$target" -max_total_time="$seconds" -max_len=40000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="build/fuzz/found/$target-" "$corpus" >"$log" 2>&1
    } 2>&1); then
        executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        covered=$(sed -nE 's/.* cov: ([0-9]+) ft: ([0-9]+) corp: ([0-9]+).*/\1 \2 \3/p' "$log" | tail -n 1)
        # shellcheck disable=SC2059,SC2086 # the format is ours; words on purpose
        printf "$row" "$target" "$executions" $covered "$(awk '{printf "%.0f", $1 + $2}' <<<"$cpu")"
    else
        printf '%-24s FAILED, see %s\n' "$target" "$log"
        return 1
    fi
}

cd "$root_dir"
packages_install "${BUILD_PACKAGES[@]}" clang libclang-rt-dev python3
build_preset fuzz fuzz_targets
if [[ ${#targets[@]} -eq 0 ]]; then
    for target in build/fuzz/bin/fuzz_*; do
        targets+=("${target##*/}")
    done
fi
targets=("${targets[@]/#fuzz_/}")
mkdir -p build/fuzz/found
export -f run_target
export seconds row
# shellcheck disable=SC2059 # ours
printf "$row" target executions edges features inputs 'CPU s'
# shellcheck disable=SC2016 # the argument is of the inner shell
printf '%s\0' "${targets[@]/#/fuzz_}" | xargs -0 -P "$(nproc)" -n 1 bash -c 'run_target "$1"' _
