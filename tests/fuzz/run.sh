#!/usr/bin/env bash
# Builds the fuzz targets and runs each for SECONDS (60), one after the other: tests/fuzz/run.sh [SECONDS] [TARGET...]
# Needs clang. What is found stays in build/fuzz/found; the corpora grow in build/fuzz/corpus. Fails when a target fails.
set -euo pipefail

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root_dir
seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || {
    sed -n '2,3s/^# //p' "$0" >&2
    exit 64
}
targets=("${@:2}")

cd "$root_dir"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz >/dev/null
if [[ ${#targets[@]} -eq 0 ]]; then
    for target in build/fuzz/bin/fuzz_*; do
        targets+=("${target##*/}")
    done
fi
mkdir -p build/fuzz/found
status=0
for target in "${targets[@]}"; do
    log=build/fuzz/found/$target.log
    corpus=build/fuzz/corpus/${target##*_}
    mkdir -p "$corpus"
    if "build/fuzz/bin/$target" -max_total_time="$seconds" -max_len=40000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$target-" "$corpus" >"$log" 2>&1; then
        printf '%-24s %s executions\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        printf '%-24s FAILED, see %s\n' "$target" "$log"
        status=1
    fi
done
exit $status
