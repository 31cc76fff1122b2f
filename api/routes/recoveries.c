/* Recovering a time range: begin, ask, cancel. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "commands/recovery.h"
#include "http/page.h"
#include "http/response.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/mem.h"

#define PATH "/api/ext/v1/webhooks/%s/recoveries/%s"
#define SHOWN_MAX 1000

static void write_recovery(struct request *rq, struct buf *out, const void *thing)
{
    const struct recovery *r = thing;
    buf_printf(out, "{\"recovery_id\":\"%s\",\"webhook_id\":\"%s\"", r->id, r->webhook_id);
    write_time(out, "since", r->since_wall_ms);
    write_time(out, "until", r->until_wall_ms);
    buf_printf(out, ",\"state\":\"%s\",\"total\":%lld,\"sent\":%lld,\"skipped\":%lld",
               recovery_state_name(r, loop_wall(rq->api->loop)), (long long)r->total, (long long)r->sent, (long long)r->skipped);
    write_time(out, "started_at", r->started_wall_ms);
    write_time(out, "finished_at", r->finished_wall_ms);
    buf_putc(out, '}');
}

static bool read_range(struct request *rq, int64_t *since, int64_t *until)
{
    struct field_errors errors = {0};
    const char *name = NULL;
    json_t *value = NULL;
    bool given = false;
    *until = loop_wall(rq->api->loop);
    json_object_foreach(rq->json, name, value)
    {
        const char *text = json_string_value(value);
        bool is_since = strcmp(name, "since") == 0;
        if (!is_since && strcmp(name, "until") != 0)
            field_error(&errors, name, "unknown", "there is no such member");
        else if (!text || clock_parse_utc(slice_str(text), is_since ? since : until) != ERR_OK)
            field_error(&errors, name, "invalid", "must be an RFC 3339 time");
        given = given || is_since;
    }
    if (!given)
        field_error(&errors, "since", "required", "is needed");
    if (errors.count == 0 && *since >= *until)
        field_error(&errors, "until", "out_of_range", "must be later than since");
    if (errors.count > 0)
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    return errors.count == 0;
}

void webhook_recover(struct request *rq)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, request_param(rq, "webhook_id"));
    int64_t since = 0, until = 0;
    char actor[80];
    if (!view_is_ready(rq) || !may_send(rq, wh) || !read_range(rq, &since, &until))
        return;
    request_actor(rq, actor);
    const struct recovery *r = recoveries_start(rq->api->recoveries, wh->account_id, wh->id, since, until, actor, rq->id);
    reply_header(rq, "Location", PATH, wh->id, r->id);
    write_recovery(rq, reply_body(rq), r);
    reply_json(rq, 202);
}

struct collection {
    struct page_item items[SHOWN_MAX];
    size_t count;
};

static void collect(void *ctx, const struct recovery *r)
{
    struct collection *c = ctx;
    if (c->count < SHOWN_MAX)
        c->items[c->count++] = (struct page_item){-r->started_wall_ms, r->id, r};
}

void recoveries_list(struct request *rq)
{
    struct collection *c = mem_zalloc(sizeof *c);
    recoveries_each(rq->api->recoveries, request_param(rq, "webhook_id"), collect, c);
    page_reply(rq, c->items, c->count, write_recovery);
    free(c);
}

/* NULL: answered with 404. */
static const struct recovery *named(struct request *rq)
{
    const struct recovery *r =
        recoveries_find(rq->api->recoveries, request_param(rq, "webhook_id"), request_param(rq, "recovery_id"));
    if (!r)
        reply_problem(rq, PROBLEM_NOT_FOUND, "this webhook has no such recovery");
    return r;
}

void recoveries_get(struct request *rq)
{
    const struct recovery *r = named(rq);
    if (!r)
        return;
    write_recovery(rq, reply_body(rq), r);
    reply_json(rq, 200);
}

void recoveries_delete(struct request *rq)
{
    const struct recovery *r = named(rq);
    char actor[80];
    if (!r)
        return;
    request_actor(rq, actor);
    recoveries_cancel(rq->api->recoveries, r, actor, rq->id);
    write_recovery(rq, reply_body(rq), r);
    reply_json(rq, 200);
}
