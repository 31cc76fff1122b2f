/* Reconciliation of a time range. It is worked out in steps between other requests, and answered when it is done. */
#include <stdlib.h>

#include "api.h"
#include "http/response.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"
#include "util/mem.h"

#define STEP_MS 4
#define DEFAULT_RANGE_MS (24 * (int64_t)VIEW_HOUR_MS)

struct reconciling {
    struct request *request;
    struct view_reconciliation *reconciliation;
    struct loop_timer *timer;
    int64_t since_wall_ms, until_wall_ms;
    struct buf rows;
};

static void end(struct reconciling *r)
{
    view_reconcile_free(r->reconciliation);
    loop_timer_free(r->timer);
    buf_done(&r->rows);
    free(r);
}

static void list_one(void *ctx, const struct view_owed *o)
{
    struct reconciling *r = ctx;
    struct buf *out = &r->rows;
    char id[UUID_TEXT_SIZE];
    const char *status = o->dl ? delivery_status_name(o->dl->status) : o->missing ? "missing" : "unrecorded";
    uuid_format(&o->event_id, id);
    buf_printf(out, "%s{\"event_id\":\"%s\"", out->len > 0 ? "," : "", id);
    write_text(out, "webhook_id", o->webhook_id);
    write_uuid(out, "delivery_id", &o->delivery_id);
    write_text(out, "event", slice_str(event_type_name(o->event)));
    write_text(out, "path", o->path);
    write_time(out, "event_time", o->event_wall_ms);
    write_text(out, "status", slice_str(status));
    bool failed = o->dl && o->dl->error != DELIVERY_ERROR_NONE;
    write_text(out, "error", failed ? slice_str(delivery_error_name(o->dl->error)) : SLICE(""));
    buf_puts(out, "}");
}

static void answer(struct reconciling *r)
{
    struct request *rq = r->request;
    const struct view_balance *b = view_reconcile_balance(r->reconciliation);
    struct buf *out = reply_body(rq);
    buf_printf(out, "{\"events\":%lld", (long long)b->events);
    write_time(out, "since", r->since_wall_ms);
    write_time(out, "until", r->until_wall_ms);
    write_time(out, "as_of", b->as_of_wall_ms);
    write_time(out, "complete_since", b->complete_since_wall_ms);
    write_number(out, "owed", b->owed);
    write_number(out, "delivered", b->delivered);
    write_number(out, "redelivered", b->redelivered);
    write_number(out, "pending", b->pending);
    write_number(out, "failed", b->failed);
    write_number(out, "cancelled", b->cancelled);
    write_number(out, "purged", b->purged);
    write_number(out, "missing", b->missing);
    write_number(out, "unproven", b->unproven);
    buf_puts(out, ",\"data\":[");
    buf_put_slice(out, buf_slice(&r->rows));
    buf_puts(out, "]");
    write_text(out, "next_cursor", slice_str(view_reconcile_next(r->reconciliation)));
    buf_puts(out, "}");
    reply_json(rq, 200);
}

static void step(void *ctx)
{
    struct reconciling *r = ctx;
    struct errmsg why;
    bool done = false;
    enum err err = view_reconcile_step(r->reconciliation, STEP_MS, &done, &why);
    if (err == ERR_OK && !done) {
        loop_timer_arm(r->timer, 0);
        return;
    }
    if (err == ERR_OK)
        answer(r);
    else
        reply_view_failed(r->request, err, &why);
    end(r);
}

void reconciliation_get(struct request *rq)
{
    struct view_reconcile_query q = {.account_id = slice_str(rq->principal.account_id), .cursor = query_text(rq, "cursor")};
    struct errmsg why;
    if (!view_is_ready(rq) || !query_range(rq, &q.since_wall_ms, &q.until_wall_ms) || !request_limit(rq, &q.limit))
        return;
    if (q.until_wall_ms == INT64_MAX)
        q.until_wall_ms = loop_wall(rq->api->loop);
    if (q.since_wall_ms == 0)
        q.since_wall_ms = q.until_wall_ms - DEFAULT_RANGE_MS;
    struct reconciling *r = mem_zalloc(sizeof *r);
    *r = (struct reconciling){.request = rq, .since_wall_ms = q.since_wall_ms, .until_wall_ms = q.until_wall_ms};
    buf_init(&r->rows, REPLY_MAX_BYTES);
    r->timer = loop_timer_new(rq->api->loop, step, r);
    enum err err = view_reconcile_new(rq->api->view, &q, list_one, r, &r->reconciliation, &why);
    if (err != ERR_OK) {
        reply_view_failed(rq, err, &why);
        end(r);
        return;
    }
    loop_timer_arm(r->timer, 0);
}
