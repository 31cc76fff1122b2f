#include "ctl/call.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/display.h"
#include "ctl/secret.h"
#include "model/uuid.h"
#include "util/clock.h"

#define PAGE 100
#define TARGET_MAX 8192
#define BODY_MAX (64UL * 1024)
#define TEXT_MAX (64UL * 1024 * 1024)

/* -------- the request -------- */

void call_path(struct buf *out, const char *path, const char *const *arguments)
{
    for (const char *p = path; *p; p++) {
        if (p[0] == '{' && p[1] == '}') {
            put_encoded(out, *arguments++);
            p++;
        } else {
            buf_putc(out, *p);
        }
    }
}

static enum err read_body(const char *file, json_t **out, struct errmsg *why)
{
    struct buf text;
    json_error_t error;
    buf_init(&text, BODY_MAX);
    enum err err = read_input(file, &text, why);
    if (err == ERR_OK) {
        *out = json_loadb(text.p ? text.p : "", text.len, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(*out)) {
            json_decref(*out);
            *out = NULL;
            err = errmsg_set(why, ERR_INVALID, "%.200s: no JSON object%s%.200s", file, *error.text ? ": " : "", error.text);
        }
    }
    buf_done(&text);
    return err;
}

static bool has_body(const struct call *call)
{
    return strcmp(call->method, "POST") == 0 || strcmp(call->method, "PATCH") == 0;
}

static enum err begin_body(const struct call *call, const struct slot *slots, json_t **out, struct errmsg *why)
{
    const struct slot *file = field_slot(call->fields, call->field_count, slots, AS_BODY_FILE);
    if (file && file->text) {
        return read_body(file->text, out, why);
    }
    *out = json_object();
    return ERR_OK;
}

/* A repeat of the request, after an answer that was lost, then makes nothing twice. */
static void put_idempotency_key(const struct call *call, const struct slot *slots, struct client_request *rq)
{
    const struct slot *given = field_slot(call->fields, call->field_count, slots, AS_IDEMPOTENCY_KEY);
    char fresh[UUID_TEXT_SIZE];
    struct uuid id = uuid_v4();
    if (given) {
        uuid_format(&id, fresh);
        http_headers_add(&rq->headers, "Idempotency-Key", given->text ? given->text : fresh);
        rq->repeatable = true;
    }
}

enum err call_request(const struct call *call, const char *const *arguments, const struct slot *slots, int64_t now_wall_ms,
                      struct client_request *rq, struct errmsg *why)
{
    struct buf query;
    *rq = (struct client_request){.method = call->method, .fields = call->fields, .field_count = call->field_count};
    rq->repeatable = strcmp(call->method, "GET") == 0;
    buf_init(&rq->target, TARGET_MAX);
    buf_init(&query, TARGET_MAX);
    call_path(&rq->target, call->path, arguments);
    enum err err = begin_body(call, slots, &rq->body, why);
    if (err == ERR_OK && call->argument) {
        json_t *argument = json_string(arguments[0]);
        err = argument ? ERR_OK : errmsg_set(why, ERR_INVALID, "the argument is not UTF-8");
        (void)json_object_set_new(rq->body, call->argument, argument);
    }
    if (err == ERR_OK) {
        err = fields_apply(call->fields, call->field_count, slots, now_wall_ms, &query, rq->body, &rq->headers, why);
    }
    if (err == ERR_OK) {
        put_idempotency_key(call, slots, rq);
        buf_puts(&rq->target, query.len > 0 ? "?" : "");
        buf_put_slice(&rq->target, buf_slice(&query));
        err = rq->target.err != ERR_OK ? errmsg_set(why, ERR_INVALID, "what is given is too long") : ERR_OK;
    }
    if (!has_body(call)) {
        json_decref(rq->body);
        rq->body = NULL;
    }
    buf_done(&query);
    return err;
}

/* -------- showing -------- */

static void print(struct buf *text)
{
    check(text->err == ERR_OK);
    (void)fputs(buf_cstr(text), stdout);
    if (text->p) {
        OPENSSL_cleanse(text->p, text->len); /* a new secret may be in it */
    }
    buf_done(text);
}

static void print_item(const struct ctl *ctl, const json_t *item)
{
    struct buf text;
    if (ctl->json || ctl->call->shape == CALL_DOCUMENT) {
        display_print_json(item, ctl->json);
        return;
    }
    buf_init(&text, TEXT_MAX);
    table_put_item(item, ctl->colour, &text);
    print(&text);
}

/* What a list says beside its data. */
static json_t *totals_of(const json_t *page)
{
    json_t *totals = json_copy((json_t *)(uintptr_t)page);
    (void)json_object_del(totals, "data");
    (void)json_object_del(totals, "next_cursor");
    return totals;
}

static void print_totals(const struct ctl *ctl, const json_t *page)
{
    json_t *totals = totals_of(page);
    print_item(ctl, totals);
    json_decref(totals);
}

static void print_rows(const struct ctl *ctl, struct table *t, const json_t *rows)
{
    const json_t *item = NULL;
    size_t i = 0;
    struct buf text;
    if (!ctl->json) {
        buf_init(&text, TEXT_MAX);
        table_put(t, rows, &text);
        print(&text);
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)rows, i, item)
    {
        display_print_json(item, true);
    }
}

/* -------- lists -------- */

struct listing {
    struct ctl *ctl;
    const struct call *call;
    struct table table;
    size_t query_at; /* where limit and cursor begin in the target */
    int64_t left;    /* items; INT64_MAX: all */
    bool first;
};

static void put_page(const struct listing *l, struct client_request *rq, const char *cursor)
{
    buf_truncate(&rq->target, l->query_at);
    buf_printf(&rq->target, "%climit=%lld", strchr(buf_cstr(&rq->target), '?') ? '&' : '?',
               (long long)(l->left < PAGE ? l->left : PAGE));
    if (cursor) {
        buf_puts(&rq->target, "&cursor=");
        put_encoded(&rq->target, cursor);
    }
}

static void show_page(struct listing *l, const json_t *page)
{
    const json_t *rows = json_object_get(page, "data");
    bool totals = l->call->shape == CALL_TOTALS && l->first;
    if (totals && !l->ctl->json) {
        print_totals(l->ctl, page);
        (void)puts("");
    }
    if (json_array_size(rows) > 0 || (l->first && !l->ctl->json && !totals)) {
        print_rows(l->ctl, &l->table, rows);
    }
    if (totals && l->ctl->json) {
        print_totals(l->ctl, page);
    }
    l->first = false;
    l->left -= l->left == INT64_MAX ? 0 : (int64_t)json_array_size(rows);
}

static int list(struct listing *l, struct client_request *rq)
{
    char *cursor = NULL;
    json_t *page = NULL;
    bool replayed = false;
    int status = CTL_OK;
    l->query_at = rq->target.len;
    do {
        put_page(l, rq, cursor);
        status = client_ask(l->ctl->client, rq, &page, &replayed);
        free(cursor);
        cursor = NULL;
        if (status == CTL_OK) {
            const char *next = json_string_value(json_object_get(page, "next_cursor"));
            cursor = next ? strdup(next) : NULL;
            show_page(l, page);
            json_decref(page);
            page = NULL;
        }
    } while (status == CTL_OK && cursor && l->left > 0);
    if (cursor) {
        ctl_note("there is more: --limit asks for it");
    }
    free(cursor);
    return status;
}

static int run_list(struct ctl *ctl, const struct call *call, const struct slot *slots, struct client_request *rq)
{
    const struct slot *limit = field_slot(call->fields, call->field_count, slots, AS_LIMIT);
    int64_t wanted = !limit || limit->number == FIELD_UNSET ? CALL_LIMIT_DEFAULT : limit->number;
    struct listing l = {.ctl = ctl, .call = call, .left = wanted > 0 ? wanted : INT64_MAX, .first = true};
    l.table = (struct table){.columns = call->columns, .count = call->column_count, .colour = ctl->colour};
    return list(&l, rq);
}

/* -------- one answer -------- */

static int run_one(struct ctl *ctl, const struct call *call, const struct client_request *rq)
{
    json_t *item = NULL;
    bool replayed = false;
    int status = client_ask(ctl->client, rq, &item, &replayed);
    if (status == CTL_OK && item) {
        print_item(ctl, item);
    } else if (status == CTL_OK && !ctl->json) {
        (void)puts(call->done ? call->done : "done");
    }
    if (status == CTL_OK && replayed) {
        ctl_note("it was there already, made by the first request with this Idempotency-Key");
    }
    json_decref(item);
    return status;
}

int call_run(struct ctl *ctl, const void *args)
{
    const struct call *call = ctl->call;
    struct client_request rq;
    struct errmsg why;
    int status = CTL_USAGE;
    if (call_request(call, ctl->arguments, args, clock_wall_ms(), &rq, &why) != ERR_OK) {
        (void)ctl_usage("%s", why.text);
    } else if (call->shape == CALL_LIST || call->shape == CALL_TOTALS) {
        status = run_list(ctl, call, args, &rq);
    } else {
        status = run_one(ctl, call, &rq);
    }
    client_request_done(&rq);
    return status;
}
