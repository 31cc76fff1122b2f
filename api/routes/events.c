/* The audit log of what happened on the FTP side. */
#include "api.h"
#include "http/response.h"
#include "model/json_reader.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"

/* A member of the event's data as it is there, or null. */
static void copy(struct buf *out, const struct json_reader *data, const char *name, enum json_kind kind)
{
    const struct json_member *m = json_find(data->members, data->count, name);
    buf_printf(out, ",\"%s\":", name);
    buf_put_slice(out, m && m->kind == kind ? m->value : SLICE("null"));
}

static void list_one(void *ctx, const struct event *ev)
{
    struct buf *out = ctx;
    struct json_reader data;
    struct errmsg why;
    char id[UUID_TEXT_SIZE];
    uuid_format(&ev->id, id);
    json_reader_open(&data, ev->data, "data.", &why);
    buf_puts(out, out->p[out->len - 1] == '[' ? "{" : ",{");
    buf_printf(out, "\"event_id\":\"%s\"", id);
    write_text(out, "event", slice_str(event_type_name(ev->type)));
    write_time(out, "timestamp", ev->time_wall_ms);
    copy(out, &data, "path", JSON_KIND_STRING);
    copy(out, &data, "username", JSON_KIND_STRING);
    copy(out, &data, "client_ip", JSON_KIND_STRING);
    copy(out, &data, "size", JSON_KIND_NUMBER);
    buf_puts(out, ",\"data\":");
    buf_put_slice(out, ev->data);
    buf_puts(out, "}");
}

void account_events(struct request *rq)
{
    struct view_event_query q = {.account_id = slice_str(rq->principal.account_id),
                                 .path_prefix = query_text(rq, "path_prefix"),
                                 .cursor = query_text(rq, "cursor")};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    if (!view_is_ready(rq) || !query_event(rq, &q.type) || !query_range(rq, &q.since_wall_ms, &q.until_wall_ms) ||
        !request_limit(rq, &q.limit))
        return;
    buf_puts(reply_body(rq), "{\"data\":[");
    enum err err = view_events(rq->api->view, &q, list_one, reply_body(rq), next, &why);
    if (err != ERR_OK) {
        reply_view_failed(rq, err, &why);
        return;
    }
    buf_puts(reply_body(rq), "]");
    write_text(reply_body(rq), "next_cursor", slice_str(next));
    buf_puts(reply_body(rq), "}");
    reply_json(rq, 200);
}
