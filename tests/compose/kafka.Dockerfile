# Stands in for apache/kafka where no registry can be reached: the same Kafka from Maven's jars, the same variables, the same script for the
# health check. Its context is build/kafka/lib.
ARG DEBIAN=docker.io/library/debian:trixie-slim
FROM ${DEBIAN}
RUN mkdir -p /usr/share/man/man1 && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends default-jre-headless && rm -rf /var/lib/apt/lists/*
COPY lib /opt/kafka/libs
COPY kafka.sh /opt/kafka/bin/kafka-broker-api-versions.sh
COPY kafka.sh /opt/kafka/run
RUN useradd --uid 1000 appuser && mkdir -p /var/lib/kafka/data && chown 1000 /var/lib/kafka/data
USER 1000
VOLUME /var/lib/kafka/data
CMD ["/opt/kafka/run"]
