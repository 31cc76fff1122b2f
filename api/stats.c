#include "stats.h"

#include <stdio.h>

#include "api.h"

static const double second_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

static double open_requests(void *ctx)
{
    const struct api *api = ctx;
    return api->server ? server_open(api->server) : 0;
}

static double outstanding(void *ctx)
{
    const struct api *api = ctx;
    return api->writer ? writer_outstanding(api->writer) : 0;
}

static double webhooks(void *ctx)
{
    const struct api *api = ctx;
    return api->definitions ? (double)table_count(definitions_webhooks(api->definitions)) : 0;
}

static double accounts(void *ctx)
{
    const struct api *api = ctx;
    return api->definitions ? (double)table_count(definitions_accounts(api->definitions)) : 0;
}

static double expectations(void *ctx)
{
    const struct api *api = ctx;
    return api->definitions ? (double)table_count(definitions_expectations(api->definitions)) : 0;
}

void stats_init(struct api_stats *s, struct metrics *m, struct api *api)
{
    char label[32];
    metrics_gauge(m, "trueftp_build_info", "Version of this program", "version=\"" TRUEFTP_VERSION "\"")[0] = 1;
    for (int i = 1; i < 6; i++) {
        (void)snprintf(label, sizeof label, "class=\"%dxx\"", i);
        s->requests[i] = metrics_counter(m, "trueftp_api_requests_total", "Requests answered, by class of status", label);
    }
    s->seconds = metrics_histogram(m, "trueftp_api_request_seconds", "How long requests took", NULL, second_bounds,
                                   sizeof second_bounds / sizeof second_bounds[0]);
    s->unauthorized = metrics_counter(m, "trueftp_api_unauthorized_total", "Requests without a valid key", NULL);
    s->rate_limited = metrics_counter(m, "trueftp_api_rate_limited_total", "Requests beyond their key's rate", NULL);
    s->conflicts = metrics_counter(m, "trueftp_api_conflicts_total", "Changes that lost against another one", NULL);
    s->webhooks_disabled =
        metrics_counter(m, "trueftp_api_webhooks_disabled_total", "Webhooks disabled since workers found them useless", NULL);
    s->files_missing = metrics_counter(m, "trueftp_api_files_missing_total", "Expected files that have not come in time", NULL);
    s->loop_lag_seconds = metrics_gauge(m, "trueftp_api_loop_lag_seconds", "Longest turn of the loop in the last second", NULL);
    metrics_gauge_fn(m, "trueftp_api_requests_open", "Requests and streams that are open", NULL, open_requests, api);
    metrics_gauge_fn(m, "trueftp_api_writes_outstanding", "Records that Kafka has not answered for", NULL, outstanding, api);
    metrics_gauge_fn(m, "trueftp_api_webhooks", "Webhooks known", NULL, webhooks, api);
    metrics_gauge_fn(m, "trueftp_api_accounts", "Accounts known", NULL, accounts, api);
    metrics_gauge_fn(m, "trueftp_api_expectations", "Expected arrivals known", NULL, expectations, api);
}
