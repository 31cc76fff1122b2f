#!/usr/bin/env bash
# Requests a second and latency of the REST interface: showing, listing and creating webhooks, beside a bare libmicrohttpd answer of
# the list's size in the same run. Real Kafka, one node; one replica; everything on this machine's loopback.
#
#     tests/bench/api.sh [SECONDS-A-ROW]
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"
readonly seconds=${1:-8} connections=16 webhooks=50 account=acc_bench
readonly bin=$root_dir/build/release/bin
dir=''

finish() {
    trap - EXIT INT TERM
    stop_all
    [[ ! $dir ]] || "$root_dir/deploy/kafka/kafka.sh" stop --dir "$dir/kafka" 2>/dev/null || true
    [[ ! $dir ]] || rm -rf "$dir"
}

ask() { curl -fsS -H "Authorization: Bearer $1" -H 'Content-Type: application/json' "${@:2}"; }
member() { sed -nE 's/.*"'"$1"'": *"([^"]+)".*/\1/p'; }
ready() { [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/readyz") == 200 ]]; }

prepare() {
    packages_install "${BUILD_PACKAGES[@]}" "${KAFKA_PACKAGES[@]}" curl wrk
    build_preset release trueftp-api trueftpctl bench_bare_http
    dir=$(mktemp -d)
    mkdir "$dir/data"
    "$bin/trueftpctl" key-file create --file "$dir/keys" >/dev/null
    printf 'token\n' >"$dir/token"
    export TRUEFTP_DEV=1 TRUEFTP_SECRETS_KEY_FILE=$dir/keys TRUEFTP_DATA_DIR=$dir/data TRUEFTP_ADMIN_TOKEN_FILE=$dir/token
    export TRUEFTP_API_REQUESTS_PER_SECOND=100000 TRUEFTP_LOG_LEVEL=warn
    TRUEFTP_KAFKA_BROKERS=$("$root_dir/deploy/kafka/kafka.sh" start --dir "$dir/kafka" --nodes 1)
    export TRUEFTP_KAFKA_BROKERS
    quietly "$bin/trueftpctl" topics ensure --partitions 8 --timeout-s 60
}

start_api() {
    local port admin_port key
    port=$(free_port)
    admin_port=$(free_port)
    TRUEFTP_API_LISTEN=127.0.0.1:$port TRUEFTP_ADMIN_LISTEN=127.0.0.1:$admin_port start api "$dir/api.log" "$bin/trueftp-api"
    wait_for 60 'trueftp-api' ready "$admin_port"
    api=http://127.0.0.1:$port/api
    ask token -d "{\"id\":\"$account\",\"plan\":\"pro\",\"limits\":{\"webhooks\":10000}}" "$api/admin/v1/accounts" >/dev/null
    key=$(ask token -X POST "$api/admin/v1/accounts/$account/keys" | member key)
    auth="Authorization: Bearer $key"
    for ((i = 0; i < webhooks; i++)); do
        one=$(ask "$key" -d '{"url":"https://example.com/hook"}' "$api/ext/v1/webhooks" | member id)
    done
}

# row NAME URL [WRK-OPTION...]
row() {
    local name=$1 url=$2 out
    out=$(wrk -t1 -c$connections -d"${seconds}s" --latency "${@:3}" "$url")
    printf '%-36s %10s requests/s   p50 %9s   p99 %9s%s\n' "$name" "$(awk '/Requests\/sec/ {print $2}' <<<"$out")" \
        "$(awk '$1 == "50%" {print $2}' <<<"$out")" "$(awk '$1 == "99%" {print $2}' <<<"$out")" "$(awk '/Non-2xx/ {print "   " $0}' <<<"$out")"
}

main() {
    local list size small
    trap finish EXIT
    prepare
    start_api
    list="$api/ext/v1/webhooks?limit=50"
    size=$(curl -fsS -H "$auth" "$list" | wc -c)
    small=$(curl -fsS -H "$auth" "$api/ext/v1/webhooks/$one" | wc -c)
    start bare-large "$dir/bare-large" "$root_dir/build/release/bench/bench_bare_http" "$size"
    start bare-small "$dir/bare-small" "$root_dir/build/release/bench/bench_bare_http" "$small"
    wait_for 10 'the bare servers' test -s "$dir/bare-large" -a -s "$dir/bare-small"
    cat >"$dir/create.lua" <<'LUA'
wrk.method = "POST"
wrk.body = '{"url":"https://example.com/hook"}'
wrk.headers["Content-Type"] = "application/json"
LUA
    say "$connections connections, $seconds s a row, $(nproc) processors shared with the client"
    row "bare libmicrohttpd, $small bytes" "http://127.0.0.1:$(<"$dir/bare-small")/"
    row "one webhook, $small bytes" "$api/ext/v1/webhooks/$one" -H "$auth"
    row "bare libmicrohttpd, $size bytes" "http://127.0.0.1:$(<"$dir/bare-large")/"
    row "$webhooks webhooks, $size bytes" "$list" -H "$auth"
    row 'creating a webhook' "$api/ext/v1/webhooks" -H "$auth" -s "$dir/create.lua"
}

main
