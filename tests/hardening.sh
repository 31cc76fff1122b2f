#!/usr/bin/env bash
# Whether the built programs and the library have the hardening that cmake/Flags.cmake asks for, looked up in the files themselves:
#
#     tests/hardening.sh [BUILD]       of build/release, or another folder of that preset
#
# Of each: position independent; read-only relocations, all bound at the start; no executable stack, no segment that is writable and
# executable, no relocations in code, no path of libraries; stack protector and fortified calls in use; and each of our compilation
# units built with the flags (from the debug information: build it without -s). A line a file; exit status 1 where something is missing.
# The CET note (GNU_PROPERTY) is not asked for: Debian's start files do not have it, so the linker drops it; the instructions are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly build=${1:-build/release}
readonly programs=(bin/trueftp-worker bin/trueftp-api bin/trueftp-producer bin/trueftpctl)
flags=(-O2 -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero)
[[ $(uname -m) != x86_64 ]] || flags+=(-fcf-protection=full)

missing=()

# want WHAT COMMAND...: notes WHAT unless the command succeeds.
want() {
    local what=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$what")
}

# shellcheck disable=SC2317 # called by want
has() { grep -qE -- "$1" <<<"$2"; }
# shellcheck disable=SC2317
lacks() { ! grep -qE -- "$1" <<<"$2"; }

# Compilation units of ours whose options lack a flag. Assembly has no options.
units_without() {
    local file=$1 flag=$2
    readelf --debug-dump=info --dwarf-depth=1 "$file" 2>/dev/null | grep DW_AT_producer | grep -vE 'GNU AS' | grep -cvF -- " $flag" || true
}

check_file() {
    local file=$1 kind=$2 header segments dynamic symbols flag
    header=$(readelf -hW "$file")
    segments=$(readelf -lW "$file")
    dynamic=$(readelf -dW "$file")
    symbols=$(readelf --dyn-syms -W "$file")
    missing=()
    want 'position independent' has 'Type: +DYN' "$header"
    [[ $kind == library ]] || want 'PIE' has 'FLAGS_1.*PIE' "$dynamic"
    want 'RELRO' has 'GNU_RELRO' "$segments"
    want 'BIND_NOW' has 'BIND_NOW|Flags:.* NOW' "$dynamic"
    want 'a stack that is not executable' has 'GNU_STACK.* RW +0x' "$segments"
    want 'no segment that is writable and executable' lacks 'LOAD.* RWE ' "$segments"
    want 'no relocations in code' lacks 'TEXTREL' "$dynamic"
    want 'no path of libraries' lacks 'RPATH|RUNPATH' "$dynamic"
    want 'the stack protector' has '__stack_chk_fail' "$symbols"
    want 'fortified calls' has '__[a-z]+_chk@' "$symbols"
    want 'debug information' has 'debug_info' "$(readelf -SW "$file")"
    for flag in "${flags[@]}"; do
        want "$flag in all units" test "$(units_without "$file" "$flag")" -eq 0
    done
    if [[ ${#missing[@]} -eq 0 ]]; then
        printf 'ok      %s\n' "${file#"$build/"}"
    else
        printf 'FAILED  %s: missing:%s\n' "${file#"$build/"}" "$(printf ' %s;' "${missing[@]}")"
        return 1
    fi
}

status=0
for program in "${programs[@]}"; do
    check_file "$build/$program" program || status=1
done
library=$(readlink -f "$build/lib/libtrueftp-producer.so")
check_file "$library" library || status=1
exit $status
