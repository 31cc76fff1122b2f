-- Deliveries, one row each. Records come in through put_delivery (upsert.sql).
CREATE SCHEMA IF NOT EXISTS trueftp;

CREATE TABLE IF NOT EXISTS trueftp.deliveries (
    delivery_id uuid PRIMARY KEY,
    event_id uuid NOT NULL,
    webhook_id text NOT NULL,
    account_id text NOT NULL,
    event text NOT NULL,
    path text NOT NULL,
    status text NOT NULL,
    revision bigint NOT NULL,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    http_status integer,
    error text,
    event_time timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_duration_ms integer,
    generation integer NOT NULL,
    test boolean NOT NULL
);

CREATE INDEX IF NOT EXISTS deliveries_account_time ON trueftp.deliveries (account_id, event_time);

CREATE TABLE IF NOT EXISTS trueftp.delivery_errors (
    seen_at timestamptz NOT NULL DEFAULT now(),
    error text NOT NULL,
    raw text NOT NULL
);
