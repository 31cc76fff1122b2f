#include "routes/write_delivery.h"

#include "api.h"
#include "http/response.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* -------- members -------- */

void write_text(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text.len > 0)
        json_put_string(out, text);
    else
        buf_puts(out, "null");
}

void write_number(struct buf *out, const char *name, int64_t value)
{
    buf_printf(out, ",\"%s\":", name);
    if (value >= 0)
        buf_put_i64(out, value);
    else
        buf_puts(out, "null");
}

void write_time(struct buf *out, const char *name, int64_t wall_ms)
{
    char text[CLOCK_UTC_SIZE];
    buf_printf(out, ",\"%s\":", name);
    if (wall_ms == 0) {
        buf_puts(out, "null");
        return;
    }
    (void)clock_format_utc(wall_ms, true, text);
    buf_printf(out, "\"%s\"", text);
}

void write_uuid(struct buf *out, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void write_outcome(struct buf *out, int http_status, enum delivery_error error)
{
    write_number(out, "http_status", http_status > 0 ? http_status : -1);
    write_text(out, "error", error == DELIVERY_ERROR_NONE ? SLICE("") : slice_str(delivery_error_name(error)));
}

void write_delivery_members(struct buf *out, const struct delivery *dl)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&dl->id, id);
    buf_printf(out, "\"delivery_id\":\"%s\"", id);
    write_uuid(out, "event_id", &dl->event_id);
    write_text(out, "webhook_id", dl->webhook_id);
    write_text(out, "event", slice_str(event_type_name(dl->event)));
    write_text(out, "path", dl->path);
    write_text(out, "status", slice_str(delivery_status_name(dl->status)));
    write_number(out, "attempt", dl->attempt);
    write_number(out, "max_attempts", dl->max_attempts);
    write_outcome(out, dl->http_status, dl->error);
    write_text(out, "detail", dl->detail);
    write_time(out, "event_time", dl->event_wall_ms);
    write_time(out, "created_at", dl->created_wall_ms);
    write_time(out, "updated_at", dl->updated_wall_ms);
    write_time(out, "next_attempt_at", dl->next_attempt_wall_ms);
    write_number(out, "generation", dl->generation);
    write_text(out, "original_delivery_id", dl->original_delivery_id);
    buf_puts(out, dl->test ? ",\"test\":true" : ",\"test\":false");
}

void write_delivery_summary(struct buf *out, const struct delivery *dl)
{
    buf_puts(out, "{");
    write_delivery_members(out, dl);
    buf_puts(out, "}");
}

static void write_attempt(struct buf *out, const struct delivery_attempt *at)
{
    buf_printf(out, "{\"attempt\":%d", at->number);
    write_time(out, "started_at", at->started_wall_ms);
    write_outcome(out, at->http_status, at->error);
    write_text(out, "reason", at->reason == DELIVERY_REASON_NONE ? SLICE("") : slice_str(delivery_reason_name(at->reason)));
    write_number(out, "duration_ms", at->duration_ms);
    write_number(out, "queued_ms", at->queued_ms);
    write_number(out, "dns_ms", at->dns_ms);
    write_number(out, "connect_ms", at->connect_ms);
    write_number(out, "tls_ms", at->tls_ms);
    write_number(out, "first_byte_ms", at->first_byte_ms);
    write_text(out, "response", at->response);
    buf_puts(out, "}");
}

void write_attempts(struct buf *out, const struct delivery *dl)
{
    buf_puts(out, "[");
    for (int i = 0; i < dl->attempt_count; i++) {
        buf_puts(out, i > 0 ? "," : "");
        write_attempt(out, &dl->attempts[i]);
    }
    buf_puts(out, "]");
}

/* -------- the query -------- */

struct slice query_text(struct request *rq, const char *name)
{
    const char *text = uri_query(&rq->uri, name);
    return text ? slice_str(text) : SLICE("");
}

static bool refuse(struct request *rq, const char *name, const char *message)
{
    struct field_errors errors = {0};
    field_error(&errors, name, "invalid", "%s", message);
    reply_fields(rq, PROBLEM_INVALID_PARAMETER, &errors);
    return false;
}

bool query_status(struct request *rq, int *out)
{
    const char *name = uri_query(&rq->uri, "status");
    *out = VIEW_ANY;
    for (int i = DELIVERY_RETRYING; name && i <= DELIVERY_PURGED && *out == VIEW_ANY; i++)
        if (strcmp(name, delivery_status_name((enum delivery_status)i)) == 0)
            *out = i;
    return !name || *out != VIEW_ANY ? true
                                     : refuse(rq, "status", "must be retrying, parked, delivered, failed, cancelled or purged");
}

bool query_event(struct request *rq, int *out)
{
    const char *name = uri_query(&rq->uri, "event");
    enum event_type type;
    *out = VIEW_ANY;
    if (!name)
        return true;
    if (event_type_parse(slice_str(name), &type) != ERR_OK)
        return refuse(rq, "event", "must be the name of an event, as file.uploaded");
    *out = (int)type;
    return true;
}

bool query_range(struct request *rq, int64_t *since_wall_ms, int64_t *until_wall_ms)
{
    *since_wall_ms = 0;
    *until_wall_ms = INT64_MAX;
    if (!request_time(rq, "since", since_wall_ms) || !request_time(rq, "until", until_wall_ms))
        return false;
    return *since_wall_ms < *until_wall_ms ? true : refuse(rq, "until", "must be later than since");
}

/* -------- answers -------- */

bool view_is_ready(struct request *rq)
{
    if (view_complete(rq->api->view))
        return true;
    reply_unavailable(rq, "this replica has not read all deliveries yet");
    return false;
}

void reply_view_failed(struct request *rq, enum err err, const struct errmsg *why)
{
    if (err == ERR_INVALID) {
        reply_problem(rq, PROBLEM_INVALID_CURSOR, "%s", why->text);
        return;
    }
    log_error("view_query_failed", LOG_STR("request_id", rq->id), LOG_STR("error", why->text));
    reply_problem(rq, PROBLEM_INTERNAL, "the deliveries view cannot be read");
}
