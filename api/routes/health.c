/* How webhooks do: success rate, latency, state, and a series for charts. */
#include <stdlib.h>

#include "api.h"
#include "http/page.h"
#include "http/response.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"

#define QUARTER_S 900
#define DAY_S 86400

/* The window that is asked for: a quarter of an hour by minutes, or a day by hours. */
static bool query_window(struct request *rq, bool *quarter)
{
    const char *text = uri_query(&rq->uri, "window");
    *quarter = text && strcmp(text, "15m") == 0;
    if (!text || *quarter || strcmp(text, "24h") == 0)
        return true;
    struct field_errors errors = {0};
    field_error(&errors, "window", "invalid", "must be 15m or 24h");
    reply_fields(rq, PROBLEM_INVALID_PARAMETER, &errors);
    return false;
}

static void write_percentiles(struct buf *out, const struct view_attempts *a)
{
    buf_puts(out, ",\"latency_ms\":{\"p50\":");
    int32_t p50 = view_latency_ms(a, 50);
    buf_puts(out, p50 < 0 ? "null" : "");
    if (p50 >= 0)
        buf_put_i64(out, p50);
    write_number(out, "p95", view_latency_ms(a, 95));
    write_number(out, "p99", view_latency_ms(a, 99));
    buf_puts(out, "}");
}

static void write_rate(struct buf *out, const struct view_attempts *a)
{
    int64_t all = a->succeeded + a->failed;
    buf_puts(out, ",\"success_rate\":");
    if (all > 0)
        buf_printf(out, "%.6f", (double)a->succeeded / (double)all);
    else
        buf_puts(out, "null");
}

static void write_span(void *ctx, const struct view_attempts *a)
{
    struct buf *out = ctx;
    char time[CLOCK_UTC_SIZE];
    (void)clock_format_utc(a->start_wall_ms, true, time);
    buf_printf(out, "%s{\"time\":\"%s\"", out->p[out->len - 1] == '[' ? "" : ",", time);
    write_number(out, "delivered", a->succeeded);
    write_number(out, "failed", a->failed);
    write_number(out, "p50_ms", view_latency_ms(a, 50));
    write_number(out, "p95_ms", view_latency_ms(a, 95));
    buf_puts(out, "}");
}

static void write_health(struct request *rq, struct buf *out, const struct webhook *wh, const struct view_health *h, bool quarter)
{
    const struct view_attempts *a = quarter ? &h->last_15_min : &h->last_24_h;
    int64_t counts[VIEW_STATUSES];
    view_counts(rq->api->view, slice_str(wh->id), counts);
    buf_printf(out, "{\"webhook_id\":\"%s\"", wh->id);
    write_text(out, "state", slice_str(wh->enabled ? view_state_name(h->state) : view_state_name(VIEW_DISABLED)));
    write_time(out, "failing_since", h->failing_since_wall_ms);
    write_text(out, "disabled_reason", wh->enabled ? SLICE("") : slice_str(wh->disabled_reason));
    write_number(out, "consecutive_failures", h->consecutive_failures);
    write_number(out, "window_s", quarter ? QUARTER_S : DAY_S);
    write_number(out, "deliveries", a->succeeded);
    write_number(out, "attempts", a->succeeded + a->failed);
    write_rate(out, a);
    write_percentiles(out, a);
    write_number(out, "open", counts[DELIVERY_RETRYING] + counts[DELIVERY_PARKED]);
    write_time(out, "last_success_at", h->last_success_wall_ms);
    write_time(out, "last_failure_at", h->last_failure_wall_ms);
    buf_puts(out, ",\"series\":[");
}

void health_get(struct request *rq)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, request_param(rq, "webhook_id"));
    struct view_health h;
    struct errmsg why;
    bool quarter = false;
    if (!view_is_ready(rq) || !query_window(rq, &quarter))
        return;
    enum err err = view_health(rq->api->view, slice_str(wh->id), loop_wall(rq->api->loop), &h, &why);
    if (err == ERR_OK) {
        const struct view_attempts *a = quarter ? &h.last_15_min : &h.last_24_h;
        write_health(rq, reply_body(rq), wh, &h, quarter);
        err = view_series(rq->api->view, slice_str(wh->id), quarter ? VIEW_MINUTE_MS : VIEW_HOUR_MS, a->start_wall_ms,
                          a->start_wall_ms + a->span_ms, write_span, reply_body(rq), &why);
    }
    if (err != ERR_OK) {
        reply_view_failed(rq, err, &why);
        return;
    }
    buf_puts(reply_body(rq), "]}");
    reply_json(rq, 200);
}

static void list_one(struct request *rq, struct buf *out, const void *thing)
{
    const struct webhook *wh = thing;
    struct view_health h = {0};
    struct errmsg why;
    if (view_health(rq->api->view, slice_str(wh->id), loop_wall(rq->api->loop), &h, &why) != ERR_OK)
        log_error("view_query_failed", LOG_STR("request_id", rq->id), LOG_STR("error", why.text));
    write_health(rq, out, wh, &h, false);
    buf_puts(out, "]}");
}

void health_list(struct request *rq)
{
    const struct webhook *const *webhooks;
    if (!view_is_ready(rq))
        return;
    size_t count = definitions_webhooks_of(rq->api->definitions, rq->principal.account_id, &webhooks);
    struct page_item *items = mem_array(NULL, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct page_item){webhooks[i]->created_wall_ms, webhooks[i]->id, webhooks[i]};
    page_reply(rq, items, count, list_one);
    free(items);
}
