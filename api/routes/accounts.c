/* Accounts, for the operator: list, show, create, change. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/page.h"
#include "http/response.h"
#include "model/json_members.h"
#include "routes/change.h"
#include "routes/plans.h"
#include "routes/routes.h"
#include "routes/write.h"
#include "util/json.h"
#include "util/mem.h"
#include "webhooks/fields.h"

#define NAME_MAX_BYTES 256
#define WEBHOOKS_MAX 10000
#define EVENTS_MAX 1000000
#define PATH "/api/admin/v1/accounts/"

/* -------- showing -------- */

static void write_account(struct request *rq, struct buf *out, const void *thing)
{
    const struct account *a = thing;
    const struct webhook *const *webhooks;
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(a->id));
    json_put_member(out, "name", a->name);
    json_put_member(out, "plan", a->plan);
    write_bool(out, "paid", account_is_paid(a));
    json_put_member(out, "pool", a->pool);
    write_limits(out, a);
    json_put_member_int(out, "webhooks", (int64_t)definitions_webhooks_of(rq->api->definitions, a->id, &webhooks));
    json_put_member_int(out, "version", a->version);
    json_put_member_time(out, "created_at", a->created_wall_ms);
    json_put_member_time(out, "updated_at", a->updated_wall_ms);
    buf_putc(out, '}');
}

struct collection {
    struct page_item *items;
    size_t count;
};

static void collect(void *ctx, const void *value)
{
    struct collection *c = ctx;
    const struct account *a = value;
    c->items[c->count++] = (struct page_item){a->created_wall_ms, a->id, a};
}

void accounts_list(struct request *rq)
{
    const struct table *table = definitions_accounts(rq->api->definitions);
    struct collection c = {.items = mem_array(NULL, table_count(table) + 1, sizeof *c.items)};
    table_each(table, collect, &c);
    page_reply(rq, c.items, c.count, write_account);
    free(c.items);
}

static const struct account *named(const struct request *rq)
{
    return definitions_account(rq->api->definitions, request_param(rq, "account_id"));
}

static void answer_with(struct request *rq, const struct account *a, unsigned status)
{
    reply_etag(rq, a->version);
    write_account(rq, reply_body(rq), a);
    reply_json(rq, status);
}

void accounts_get(struct request *rq)
{
    answer_with(rq, named(rq), 200);
}

void accounts_audit(struct request *rq)
{
    audit_reply(rq, request_param(rq, "account_id"));
}

/* -------- members -------- */

static void replace(char **field, const char *text)
{
    free(*field);
    *field = mem_strdup(text);
}

static void apply_plan(struct account *a, const char *text, struct field_errors *errors)
{
    const struct plan *plan = text ? plan_find(text) : NULL;
    if (!plan) {
        field_error(errors, "plan", "unknown", "there is no plan of that name");
        return;
    }
    replace(&a->plan, plan->name);
    a->max_webhooks = plan->max_webhooks;
    a->events_per_second = plan->events_per_second;
}

static void apply_name(struct account *a, const char *text, struct field_errors *errors)
{
    if (!text || strlen(text) > NAME_MAX_BYTES)
        field_error(errors, "name", "invalid", "must be a string of at most %d bytes", NAME_MAX_BYTES);
    else
        replace(&a->name, text);
}

static void apply_pool(struct account *a, const char *text, struct field_errors *errors)
{
    if (!text || (*text && !topic_pool_valid(text)))
        field_error(errors, "pool", "invalid", "must be 1-32 of [a-z0-9-] and not \"dlq\", or empty for the shared pool");
    else
        replace(&a->pool, text);
}

static void apply_limits(struct account *a, const json_t *limits, struct field_errors *errors)
{
    const char *name = NULL;
    json_t *value = NULL;
    if (!json_is_object(limits)) {
        field_error(errors, "limits", "invalid", "must be an object");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)limits, name, value)
    {
        bool webhooks = strcmp(name, "webhooks") == 0, events = strcmp(name, "events_per_second") == 0;
        int64_t number = json_integer_value(value), max = webhooks ? WEBHOOKS_MAX : EVENTS_MAX;
        char field[64];
        (void)snprintf(field, sizeof field, "limits.%.50s", name);
        if (!webhooks && !events)
            field_error(errors, field, "unknown", "there is no such limit");
        else if (!json_is_integer(value) || number < 0 || number > max)
            field_error(errors, field, "out_of_range", "must be a whole number from 0 to %lld", (long long)max);
        else
            *(webhooks ? &a->max_webhooks : &a->events_per_second) = number;
    }
}

/* The plan first: its limits are what the limits given begin from. */
static void apply(struct account *a, const json_t *body, bool creating, struct field_errors *errors)
{
    const char *name = NULL;
    json_t *value = NULL;
    if (json_object_get(body, "plan"))
        apply_plan(a, json_string_value(json_object_get(body, "plan")), errors);
    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        if (strcmp(name, "name") == 0)
            apply_name(a, json_string_value(value), errors);
        else if (strcmp(name, "pool") == 0)
            apply_pool(a, json_string_value(value), errors);
        else if (strcmp(name, "limits") == 0)
            apply_limits(a, value, errors);
        else if (strcmp(name, "plan") != 0 && !(creating && strcmp(name, "id") == 0))
            field_error(errors, name, "unknown", "there is no such member");
    }
    if (!creating && json_object_size(body) == 0)
        field_error(errors, "", "required", "nothing to change is given");
}

/* -------- create -------- */

static void created(struct request *rq, struct change *c)
{
    reply_header(rq, "Location", PATH "%s", c->key);
    answer_with(rq, definitions_account(rq->api->definitions, c->key), 201);
}

static void exists(struct request *rq, const char *id)
{
    reply_problem(rq, PROBLEM_ALREADY_EXISTS, "account %s is there already", id);
}

static void created_elsewhere(struct request *rq, struct change *c)
{
    exists(rq, c->key);
}

void accounts_create(struct request *rq)
{
    const char *id = json_string_value(json_object_get(rq->json, "id"));
    struct field_errors errors = {0};
    if (!id || !account_id_valid(slice_str(id)))
        field_error(&errors, "id", id ? "invalid" : "required", "must be 1-128 of [A-Za-z0-9_.-]");
    struct account *a = account_new();
    apply_plan(a, "free", &errors);
    apply(a, rq->json, true, &errors);
    if (errors.count > 0) {
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    } else if (definitions_account(rq->api->definitions, id)) {
        exists(rq, id);
    } else {
        struct change *c = change_new(rq, definitions_accounts(rq->api->definitions), id, id, "account.create");
        replace(&a->id, id);
        a->version = 1;
        a->created_wall_ms = a->updated_wall_ms = loop_wall(rq->api->loop);
        c->answer = created;
        c->lost = created_elsewhere;
        change_fields(c, json_member_names(rq->json));
        change_write(c, a, a->version);
    }
    account_free(a);
}

/* -------- change -------- */

static void changed(struct request *rq, struct change *c)
{
    answer_with(rq, definitions_account(rq->api->definitions, c->key), 200);
}

void accounts_update(struct request *rq)
{
    const struct account *a = named(rq);
    struct field_errors errors = {0};
    if (!change_if_match(rq, a->version))
        return;
    struct account *next = account_next(a, loop_wall(rq->api->loop));
    apply(next, rq->json, false, &errors);
    if (errors.count > 0) {
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    } else {
        struct change *c = change_new(rq, definitions_accounts(rq->api->definitions), a->id, a->id, "account.update");
        c->answer = changed;
        change_fields(c, json_member_names(rq->json));
        change_write(c, next, next->version);
    }
    account_free(next);
}
