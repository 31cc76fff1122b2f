# shellcheck shell=bash
# Functions that the quickstart and the test runner share: Debian packages, servers that run from a folder without
# being installed, the build, and processes that end with us. Sourced by bash scripts that use `set -euo pipefail`.
#
# Packages: what is missing is installed with apt-get, as root or by sudo. With neither, the one line to run as root is printed and
# the script ends (77). Nothing is asked of the network when nothing is missing.
# Servers: Debian's redis-server and proftpd-core start a service when they are installed, so they never are; they are
# downloaded and unpacked under build/tools, and only the libraries they need are installed.

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools_dir=$root_dir/build/tools
readonly root_dir tools_dir
readonly EX_NO_ROOT=77

# What the build needs.
# shellcheck disable=SC2034 # used by the scripts that source this
readonly BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config librdkafka-dev libcurl4-openssl-dev libssl-dev libjansson-dev
    libhiredis-dev libev-dev libc-ares-dev libmicrohttpd-dev libsqlite3-dev uthash-dev libcmocka-dev liblua5.1-0-dev)
# What real Kafka needs besides the jars that Maven brings (deploy/kafka).
# shellcheck disable=SC2034
readonly KAFKA_PACKAGES=(default-jre-headless maven)

# What the dashboard's tests need: a browser with its driver, and languages that its verification code is in.
# shellcheck disable=SC2034
readonly BROWSER_PACKAGES=(chromium chromium-driver python3-selenium nodejs php-cli ruby)
readonly AXE_VERSION=4.14.1 AXE_SHA256=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c

started_pids=()
started_names=()

say() { printf '%s\n' "$*"; }
step() { printf '\n\033[1m%s\033[0m\n' "$*" | if [[ -t 1 ]]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# ---- packages

package_installed() { [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]; }

# Prints those of the packages that are not installed.
packages_missing() {
    local package
    for package in "$@"; do
        package_installed "$package" || printf '%s\n' "$package"
    done
}

# Runs a command as root, or explains what has to be run and ends the script.
as_root() {
    local line=$1
    shift
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        printf '\nThis needs root once. Run this line as root, then start %s again:\n\n    %s\n\n' "${0##*/}" "$line" >&2
        exit $EX_NO_ROOT
    fi
}

# The lists are as old as the machine's image: take new ones once a run, before the first installation.
apt_updated=''
apt_update() {
    [[ -z $apt_updated ]] || return 0
    apt_updated=1
    say '  apt-get update'
    quietly as_root 'apt-get update' apt-get -q update
}

# Runs a command, showing its output only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [[ $status -ne 0 ]]; then
        tail -n 60 "$log" >&2
    fi
    rm -f "$log"
    return $status
}

# packages_install PACKAGE...: installs what is missing. The packages given must start no service (see tool_unpack).
packages_install() {
    local missing line
    mapfile -t missing < <(packages_missing "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    if [[ $(id -u) -ne 0 ]]; then
        as_root "$line" true
    fi
    apt_update
    say "  apt-get install ${missing[*]}"
    quietly as_root "$line" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" ||
        die 'these packages could not be installed'
}

# ---- servers from a folder

# The libraries that a .deb depends on, one a line, without versions and alternatives.
deb_libraries() {
    dpkg-deb -f "$1" Depends | tr ',' '\n' | sed -E 's/^ *([^ |(:]+).*/\1/' | grep -E '^(lib|zlib|lua-)' | grep -vE '^libpam-runtime$' || true
}

# tool_unpack NAME PACKAGE...: unpacks the packages into build/tools/NAME and installs the libraries they need. Nothing
# to do when that was done before with these packages.
tool_unpack() {
    local name=$1 into=$tools_dir/$1 debs=$tools_dir/debs-$1 deb libraries=()
    shift
    [[ $(cat "$into/.complete" 2>/dev/null) != "$*" ]] || return 0
    say "  unpacking $* under build/tools/$name"
    rm -rf "$debs"
    mkdir -p "$debs" "$into"
    if ! (cd "$debs" && apt-get -q download "$@") >"$debs/log" 2>&1; then
        apt_update
        (cd "$debs" && apt-get -q download "$@") >"$debs/log" 2>&1 || {
            cat "$debs/log" >&2
            die "$* could not be downloaded"
        }
    fi
    for deb in "$debs"/*.deb; do
        dpkg-deb -x "$deb" "$into"
        mapfile -t -O "${#libraries[@]}" libraries < <(deb_libraries "$deb")
    done
    packages_install "${libraries[@]}"
    rm -rf "$debs"
    printf '%s\n' "$*" >"$into/.complete"
}

# Both set a variable with the path of the server's program; Redis is taken from the machine where it is there.
# shellcheck disable=SC2034
provide_redis() {
    redis_server=$(command -v redis-server) && return 0
    tool_unpack redis redis-server redis-tools
    redis_server=$tools_dir/redis/usr/bin/redis-server
}

# The folder has usr/sbin/proftpd and usr/lib/proftpd; deploy/ftp/local.sh runs it.
# shellcheck disable=SC2034
provide_proftpd() {
    tool_unpack proftpd proftpd-core proftpd-mod-vroot proftpd-mod-crypto
    proftpd_dir=$tools_dir/proftpd
}

# The folders have usr/sbin/vsftpd and usr/sbin/pure-ftpd, usr/bin/pure-pw.
# shellcheck disable=SC2034
provide_vsftpd() {
    tool_unpack vsftpd vsftpd
    vsftpd_dir=$tools_dir/vsftpd
}

# shellcheck disable=SC2034
provide_pureftpd() {
    tool_unpack pureftpd pure-ftpd pure-ftpd-common
    pureftpd_dir=$tools_dir/pureftpd
}

# Sets axe with the path of axe-core's one file, which looks for faults of accessibility; from npm's registry, checked. Fails where
# it cannot be had.
# shellcheck disable=SC2034
provide_axe() {
    local folder=$tools_dir/axe-core-$AXE_VERSION
    axe=$folder/axe.min.js
    if [[ ! -f $axe ]]; then
        mkdir -p "$folder"
        curl -fsSL --retry 3 --max-time 120 "https://registry.npmjs.org/axe-core/-/axe-core-$AXE_VERSION.tgz" |
            tar -xzO package/axe.min.js >"$axe.part" || return 1
        mv "$axe.part" "$axe"
    fi
    printf '%s  %s\n' "$AXE_SHA256" "$axe" | sha256sum --check --status || {
        rm -f "$axe"
        return 1
    }
}

# ---- build

# build_preset PRESET [TARGET...]: configures and builds. On a terminal ninja shows how far it is; elsewhere it is quiet unless it fails.
build_preset() {
    local preset=$1 target_options=() how=(quietly)
    shift
    [[ ! -t 1 ]] || how=()
    [[ $# -eq 0 ]] || target_options=(--target "$@")
    (
        cd "$root_dir" || exit
        quietly cmake --preset "$preset" || die "cmake --preset $preset failed"
        "${how[@]}" cmake --build "build/$preset" -j "$(nproc)" "${target_options[@]}" || die "the build of preset $preset failed"
    )
}

# ---- processes

# start NAME LOG COMMAND...: runs a command in the background, to be ended by stop_all.
start() {
    local name=$1 log=$2
    shift 2
    # In a session of its own: Ctrl-C is for us, and what we started ends in our order.
    setsid "$@" >"$log" 2>&1 </dev/null &
    started_pids+=($!)
    started_names+=("$name")
}

# stop_all: ends what start began, the last first, by process id; what does not end within 10 s is killed.
stop_all() {
    local i pid end
    for ((i = ${#started_pids[@]} - 1; i >= 0; i--)); do
        pid=${started_pids[i]}
        kill -TERM "$pid" 2>/dev/null || continue
        end=$((SECONDS + 10))
        while kill -0 "$pid" 2>/dev/null && [[ $SECONDS -lt $end ]]; do
            sleep 0.02
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    started_pids=()
    started_names=()
}

# Fails when a started process has ended, naming it.
all_running() {
    local i
    for i in "${!started_pids[@]}"; do
        kill -0 "${started_pids[i]}" 2>/dev/null || {
            printf '%s has ended\n' "${started_names[i]}" >&2
            return 1
        }
    done
}

# wait_for SECONDS WHAT COMMAND...: repeats the command until it succeeds.
wait_for() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [[ $SECONDS -lt $end ]] || die "$what: not within the time allowed"
        all_running || die "$what: waiting makes no sense any more"
        sleep 0.05
    done
}

answers_port() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A free port below the range that the kernel hands out to connections.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 10000))
        answers_port "$port" || {
            printf '%s\n' "$port"
            return 0
        }
    done
    return 1
}

# What a measurement runs with. The broker's heap is larger than that of tests: its collector, which stops everybody, runs less often.
# Its files are in memory where there is room (4 GB), unless TMPDIR says where: a disk that others use too would be what is measured.
measurement_environment() {
    local free_kb
    export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
    export KAFKA_HEAP=${KAFKA_HEAP:--Xms1g -Xmx1g -Xmn700m}
    free_kb=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1) || free_kb=0
    [[ ${TMPDIR:-} || ! -w /dev/shm || ${free_kb:-0} -lt $((4 << 20)) ]] || export TMPDIR=/dev/shm
}
