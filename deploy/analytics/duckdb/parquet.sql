-- From exported lines (variable `lines`, a file or a glob) to one Parquet file (variable `parquet`), a row a delivery. What is no delivery record is
-- left out; delivery_errors counts it.
CREATE OR REPLACE TABLE lines AS
SELECT line, CASE WHEN json_valid(line) THEN line::json END AS r
FROM read_csv(getvariable('lines'), columns = {'line': 'VARCHAR'}, header = false, delim = chr(1), quote = '', escape = '', auto_detect = false, max_line_size = 4194304)
WHERE line <> '';

CREATE OR REPLACE TABLE records AS
SELECT
    try_cast(r ->> 'delivery_id' AS UUID) AS delivery_id,
    try_cast(r ->> 'event_id' AS UUID) AS event_id,
    r ->> 'webhook_id' AS webhook_id,
    r ->> 'account_id' AS account_id,
    r ->> 'event' AS event,
    r ->> 'path' AS path,
    r ->> 'status' AS status,
    try_cast(r ->> 'revision' AS BIGINT) AS revision,
    try_cast(r ->> 'attempt' AS INTEGER) AS attempt,
    try_cast(r ->> 'max_attempts' AS INTEGER) AS max_attempts,
    try_cast(r ->> 'http_status' AS INTEGER) AS http_status,
    r ->> 'error' AS error,
    try_cast(r ->> 'event_time' AS TIMESTAMP) AS event_time,
    try_cast(r ->> 'created_at' AS TIMESTAMP) AS created_at,
    try_cast(r ->> 'updated_at' AS TIMESTAMP) AS updated_at,
    try_cast(r ->> '$.attempts[#-1].duration_ms' AS INTEGER) AS last_duration_ms,
    try_cast(r ->> 'generation' AS INTEGER) AS generation,
    coalesce(try_cast(r ->> 'test' AS BOOLEAN), false) AS test
FROM lines WHERE r ->> 'schema' = 'trueftp.delivery/1';

CREATE OR REPLACE TABLE delivery_errors AS
SELECT line AS raw FROM lines
WHERE r IS NULL OR ((r ->> 'schema') IS DISTINCT FROM 'trueftp.claim/1' AND (r ->> 'schema') IS DISTINCT FROM 'trueftp.delivery/1')
    OR ((r ->> 'schema') = 'trueftp.delivery/1' AND (try_cast(r ->> 'delivery_id' AS UUID) IS NULL OR try_cast(r ->> 'revision' AS BIGINT) IS NULL
        OR try_cast(r ->> 'event_time' AS TIMESTAMP) IS NULL));

CREATE OR REPLACE TABLE deliveries AS
SELECT * FROM records WHERE delivery_id IS NOT NULL AND revision IS NOT NULL AND event_time IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY delivery_id ORDER BY revision DESC) = 1;

COPY (SELECT * FROM deliveries ORDER BY account_id, event_time) TO (getvariable('parquet')) (FORMAT parquet, COMPRESSION zstd);
