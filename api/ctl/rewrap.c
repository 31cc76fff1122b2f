/* secrets rewrap: portion after portion, until the API says that there is no more. Repeating one does no harm, so each is asked
 * again when no answer comes. */
#include <stdlib.h>
#include <string.h>

#include "ctl/calls.h"
#include "ctl/display.h"
#include "util/mem.h"

#define TARGET_MAX 2048
#define TEXT_MAX (1024UL * 1024)
#define TELL_EVERY 1000 /* webhooks */

static const struct call call = {"rewrapSecrets", "POST", "/secrets/rewrap", CALL_ITEM, NULL, 0, NULL, 0, NULL, NULL};
static const struct column columns[] = {
    {"WEBHOOK", "webhook_id", NULL}, {"ACCOUNT", "account_id", NULL}, {"REASON", "reason", NULL}};

struct rewrap {
    struct ctl *ctl;
    struct table table; /* of those that failed */
    char *key_id, *cursor;
    long long rewrapped, newest, failed, told;
};

static void print(struct buf *text)
{
    check(text->err == ERR_OK);
    (void)fputs(buf_cstr(text), stdout);
    buf_done(text);
}

static void show_failed(struct rewrap *r, const json_t *rows)
{
    const json_t *row = NULL;
    size_t i = 0;
    struct buf text;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        if (r->ctl->json) {
            display_print_json(row, true);
        }
    }
    if (!r->ctl->json && json_array_size(rows) > 0) {
        buf_init(&text, TEXT_MAX);
        table_put(&r->table, rows, &text);
        print(&text);
    }
}

static void show_sums(const struct rewrap *r)
{
    struct buf text;
    json_t *sums = json_pack("{s:s,s:I,s:I,s:I}", "key_id", r->key_id, "rewrapped", (json_int_t)r->rewrapped, "newest",
                             (json_int_t)r->newest, "failed", (json_int_t)r->failed);
    check(sums != NULL);
    if (r->ctl->json) {
        display_print_json(sums, true);
    } else {
        buf_init(&text, TEXT_MAX);
        table_put_item(sums, r->ctl->colour, &text);
        print(&text);
    }
    json_decref(sums);
}

static char *text_of(const json_t *answer, const char *member)
{
    const char *text = json_string_value(json_object_get(answer, member));
    return text ? mem_strdup(text) : NULL;
}

static int64_t number_of(const json_t *answer, const char *member)
{
    return json_integer_value(json_object_get(answer, member));
}

/* Replicas behind one address must agree on the key: else what one has done, another has not. */
static int take(struct rewrap *r, const json_t *answer)
{
    char *key_id = text_of(answer, "key_id");
    if (!key_id || (r->key_id && strcmp(key_id, r->key_id) != 0)) {
        ctl_note("one replica seals with key %s, another with %s: wait until all have read the key file, and begin again",
                 r->key_id ? r->key_id : "?", key_id ? key_id : "?");
        free(key_id);
        return CTL_FAILED;
    }
    free(r->key_id);
    r->key_id = key_id;
    r->rewrapped += number_of(answer, "rewrapped");
    r->newest += number_of(answer, "newest");
    r->failed += (long long)json_array_size(json_object_get(answer, "failed"));
    show_failed(r, json_object_get(answer, "failed"));
    free(r->cursor);
    r->cursor = text_of(answer, "next_cursor");
    long long seen = r->rewrapped + r->newest + r->failed;
    if (r->cursor && seen - r->told >= TELL_EVERY) {
        r->told = seen;
        ctl_note("%lld webhooks so far: %lld re-wrapped, %lld had the key already, %lld failed", seen, r->rewrapped, r->newest,
                 r->failed);
    }
    return CTL_OK;
}

static int portion(struct rewrap *r)
{
    struct client_request rq = {.method = call.method, .repeatable = true};
    json_t *answer = NULL;
    bool replayed = false;
    buf_init(&rq.target, TARGET_MAX);
    buf_printf(&rq.target, "%s?limit=100", call.path);
    if (r->cursor) {
        buf_puts(&rq.target, "&cursor=");
        put_encoded(&rq.target, r->cursor);
    }
    int status = client_ask(r->ctl->client, &rq, &answer, &replayed);
    if (status == CTL_OK) {
        status = take(r, answer);
    }
    json_decref(answer);
    client_request_done(&rq);
    return status;
}

static int run(struct ctl *ctl, const void *args)
{
    struct rewrap r = {.ctl = ctl, .table = {.columns = columns, .count = COUNT(columns), .colour = ctl->colour}};
    int status = CTL_OK;
    (void)args;
    do {
        status = portion(&r);
    } while (status == CTL_OK && r.cursor);
    if (status == CTL_OK) {
        show_sums(&r);
        status = r.failed > 0 ? CTL_FAILED : CTL_OK;
    }
    free(r.key_id);
    free(r.cursor);
    return status;
}

const struct command command_secrets_rewrap = {
    .group = "secrets",
    .name = "rewrap",
    .help = "Seals with the newest key of the key file (its first line) all that is sealed with older ones: webhooks' secrets,\n"
            "client keys, values of headers. Older keys can leave the file when it has ended with exit status 0.\n"
            "What has the newest key already is left alone: it can be run again at any time. What failed is listed.",
    .needs = COMMAND_ADMIN | COMMAND_OUTPUT,
    .run = run,
    .call = &call,
};
