-- Deliveries, one row each once merged: the row with the highest revision stays. Read with FINAL.
CREATE DATABASE IF NOT EXISTS trueftp;

CREATE TABLE IF NOT EXISTS trueftp.deliveries
(
    delivery_id UUID,
    event_id UUID,
    webhook_id String,
    account_id LowCardinality(String),
    event LowCardinality(String),
    path String,
    status LowCardinality(String),
    revision UInt64,
    attempt UInt8,
    max_attempts UInt8,
    http_status Nullable(UInt16),
    error LowCardinality(Nullable(String)),
    event_time DateTime64(3, 'UTC'),
    created_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    last_duration_ms Nullable(UInt32),
    generation UInt32,
    test Bool
)
ENGINE = ReplacingMergeTree(revision)
-- By what never changes: rows of different partitions are never merged.
PARTITION BY toYYYYMM(event_time)
ORDER BY (account_id, delivery_id);

CREATE TABLE IF NOT EXISTS trueftp.delivery_errors
(
    seen_at DateTime DEFAULT now(),
    topic String,
    partition UInt64,
    offset UInt64,
    error String,
    raw String
)
ENGINE = MergeTree
ORDER BY seen_at
TTL seen_at + INTERVAL 30 DAY;
