#!/usr/bin/env bash
# Checks what an installation is run with, in one command and without a cluster:
#
#     tests/operations.sh [--only k8s|analytics]... [--junit FILE] [-- PYTEST-ARGUMENT...]
#
#   k8s         manifests render, pass strict schemas and the project's rules; each alert has its case; rules, dashboards and autoscaler use
#               metrics that are exported; the autoscaler's rule over a recorded burst
#   analytics   the delivery record's schema; ClickHouse, PostgreSQL and DuckDB take the same records to the same rows
#
# kustomize comes through Go's module proxy, promtool and PostgreSQL from Debian (unpacked under build/tools, no service started), the
# rest, ClickHouse as a library among it, from PyPI into build/tools/python. What is there is not fetched again. Exit status 69: something could not be had.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

readonly kustomize_version=v5.0.3 # the newest that Debian 12's Go builds
readonly EX_UNAVAILABLE=69
readonly python=$tools_dir/python/bin/python
parts=() junit='' pytest_arguments=()

usage() { sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --only)
                [[ ${2:-} =~ ^(k8s|analytics)$ ]] || die '--only needs k8s or analytics'
                parts+=("$2")
                shift
                ;;
            --junit)
                junit=${2:?--junit needs a file}
                shift
                ;;
            --)
                shift
                pytest_arguments=("$@")
                break
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            *)
                usage >&2
                exit 64
                ;;
        esac
        shift
    done
    [[ ${#parts[@]} -gt 0 ]] || parts=(k8s analytics)
}

unavailable() {
    printf 'operations.sh: %s\n' "$*" >&2
    exit $EX_UNAVAILABLE
}

provide_python() {
    local wanted=$root_dir/tests/requirements.txt
    cmp -s "$wanted" "$tools_dir/python/requirements.txt" && return 0
    packages_install python3-venv
    say '  Python packages into build/tools/python'
    rm -rf "$tools_dir/python"
    /usr/bin/python3 -m venv "$tools_dir/python"
    quietly "$python" -m pip install -q --disable-pip-version-check -r "$wanted" || unavailable 'packages of tests/requirements.txt cannot be installed (is PyPI reachable?)'
    cp "$wanted" "$tools_dir/python/requirements.txt"
}

provide_kustomize() {
    kustomize=$tools_dir/kustomize-$kustomize_version/kustomize
    [[ ! -x $kustomize ]] || return 0
    command -v go >/dev/null || packages_install golang-go
    say "  building kustomize $kustomize_version"
    GOBIN=${kustomize%/*} GOFLAGS='' quietly go install "sigs.k8s.io/kustomize/kustomize/v5@$kustomize_version" ||
        unavailable 'kustomize cannot be built (is the Go module proxy reachable?)'
}

provide_promtool() {
    promtool=$(command -v promtool) && return 0
    tool_unpack prometheus prometheus
    promtool=$tools_dir/prometheus/usr/bin/promtool
}

run_k8s() {
    provide_kustomize
    provide_promtool
    export TESTS_KUSTOMIZE=$kustomize TESTS_PROMTOOL=$promtool
}

# Sets postgres_bin: the machine's own, or Debian's.
provide_postgres() {
    local package
    postgres_bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [[ ! -x $postgres_bin/initdb ]] || return 0
    apt_update
    package=$(apt-cache depends postgresql | sed -nE 's/^ *Depends: (postgresql-[0-9]+)$/\1/p')
    tool_unpack postgres "$package" "${package/-/-client-}"
    postgres_bin=$(echo "$tools_dir"/postgres/usr/lib/postgresql/*/bin)
}

run_analytics() {
    provide_postgres
    export TESTS_POSTGRES=$postgres_bin
}

main() {
    local part folders=()
    parse "$@"
    provide_python
    for part in "${parts[@]}"; do
        "run_$part"
        folders+=("$root_dir/tests/$part")
    done
    # Plugins that packages bring along are not ours.
    export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1
    "$python" -m pytest -p no:cacheprovider -q --tb=short ${junit:+--junitxml="$junit"} "${pytest_arguments[@]}" "${folders[@]}"
}

main "$@"
