#!/usr/bin/env bash
# Instructions that the hot path's pure functions take, counted by callgrind, against those kept in instructions.txt:
#
#     tests/bench/instructions.sh            fails when one takes 5 % more than it did
#     tests/bench/instructions.sh --update   keeps what is counted now
#
# Counts repeat exactly on one build; another compiler or C library shifts them a little. So libcrypto and libc are kept from choosing code by
# the processor, and where the compiler is not the one of the kept counts the margin is 25 %. Under a minute.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

readonly kept=$root_dir/tests/bench/instructions.txt
readonly program=$root_dir/build/release/bench/bench_instructions
readonly times=1000

# NAME -> instructions a call.
count() {
    local log
    log=$(GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX512F,-ERMS,-FSRM OPENSSL_ia32cap=0x0 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect=measured "$program" "$1" 2>&1) || die "valgrind: $log"
    printf '%s\n' "$(($(sed -n 's/^==[0-9]*== Collected : //p' <<<"$log") / times))"
}

compiler() { gcc -dumpfullversion; }

update() {
    local name
    printf '# Instructions a call; tests/bench/instructions.sh --update writes this. gcc %s\n' "$(compiler)"
    while IFS= read -r name; do
        printf '%s %s\n' "$name" "$(count "$name")"
    done < <("$program")
}

compare() {
    local name before now margin=5 status=0
    grep -q "gcc $(compiler)\$" "$kept" || margin=25
    while IFS= read -r name; do
        before=$(sed -n "s/^$name //p" "$kept")
        [[ $before ]] || die "$name has no count in instructions.txt: tests/bench/instructions.sh --update"
        now=$(count "$name")
        if ((now * 100 > before * (100 + margin))); then
            printf 'FAILED  %-22s %6d instructions, %d before\n' "$name" "$now" "$before"
            status=1
        else
            printf 'ok      %-22s %6d instructions, %d before\n' "$name" "$now" "$before"
        fi
    done < <("$program")
    return $status
}

packages_install "${BUILD_PACKAGES[@]}" valgrind
build_preset release bench_instructions
if [[ ${1:-} == --update ]]; then
    update >"$kept.new"
    mv "$kept.new" "$kept"
else
    compare
fi
