/* Holds the parsers against the corpus of bad input (generate.py): run_corpus CASES. Each case must be taken or refused as it
 * says, a refusal with a message that has the words that are asked for. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/epoch.h"
#include "core/retry.h"
#include "expectations/schedule.h"
#include "http/uri.h"
#include "io/http_response.h"
#include "io/redis_url.h"
#include "model/account.h"
#include "model/base64.h"
#include "model/glob.h"
#include "model/json_members.h"
#include "model/keyring.h"
#include "model/target.h"
#include "model/webhook.h"
#include "producer/source.h"
#include "webhooks/fields.h"

#define CASES_MIN 3000 /* fewer: the generator is broken */
#define MESSAGES 1     /* the parser says why */

struct tried {
    enum err err;
    struct errmsg why;
};

static struct tried read_event(struct slice in)
{
    struct tried t = {.why = {""}};
    struct buf scratch;
    struct event ev;
    buf_init(&scratch, EVENT_MAX_BYTES);
    t.err = event_parse(in, &scratch, &ev, &t.why);
    buf_done(&scratch);
    return t;
}

static struct tried read_delivery(struct slice in)
{
    static struct delivery dl;
    struct tried t = {.why = {""}};
    struct buf scratch;
    buf_init(&scratch, DELIVERY_MAX_BYTES);
    t.err = delivery_parse(in, &scratch, &dl, &t.why);
    buf_done(&scratch);
    return t;
}

static struct tried read_webhook(struct slice in)
{
    struct webhook *wh = NULL;
    struct tried t = {.why = {""}};
    t.err = webhook_parse(in, &wh, &t.why);
    webhook_free(wh);
    return t;
}

static struct tried read_account(struct slice in)
{
    struct account *a = NULL;
    struct tried t = {.why = {""}};
    t.err = account_parse(in, &a, &t.why);
    account_free(a);
    return t;
}

static struct tried read_claim(struct slice in)
{
    struct claim c;
    struct tried t = {.why = {""}};
    t.err = claim_parse(in, &c, &t.why);
    return t;
}

static struct tried read_url(struct slice in)
{
    static const struct target_policy strict = {0};
    struct target target = {0};
    struct tried t = {.why = {""}};
    t.err = target_parse(&strict, in.p, &target, &t.why);
    target_done(&target);
    return t;
}

static struct tried read_address(struct slice in)
{
    struct address a;
    return (struct tried){.err = address_parse(in, &a)};
}

static struct tried read_redis_url(struct slice in)
{
    struct redis_url u;
    struct tried t = {.why = {""}};
    t.err = redis_url_parse(in.p, &u, &t.why);
    return t;
}

static struct tried read_glob(struct slice in)
{
    struct tried t = {.why = {""}};
    t.err = glob_check(in, &t.why);
    return t;
}

static struct tried read_retry_after(struct slice in)
{
    int64_t delay;
    return (struct tried){.err = retry_after_parse(in, 1780000000000, &delay) ? ERR_OK : ERR_INVALID};
}

/* ok: its head is complete. */
static struct tried read_response(struct slice in)
{
    static struct http_fields fields;
    struct http_response r;
    char *bytes = malloc(in.len + 1); /* the parser works in place */
    check(bytes != NULL);
    memcpy(bytes, in.p, in.len);
    http_response_init(&r, &fields, 4096);
    (void)http_response_take(&r, bytes, in.len);
    free(bytes);
    struct tried t = {.err = r.head_complete ? ERR_OK : ERR_INVALID};
    http_response_done(&r);
    return t;
}

static struct tried read_uri(struct slice in)
{
    struct uri u;
    struct tried t = {.why = {""}};
    t.err = uri_parse(in.p, &u, &t.why);
    if (t.err == ERR_OK)
        uri_done(&u);
    return t;
}

static struct tried read_schedule(struct slice in)
{
    struct schedule s;
    struct tried t = {.why = {""}};
    t.err = schedule_parse(in.p, &s, &t.why);
    return t;
}

/* The message is the name of the first field that is wrong. */
static struct tried read_body(struct slice in)
{
    static const struct target_policy strict = {0};
    static const struct keyring ring = {.count = 1, .keys = {{.id = "k"}}};
    const struct webhook_rules rules = {.policy = &strict, .keys = &ring};
    struct field_errors errors = {0};
    struct tried t = {.why = {""}};
    json_t *body = NULL;
    t.err = json_members_load(in, &body, &t.why);
    if (t.err != ERR_OK)
        return t;
    struct webhook *wh = webhook_new();
    free(wh->id);
    free(wh->account_id);
    wh->id = strdup("wh_1");
    wh->account_id = strdup("acc_1");
    webhook_fields_apply(body, true, &rules, wh, &errors);
    if (errors.count > 0)
        t.err = errmsg_set(&t.why, ERR_INVALID, "%s", errors.items[0].field);
    webhook_free(wh);
    json_decref(body);
    return t;
}

/* -------- logs -------- */

struct reading {
    const struct source_format *format;
    struct source_state *st;
    struct errmsg why; /* of what was put aside last */
    int facts, put_aside;
};

static void on_fact(void *ctx, const struct source_fact *fact)
{
    struct reading *r = ctx;
    check(fact->type < EVENT_TYPE_COUNT);
    r->facts++;
}

static void on_quarantine(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    struct reading *r = ctx;
    check(offset >= 0 && bytes.len > 0);
    const char *why = r->format->why ? r->format->why(r->st) : NULL;
    (void)errmsg_set(&r->why, ERR_INVALID, "%s%s%s", source_reason_name(reason), why ? ": " : "", why ? why : "");
    r->put_aside++;
}

/* ERR_OK: facts alone; ERR_INVALID: all put aside; ERR_AGAIN: some of it; ERR_NOT_FOUND: neither. */
static struct tried read_log(const char *format, struct slice in)
{
    struct reading r = {.format = source_find(format), .why = {""}};
    struct source_sink sink = {on_fact, on_quarantine, &r};
    const struct source_options options = {.suspect_window_ms = 20};
    r.st = r.format->state_new(&options, &sink);
    size_t at = 0, len;
    while (at < in.len && (len = r.format->frame(slice_of(in.p + at, in.len - at))) > 0) {
        r.format->record(r.st, (int64_t)at, slice_of(in.p + at, len));
        at += len;
    }
    r.format->flush(r.st);
    r.format->state_free(r.st);
    enum err none = r.put_aside > 0 ? ERR_INVALID : ERR_NOT_FOUND, some = r.put_aside > 0 ? ERR_AGAIN : ERR_OK;
    return (struct tried){.err = r.facts > 0 ? some : none, .why = r.why};
}

static struct tried read_proftpd(struct slice in)
{
    return read_log("proftpd", in);
}

static struct tried read_vsftpd(struct slice in)
{
    return read_log("vsftpd", in);
}

static struct tried read_pureftpd(struct slice in)
{
    return read_log("pureftpd", in);
}

static struct tried read_jsonl(struct slice in)
{
    return read_log("jsonl", in);
}

static struct tried read_spool(struct slice in)
{
    return read_log("spool", in);
}

/* -------- cases -------- */

static const struct kind {
    const char *name;
    struct tried (*read)(struct slice in);
    int messages;
} kinds[] = {
    {"event", read_event, MESSAGES},       {"delivery", read_delivery, MESSAGES},   {"webhook", read_webhook, MESSAGES},
    {"account", read_account, MESSAGES},   {"claim", read_claim, MESSAGES},         {"url", read_url, MESSAGES},
    {"address", read_address, 0},          {"redis_url", read_redis_url, MESSAGES}, {"glob", read_glob, MESSAGES},
    {"retry_after", read_retry_after, 0},  {"response", read_response, 0},          {"uri", read_uri, MESSAGES},
    {"schedule", read_schedule, MESSAGES}, {"body", read_body, MESSAGES},           {"proftpd", read_proftpd, MESSAGES},
    {"vsftpd", read_vsftpd, MESSAGES},     {"pureftpd", read_pureftpd, MESSAGES},   {"jsonl", read_jsonl, MESSAGES},
    {"spool", read_spool, MESSAGES},
};

static const struct kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static bool is_right(const struct kind *kind, const struct tried *t, const char *expect, const char *words)
{
    if (strcmp(expect, "ok") == 0)
        return t->err == ERR_OK;
    if (strcmp(expect, "ignored") == 0)
        return t->err == ERR_NOT_FOUND;
    if (t->err == ERR_OK || (strcmp(expect, "partly") == 0) != (t->err == ERR_AGAIN))
        return false;
    return !kind->messages || (*t->why.text && strstr(t->why.text, words));
}

static const char *member(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    check(text != NULL);
    return text;
}

/* The input in memory of its exact size and a NUL. */
static bool try_case(const json_t *o)
{
    const struct kind *kind = kind_of(member(o, "kind"));
    struct buf input;
    check(kind != NULL);
    buf_init(&input, 4 * 1024 * 1024);
    check(base64_decode(&input, slice_str(member(o, "input"))) == ERR_OK);
    char *exact = malloc(input.len + 1);
    check(exact != NULL);
    memcpy(exact, buf_cstr(&input), input.len);
    exact[input.len] = '\0';
    struct tried t = kind->read(slice_of(exact, input.len));
    bool right = is_right(kind, &t, member(o, "expect"), member(o, "why"));
    if (!right)
        printf("FAILED  %s: %s: expected %s %s, got %s %s\n", kind->name, member(o, "name"), member(o, "expect"),
               member(o, "why"), err_name(t.err), t.why.text);
    free(exact);
    buf_done(&input);
    return right;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
    char *line = NULL;
    size_t size = 0;
    long cases = 0, wrong = 0;
    check(file != NULL);
    while (getline(&line, &size, file) > 0) {
        json_t *o = json_loads(line, 0, NULL);
        check(o != NULL);
        cases++;
        wrong += !try_case(o);
        json_decref(o);
    }
    free(line);
    (void)fclose(file);
    printf("%ld cases, %ld wrong\n", cases, wrong);
    return cases >= CASES_MIN && wrong == 0 ? 0 : 1;
}
