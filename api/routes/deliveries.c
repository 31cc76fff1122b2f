/* Deliveries of a webhook: the list, and one with its body, each attempt and its history. */
#include "api.h"
#include "http/response.h"
#include "routes/routes.h"
#include "routes/write.h"
#include "routes/write_delivery.h"
#include "util/json.h"

/* -------- the list -------- */

static void list_one(void *ctx, const struct delivery *dl)
{
    struct buf *out = ctx;
    buf_puts(out, out->p[out->len - 1] == '[' ? "" : ",");
    write_delivery_summary(out, dl);
}

void webhook_deliveries(struct request *rq)
{
    struct view_delivery_query q = {.webhook_id = slice_str(request_param(rq, "webhook_id")), .cursor = query_text(rq, "cursor")};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    if (!view_is_ready(rq) || !query_status(rq, &q.status) || !query_event(rq, &q.event) ||
        !query_range(rq, &q.since_wall_ms, &q.until_wall_ms) || !request_limit(rq, &q.limit))
        return;
    buf_puts(reply_body(rq), "{\"data\":[");
    enum err err = view_deliveries(rq->api->view, &q, list_one, reply_body(rq), next, &why);
    if (err != ERR_OK) {
        reply_view_failed(rq, err, &why);
        return;
    }
    buf_puts(reply_body(rq), "]");
    write_text(reply_body(rq), "next_cursor", slice_str(next));
    buf_puts(reply_body(rq), "}");
    reply_json(rq, 200);
}

/* -------- one -------- */

struct showing {
    struct request *request;
    enum err err;
    struct errmsg why;
};

/* What each attempt sends alike; the timestamp, the attempt's number and the signatures change with it. */
static void write_request_headers(struct request *rq, const struct delivery *dl, const struct webhook *wh)
{
    struct buf *out = reply_body(rq);
    char id[UUID_TEXT_SIZE];
    uuid_format(&dl->id, id);
    buf_puts(out, ",\"request_headers\":{\"Content-Type\":\"application/json\",\"User-Agent\":\"TrueFTP-Webhooks/" TRUEFTP_VERSION
                  "\"");
    buf_printf(out, ",\"X-TrueFTP-Event\":\"%s\",\"X-TrueFTP-Delivery\":\"%s\"", event_type_name(dl->event), id);
    if (wh->signature & WEBHOOK_SIGN_STANDARD)
        buf_printf(out, ",\"webhook-id\":\"%s\"", id);
    buf_puts(out, wh->header_count > 0 ? "," : "");
    write_headers(rq, out, wh);
    buf_puts(out, "}");
}

static enum err write_body(struct request *rq, const struct delivery *dl, struct errmsg *why)
{
    struct buf body;
    buf_init(&body, REPLY_MAX_BYTES);
    enum err err = view_body(rq->api->view, dl, &body, why);
    if (err == ERR_OK || err == ERR_NOT_FOUND)
        write_text(reply_body(rq), "body", buf_slice(&body));
    buf_done(&body);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void show_one(void *ctx, const struct delivery *dl)
{
    struct showing *s = ctx;
    struct request *rq = s->request;
    struct buf *out = reply_body(rq);
    buf_puts(out, "{");
    write_delivery_members(out, dl);
    s->err = write_body(rq, dl, &s->why);
    write_request_headers(rq, dl, definitions_webhook(rq->api->definitions, request_param(rq, "webhook_id")));
    buf_puts(out, ",\"attempts\":");
    write_attempts(out, dl);
    write_text(out, "trace_id", dl->trace_id);
}

static bool find_id(struct request *rq, struct uuid *id)
{
    if (uuid_parse(slice_str(request_param(rq, "delivery_id")), id) == ERR_OK)
        return true;
    reply_problem(rq, PROBLEM_NOT_FOUND, "this webhook has no such delivery");
    return false;
}

void webhook_delivery(struct request *rq)
{
    struct slice webhook_id = slice_str(request_param(rq, "webhook_id"));
    struct showing s = {.request = rq};
    struct uuid id;
    if (!view_is_ready(rq) || !find_id(rq, &id))
        return;
    enum err err = view_delivery(rq->api->view, webhook_id, &id, show_one, &s, &s.why);
    if (err == ERR_NOT_FOUND) {
        reply_problem(rq, PROBLEM_NOT_FOUND, "this webhook has no such delivery");
        return;
    }
    buf_puts(reply_body(rq), ",\"history\":[");
    err = err == ERR_OK ? s.err : err;
    err = err == ERR_OK ? view_history(rq->api->view, webhook_id, &id, list_one, reply_body(rq), &s.why) : err;
    if (err != ERR_OK) {
        reply_view_failed(rq, ERR_IO, &s.why);
        return;
    }
    buf_puts(reply_body(rq), "]}");
    reply_json(rq, 200);
}
