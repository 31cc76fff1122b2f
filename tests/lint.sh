#!/usr/bin/env bash
# Every rule of style that a tool can check, in one command:
#
#     tests/lint.sh                  all checks
#     tests/lint.sh format layers    only these
#
# Prints each check and what it found; exits non-zero when anything was found. Files that git ignores are not looked at.
# clang-tidy reads the compile commands of the dev preset, which is configured for it.
# Debian packages: clang-format clang-tidy shellcheck nodejs.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

readonly build=build/dev
readonly folders='common|producer|worker|api|deploy|tests'
readonly banned='strcpy|sprintf|strtok|atoi|gets|alloca'
readonly line_max=130
readonly all_checks=(format tidy shell modules layers banned width names)

# Our files, tracked or new, of the git pathspecs given; what is in third_party is not ours.
files() {
    local file
    git ls-files --cached --others --exclude-standard -- "$@" ':!third_party' | sort -u | while IFS= read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

need() {
    command -v "$1" >/dev/null && return 0
    echo "$1 is missing: install the Debian package $2"
    return 1
}

# report FINDINGS: prints them and fails, unless there are none.
report() {
    [ -n "$1" ] || return 0
    printf '%s\n' "$1"
    return 1
}

check_format() {
    local log
    need clang-format clang-format || return 1
    log=$(files '*.c' '*.h' | xargs -r -d '\n' clang-format --dry-run -Werror 2>&1) && return 0
    grep -oE '^[^ :]+:[0-9]+:[0-9]+: error: .*' <<<"$log" | cut -d : -f 1,2 | uniq || printf '%s\n' "$log"
    echo "clang-format -i mends these"
    return 1
}

check_tidy() {
    local log
    need run-clang-tidy clang-tidy || return 1
    cmake --preset dev >/dev/null || return 1
    log=$(run-clang-tidy -quiet -j2 -p "$build" -extra-arg=-Wno-unknown-warning-option "^$PWD/($folders)/" 2>&1) && return 0
    sed -E 's/\x1b\[[0-9;]*m//g' <<<"$log" |
        grep -vE '^[0-9]+ (warnings?|errors?)( and [0-9]+ errors?)? (generated|treated)|^clang-tidy|^Suppressed |^Use -header-filter|^$'
    return 1
}

# Shell scripts by name, and by first line where there is no suffix.
scripts() {
    local file
    files '*.sh'
    files | while IFS= read -r file; do
        case "${file##*/}" in *.*) continue ;; esac
        if head -n 1 "$file" | grep -aqE '^#!.*\b(ba|da)?sh\b'; then printf '%s\n' "$file"; fi
    done
}

check_shell() {
    need shellcheck shellcheck || return 1
    scripts | sort -u | xargs -r -d '\n' shellcheck
}

# The dashboard's modules: syntax, and that what one imports from another is exported there.
modules() { files '*.js' '*.mjs' | grep -E '^api/dashboard/assets/(js|snippets)/'; }

check_modules() {
    local file found='' from name
    need node nodejs || return 1
    while IFS= read -r file; do
        found+=$(node --input-type=module --check <"$file" 2>&1 | grep -E '^\[stdin\]|Error' | sed "s|^|$file: |")
        while IFS=: read -r from name; do
            grep -qE "^export (async )?(function|const|class|let) $name\b" "${file%/*}/$from" ||
                found+=$'\n'"$file: $from exports no $name"
        done < <(tr '\n' ' ' <"$file" | grep -oE 'import \{[^}]*\} from "\.[^"]*"' |
            sed -E 's/import \{(.*)\} from "(.*)"/\2 \1/' | tr ',' ' ' | awk '{for (i = 2; i <= NF; i++) if ($(i - 1) != "as" && $i != "as") print $1 ":" $i}')
    done < <(modules)
    report "${found#$'\n'}"
}

# includes_beyond FOLDER LAYER...: the lines of FOLDER that include a header of any other layer or program.
includes_beyond() {
    local folder=$1 allowed
    shift
    allowed=$(IFS='|' && echo "$*")
    files "$folder/*.c" "$folder/*.h" | xargs -r -d '\n' \
        grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*/' |
        grep -vE "include[[:space:]]*\"($allowed)/[^./]" |
        sed "s|\$|   <- $folder may include only: $*|"
}

# Dependencies run one way: programs -> io -> model -> util. A program also has the folders of its own headers; programs never
# include one another, the worker's core does no I/O, and nothing goes through "..".
check_layers() {
    local found program own
    found=$(
        includes_beyond common/util util
        includes_beyond common/model util model
        includes_beyond common/io util model io
        includes_beyond worker/core util model core
        for program in producer worker api deploy/devbroker; do
            mapfile -t own < <(files "$program/*.h" | sed -nE "s|^$program/([^/]+)/.*|\1|p" | sort -u)
            includes_beyond "$program" util model io "${program##*/}" "${own[@]}"
        done
        if [ "$(files '*.c' '*.h' | xargs -r -d '\n' grep -lE '^#include <ev\.h>' | wc -l)" -gt 1 ]; then
            files '*.c' '*.h' | xargs -r -d '\n' grep -HnE '^#include <ev\.h>' | sed 's|$|   <- libev belongs in one file|'
        fi
    )
    report "$found"
}

check_banned() {
    local found
    found=$(files '*.c' '*.h' | xargs -r -d '\n' grep -HnE "\b($banned)[[:space:]]*\(")
    report "$found"
}

check_width() {
    local found
    found=$(files '*.c' '*.h' | xargs -r -d '\n' awk -v max="$line_max" 'length > max {print FILENAME ":" FNR ": " length " characters"}')
    report "$found"
}

# Functions and files that the walk through the code names are there under that name.
check_names() {
    local found='' name file tick=$'\x60'
    while IFS= read -r name; do
        files '*.c' '*.h' | xargs -r -d '\n' grep -qE "\b$name\(" || found+="no function is called $name"$'\n'
    done < <(grep -ohE "${tick}[a-z]+(_[a-z0-9]+)+${tick}" docs/LIFE_OF_AN_EVENT.md docs/PROTOCOL.md | tr -d "$tick" | sort -u)
    while IFS= read -r name; do
        [ -e "$name" ] || [ -e "worker/$name" ] || found+="there is no file $name"$'\n'
    done < <(grep -ohE "${tick}(common|producer|worker|tests|scripts|core)/[a-z0-9_/.]+${tick}" docs/LIFE_OF_AN_EVENT.md docs/PROTOCOL.md | tr -d "$tick" | sort -u)
    # Tests that docs/SECURITY.md names: `test_file.py:test_name`, `test_file.c:name`, `fuzz_name`.
    while IFS=: read -r file name; do
        grep -qsE "\b$name\(" tests/scenario/"$file" tests/unit/"$file" tests/k8s/"$file" || found+="no test $name in $file"$'\n'
    done < <(grep -ohE "${tick}test_[a-z0-9_]+\.(py|c):[a-z0-9_]+${tick}" docs/SECURITY.md | tr -d "$tick" | sort -u)
    while IFS= read -r name; do
        [ -e "tests/fuzz/$name.c" ] || found+="there is no fuzz target $name"$'\n'
    done < <(grep -ohE "${tick}fuzz_[a-z_]+${tick}" docs/SECURITY.md | tr -d "$tick" | sort -u)
    report "${found%$'\n'}"
}

title() {
    case $1 in
        format) echo "clang-format, $(files '*.c' '*.h' | wc -l) files" ;;
        tidy) echo "clang-tidy, what $build compiles" ;;
        shell) echo "shellcheck, $(scripts | sort -u | wc -l) scripts" ;;
        modules) echo "node --check, $(modules | wc -l) modules of the dashboard" ;;
        layers) echo "direction of includes" ;;
        banned) echo "banned functions: ${banned//|/, }" ;;
        names) echo "functions, files and tests that the documents name" ;;
        width) echo "lines of at most $line_max characters" ;;
    esac
}

run() {
    local out name
    name=$(title "$1")
    if out=$("check_$1"); then
        printf 'ok      %s\n' "$name"
        return 0
    fi
    printf 'FAILED  %s\n%s\n' "$name" "$out"
    return 1
}

main() {
    local failed=0 name
    [ $# -gt 0 ] || set -- "${all_checks[@]}"
    if [ -z "$(files '*.c')" ]; then
        echo "git lists no C files here: there is nothing to check" >&2
        return 1
    fi
    for name in "$@"; do
        if ! declare -F "check_$name" >/dev/null; then
            echo "no check is called $name; there are: ${all_checks[*]}" >&2
            return 64
        fi
        run "$name" || failed=$((failed + 1))
    done
    echo "$(($# - failed)) passed, $failed failed"
    [ "$failed" -eq 0 ]
}

main "$@"
