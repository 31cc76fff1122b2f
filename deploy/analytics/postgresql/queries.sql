-- success_rate: of the deliveries that ended, by day
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, avg((status = 'delivered')::int)::float AS success_rate, count(*) AS ended
FROM trueftp.deliveries WHERE status IN ('delivered', 'failed') AND NOT test GROUP BY day ORDER BY day;

-- latency_p95: seconds from the event to its delivery, by day
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM updated_at - event_time))::float AS p95_seconds
FROM trueftp.deliveries WHERE status = 'delivered' AND NOT test GROUP BY day ORDER BY day;

-- worst_endpoints: webhooks with most failures
SELECT webhook_id, account_id, count(*) FILTER (WHERE status = 'failed') AS failed, count(*) AS ended, min(error) AS an_error
FROM trueftp.deliveries WHERE status IN ('delivered', 'failed') GROUP BY webhook_id, account_id HAVING count(*) FILTER (WHERE status = 'failed') > 0 ORDER BY failed DESC, webhook_id LIMIT 20;

-- retry_depth: how many attempts deliveries needed
SELECT attempt, count(*) AS deliveries FROM trueftp.deliveries WHERE status = 'delivered' GROUP BY attempt ORDER BY attempt;

-- tenant_volume: deliveries of each account, by day
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, account_id, count(*) AS deliveries FROM trueftp.deliveries WHERE status <> 'purged' GROUP BY day, account_id ORDER BY day, account_id;
