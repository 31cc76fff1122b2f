#!/usr/bin/env bash
# The delivery protocol's model and its mutants, checked with spin:
#
#     tests/model/run.sh              as --quick
#     tests/model/run.sh --quick      small bounds and all mutants; minutes
#     tests/model/run.sh --full       the exhaustive runs too: up to 4 GB for each of two at a time
#     tests/model/run.sh NAME...      only these configurations
#
# A configuration must be searched to its end without an error; a mutant (a rule removed) must be caught. Prints a table and exits
# non-zero when anything is not as expected. What it builds is in build/model. JOBS: how many run at a time (2).
# Debian packages: spin gcc.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

readonly model=tests/model/delivery.pml
readonly work=build/model
readonly jobs=${JOBS:-2}
readonly memory_mb=4000
readonly depth_max=400000
readonly all_faults='-DCOMPACT -DROLLBACK'
readonly one_of_each='-DNF=2 -DNG=1 -DNI=1' # one fault of the group, one of the index

# in which runs | what is expected | name | log2 of the hash table | flags
readonly configurations="
quick holds  base-1           22 $all_faults -DNF=1
quick holds  base-regroup-1   22 $all_faults -DREGROUP -DNF=1
quick holds  strict-1         22 $all_faults -DSTRICT -DNF=1
quick holds  bound-1          23 $all_faults -DBOUND -DSTRICT -DNF=1
quick holds  bound-regroup    23 -DBOUND -DSTRICT -DREGROUP -DMAXATT=1 $one_of_each
quick holds  bound-lost-0     22 $all_faults -DBOUND -DLOST -DLEASE -DSTRICT -DNF=0
quick holds  lease-1          22 $all_faults -DLEASE -DSTRICT -DNF=1
quick holds  lost-1           23 -DLOST -DLEASE -DSTRICT -DNF=1 -DMAXATT=1
quick caught M_EARLYCOMMIT    22 $all_faults -DNF=1
quick caught M_NOCHECK        22 $all_faults -DNF=1
quick caught M_NOREPAIR       22 $all_faults -DNF=1
quick caught M_NOTAIL         22 $all_faults -DNF=1
quick caught M_CLAIMSKIP      22 $all_faults -DNF=2
quick caught M_REDISONLY      22 $all_faults -DNF=1
quick caught M_NOFENCE        22 $all_faults -DNF=1
quick caught M_NOGEN          22 $all_faults -DNF=1
quick caught M_NORETAKE       22 $all_faults -DNF=2
quick caught M_NOLIFE         22 $all_faults -DREGROUP -DNF=1
quick caught M_BOUNDOPEN      22 $all_faults -DBOUND -DSTRICT $one_of_each
quick caught M_BOUNDACK       22 $all_faults -DBOUND -DSTRICT $one_of_each
quick caught M_BOUNDREAD      22 -DCOMPACT -DBOUND -DSTRICT -DFAN -DND=2 -DMAXATT=1 $one_of_each
quick caught M_BOUNDUNREAD    22 $all_faults -DBOUND -DSTRICT $one_of_each
quick caught M_BOUNDSPLIT     22 $all_faults -DBOUND -DSTRICT $one_of_each
quick caught M_BOUNDFRESH     22 $all_faults -DBOUND -DSTRICT $one_of_each
quick caught M_BOUNDBASE      22 -DBOUND -DSTRICT -DREGROUP -DMAXATT=1 $one_of_each
quick caught M_NOLEASE        22 $all_faults -DLEASE -DSTRICT -DNF=1
quick caught M_LEASEHAND      22 $all_faults -DLEASE -DSTRICT -DNF=1
quick caught M_HANDACK        22 $all_faults -DLEASE -DSTRICT -DNF=1
quick caught M_LOSTSETTLE     22 $all_faults -DLOST -DSTRICT -DNF=0
quick caught M_LOSTTAKE       22 $all_faults -DLOST -DSTRICT -DNF=0
quick caught lost-needs-lease 22 $all_faults -DLOST -DSTRICT -DNF=1
full  holds  base-2           25 $all_faults -DNF=2
full  holds  base-two-1       25 $all_faults -DND=2 -DNF=1
full  holds  bound-each       25 $all_faults -DBOUND -DSTRICT $one_of_each
full  holds  bound-fan        25 -DCOMPACT -DBOUND -DSTRICT -DFAN -DND=2 -DMAXATT=1 $one_of_each
full  holds  bound-lost-1     25 -DCOMPACT -DBOUND -DLOST -DSTRICT -DNF=1
full  holds  lease-2          25 $all_faults -DLEASE -DSTRICT -DNF=2
full  holds  lost-rollback-1  25 $all_faults -DLOST -DLEASE -DSTRICT -DNF=1
"

need() {
    command -v "$1" >/dev/null && return 0
    echo "$1 is missing: install the Debian package $2" >&2
    exit 1
}

# verdict EXPECTED FOLDER: what came of it, and whether that was expected.
verdict() {
    local out=$2/pan.out error
    error=$(sed -n 's/^pan:1: \(.*\) (at depth .*/\1/p' "$out" | head -1)
    if ! grep -q 'State-vector' "$out"; then
        echo "did not run"
        return 1
    fi
    if grep -qE 'max search depth too small|out of memory|Search not completed' "$out" && [ -z "$error" ]; then
        echo "not searched to its end"
        return 1
    fi
    if grep -q 'errors: 0' "$out"; then
        echo "no error"
        [ "$1" = holds ]
    else
        echo "caught: $error"
        [ "$1" = caught ]
    fi
}

# check_one EXPECTED NAME TABLE_BITS FLAG...: in a folder of its own, so that several can run at a time. Leaves one row.
check_one() {
    local expected=$1 name=$2 bits=$3 folder=$work/$2 said states depth seconds=- ok=FAIL optimise=-O1
    shift 3
    [[ $name == M_* ]] && set -- "$@" "-D$name"
    # A mutant is caught sooner than an optimiser would be done.
    [[ $expected == caught ]] && optimise=-O0
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$model" "$folder/delivery.pml"
    (
        cd "$folder" || exit 1
        spin -a "$@" delivery.pml >spin.out 2>&1 || exit 1
        gcc $optimise -w -DSAFETY -DCOLLAPSE -DMEMLIM=$memory_mb -DVECTORSZ=2048 -o pan pan.c >gcc.out 2>&1 || exit 1
        ./pan -m$depth_max -w"$bits" >pan.out 2>&1
    )
    touch "$folder/pan.out"
    said=$(verdict "$expected" "$folder") && ok=ok
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$folder/pan.out" | head -1)
    depth=$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' "$folder/pan.out" | head -1)
    seconds=$(sed -n 's/^pan: elapsed time \([0-9.e+-]*\) seconds.*/\1/p' "$folder/pan.out" | head -1)
    printf '%-17s %10s %6s %8s  %-4s %s\n' "$name" "${states:--}" "${depth:--}" "${seconds:--}" "$ok" "$said" >"$folder/row"
    cat "$folder/row"
}

# chosen WHAT...: the configurations' lines to run.
chosen() {
    local when expected name rest
    while read -r when expected name rest; do
        [ -n "$when" ] || continue
        case " $* " in
            *" --full "*) ;;
            *" --quick "*) [ "$when" = quick ] || continue ;;
            *" $name "*) ;;
            *) continue ;;
        esac
        printf '%s %s %s\n' "$expected" "$name" "$rest"
    done <<<"$configurations"
}

main() {
    local line names=() running=0 failed=0
    need spin spin
    need gcc gcc
    [ $# -gt 0 ] || set -- --quick
    mkdir -p "$work"
    printf '%-17s %10s %6s %8s  %-4s %s\n' configuration states depth seconds '' verdict
    while read -r line; do
        if [ "$running" -ge "$jobs" ]; then
            wait -n
            running=$((running - 1))
        fi
        # shellcheck disable=SC2086 # words of the table
        check_one $line &
        running=$((running + 1))
        read -r _ line _ <<<"$line"
        names+=("$line")
    done < <(chosen "$@")
    wait
    for line in "${names[@]}"; do
        grep -qE ' (ok) ' "$work/$line/row" || failed=$((failed + 1))
    done
    echo "$((${#names[@]} - failed)) passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "${#names[@]}" -gt 0 ]
}

main "$@"
