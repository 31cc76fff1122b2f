-- success_rate: of the deliveries that ended, by day
SELECT event_time::date AS day, avg((status = 'delivered')::int) AS success_rate, count(*) AS ended
FROM deliveries WHERE status IN ('delivered', 'failed') AND NOT test GROUP BY day ORDER BY day;

-- latency_p95: seconds from the event to its delivery, by day
SELECT event_time::date AS day, quantile_disc(date_diff('millisecond', event_time, updated_at) / 1000.0, 0.95) AS p95_seconds
FROM deliveries WHERE status = 'delivered' AND NOT test GROUP BY day ORDER BY day;

-- worst_endpoints: webhooks with most failures
SELECT webhook_id, account_id, count(*) FILTER (status = 'failed') AS failed, count(*) AS ended, min(error) AS an_error
FROM deliveries WHERE status IN ('delivered', 'failed') GROUP BY webhook_id, account_id HAVING failed > 0 ORDER BY failed DESC, webhook_id LIMIT 20;

-- retry_depth: how many attempts deliveries needed
SELECT attempt, count(*) AS deliveries FROM deliveries WHERE status = 'delivered' GROUP BY attempt ORDER BY attempt;

-- tenant_volume: deliveries of each account, by day
SELECT event_time::date AS day, account_id, count(*) AS deliveries FROM deliveries WHERE status <> 'purged' GROUP BY day, account_id ORDER BY day, account_id;
