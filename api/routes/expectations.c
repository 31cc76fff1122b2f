/* Expected arrivals: list, show, create, delete. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "expectations/schedule.h"
#include "expectations/watch.h"
#include "expectations/zone.h"
#include "http/page.h"
#include "http/response.h"
#include "model/glob.h"
#include "model/json_members.h"
#include "routes/change.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"
#include "util/json.h"
#include "util/mem.h"
#include "webhooks/fields.h"

#define PATH "/api/ext/v1/webhooks/%s/expectations/%s"
#define OF_WEBHOOK_MAX 100
#define GRACE_MAX_S 604800
#define WINDOW_MAX_S 2678400
#define DESCRIPTION_MAX 1024
#define ID_SIZE 40

/* -------- showing -------- */

static void write_expectation(struct request *rq, struct buf *out, const void *thing)
{
    static const char *const states[] = {[ARRIVAL_UNKNOWN] = "unknown",
                                         [ARRIVAL_WAITING] = "waiting",
                                         [ARRIVAL_ARRIVED] = "arrived",
                                         [ARRIVAL_MISSING] = "missing"};
    const struct expectation *ex = thing;
    struct watch_last last = watch_last_of(rq->api->watch, ex->id);
    int64_t next = watch_due_after(ex, loop_wall(rq->api->loop));
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(ex->id));
    json_put_member(out, "webhook_id", ex->webhook_id);
    json_put_member(out, "path", ex->path);
    json_put_member(out, "schedule", ex->schedule);
    json_put_member(out, "time_zone", ex->time_zone);
    json_put_member_int(out, "grace_s", ex->grace_s);
    json_put_member_int(out, "window_s", ex->window_s);
    json_put_member(out, "event", event_type_name(ex->event));
    json_put_member(out, "description", ex->description);
    json_put_member_int(out, "version", ex->version);
    write_time(out, "created_at", ex->created_wall_ms);
    write_time(out, "next_due_at", next > 0 ? next : 0);
    write_time(out, "last_due_at", last.due_wall_ms);
    if (last.due_wall_ms > 0)
        json_put_member(out, "last_state", states[last.state]);
    else
        buf_puts(out, ",\"last_state\":null");
    write_time(out, "last_arrival_at", last.arrival_wall_ms);
    buf_putc(out, '}');
}

struct collection {
    const char *webhook_id;
    struct page_item items[OF_WEBHOOK_MAX];
    size_t count;
};

static void collect(void *ctx, const void *value)
{
    struct collection *c = ctx;
    const struct expectation *ex = value;
    if (strcmp(ex->webhook_id, c->webhook_id) == 0 && c->count < OF_WEBHOOK_MAX)
        c->items[c->count++] = (struct page_item){ex->created_wall_ms, ex->id, ex};
}

static void collect_of(const struct request *rq, struct collection *c)
{
    *c = (struct collection){.webhook_id = request_param(rq, "webhook_id")};
    table_each(definitions_expectations(rq->api->definitions), collect, c);
}

void expectations_list(struct request *rq)
{
    struct collection c;
    collect_of(rq, &c);
    page_reply(rq, c.items, c.count, write_expectation);
}

void expectations_get(struct request *rq)
{
    const struct expectation *ex = definitions_expectation(rq->api->definitions, request_param(rq, "expectation_id"));
    write_expectation(rq, reply_body(rq), ex);
    reply_json(rq, 200);
}

/* -------- members -------- */

static void set_text(char **field, const json_t *body, const char *name, size_t max, struct field_errors *errors)
{
    const json_t *value = json_object_get(body, name);
    if (!value)
        return;
    if (!json_is_string(value) || json_string_length(value) > max) {
        field_error(errors, name, "invalid", "must be a string of at most %zu bytes", max);
        return;
    }
    free(*field);
    *field = mem_strdup(json_string_value(value));
}

static void set_number(int64_t *field, const json_t *body, const char *name, int64_t max, struct field_errors *errors)
{
    const json_t *value = json_object_get(body, name);
    if (!value)
        return;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
        field_error(errors, name, "out_of_range", "must be a whole number from 0 to %lld", (long long)max);
    else
        *field = json_integer_value(value);
}

static void set_event(struct expectation *ex, const json_t *body, struct field_errors *errors)
{
    const json_t *value = json_object_get(body, "event");
    const char *name = json_string_value(value);
    if (!value)
        return;
    if (!name || strncmp(name, "file.", 5) != 0 || event_type_parse(slice_str(name), &ex->event) != ERR_OK ||
        ex->event == EVENT_FILE_MISSING)
        field_error(errors, "event", "invalid", "must be file.uploaded, file.renamed, file.downloaded or file.deleted");
}

static void check_path(const struct expectation *ex, struct field_errors *errors)
{
    struct errmsg why;
    if (ex->path[0] != '/')
        field_error(errors, "path", *ex->path ? "invalid" : "required", "must be a pattern that begins with /");
    else if (glob_check(slice_str(ex->path), &why) != ERR_OK)
        field_error(errors, "path", "invalid", "%.190s", why.text);
}

static void check_schedule(const struct expectation *ex, int64_t now_wall_ms, struct field_errors *errors)
{
    struct schedule s;
    struct errmsg why;
    bool zone = zone_valid(ex->time_zone);
    if (!zone)
        field_error(errors, "time_zone", "unknown", "must be an IANA name, as Europe/Berlin");
    if (schedule_parse(ex->schedule, &s, &why) != ERR_OK)
        field_error(errors, "schedule", *ex->schedule ? "invalid" : "required", "%.190s", why.text);
    else if (zone && schedule_next(&s, ex->time_zone, now_wall_ms) < 0)
        field_error(errors, "schedule", "invalid", "is never due");
}

static void apply(struct expectation *ex, const json_t *body, int64_t now_wall_ms, struct field_errors *errors)
{
    static const char *const known[] = {"path", "schedule", "time_zone", "description", "grace_s", "window_s", "event"};
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found)
            field_error(errors, name, "unknown", "there is no such member");
    }
    set_text(&ex->path, body, "path", 1024, errors);
    set_text(&ex->schedule, body, "schedule", 128, errors);
    set_text(&ex->time_zone, body, "time_zone", 64, errors);
    set_text(&ex->description, body, "description", DESCRIPTION_MAX, errors);
    set_number(&ex->grace_s, body, "grace_s", GRACE_MAX_S, errors);
    set_number(&ex->window_s, body, "window_s", WINDOW_MAX_S, errors);
    set_event(ex, body, errors);
    check_path(ex, errors);
    check_schedule(ex, now_wall_ms, errors);
}

/* -------- create -------- */

static void answer_with(struct request *rq, const char *id, unsigned status)
{
    const struct expectation *ex = definitions_expectation(rq->api->definitions, id);
    if (!ex) {
        reply_problem(rq, PROBLEM_NOT_FOUND, "the expectation has been deleted");
        return;
    }
    reply_header(rq, "Location", PATH, ex->webhook_id, ex->id);
    if (status == 200)
        reply_header(rq, "Idempotent-Replayed", "true");
    write_expectation(rq, reply_body(rq), ex);
    reply_json(rq, status);
}

static void created(struct request *rq, struct change *c)
{
    answer_with(rq, c->key, 201);
}

static void created_elsewhere(struct request *rq, struct change *c)
{
    answer_with(rq, c->key, 200);
}

/* From the Idempotency-Key, when there is one: a repeat of it finds what the first request made. */
static void choose_id(const struct request *rq, char out[ID_SIZE])
{
    const char *key = request_header(rq, "Idempotency-Key");
    struct uuid id = uuid_v4();
    unsigned char digest[SHA256_DIGEST_LENGTH];
    memcpy(digest, id.bytes, sizeof id.bytes);
    if (key) {
        char *text = json_dumps(rq->json, JSON_SORT_KEYS | JSON_COMPACT);
        struct buf name;
        buf_init(&name, REQUEST_BODY_MAX * 4);
        buf_printf(&name, "expectation/%s/%s/%s/%s", rq->principal.account_id, request_param(rq, "webhook_id"), key, text);
        SHA256((const unsigned char *)name.p, name.len, digest);
        buf_done(&name);
        free(text);
    }
    memcpy(out, "exp_", 5);
    for (int i = 0; i < 16; i++)
        (void)snprintf(out + 4 + 2 * i, 3, "%02x", digest[i]);
}

static void create(struct request *rq, struct expectation *ex)
{
    struct table *table = definitions_expectations(rq->api->definitions);
    struct change *c = change_new(rq, table, ex->id, ex->account_id, "expectation.create");
    c->answer = created;
    c->lost = created_elsewhere;
    change_fields(c, json_member_names(rq->json));
    change_write(c, ex, ex->version);
}

static struct expectation *new_expectation(const struct request *rq, const char *id)
{
    struct expectation *ex = expectation_new();
    free(ex->id);
    free(ex->account_id);
    free(ex->webhook_id);
    ex->id = mem_strdup(id);
    ex->account_id = mem_strdup(rq->principal.account_id);
    ex->webhook_id = mem_strdup(request_param(rq, "webhook_id"));
    ex->version = 1;
    ex->created_wall_ms = loop_wall(rq->api->loop);
    return ex;
}

void expectations_create(struct request *rq)
{
    struct field_errors errors = {0};
    struct collection c;
    char id[ID_SIZE];
    choose_id(rq, id);
    if (definitions_expectation(rq->api->definitions, id)) {
        answer_with(rq, id, 200);
        return;
    }
    collect_of(rq, &c);
    struct expectation *ex = new_expectation(rq, id);
    apply(ex, rq->json, ex->created_wall_ms, &errors);
    if (errors.count > 0)
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    else if (c.count >= OF_WEBHOOK_MAX)
        reply_problem(rq, PROBLEM_WEBHOOK_LIMIT, "a webhook may have %d expectations", OF_WEBHOOK_MAX);
    else
        create(rq, ex);
    expectation_free(ex);
}

/* -------- delete -------- */

static void deleted(struct request *rq, struct change *c)
{
    (void)c;
    reply_empty(rq, 204);
}

void expectations_delete(struct request *rq)
{
    struct table *table = definitions_expectations(rq->api->definitions);
    struct change *c = change_new(rq, table, request_param(rq, "expectation_id"), rq->principal.account_id, "expectation.delete");
    c->answer = deleted;
    change_delete(c);
}
