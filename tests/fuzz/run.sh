#!/usr/bin/env bash
# Builds the fuzz targets (installs clang where it is missing) and runs each for SECONDS (60) or N minutes, as many at a time as there
# are processors; or keeps what long runs have found:
#   tests/fuzz/run.sh [SECONDS | --minutes N] [--seed N] [TARGET...]
#   tests/fuzz/run.sh --merge [--from FOLDER]... [TARGET...]
#
# A line a target: executions, coverage as libFuzzer counts it (edges of the control flow, and features), inputs of its corpus, CPU
# seconds. Each starts from the seeds and tests/fuzz/corpus (build/fuzz/corpus), and from what former runs found (build/fuzz/grown),
# which grows. With --seed it starts from the first alone, and nothing grows: the same inputs are tried each time, as far as time
# allows. Fails when a target fails: the end of its log and the input are printed behind the lines; both stay in build/fuzz/found.
#
# --merge writes into tests/fuzz/corpus/TARGET those inputs of build/fuzz/grown and of FOLDER/TARGET that add coverage to the seeds and
# to what was put there by hand: first what reaches new edges, then new features, small ones before large ones; none above 4 KiB, and
# 200 files and 256 KiB a target. Names are hashes; what was written so before is chosen anew.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

readonly bin=build/fuzz/bin corpus=build/fuzz/corpus grown=build/fuzz/grown found=build/fuzz/found kept=tests/fuzz/corpus
readonly limits=(-max_len=40000 -timeout=60 -rss_limit_mb=2048)
readonly kept_files=200 kept_bytes=$((256 * 1024)) kept_input_bytes=4096
readonly row='%-24s %14s %8s %9s %8s %8s\n'
seconds=60 seed='' merge='' from=("$grown") targets=()

usage() {
    sed -n '2,5s/^# //p' "$0" >&2
    exit 64
}

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --minutes | --seed)
                [[ ${2:-} =~ ^[0-9]{1,9}$ ]] || usage
                if [[ $1 == --seed ]]; then seed=$((10#$2)); else seconds=$((10#$2 * 60)); fi
                shift
                ;;
            --merge) merge=1 ;;
            --from)
                [[ -d ${2:-} ]] || usage
                from+=("$(realpath "$2")")
                shift
                ;;
            *)
                if [[ $1 =~ ^[0-9]{1,9}$ ]]; then
                    seconds=$((10#$1))
                elif [[ $1 =~ ^[a-z][a-z_]*$ ]]; then
                    targets+=("${1#fuzz_}")
                else
                    usage
                fi
                ;;
        esac
        shift
    done
}

# each FUNCTION: calls it with each target, as many at a time as there are processors.
each() {
    local name running=0
    for name in "${targets[@]}"; do
        if [[ $running -eq $(nproc) ]]; then
            wait -n || true
            running=$((running - 1))
        fi
        "$1" "$name" &
        running=$((running + 1))
    done
    wait
}

# ---- running

# The folder that libFuzzer writes what it finds to is the first that it is given.
run_target() {
    local target=fuzz_$1 log=$found/fuzz_$1.log grows=$grown/$1 cpu executions covered
    [[ ! $seed ]] || grows=$found/$target.seed
    mkdir -p "$grows"
    local TIMEFORMAT='%U %S'
    if cpu=$({
        time "$bin/$target" -max_total_time="$seconds" ${seed:+-seed="$seed"} "${limits[@]}" -print_final_stats=1 \
            -artifact_prefix="$found/$target-" "$grows" "$corpus/$1" >"$log" 2>&1
    } 2>&1); then
        executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        covered=$(sed -nE 's/.* cov: ([0-9]+) ft: ([0-9]+) corp: ([0-9]+).*/\1 \2 \3/p' "$log" | tail -n 1)
        # shellcheck disable=SC2059,SC2086 # the format is ours; words on purpose
        printf "$row" "$target" "$executions" $covered "$(awk '{printf "%.0f", $1 + $2}' <<<"$cpu")"
    else
        printf '%-24s FAILED, see %s\n' "$target" "$log"
        touch "$found/$target.failed"
    fi
}

# libFuzzer prints a small input in base64 itself; a large one is compressed.
explain() {
    local target=$1 log=$found/$1.log input
    printf '\n%s: the end of %s\n' "$target" "$log"
    tail -n 60 "$log" | cut -c -2000 | sed 's/^/    /'
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [[ -f $input && $(stat -c %s "$input") -gt 256 ]]; then
        printf '    the input: base64 -d | gunzip\n    %s\n' "$(gzip -9n <"$input" | base64 -w 0)"
    fi
}

run_all() {
    local failed=()
    rm -rf "$found"/*.failed "$found"/*.seed
    # shellcheck disable=SC2059 # ours
    printf "$row" target executions edges features inputs 'CPU s'
    each run_target
    for name in "${targets[@]}"; do
        [[ ! -e $found/fuzz_$name.failed ]] || failed+=("fuzz_$name")
    done
    for name in "${failed[@]}"; do
        explain "$name"
    done
    rm -rf "$found"/*.failed "$found"/*.seed
    [[ ${#failed[@]} -eq 0 ]]
}

# ---- keeping

# merge_into FOLDER NAME LIBFUZZER-OPTION...: adds to FOLDER those inputs of NAME that bring coverage which it does not have.
merge_into() {
    local into=$1 name=$2 folders=() folder
    shift 2
    for folder in "${from[@]}" "$kept"; do
        [[ ! -d $folder/$name ]] || folders+=("$folder/$name")
    done
    "$bin/fuzz_$name" -merge=1 "$@" -max_len=$kept_input_bytes -timeout=60 -artifact_prefix="$found/fuzz_$name-" \
        "$into" "${folders[@]}" >>"$found/fuzz_$name.merge.log" 2>&1
}

# added FOLDER BASE: what FOLDER has beyond BASE, the smallest first, as lines of a size and a path.
added() {
    local size file
    find "$1" -type f -printf '%s %f\n' | sort -n | while read -r size file; do
        [[ -e $2/$file ]] || printf '%s %s\n' "$size" "$1/$file"
    done
}

# within_limits: those of the lines that there is room for.
within_limits() {
    local size file bytes=0 files=0
    while read -r size file; do
        if [[ $size -le $kept_input_bytes && $files -lt $kept_files && $((bytes + size)) -le $kept_bytes ]]; then
            files=$((files + 1)) bytes=$((bytes + size))
            printf '%s\n' "$file"
        fi
    done
}

is_ours() { [[ ${1##*/} =~ ^[0-9a-f]{40}$ ]]; }

# replace NAME: what this script wrote before gives way to the files that are listed.
replace() {
    local file count=0
    mkdir -p "$kept/$1"
    for file in "$kept/$1"/*; do
        ! is_ours "$file" || rm "$file"
    done
    while read -r file; do
        cp "$file" "$kept/$1/"
        count=$((count + 1))
    done
    rmdir --ignore-fail-on-non-empty "$kept/$1"
    printf '%-24s %s kept\n' "fuzz_$1" $count
}

keep() {
    local name=$1 work=$found/fuzz_$1.merge file
    rm -rf "$work" "$work.log"
    mkdir -p "$work/base"
    for file in "$corpus/$name"/*; do
        is_ours "$file" || cp "$file" "$work/base/"
    done
    cp -r "$work/base" "$work/edges"
    if merge_into "$work/edges" "$name" -use_counters=0 && cp -r "$work/edges" "$work/features" && merge_into "$work/features" "$name"; then
        { added "$work/edges" "$work/base" && added "$work/features" "$work/edges"; } | within_limits >"$work/list"
        replace "$name" <"$work/list"
    else
        printf '%-24s FAILED, see %s\n' "fuzz_$name" "$work.log"
        touch "$found/fuzz_$name.failed"
    fi
    rm -rf "$work"
}

keep_all() {
    rm -rf "$found"/*.failed
    each keep
    ! compgen -G "$found/*.failed" >/dev/null
}

# ----

parse "$@"
cd "$root_dir"
packages_install "${BUILD_PACKAGES[@]}" clang libclang-rt-dev python3
build_preset fuzz fuzz_targets
if [[ ${#targets[@]} -eq 0 ]]; then
    for target in "$bin"/fuzz_*; do
        targets+=("${target##*/fuzz_}")
    done
fi
mkdir -p "$found"
if [[ $merge ]]; then keep_all; else run_all; fi
