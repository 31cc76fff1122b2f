-- put_delivery(value of a record): takes it in where it is news. A record that is none lands in delivery_errors and stops nobody.
CREATE OR REPLACE FUNCTION trueftp.put_delivery(value text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r jsonb;
BEGIN
    -- PostgreSQL's text cannot hold NUL, which a path may.
    r := replace(value, '\u0000', '\ufffd')::jsonb;
    IF r ->> 'schema' = 'trueftp.claim/1' THEN
        RETURN;
    END IF;
    IF r ->> 'schema' IS DISTINCT FROM 'trueftp.delivery/1' THEN
        RAISE EXCEPTION 'not a delivery record';
    END IF;
    INSERT INTO trueftp.deliveries AS d
    VALUES (
        (r ->> 'delivery_id')::uuid, (r ->> 'event_id')::uuid, r ->> 'webhook_id', r ->> 'account_id', r ->> 'event', r ->> 'path',
        r ->> 'status', (r ->> 'revision')::bigint, (r ->> 'attempt')::integer, (r ->> 'max_attempts')::integer,
        (r ->> 'http_status')::integer, r ->> 'error', (r ->> 'event_time')::timestamptz, (r ->> 'created_at')::timestamptz,
        (r ->> 'updated_at')::timestamptz, (r -> 'attempts' -> -1 ->> 'duration_ms')::integer, (r ->> 'generation')::integer,
        coalesce((r ->> 'test')::boolean, false))
    ON CONFLICT (delivery_id) DO UPDATE SET
        event_id = excluded.event_id, webhook_id = excluded.webhook_id, account_id = excluded.account_id, event = excluded.event,
        path = excluded.path, status = excluded.status, revision = excluded.revision, attempt = excluded.attempt,
        max_attempts = excluded.max_attempts, http_status = excluded.http_status, error = excluded.error,
        event_time = excluded.event_time, created_at = excluded.created_at, updated_at = excluded.updated_at,
        last_duration_ms = excluded.last_duration_ms, generation = excluded.generation, test = excluded.test
    WHERE d.revision < excluded.revision;
EXCEPTION WHEN data_exception OR not_null_violation OR raise_exception THEN
    INSERT INTO trueftp.delivery_errors (error, raw) VALUES (SQLERRM, value);
END $$;
