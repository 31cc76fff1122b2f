-- Where records come from. The flush interval is longer than the group takes to form, else a rebalance follows the other.
CREATE TABLE IF NOT EXISTS trueftp.delivery_stream (record String)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = 'kafka:9092',
    -- every pool's topic, separated by commas
    kafka_topic_list = 'trueftp.deliveries',
    kafka_group_name = 'trueftp-clickhouse',
    kafka_format = 'RawBLOB',
    kafka_num_consumers = 1,
    kafka_flush_interval_ms = 15000,
    -- one bad row must not stop the stream
    kafka_handle_error_mode = 'stream';
