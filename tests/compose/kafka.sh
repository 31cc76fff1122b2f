#!/bin/bash
# What the official image does with its variables: KAFKA_NODE_ID becomes node.id, and so on. Called by the name of Kafka's script, it asks a broker.
set -euo pipefail
java=(java -Xms256m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*')

[[ ${0##*/} != kafka-broker-api-versions.sh ]] || exec "${java[@]}" kafka.admin.BrokerApiVersionsCommand "$@"
env | sed -nE 's/^KAFKA_([A-Z_]+)=(.*)/\1 \2/p' | while read -r name value; do
    name=${name,,}
    printf '%s=%s\n' "${name//_/.}" "$value"
done >/tmp/server.properties
[[ -f $KAFKA_LOG_DIRS/meta.properties ]] ||
    "${java[@]}" kafka.tools.StorageTool format -t "$("${java[@]}" kafka.tools.StorageTool random-uuid)" -c /tmp/server.properties
exec "${java[@]}" kafka.Kafka /tmp/server.properties
