#!/usr/bin/env bash
# Builds the fuzz targets and runs each for SECONDS (60), as many at a time as there are processors: tests/fuzz/run.sh [SECONDS] [TARGET...]
# Installs clang where it is missing. What is found stays in build/fuzz/found; the corpora grow in build/fuzz/corpus. Fails when a target fails.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || {
    sed -n '2,3s/^# //p' "$0" >&2
    exit 64
}
targets=("${@:2}")

run_target() {
    local target=$1 log=build/fuzz/found/$1.log corpus=build/fuzz/corpus/${1##*_}
    mkdir -p "$corpus"
    if "build/fuzz/bin/$target" -max_total_time="$seconds" -max_len=40000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$target-" "$corpus" >"$log" 2>&1; then
        printf '%-24s %s executions\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
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
mkdir -p build/fuzz/found
export -f run_target
export seconds
# shellcheck disable=SC2016 # the argument is of the inner shell
printf '%s\0' "${targets[@]}" | xargs -0 -P "$(nproc)" -n 1 bash -c 'run_target "$1"' _
