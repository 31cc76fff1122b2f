-- success_rate: of the deliveries that ended, by day
SELECT toDate(event_time) AS day, countIf(status = 'delivered') / count() AS success_rate, count() AS ended
FROM trueftp.deliveries FINAL WHERE status IN ('delivered', 'failed') AND NOT test GROUP BY day ORDER BY day;

-- latency_p95: seconds from the event to its delivery, by day
SELECT toDate(event_time) AS day, quantileExact(0.95)(dateDiff('millisecond', event_time, updated_at) / 1000) AS p95_seconds
FROM trueftp.deliveries FINAL WHERE status = 'delivered' AND NOT test GROUP BY day ORDER BY day;

-- worst_endpoints: webhooks with most failures
SELECT webhook_id, account_id, countIf(status = 'failed') AS failed, count() AS ended, anyIf(error, error IS NOT NULL) AS an_error
FROM trueftp.deliveries FINAL WHERE status IN ('delivered', 'failed') GROUP BY webhook_id, account_id HAVING failed > 0 ORDER BY failed DESC, webhook_id LIMIT 20;

-- retry_depth: how many attempts deliveries needed
SELECT attempt, count() AS deliveries FROM trueftp.deliveries FINAL WHERE status = 'delivered' GROUP BY attempt ORDER BY attempt;

-- tenant_volume: deliveries of each account, by day
SELECT toDate(event_time) AS day, account_id, count() AS deliveries FROM trueftp.deliveries FINAL WHERE status != 'purged' GROUP BY day, account_id ORDER BY day, account_id;
