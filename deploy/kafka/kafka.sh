#!/usr/bin/env bash
# Real Apache Kafka (KRaft) on 127.0.0.1 for tests and the quickstart: one node or three, from the Maven Central jars
# that artifacts.sha256 lists. `kafka.sh help` says how to call it; README.md says what to expect.
#
# A cluster is a folder. What `start` leaves there is all that the other commands know:
#   DIR/cluster-id  DIR/ports (a line "node broker-port controller-port [sasl-port tls-port]" a node)  DIR/bootstrap  DIR/lock
#   DIR/secure (link to the folder of a cluster that was started with --secure)
#   DIR/node-N/server.properties  DIR/node-N/data/  DIR/node-N/server.log  DIR/node-N/pid
# Standard output carries results alone (bootstrap servers); progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
list=$here/artifacts.sha256
readonly here list
readonly EX_USAGE=64 EX_DATA=65 EX_UNAVAILABLE=69
readonly START_SECONDS=90 STOP_SECONDS=60 STOP_LAST_SECONDS=5

lib=$(cd "$here/../.." && pwd)/build/kafka/lib
dir='' nodes='' node='' port_file='' hard='' secure=''

usage() {
    cat <<'TEXT'
usage: kafka.sh COMMAND [options]
  fetch [--lib DIR]                     download the jars with Maven and check them; nothing to do when complete
  start --dir DIR [--nodes 1|3] [--secure FOLDER] [--port-file FILE] [--lib DIR]
                                        start a cluster (fetching first), wait until it answers, print its bootstrap
                                        servers; a folder used before keeps its nodes, data and, where free, ports
  wait --dir DIR                        wait until every running node answers; print the bootstrap servers
  stop --dir DIR                        stop all nodes and wait for their end
  kill-node --dir DIR --node N          SIGKILL one node and leave it down
  start-node --dir DIR --node N         start a node that is down, on its old port and data, and wait for it
  restart-node --dir DIR --node N [--kill]
                                        stop one node (SIGTERM, with --kill SIGKILL) and start it again the same way
Options: --secure FOLDER  with two more listeners, SASL_SSL (SCRAM-SHA-512) and SSL (client certificates), and ACLs; FOLDER holds
         server.pem (key and certificate), ca.pem, and users (lines "name password"); their ports are the fourth and fifth word
         of DIR/ports. Over the plain listener everything is allowed: it is for the operator of the test
         --lib DIR  where the jars are (default build/kafka/lib of this tree)
         --port-file FILE  receives the bootstrap servers ("127.0.0.1:PORT[,...]") once the cluster answers
Environment: KAFKA_HEAP  options of each node's JVM for its heap (default "-Xms256m -Xmx256m")
Exit status: 0 done, 1 Kafka failed, 64 wrong call, 65 a jar is not the one expected, 69 a program or a download is missing.
TEXT
}

say() { printf 'kafka: %s\n' "$*" >&2; }
die() {
    local status=$1
    shift
    say "$*"
    exit "$status"
}

# ---- jars

jars_complete() { [[ -d $lib ]] && (cd "$lib" && sha256sum --check --strict --status "$list" 2>/dev/null); }

# Which jars are wrong, after Maven said that it has fetched all of them.
jars_explain() { (cd "$lib" && LC_ALL=C sha256sum --check --strict --quiet "$list" 2>&1 | sed 's/^/kafka:   /' >&2) || true; }

need() {
    local program=$1 package=$2
    command -v "$program" >/dev/null || die $EX_UNAVAILABLE "'$program' is missing: install the Debian package $package"
}

download() {
    local out
    need mvn maven
    say "downloading $(wc -l <"$list") jars with Maven into $lib"
    if ! out=$(mvn --batch-mode --no-transfer-progress --quiet --strict-checksums -f "$here/pom.xml" \
        dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$lib" -DoverWriteReleases=true 2>&1); then
        printf '%s\n' "$out" >&2
        die $EX_UNAVAILABLE 'Maven could not fetch Kafka (is Maven Central, or the mirror in your Maven settings, reachable?)'
    fi
}

cmd_fetch() {
    jars_complete && return 0
    mkdir -p "$lib"
    (
        flock 9
        jars_complete && exit 0 # somebody else fetched meanwhile
        rm -f "$lib"/../classes-*.jsa
        download
        jars_complete && say 'all jars have their expected checksums' && exit 0
        say "these jars are not what $list expects:"
        jars_explain
        exit $EX_DATA
    ) 9>"$lib/../fetch.lock"
}

# ---- the JVM

find_java() {
    java=${JAVA_HOME:+$JAVA_HOME/bin/}java
    need "$java" openjdk-17-jre-headless
    java_version=$("$java" -version 2>&1)
    local major
    major=$(sed -n '1s/.*version "\([0-9]*\).*/\1/p' <<<"$java_version")
    [[ ${major:-0} -ge 17 ]] ||
        die $EX_UNAVAILABLE "Java 17 or newer is needed, $java is ${major:-unknown} (Debian: openjdk-17-jre-headless)"
}

# Sets jvm, the command of every JVM, and archive: the class data archive that makes starts fast. It is valid for one
# JVM and one set of jars alone, so its name depends on both; a JVM ignores one that does not fit.
prepare_jvm() {
    lib=$(cd "$lib" && pwd)
    find_java
    local classpath key
    classpath=$(awk -v lib="$lib" '{ printf "%s%s/%s", (NR > 1 ? ":" : ""), lib, $2 }' "$list")
    key=$(printf '%s\n' "$java_version" "$classpath" "$(<"$list")" | sha256sum | cut -c1-16)
    archive=$(dirname "$lib")/classes-$key.jsa
    local heap
    read -ra heap <<<"${KAFKA_HEAP:--Xms256m -Xmx256m}"
    jvm=("$java" "${heap[@]}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError
        -Xlog:disable -Xlog:all=error "-Dlog4j.configuration=file:$here/log4j.properties" -cp "$classpath")
    if [[ -s $archive ]]; then
        jvm+=("-XX:SharedArchiveFile=$archive")
    fi
}

# ---- asking a broker

# Sends a request (printf escapes) to 127.0.0.1:$1 and prints the first $3 bytes of the answer in hexadecimal.
ask() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        # shellcheck disable=SC2059 # the request is made of escapes
        printf "$2" >&3
        timeout 3 head -c "$3" <&3 | od -An -v -tx1 | tr -d ' \n'
    ) 2>/dev/null
}

# Number of brokers that the broker at port $1 knows: Metadata request version 1, no topics; the count follows size and
# correlation id.
brokers_known() {
    local answer
    answer=$(ask "$1" '\0\0\0\016\0\003\0\001\0\0\0\001\377\377\0\0\0\0' 12) || return 1
    [[ ${#answer} -eq 24 ]] && printf '%d\n' "0x${answer:16:8}"
}

# Whether groups work: FindCoordinator version 0 for the group "ready". The first such request makes Kafka create its
# offsets topic.
groups_ready() {
    local answer
    answer=$(ask "$1" '\0\0\0\021\0\012\0\0\0\0\0\001\377\377\0\005ready' 10) || return 1
    [[ ${answer:16:4} == 0000 ]]
}

# Whether the broker hands out producer ids (it fetches its first block of them when asked): InitProducerId version 0,
# no transaction.
producers_ready() {
    local answer
    answer=$(ask "$1" '\0\0\0\020\0\026\0\0\0\0\0\001\377\377\377\377\0\0\0\0' 14) || return 1
    [[ ${answer:24:4} == 0000 ]]
}

# ---- nodes of a cluster

node_dir() { printf '%s/node-%s' "$dir" "$1"; }
port_of() { awk -v n="$1" '$1 == n { print $2 }' "$dir/ports"; }
all_nodes() { cut -d' ' -f1 "$dir/ports"; }

# Prints the process id of node $1 while it runs; a process id that came to belong to another program is not ours.
pid_of() {
    local pid
    pid=$(cat "$(node_dir "$1")/pid" 2>/dev/null) && [[ $pid ]] || return 1
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$(node_dir "$1")/server.properties" && printf '%s\n' "$pid"
}

running_nodes() {
    local n
    for n in $(all_nodes); do
        pid_of "$n" >/dev/null && printf '%s\n' "$n"
    done
    return 0
}

port_free() { ! (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Ports below the range that the kernel hands out to connections, so that no connection takes one between the choice and
# the start. Another program still may: `start` then chooses again.
choose_ports() {
    local n p taken=' ' count=2
    [[ ! -e $dir/secure ]] || count=4
    for ((n = 1; n <= nodes; n++)); do
        local pair=()
        while [[ ${#pair[@]} -lt $count ]]; do
            p=$((20000 + (RANDOM * 32768 + RANDOM) % 10000))
            [[ $taken != *" $p "* ]] && port_free "$p" && pair+=("$p") && taken+="$p "
        done
        echo "$n ${pair[*]}"
    done >"$dir/ports.new"
    mv "$dir/ports.new" "$dir/ports"
}

old_ports_free() {
    local port controller
    [[ -s $dir/ports ]] || return 1
    while read -r _ port controller _; do
        port_free "$port" && port_free "$controller" || return 1
    done <"$dir/ports"
}

# Small-machine settings: few threads, a small cleaner buffer (the default of 128 MiB would fill the heap), quick
# failure detection.
properties() {
    local n=$1 port controller voters factor=$nodes
    read -r port controller < <(awk -v n="$n" '$1 == n { print $2, $3 }' "$dir/ports")
    voters=$(awk '{ printf "%s%s@127.0.0.1:%s", (NR > 1 ? "," : ""), $1, $3 }' "$dir/ports")
    cat <<TEXT
process.roles=broker,controller
node.id=$n
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$(node_dir "$n")/data
auto.create.topics.enable=false
default.replication.factor=$factor
min.insync.replicas=$(((factor + 1) / 2))
offsets.topic.replication.factor=$factor
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$factor
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=$(((factor + 1) / 2))
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=8388608
controller.quorum.election.timeout.ms=500
controller.quorum.election.backoff.max.ms=500
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
TEXT
}

# The listeners of --secure. Who comes over the plain one is ANONYMOUS, and may do everything.
secure_properties() {
    local port controller sasl tls
    read -r port controller sasl tls < <(awk -v n="$1" '$1 == n { print $2, $3, $4, $5 }' "$dir/ports")
    cat <<TEXT
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller,SASL_SSL://127.0.0.1:$sasl,SSL://127.0.0.1:$tls
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL_SSL://127.0.0.1:$sasl,SSL://127.0.0.1:$tls
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
ssl.keystore.type=PEM
ssl.keystore.location=$dir/secure/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/secure/ca.pem
listener.name.ssl.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/,DEFAULT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
TEXT
}

# Writes the settings of node $1 and, on first use, its empty storage. A later line of a property counts.
prepare_node() {
    local at name password users=()
    at=$(node_dir "$1")
    mkdir -p "$at"
    properties "$1" >"$at/server.properties"
    if [[ -e $dir/secure ]]; then
        secure_properties "$1" >>"$at/server.properties"
        while read -r name password; do
            users+=(--add-scram "SCRAM-SHA-512=[name=$name,password=$password]")
        done <"$dir/secure/users"
    fi
    [[ -f $at/data/meta.properties ]] && return 0
    if ! "${jvm[@]}" kafka.tools.StorageTool format -t "$(<"$dir/cluster-id")" -c "$at/server.properties" "${users[@]}" \
        >"$at/format.log" 2>&1; then
        cat "$at/format.log" >&2
        die 1 "node $1: the storage could not be formatted"
    fi
}

# Starts the process of node $1, in a session of its own and without our files. The first that ever runs records the
# class data archive.
launch() {
    local at extra=()
    at=$(node_dir "$1")
    if [[ ! -s $archive && $1 -eq 1 ]]; then
        echo "$archive.$$" >"$at/recording"
        extra=("-XX:ArchiveClassesAtExit=$archive.$$")
    fi
    setsid "${jvm[@]}" "${extra[@]}" kafka.Kafka "$at/server.properties" >"$at/server.log" 2>&1 </dev/null 9>&- &
    echo $! >"$at/pid"
    # Until it has become the JVM it does not look like ours.
    until pid_of "$1" >/dev/null || ! kill -0 $! 2>/dev/null; do
        sleep 0.01
    done
}

# A recording becomes the archive when its process has ended by itself ($2 = 0); otherwise it is dropped.
keep_recording() {
    local at recorded
    at=$(node_dir "$1")
    recorded=$(cat "$at/recording" 2>/dev/null) || return 0
    rm -f "$at/recording"
    if [[ $2 -eq 0 && -s $recorded ]]; then
        mv -f "$recorded" "${recorded%.*}"
    else
        rm -f "$recorded"
    fi
}

# Waits for the end of node $1, process $2; what does not end within $3 seconds is killed.
await_end() {
    local end=$((SECONDS + $3)) killed=0
    while pid_of "$1" >/dev/null; do
        if [[ $SECONDS -ge $end ]]; then
            say "node $1 did not stop within $3 s: killing it"
            kill -KILL "$2" 2>/dev/null || true
            killed=1 end=$((SECONDS + STOP_SECONDS))
        fi
        sleep 0.05
    done
    keep_recording "$1" $killed
    rm -f "$(node_dir "$1")/pid"
}

stop_node() {
    local pid
    pid=$(pid_of "$1") || return 0
    kill "-$2" "$pid" 2>/dev/null || true
    await_end "$1" "$pid" $STOP_SECONDS
}

# All nodes at once, except that one which records goes first, in peace. Of three nodes the last ones find no quorum to
# say goodbye to and would wait for minutes: those are killed, which loses nothing (the system has their data, and
# Kafka recovers its logs).
stop_all() {
    local n limit=$STOP_SECONDS
    local -A pids=()
    [[ $(wc -l <"$dir/ports") -eq 1 ]] || limit=$STOP_LAST_SECONDS
    for n in $(running_nodes); do
        [[ ! -f $(node_dir "$n")/recording ]] || stop_node "$n" TERM
    done
    for n in $(running_nodes); do
        pids[$n]=$(pid_of "$n") || continue
        kill -TERM "${pids[$n]}" 2>/dev/null || true
    done
    for n in "${!pids[@]}"; do
        await_end "$n" "${pids[$n]}" "$limit"
    done
}

# ---- readiness

# Every running node answers, knows as many brokers as run and serves producers; groups work.
cluster_answers() {
    local n count known first=''
    count=$(running_nodes | wc -l)
    for n in $(running_nodes); do
        known=$(brokers_known "$(port_of "$n")") && [[ $known -ge $count ]] && producers_ready "$(port_of "$n")" || return 1
        first=${first:-$n}
    done
    [[ $first ]] && groups_ready "$(port_of "$first")"
}

# Waits for the cluster. 1: the nodes given as arguments do not all run any more, or the time is over.
await_answer() {
    local n end=$((SECONDS + START_SECONDS))
    until cluster_answers; do
        for n in "$@"; do
            pid_of "$n" >/dev/null || return 1
        done
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.05
    done
}

explain_failure() {
    local n
    for n in "$@"; do
        say "node $n, last lines of $(node_dir "$n")/server.log:"
        tail -n 20 "$(node_dir "$n")/server.log" >&2 || true
    done
}

publish() {
    awk '{ printf "%s127.0.0.1:%s", (NR > 1 ? "," : ""), $2 } END { print "" }' "$dir/ports" >"$dir/bootstrap"
    if [[ $port_file ]]; then
        cp "$dir/bootstrap" "$port_file.new"
        mv "$port_file.new" "$port_file"
    fi
    cat "$dir/bootstrap"
}

# ---- commands on a cluster

# The cluster id is 16 random bytes in base64url; Kafka takes none that starts with '-'.
new_cluster() {
    nodes=${nodes:-1}
    local id=-
    while [[ $id == -* ]]; do
        id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
    done
    echo "$id" >"$dir/cluster-id"
}

start_once() {
    local n jobs=()
    for ((n = 1; n <= nodes; n++)); do
        prepare_node "$n" &
        jobs+=($!)
    done
    for n in "${jobs[@]}"; do
        wait "$n" || return 1
    done
    for ((n = 1; n <= nodes; n++)); do
        launch "$n"
    done
    # shellcheck disable=SC2046 # one word a node
    await_answer $(all_nodes)
}

address_taken() { grep -qs 'Address already in use' "$dir"/node-*/server.log; }

cmd_start() {
    local try known
    cmd_fetch
    if [[ -f $dir/ports ]]; then
        known=$(wc -l <"$dir/ports")
        [[ ${nodes:-$known} -eq $known ]] || die $EX_USAGE "$dir holds a cluster of $known nodes, not $nodes"
        nodes=$known
        [[ $(running_nodes | wc -l) -eq $nodes ]] && { cmd_wait; return; }
        [[ -z $(running_nodes) ]] || die 1 "some nodes of $dir run and some do not: use start-node or stop"
    fi
    prepare_jvm
    [[ ! $secure ]] || ln -sfn "$secure" "$dir/secure"
    [[ -f $dir/cluster-id ]] || new_cluster
    trap 'say "interrupted"; stop_all; exit 1' INT TERM
    for try in 1 2 3; do
        if [[ $try -gt 1 ]] || ! old_ports_free; then
            choose_ports
        fi
        say "starting $nodes node(s) in $dir"
        start_once && { publish; return; }
        address_taken || break
        say 'a port was taken meanwhile: choosing others'
        stop_all
    done
    # shellcheck disable=SC2046
    explain_failure $(all_nodes)
    stop_all
    die 1 'Kafka did not start'
}

cmd_wait() {
    [[ $(running_nodes) ]] || die 1 "no node of $dir runs"
    # shellcheck disable=SC2046
    await_answer $(running_nodes) || die 1 "the cluster in $dir does not answer"
    publish
}

cmd_kill_node() { stop_node "$node" KILL; }

cmd_start_node() {
    nodes=$(wc -l <"$dir/ports")
    if ! pid_of "$node" >/dev/null; then
        cmd_fetch
        prepare_jvm
        launch "$node"
    fi
    await_answer "$node" && { publish; return; }
    explain_failure "$node"
    die 1 "node $node did not start"
}

cmd_restart_node() {
    stop_node "$node" "${hard:-TERM}"
    cmd_start_node
}

# ---- command line

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
        --kill) hard=KILL && shift && continue ;;
        --dir | --lib | --nodes | --node | --port-file | --secure) [[ $# -ge 2 ]] || die $EX_USAGE "$1 needs a value" ;;
        *) die $EX_USAGE "unknown option '$1' (kafka.sh help)" ;;
        esac
        case $1 in
        --dir) dir=$2 ;;
        --lib) lib=$(realpath -m "$2") ;; # Maven would take a relative one from the folder of pom.xml
        --secure) secure=$(realpath "$2") ;;
        --nodes) nodes=$2 ;;
        --node) node=$2 ;;
        --port-file) port_file=$2 ;;
        esac
        shift 2
    done
    [[ ${nodes:-1} =~ ^[13]$ ]] || die $EX_USAGE "--nodes is 1 or 3, not '$nodes'"
}

# Runs a command of one cluster under the cluster's lock. kind: what the command needs; new (a folder to make), stop (nothing),
# node (a cluster and --node), any (a cluster).
with_cluster() {
    local command=$1 kind=$2
    [[ $dir ]] || die $EX_USAGE '--dir DIR is needed'
    [[ $kind == new ]] && mkdir -p "$dir"
    [[ $kind != stop || -f $dir/ports ]] || return 0 # nothing was ever started there
    [[ $kind == new || -f $dir/ports ]] || die $EX_USAGE "no cluster in '$dir'"
    dir=$(cd "$dir" && pwd)
    [[ $kind != node ]] || grep -qs "^$node " "$dir/ports" || die $EX_USAGE "--node N must name a node of $dir"
    exec 9>"$dir/lock"
    flock 9
    "$command"
}

main() {
    local command=${1:-help}
    [[ $# -eq 0 ]] || shift
    case $command in
    help | --help | -h) usage && return ;;
    esac
    parse "$@"
    case $command in
    fetch) cmd_fetch ;;
    start) with_cluster cmd_start new ;;
    stop) with_cluster stop_all stop ;;
    wait) with_cluster cmd_wait any ;;
    kill-node) with_cluster cmd_kill_node node ;;
    start-node) with_cluster cmd_start_node node ;;
    restart-node) with_cluster cmd_restart_node node ;;
    *) die $EX_USAGE "unknown command '$command' (kafka.sh help)" ;;
    esac
}

main "$@"
