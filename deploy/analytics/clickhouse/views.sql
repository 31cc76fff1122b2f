-- From the stream into the tables: what is a delivery record, and what should have been one. Workers' own records, and tombstones, are neither.
CREATE MATERIALIZED VIEW IF NOT EXISTS trueftp.delivery_rows TO trueftp.deliveries AS
SELECT
    toUUID(JSONExtractString(record, 'delivery_id')) AS delivery_id,
    toUUID(JSONExtractString(record, 'event_id')) AS event_id,
    JSONExtractString(record, 'webhook_id') AS webhook_id,
    JSONExtractString(record, 'account_id') AS account_id,
    JSONExtractString(record, 'event') AS event,
    JSONExtractString(record, 'path') AS path,
    JSONExtractString(record, 'status') AS status,
    JSONExtractUInt(record, 'revision') AS revision,
    JSONExtractUInt(record, 'attempt') AS attempt,
    JSONExtractUInt(record, 'max_attempts') AS max_attempts,
    JSONExtract(record, 'http_status', 'Nullable(UInt16)') AS http_status,
    JSONExtract(record, 'error', 'Nullable(String)') AS error,
    parseDateTime64BestEffort(JSONExtractString(record, 'event_time'), 3, 'UTC') AS event_time,
    parseDateTime64BestEffort(JSONExtractString(record, 'created_at'), 3, 'UTC') AS created_at,
    parseDateTime64BestEffort(JSONExtractString(record, 'updated_at'), 3, 'UTC') AS updated_at,
    JSONExtract(record, 'attempts', -1, 'duration_ms', 'Nullable(UInt32)') AS last_duration_ms,
    JSONExtractUInt(record, 'generation') AS generation,
    JSONExtractBool(record, 'test') AS test
FROM trueftp.delivery_stream
WHERE _error = ''
    AND JSONExtractString(record, 'schema') = 'trueftp.delivery/1'
    AND toUUIDOrNull(JSONExtractString(record, 'delivery_id')) IS NOT NULL
    AND toUUIDOrNull(JSONExtractString(record, 'event_id')) IS NOT NULL
    AND parseDateTime64BestEffortOrNull(JSONExtractString(record, 'event_time'), 3, 'UTC') IS NOT NULL
    AND JSONExtractUInt(record, 'revision') > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS trueftp.delivery_error_rows TO trueftp.delivery_errors AS
SELECT
    _topic AS topic,
    _partition AS partition,
    _offset AS offset,
    if(_error != '', _error, if(isValidJSON(record), 'not a delivery record', 'not JSON')) AS error,
    if(_error != '', _raw_message, record) AS raw
FROM trueftp.delivery_stream
WHERE record != ''
    AND JSONExtractString(record, 'schema') != 'trueftp.claim/1'
    AND NOT (_error = ''
        AND JSONExtractString(record, 'schema') = 'trueftp.delivery/1'
        AND toUUIDOrNull(JSONExtractString(record, 'delivery_id')) IS NOT NULL
        AND toUUIDOrNull(JSONExtractString(record, 'event_id')) IS NOT NULL
        AND parseDateTime64BestEffortOrNull(JSONExtractString(record, 'event_time'), 3, 'UTC') IS NOT NULL
        AND JSONExtractUInt(record, 'revision') > 0);
