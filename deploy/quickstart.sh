#!/usr/bin/env bash
# TrueFTP Webhooks from nothing to delivered, on this machine alone: installs packages, builds, starts Redis, a broker,
# ProFTPD, producer, worker and a sample receiver, does over real FTP what a studio does in a day, and shows each delivery.
#
#     deploy/quickstart.sh [--kafka] [--keep]
#
#   --kafka   real Apache Kafka instead of the embedded broker (needs Java and Maven, which are installed)
#   --keep    leave all of it up for playing, until Ctrl-C
#
# Everything listens on 127.0.0.1 and lives in one temporary folder; nothing is left running. Exit status 0: every delivery arrived,
# with a right signature. Debian 12 or newer.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly account=acc_northlight user=pipeline password=northlight-2026
readonly bin=$root_dir/build/release/bin
readonly deliveries_seconds=30
kafka='' keep='' kafka_dir='' dir='' outcome=1

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --kafka) kafka=1 ;;
            --keep) keep=1 ;;
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
}

# At any end: what runs is stopped, by process id; the folder stays only when something went wrong.
finish() {
    trap - EXIT INT TERM HUP
    stop_all
    if [[ $kafka_dir ]]; then
        "$root_dir/deploy/kafka/kafka.sh" stop --dir "$kafka_dir" 2>/dev/null || true
    fi
    if [[ $outcome -ne 0 && $dir ]]; then
        say "The logs of all parts are in $dir"
    elif [[ $dir ]]; then
        rm -rf "$dir"
    fi
    exit "$outcome"
}

interrupted() {
    say ''
    [[ $keep && $outcome -eq 0 ]] || say 'interrupted'
    finish
}

prepare() {
    step 'Packages'
    packages_install "${BUILD_PACKAGES[@]}" python3 openssl lftp curl tzdata
    if [[ $kafka ]]; then
        packages_install "${KAFKA_PACKAGES[@]}"
    fi
    provide_redis
    provide_proftpd
    say '  all there'
    step 'Build (cmake --preset release)'
    build_preset release trueftp-producer trueftp-worker trueftp-api trueftpctl trueftp-devbroker
    say "  the programs are in build/release/bin"
}

# ---- what runs

start_redis() {
    redis_port=$(free_port)
    start redis "$dir/redis.log" "$redis_server" --port "$redis_port" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly no \
        --maxmemory-policy noeviction
    wait_for 10 'Redis' answers_port "$redis_port"
    say "  Redis               127.0.0.1:$redis_port"
}

start_broker() {
    if [[ $kafka ]]; then
        kafka_dir=$dir/kafka
        brokers=$("$root_dir/deploy/kafka/kafka.sh" start --dir "$kafka_dir")
        say "  Apache Kafka        $brokers"
    else
        start devbroker "$dir/devbroker.log" "$bin/trueftp-devbroker" --port 0 --partitions 8 --ready-file "$dir/brokers"
        wait_for 10 'the embedded broker' test -s "$dir/brokers"
        brokers=$(<"$dir/brokers")
        say "  embedded broker     $brokers (in memory, keeps nothing; --kafka for the real one)"
    fi
}

start_ftp() {
    ftp_port=$(free_port)
    start proftpd "$dir/proftpd.log" "$root_dir/deploy/ftp/local.sh" "$proftpd_dir" "$dir/ftp" "$ftp_port" "$user:$password:$account"
    wait_for 10 'ProFTPD' answers_port "$ftp_port"
    say "  ProFTPD             ftp://$user:$password@127.0.0.1:$ftp_port/"
}

start_receiver() {
    receiver_port=$(free_port)
    : >"$dir/secrets"
    chmod 600 "$dir/secrets"
    # Its lines are the show: they go to the terminal.
    setsid "$root_dir/deploy/receiver.py" serve --port "$receiver_port" --secrets "$dir/secrets" --journal "$dir/journal" \
        --answers /orders=500,503,200 </dev/null &
    started_pids+=($!)
    started_names+=('the sample receiver')
    wait_for 10 'the sample receiver' answers_port "$receiver_port"
    say "  sample receiver     http://127.0.0.1:$receiver_port/"
}

settings() {
    export TRUEFTP_KAFKA_BROKERS=$brokers TRUEFTP_REDIS_URL=redis://127.0.0.1:$redis_port TRUEFTP_SECRETS_KEY_FILE=$dir/keys
    export TRUEFTP_DEV=1
    # The receiver is on this machine and has no certificate; production refuses both.
    export TRUEFTP_ALLOW_TARGETS=127.0.0.1/32 TRUEFTP_ALLOW_HTTP=1
    # Instead of 10 s and 60 s: 1 s and 2 s.
    export TRUEFTP_RETRY_BASE_MS=1000 TRUEFTP_RETRY_FACTOR=2
    export TRUEFTP_DATA_DIR=$dir/data TRUEFTP_SOURCES=$dir/sources.conf
    mkdir -p "$dir/data" "$dir/api"
    (umask 077 && openssl rand -hex 32 >"$dir/admin-token")
    api_port=$(free_port)
    export TRUEFTP_API=http://127.0.0.1:$api_port TRUEFTP_ADMIN_TOKEN_FILE=$dir/admin-token
    cat >"$dir/sources.conf" <<TEXT
[main]
format = proftpd
path = $dir/ftp/webhook.log
account = group
path_prefix = $dir/ftp/home/{user}
announce_temporary = 0
TEXT
}

ctl() { "$bin/trueftpctl" "$@"; }
member() { sed -nE 's/.*"'"$1"'": *"([^"]+)".*/\1/p'; }

# webhook PATH OPTION...: creates one and gives its secret to the receiver.
webhook() {
    local path=$1 secret
    shift
    secret=$(ctl webhooks create --output json --url "http://127.0.0.1:$receiver_port$path" "$@" | member secret)
    [[ $secret ]] || die "the webhook of $path has no secret"
    printf '%s %s\n' "$path" "$secret" >>"$dir/secrets"
}

# What the programs need before they start.
prepare_topics() {
    ctl key-file create --file "$dir/keys" >/dev/null
    if [[ $kafka ]]; then
        ctl topics ensure --partitions 8 >"$dir/topics.log"
    fi
}

# The account, a key of it, with which everything else is done, and two webhooks.
configure() {
    ctl accounts create "$account" --plan pro >/dev/null
    (umask 077 && ctl keys create "$account" --output json | member key >"$dir/api-key")
    [[ -s $dir/api-key ]] || die 'the API gave no key'
    export TRUEFTP_API_KEY_FILE=$dir/api-key
    say "  trueftp-api         dashboard and REST at $TRUEFTP_API/, key $(<"$dir/api-key")"
    webhook /archive --events '*'
    webhook /orders --events file.uploaded --path-pattern '/in/orders/**'
    say "  account $account    /archive wants everything; /orders wants uploads to /in/orders, and refuses each twice first"
}

metrics_port() { sed -nE 's/.*"fact":"started".*"admin_port":([0-9]+).*/\1/p' "$dir/$1.log" | tail -n 1; }
is_ready() {
    local port
    port=$(metrics_port "$1")
    [[ $port ]] && curl_status "$port" /readyz
}
# Whether an admin port answers 200, without any client.
curl_status() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
        read -r -t 5 line <&3 && [[ $line == *' 200 '* ]]
    )
}

start_programs() {
    TRUEFTP_ADMIN_LISTEN=127.0.0.1:0 start worker "$dir/worker.log" "$bin/trueftp-worker"
    TRUEFTP_ADMIN_LISTEN=127.0.0.1:0 start producer "$dir/producer.log" "$bin/trueftp-producer"
    TRUEFTP_ADMIN_LISTEN=127.0.0.1:0 TRUEFTP_API_LISTEN=127.0.0.1:$api_port TRUEFTP_DATA_DIR=$dir/api \
        start api "$dir/api.log" "$bin/trueftp-api"
    wait_for 60 'trueftp-worker' is_ready worker
    wait_for 60 'trueftp-producer' is_ready producer
    wait_for 60 'trueftp-api' is_ready api
    say "  trueftp-worker      health and metrics at http://127.0.0.1:$(metrics_port worker)/metrics"
    say "  trueftp-producer    follows $dir/ftp/webhook.log, metrics at http://127.0.0.1:$(metrics_port producer)/metrics"
}

# ---- a day at the studio

blob() { head -c "$2" /dev/zero | tr '\0' 'x' >"$dir/files/$1"; }

make_files() {
    mkdir -p "$dir/files"
    cd "$dir/files"
    local n
    for n in 1 2 3; do
        printf 'UNA:+.? %s\nUNB+UNOC:3+4012345000009:14+4399901876543:14+260311:0715+%s%s\n' "'" "$n" "'" \
            >"ORDERS_D96A_4012345000009_20260311T07150${n}Z.edi"
    done
    blob NLM_S02E07_UHD_v3_final.mxf 4000000
    blob 'Key Art (final) – Übersicht.tif' 200000
    blob '日本語字幕.srt' 3000
    blob "it's 100% \"done\".csv" 500
    blob db01_full_20260311-0200.sql.zst 1000000
    blob db01_full_20260310-0200.sql.zst 900000
    cd "$root_dir"
}

# expect ENDPOINTS EVENT PATH: what must arrive, and where.
expect() {
    local endpoint
    for endpoint in $1; do
        printf '%s\t%s\t%s\n' "$endpoint" "$2" "$3" >>"$dir/expected"
    done
}

ftp() {
    lftp -c "set net:max-retries 1; set net:timeout 20; set cmd:fail-exit yes; set ftp:use-feat yes; set file:charset UTF-8; set ftp:charset UTF-8;
        open ftp://$user:$password@127.0.0.1:$ftp_port; lcd $dir/files; $1" >"$dir/lftp.log" 2>&1 || {
        cat "$dir/lftp.log" >&2
        die 'lftp failed'
    }
}

ftp_day() {
    local n folder order
    say '  orders come in'
    ftp 'mkdir -p in/orders; put -O in/orders ORDERS_D96A_4012345000009_20260311T071501Z.edi ORDERS_D96A_4012345000009_20260311T071502Z.edi;
        put -O in/orders ORDERS_D96A_4012345000009_20260311T071503Z.edi; put -O in/orders "it'"'"'s 100% \"done\".csv"'
    for folder in /in /in/orders; do
        expect /archive dir.created $folder
    done
    for n in 1 2 3; do
        order=/in/orders/ORDERS_D96A_4012345000009_20260311T07150${n}Z.edi
        expect '/archive /orders' file.uploaded "$order"
    done
    expect '/archive /orders' file.uploaded "/in/orders/it's 100% \"done\".csv"

    say '  a media master, uploaded under a temporary name and then renamed'
    ftp 'mkdir masters; put NLM_S02E07_UHD_v3_final.mxf -o masters/NLM_S02E07_UHD_v3_final.mxf.part;
        mv masters/NLM_S02E07_UHD_v3_final.mxf.part masters/NLM_S02E07_UHD_v3_final.mxf'
    expect /archive dir.created /masters
    expect /archive file.uploaded /masters/NLM_S02E07_UHD_v3_final.mxf

    say '  names from all over the world'
    ftp 'mkdir artwork; mkdir inbox; put -O artwork "Key Art (final) – Übersicht.tif"; put -O inbox 日本語字幕.srt'
    expect /archive dir.created /artwork
    expect /archive dir.created /inbox
    expect /archive file.uploaded '/artwork/Key Art (final) – Übersicht.tif'
    expect /archive file.uploaded /inbox/日本語字幕.srt

    say '  the nightly backup, and yesterday'"'"'s is removed'
    ftp 'mkdir -p nightly/2026-03-10; put -O nightly/2026-03-10 db01_full_20260310-0200.sql.zst;
        mkdir nightly/2026-03-11; put -O nightly/2026-03-11 db01_full_20260311-0200.sql.zst;
        rm nightly/2026-03-10/db01_full_20260310-0200.sql.zst; rmdir nightly/2026-03-10'
    for folder in /nightly /nightly/2026-03-10 /nightly/2026-03-11; do
        expect /archive dir.created $folder
    done
    expect /archive file.uploaded /nightly/2026-03-10/db01_full_20260310-0200.sql.zst
    expect /archive file.uploaded /nightly/2026-03-11/db01_full_20260311-0200.sql.zst
    expect /archive file.deleted /nightly/2026-03-10/db01_full_20260310-0200.sql.zst
    expect /archive dir.deleted /nightly/2026-03-10

    say '  an order is fetched'
    ftp 'get in/orders/ORDERS_D96A_4012345000009_20260311T071501Z.edi -o fetched.edi'
    expect /archive file.downloaded /in/orders/ORDERS_D96A_4012345000009_20260311T071501Z.edi
}

# Each delivery has its last record in the delivery log.
delivered_records() { ctl log tail --from-beginning --status delivered --output json | wc -l; }
log_is_complete() { [[ $(delivered_records) -eq $(wc -l <"$dir/expected") ]]; }

summarize() {
    local status=0
    "$root_dir/deploy/receiver.py" check --journal "$dir/journal" --expected "$dir/expected" --seconds $deliveries_seconds \
        >"$dir/summary" || status=$?
    step 'Summary'
    cat "$dir/summary"
    [[ $status -eq 0 ]] || return 1
    wait_for 10 'a record of each delivery' log_is_complete
    say "  $(delivered_records) deliveries stand in the delivery log as delivered (trueftpctl log tail)"
    all_running
}

play() {
    outcome=0
    cat <<TEXT

All of it stays up until Ctrl-C. The dashboard, and the key to sign in with:

    $TRUEFTP_API/
    $(<"$dir/api-key")

To play, from another terminal:

    lftp ftp://$user:$password@127.0.0.1:$ftp_port
    export PATH=\$PATH:$bin TRUEFTP_API=$TRUEFTP_API TRUEFTP_API_KEY_FILE=$dir/api-key
    trueftpctl webhooks list
    trueftpctl deliveries tail WEBHOOK --follow
    trueftpctl listen WEBHOOK --forward-to http://localhost:3000/hook

Logs: $dir
TEXT
    while all_running; do
        sleep 1
    done
    outcome=1
}

main() {
    parse "$@"
    trap finish EXIT
    trap interrupted INT TERM HUP
    export LC_ALL=C.UTF-8
    prepare
    # Under /tmp, since the FTP server must reach its folders also when it runs as nobody.
    dir=$(mktemp -d "${TMPDIR:-/tmp}/trueftp-quickstart.XXXXXX")
    chmod 755 "$dir"
    step 'Start (retry delays are shortened to 1 s and 2 s; the default is 10 s and 60 s)'
    start_redis
    start_broker
    start_ftp
    start_receiver
    settings
    prepare_topics
    start_programs
    configure
    make_files
    step 'FTP, and each delivery as the receiver sees it'
    ftp_day
    if ! summarize; then
        say '  FAILED'
        exit
    fi
    say "  done after $SECONDS s"
    outcome=0
    [[ ! $keep ]] || play
}

main "$@"
