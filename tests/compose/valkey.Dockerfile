# Stands in for valkey/valkey where no registry can be reached: Debian's package of it.
ARG DEBIAN=docker.io/library/debian:trixie-slim
FROM ${DEBIAN}
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends valkey-server && rm -rf /var/lib/apt/lists/*
USER valkey
