#!/usr/bin/env bash
# All tests, in one command: installs what it needs, builds with sanitizers, runs lint, unit tests and scenarios.
#
#     tests/run.sh [--full] [--insist-kafka] [--only lint|unit|fuzz|chaos|scenario|operations]... [-- PYTEST-ARGUMENT...]
#
#   --full           also what takes long: clang-tidy, scenarios marked as slow, 256 crash points, the random run of the chaos lab; and, as
#                    root, images with compose (tests/image.sh) and the tests on Debian 13 (tests/debian13.sh)
#   --insist-kafka   fail where real Kafka cannot be had; so does CI=true. Otherwise the scenarios run on the embedded broker then,
#                    and the last lines say so
#   --only PART      one part alone; can be given more than once. unit: also the protocol's model, and its simulator with 20,000 seeds and
#                    its mutants, and the installed library; fuzz: each fuzz target for 5 s, for a minute with --full
#                    or CI=true; chaos: a worker dies at each crash point, with Redis kept or emptied (tests/chaos); operations: manifests,
#                    alerts, analytics (tests/operations.sh)
#
# The last line is `N passed, M failed`: unit test programs, fuzz targets, crash points, scenarios, and one for lint. Exit status 0 only
# if something passed and nothing failed. Results and logs stay in build/test-results. Debian 12 or newer.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

readonly results=$root_dir/build/test-results
readonly kafka_script=$root_dir/deploy/kafka/kafka.sh
readonly unit_minutes=15 sim_minutes=8 chaos_minutes=10 scenario_minutes=30 scenario_processes=2 operations_minutes=10 debian13_minutes=60
readonly fuzz_seconds=5 fuzz_seconds_ci=60
ci=${CI:+1} full='' parts=() pytest_arguments=()
[[ ${CI:-} != false ]] || ci=''
insist=$ci
steps=() files=() notes=() work='' kafka_dir='' lint_missing=''

usage() { sed -n '2,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --full) full=1 ;;
            --insist-kafka) insist=1 ;;
            --only)
                [[ ${2:-} =~ ^(lint|unit|fuzz|chaos|scenario|operations)$ ]] ||
                    die "--only needs lint, unit, fuzz, chaos, scenario or operations"
                parts+=("$2")
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
    [[ ${#parts[@]} -gt 0 ]] || parts=(lint unit fuzz chaos scenario operations)
}

wanted() { [[ " ${parts[*]} " == *" $1 "* ]]; }

# Whatever ends the run, Kafka does not outlive it. The scenarios end what else they start.
clean_up() {
    local cluster
    for cluster in "$work"/kafka/* "$work"/pytest/*/kafka "$work"/pytest/*/*/kafka "$work"/chaos/kafka; do
        [[ -f $cluster/ports ]] && "$kafka_script" stop --dir "$cluster" 2>/dev/null
    done
    [[ ! $work ]] || rm -rf "$work"
    return 0
}

# The summary is printed however the run ends: a step that broke the run stands in it as failed.
finish() {
    local status=$?
    trap - EXIT INT TERM HUP
    clean_up
    if [[ $status -ne 0 ]]; then
        steps+=("--step" "${current:-the run itself}=failed")
    fi
    printf '\n'
    status=0
    "$root_dir/tests/summary.py" "${steps[@]}" "${files[@]}" >"$results/summary" || status=1
    head -n -1 "$results/summary"
    [[ ${#notes[@]} -eq 0 ]] || printf '%s\n' "${notes[@]}"
    tail -n 1 "$results/summary"
    exit $status
}

current=''
begin() {
    current=$1
    step "$1"
}

install() {
    begin 'Packages'
    packages_install "${BUILD_PACKAGES[@]}" python3 python3-pytest python3-pytest-xdist openssl curl lftp kcat git \
        logrotate openssh-client patch perl python3-jsonschema python3-cryptography spin
    provide_redis
    # Where it was unpacked, if it was: unit tests look for it on the path.
    export PATH=$PATH:${redis_server%/*}
    if wanted scenario; then
        provide_proftpd
        provide_vsftpd
        provide_pureftpd
        provide_browser
    fi
    if wanted fuzz; then
        packages_install clang libclang-rt-dev
    fi
    if wanted lint; then
        (packages_install clang-format clang-tidy shellcheck nodejs) || lint_missing=1
    fi
    say '  all there'
}

build() {
    begin 'Build (cmake --preset dev: AddressSanitizer, UndefinedBehaviorSanitizer)'
    build_preset dev
}

run_lint() {
    begin 'Lint'
    if ! git -C "$root_dir" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        notes+=('Lint was left out: it asks git which files are ours, and this is no git checkout.')
        return 0
    fi
    if [[ $lint_missing ]]; then
        notes+=('Lint was left out: clang-format, clang-tidy, shellcheck and nodejs could not be installed.')
        return 0
    fi
    # clang-tidy looks at each file for seconds: the minutes that takes are for a full run.
    local checks=(format shell modules layers banned width names)
    if [[ $full ]]; then
        checks+=(tidy)
    else
        notes+=('clang-tidy runs with --full alone.')
    fi
    if "$root_dir/tests/lint.sh" "${checks[@]}" | sed -uE 's/^([0-9]+ passed)/checks: \1/'; then
        steps+=(--step lint=ok)
    else
        steps+=(--step lint=failed)
    fi
}

# The protocol's simulator twice: some seeds with sanitizers, for what they find; and all seeds and mutants of an optimised build.
run_unit() {
    begin 'Unit tests'
    run_ctest dev unit $unit_minutes --exclude-regex '^sim/mutants/'
    begin 'The simulator: 20,000 seeds, and mutants of it'
    build_preset release trueftp-sim
    run_ctest release sim $sim_minutes --label-regex '^sim$'
    begin 'The installed library, used as a stranger would'
    build_preset release trueftp_producer_shared trueftp_producer_static trueftp-producer
    run_ctest release library 2 --tests-regex '^lib/'
    begin 'The hardening of the built programs, and the sandbox without sanitizers'
    build_preset release trueftp-worker trueftp-api trueftp-producer trueftpctl trueftp_producer_shared test_sandbox
    run_ctest release hardening 2 --tests-regex '^(hardening|unit/test_sandbox)$'
    begin 'Each allocation fails once'
    build_preset release alloc_targets
    ALLOC_INPUTS=$((full ? 100 : 4)) run_ctest release alloc 5 --label-regex '^alloc$'
    begin 'Instructions of the hot path, against those kept'
    if "$root_dir/tests/bench/instructions.sh" | tee "$results/instructions.log"; then
        steps+=(--step instructions=ok)
    else
        steps+=(--step instructions=failed)
    fi
}

# One step a target. The same inputs each time, so that a run finds what a change broke, and not by chance something else; a full run
# looks for more.
run_fuzz() {
    local line name failed='' status=0 seed=(--seed 1) seconds=$fuzz_seconds
    [[ ! $full ]] || seed=()
    [[ ! $full && ! $ci ]] || seconds=$fuzz_seconds_ci
    begin "Fuzz targets, $seconds s each"
    "$root_dir/tests/fuzz/run.sh" "$seconds" "${seed[@]}" | tee "$results/fuzz.log" || status=$?
    while IFS= read -r line; do
        name=${line%% *}
        if [[ $line =~ ^fuzz_[a-z_]+\ +FAILED ]]; then
            failed=1
            steps+=(--step "$name=failed")
        elif [[ $line =~ ^fuzz_[a-z_]+\ +[0-9] ]]; then
            steps+=(--step "$name=ok")
        fi
    done <"$results/fuzz.log"
    [[ $status -eq 0 || $failed ]] || steps+=(--step fuzz=failed)
}

# run_ctest PRESET NAME MINUTES CTEST-ARGUMENT...: the tests of a build, with results in NAME.xml.
run_ctest() {
    local build=$root_dir/build/$1 name=$2 minutes=$3
    shift 3
    files+=("$results/$name.xml")
    timeout --foreground $((minutes * 60)) ctest --test-dir "$build" -j "$(nproc)" --output-on-failure --no-tests=error \
        --output-junit "$results/$name.xml" "$@" >"$results/$name.log" 2>&1 || true
    grep -E 'Failed|tests passed|No tests' "$results/$name.log" | sed -n '$p' || true
    grep -E '\*\*\*(Failed|Timeout|Exception)|Subprocess aborted' "$results/$name.log" || true
}

# Sets kafka_dir when real Kafka can be had, and work, the folder of what runs.
provide_kafka() {
    local status=0
    [[ ! $work ]] || return 0
    # Under /tmp, since the FTP server must reach its folders also when it runs as nobody.
    work=$(mktemp -d "${TMPDIR:-/tmp}/trueftp-tests.XXXXXX")
    chmod 755 "$work"
    (packages_install "${KAFKA_PACKAGES[@]}") || status=$?
    if [[ $status -eq 0 ]]; then
        "$kafka_script" fetch || status=$?
    fi
    if [[ $status -eq 0 ]]; then
        kafka_dir=$work/kafka
        mkdir -p "$kafka_dir"
    elif [[ $insist || $status -eq 65 ]]; then
        die "real Kafka cannot be had ($status), and the run insists on it"
    else
        notes+=('Real Kafka could not be had (is Maven Central reachable?): the scenarios ran on the embedded broker, which keeps nothing.'
            'What needs real Kafka was left out.')
    fi
}

# In folders of their own, which stay when something was found.
run_chaos() {
    begin 'Crash points'
    provide_kafka
    if [[ ! $kafka_dir ]]; then
        notes+=('The crash points were left out: they need real Kafka.')
        return 0
    fi
    files+=("$results/chaos.xml")
    timeout --foreground -k 30 $((chaos_minutes * (full ? 6 : 1) * 60)) "$root_dir/tests/chaos/run.sh" --crash-points --seed 1 ${full:+--full} \
        --bin "$root_dir/build/dev/bin" --junit "$results/chaos.xml" 2>&1 | tee "$results/chaos.log" | grep -vE '^  ok ' || true
    if [[ $full ]]; then
        begin 'Chaos'
        if "$root_dir/tests/chaos/run.sh" --bin "$root_dir/build/dev/bin" 2>&1 | tee "$results/random.log"; then
            steps+=(--step chaos=ok)
        else
            steps+=(--step chaos=failed)
        fi
    fi
}

# Sets schemathesis to the tool that holds the API against its description, when it can be had.
readonly SCHEMATHESIS=schemathesis==4.32.5
provide_schemathesis() {
    local venv=$root_dir/build/tools/schemathesis
    schemathesis=$venv/bin/schemathesis
    if [[ ! -f $venv/.complete ]]; then
        say "  pip install $SCHEMATHESIS"
        if (packages_install python3-venv) && quietly python3 -m venv "$venv" && quietly "$venv/bin/pip" -q install "$SCHEMATHESIS"; then
            touch "$venv/.complete"
        elif [[ $insist ]]; then
            die 'schemathesis cannot be had, and the run insists on it'
        else
            notes+=('The API was not held against its description: schemathesis could not be had (is PyPI reachable?).')
            schemathesis=''
        fi
    fi
}

# The dashboard's browser. Without a browser, or without axe-core, their scenarios are left out, unless the run insists.
provide_browser() {
    axe=''
    if ! (packages_install "${BROWSER_PACKAGES[@]}"); then
        [[ ! $insist ]] || die 'the browser cannot be had, and the run insists on it'
        notes+=('The browser could not be installed: the dashboard was not looked at.')
    elif ! provide_axe; then
        [[ ! $insist ]] || die 'axe-core cannot be had, and the run insists on it'
        axe=''
        notes+=("axe-core could not be had (is npm's registry reachable?): the dashboard's accessibility was not checked.")
    fi
}

run_scenarios() {
    begin 'Scenarios'
    provide_kafka
    provide_schemathesis
    files+=("$results/scenario.xml")
    local python=/usr/bin/python3
    "$python" -c 'import pytest' 2>/dev/null || python=python3
    # A scenario waits more than it works: several processes share the files, each with a Kafka of its own.
    local sharing=()
    "$python" -c 'import xdist' 2>/dev/null && sharing=(-n "$scenario_processes" --dist loadfile)
    (
        cd "$root_dir/tests/scenario"
        export SCENARIO_BIN=$root_dir/build/dev/bin SCENARIO_PROFTPD=$proftpd_dir SCENARIO_REDIS=$redis_server
        export SCENARIO_AXE=$axe SCENARIO_VSFTPD=$vsftpd_dir SCENARIO_PUREFTPD=$pureftpd_dir
        export SCENARIO_SCHEMATHESIS=$schemathesis SCENARIO_KAFKA=$kafka_dir SCENARIO_FULL=$full PYTHONDONTWRITEBYTECODE=1
        timeout --foreground -k 30 $((scenario_minutes * (full ? 4 : 1) * 60)) "$python" -m pytest -p no:cacheprovider -q --tb=short \
            "${sharing[@]}" --basetemp="$work/pytest" --junitxml="$results/scenario.xml" "${pytest_arguments[@]:-.}" 2>&1
    ) | tee "$results/scenario.log" | sed -uE '/^[0-9]+ (passed|failed|skipped).* in [0-9.]+s/s/^/pytest: /' || true
}

run_operations() {
    local status=0
    begin 'Operations: manifests, alerts, analytics'
    timeout --foreground -k 30 $((operations_minutes * 60)) "$root_dir/tests/operations.sh" --junit "$results/operations.xml" 2>&1 |
        tee "$results/operations.log" | sed -uE '/^[0-9]+ (passed|failed|skipped).* in [0-9.]+s/s/^/pytest: /' || status=${PIPESTATUS[0]}
    if [[ -f $results/operations.xml ]]; then
        files+=("$results/operations.xml")
    elif [[ $status -eq 69 && ! $insist ]]; then
        notes+=('Manifests, alerts and analytics were not checked: what checks them could not be had (tests/operations.sh).')
    else
        steps+=(--step operations=failed)
    fi
    [[ ! $full ]] || run_debian13
}

# Both need a root of their own. The second runs this script, in a Debian 13: there is no third Debian in it.
run_debian13() {
    local name
    if [[ $(id -u) -ne 0 ]]; then
        notes+=('Images and the tests on Debian 13 were left out: they need root.')
        return 0
    fi
    for name in image debian13; do
        begin "tests/$name.sh"
        if timeout --foreground -k 60 $((debian13_minutes * 60)) "$root_dir/tests/$name.sh" 2>&1 | tee "$results/$name.log" | sed -uE 's/^([0-9]+ passed)/checks: \1/'; then
            steps+=(--step "$name=ok")
        else
            steps+=(--step "$name=failed")
        fi
    done
}

main() {
    parse "$@"
    rm -rf "$results"
    mkdir -p "$results"
    trap finish EXIT
    trap 'exit 130' INT TERM HUP
    export LC_ALL=C.UTF-8
    install
    build
    if wanted unit; then run_unit; fi
    if wanted fuzz; then run_fuzz; fi
    if wanted chaos; then run_chaos; fi
    if wanted scenario; then run_scenarios; fi
    if wanted operations; then run_operations; fi
    if wanted lint; then run_lint; fi
    current=''
}

main "$@"
