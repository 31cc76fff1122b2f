#include "definitions/definitions.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/mem.h"
#include "util/uthash.h"

#define REPAIR_MS 200
#define FETCH_WAIT_MS 200
#define POLL_BOUND 1000
#define LEAVING_MS 5000 /* so long, at most, does who deletes a webhook need for its tombstone */

/* What belongs to an account. */
struct owner {
    char *account_id;
    const struct webhook **webhooks;
    size_t webhook_count;
    UT_hash_handle hh;
};

struct key_owner {
    char *key_id;
    char *account_id;
    UT_hash_handle hh;
};

/* A topic that is read. */
struct source {
    char topic[TOPIC_NAME_SIZE];
    struct table *table; /* NULL: the audit's */
    int32_t partitions;
    bool *ended;
};

enum { WEBHOOKS, ACCOUNTS, EXPECTATIONS, AUDIT, SOURCES };

struct definitions {
    struct loop *loop;
    struct kafka_reader *reader;
    struct source sources[SOURCES];
    struct audit *audit;
    int32_t ends_missing;
    struct owner *owners;
    struct key_owner *keys;
    struct loop_timer *repair;
    size_t leaving; /* webhooks whose tombstone is to come */
};

/* -------- kinds -------- */

static enum err parse_webhook(struct slice json, void **out, struct errmsg *why)
{
    struct webhook *wh = NULL;
    enum err err = webhook_parse(json, &wh, why);
    *out = wh;
    return err;
}

static void free_webhook(void *value)
{
    webhook_free(value);
}

static int64_t webhook_version(const void *value)
{
    return ((const struct webhook *)value)->version;
}

static void write_webhook(struct buf *out, const void *value, int64_t version)
{
    struct webhook as = *(const struct webhook *)value;
    as.version = version;
    webhook_write(out, &as);
}

static enum err parse_account(struct slice json, void **out, struct errmsg *why)
{
    struct account *a = NULL;
    enum err err = account_parse(json, &a, why);
    *out = a;
    return err;
}

static void free_account(void *value)
{
    account_free(value);
}

static int64_t account_version(const void *value)
{
    return ((const struct account *)value)->version;
}

static void write_account(struct buf *out, const void *value, int64_t version)
{
    struct account as = *(const struct account *)value;
    as.version = version;
    account_write(out, &as);
}

static enum err parse_expectation(struct slice json, void **out, struct errmsg *why)
{
    struct expectation *ex = NULL;
    enum err err = expectation_parse(json, &ex, why);
    *out = ex;
    return err;
}

static void free_expectation(void *value)
{
    expectation_free(value);
}

static int64_t expectation_version(const void *value)
{
    return ((const struct expectation *)value)->version;
}

static void write_expectation(struct buf *out, const void *value, int64_t version)
{
    struct expectation as = *(const struct expectation *)value;
    as.version = version;
    expectation_write(out, &as);
}

static const struct table_kind webhook_kind = {TOPIC_WEBHOOKS, parse_webhook, free_webhook, webhook_version, write_webhook};
static const struct table_kind account_kind = {TOPIC_ACCOUNTS, parse_account, free_account, account_version, write_account};
static const struct table_kind expectation_kind = {TOPIC_EXPECTATIONS, parse_expectation, free_expectation, expectation_version,
                                                   write_expectation};

/* -------- indexes -------- */

static bool is_leaving(const struct webhook *wh)
{
    return !wh->enabled && strcmp(wh->disabled_reason, WEBHOOK_DELETED) == 0;
}

static struct owner *owner_of(struct definitions *d, const char *account_id)
{
    struct owner *o;
    HASH_FIND(hh, d->owners, account_id, strlen(account_id), o);
    if (o)
        return o;
    o = mem_zalloc(sizeof *o);
    o->account_id = mem_strdup(account_id);
    HASH_ADD_KEYPTR(hh, d->owners, o->account_id, strlen(o->account_id), o);
    return o;
}

static void forget_webhook(struct definitions *d, const struct webhook *wh)
{
    struct owner *o = owner_of(d, wh->account_id);
    for (size_t i = 0; i < o->webhook_count; i++) {
        if (o->webhooks[i] == wh) {
            o->webhooks[i] = o->webhooks[--o->webhook_count];
            return;
        }
    }
}

static void on_webhook(void *ctx, const char *key, const void *before, const void *now)
{
    struct definitions *d = ctx;
    const struct webhook *wh = now, *old = before;
    (void)key;
    if (old)
        forget_webhook(d, old);
    d->leaving -= old && is_leaving(old);
    d->leaving += wh && is_leaving(wh);
    if (!wh || is_leaving(wh))
        return;
    struct owner *o = owner_of(d, wh->account_id);
    o->webhooks = mem_array(o->webhooks, o->webhook_count + 1, sizeof *o->webhooks);
    o->webhooks[o->webhook_count++] = wh;
}

static void forget_key(struct definitions *d, const char *key_id)
{
    struct key_owner *k;
    HASH_FIND(hh, d->keys, key_id, strlen(key_id), k);
    if (!k)
        return;
    HASH_DEL(d->keys, k);
    free(k->key_id);
    free(k->account_id);
    free(k);
}

static void on_account(void *ctx, const char *key, const void *before, const void *now)
{
    struct definitions *d = ctx;
    const struct account *old = before, *a = now;
    (void)key;
    for (size_t i = 0; old && i < old->key_count; i++)
        forget_key(d, old->keys[i].id);
    for (size_t i = 0; a && i < a->key_count; i++) {
        forget_key(d, a->keys[i].id);
        struct key_owner *k = mem_zalloc(sizeof *k);
        k->key_id = mem_strdup(a->keys[i].id);
        k->account_id = mem_strdup(a->id);
        HASH_ADD_KEYPTR(hh, d->keys, k->key_id, strlen(k->key_id), k);
    }
}

static void on_expectation(void *ctx, const char *key, const void *before, const void *now)
{
    (void)ctx;
    (void)key;
    (void)before;
    (void)now;
}

/* -------- reading -------- */

static struct source *source_of(struct definitions *d, const char *topic)
{
    for (int i = 0; i < SOURCES; i++)
        if (strcmp(d->sources[i].topic, topic) == 0)
            return &d->sources[i];
    check(false); /* a topic that was not asked for */
    return NULL;
}

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct definitions *d = ctx;
    struct source *s = source_of(d, rec->topic);
    struct errmsg why;
    if (!s->table)
        audit_record(d->audit, rec);
    else if (table_record(s->table, rec, &why) != ERR_OK)
        log_warn("definition_unusable", LOG_STR("topic", rec->topic), LOG_INT("partition", rec->partition),
                 LOG_INT("offset", rec->offset), LOG_SLICE("key", rec->key), LOG_STR("error", why.text));
}

static void on_end(void *ctx, const char *topic, int32_t partition, int64_t end)
{
    struct definitions *d = ctx;
    struct source *s = source_of(d, topic);
    (void)end;
    if (s->ended[partition])
        return;
    s->ended[partition] = true;
    if (--d->ends_missing > 0)
        return;
    log_info("definitions_complete", LOG_INT("webhooks", table_count(d->sources[WEBHOOKS].table)),
             LOG_INT("accounts", table_count(d->sources[ACCOUNTS].table)),
             LOG_INT("expectations", table_count(d->sources[EXPECTATIONS].table)));
    loop_timer_arm(d->repair, REPAIR_MS);
}

/* Who began the deletion has died, it seems. */
static void finish_deletion(void *ctx, const void *value)
{
    struct definitions *d = ctx;
    const struct webhook *wh = value;
    if (is_leaving(wh) && loop_wall(d->loop) - wh->updated_wall_ms > LEAVING_MS)
        table_delete(d->sources[WEBHOOKS].table, wh->id, NULL, NULL);
}

static void on_repair(void *ctx)
{
    struct definitions *d = ctx;
    if (d->leaving > 0)
        table_each(d->sources[WEBHOOKS].table, finish_deletion, d);
    for (int i = 0; i < AUDIT; i++)
        table_repair(d->sources[i].table, loop_now(d->loop));
    loop_timer_arm(d->repair, REPAIR_MS);
}

/* -------- the whole -------- */

static void start_source(struct definitions *d, int which, enum topic topic, const char *prefix, int32_t partitions)
{
    struct source *s = &d->sources[which];
    topic_name(topic, prefix, NULL, s->topic);
    s->partitions = partitions;
    s->ended = mem_zalloc((size_t)partitions * sizeof *s->ended);
    d->ends_missing += partitions;
}

static void start_reading(struct definitions *d)
{
    for (int i = 0; i < SOURCES; i++)
        for (int32_t p = 0; p < d->sources[i].partitions; p++)
            kafka_reader_start(d->reader, d->sources[i].topic, p, 0);
}

enum err definitions_new(const struct kafka_options *k, const char *prefix, const struct definitions_partitions *partitions,
                         struct writer *writer, struct definitions **out, struct errmsg *why)
{
    struct definitions *d = mem_zalloc(sizeof *d);
    struct kafka_reader_options o = {
        .on_record = on_record, .on_end = on_end, .ctx = d, .fetch_wait_ms = FETCH_WAIT_MS, .poll_bound = POLL_BOUND};
    enum err err = kafka_reader_new(k, &o, &d->reader, why);
    if (err != ERR_OK) {
        free(d);
        return err;
    }
    d->loop = k->loop;
    start_source(d, WEBHOOKS, TOPIC_WEBHOOKS, prefix, partitions->webhooks);
    start_source(d, ACCOUNTS, TOPIC_ACCOUNTS, prefix, partitions->accounts);
    start_source(d, EXPECTATIONS, TOPIC_EXPECTATIONS, prefix, partitions->expectations);
    start_source(d, AUDIT, TOPIC_AUDIT, prefix, partitions->audit);
    d->sources[WEBHOOKS].table = table_new(&webhook_kind, writer, d->sources[WEBHOOKS].topic, on_webhook, d);
    d->sources[ACCOUNTS].table = table_new(&account_kind, writer, d->sources[ACCOUNTS].topic, on_account, d);
    d->sources[EXPECTATIONS].table = table_new(&expectation_kind, writer, d->sources[EXPECTATIONS].topic, on_expectation, d);
    d->audit = audit_new(writer, d->sources[AUDIT].topic);
    d->repair = loop_timer_new(k->loop, on_repair, d);
    start_reading(d);
    *out = d;
    return ERR_OK;
}

void definitions_free(struct definitions *d)
{
    struct owner *o, *next_owner;
    struct key_owner *k, *next_key;
    if (!d)
        return;
    loop_timer_free(d->repair);
    kafka_reader_free(d->reader);
    for (int i = 0; i < SOURCES; i++) {
        table_free(d->sources[i].table);
        free(d->sources[i].ended);
    }
    audit_free(d->audit);
    HASH_ITER(hh, d->owners, o, next_owner) {
        HASH_DEL(d->owners, o);
        free(o->account_id);
        free(o->webhooks);
        free(o);
    }
    HASH_ITER(hh, d->keys, k, next_key)
        forget_key(d, k->key_id);
    free(d);
}

bool definitions_complete(const struct definitions *d)
{
    return d && d->ends_missing == 0;
}

struct table *definitions_webhooks(const struct definitions *d)
{
    return d->sources[WEBHOOKS].table;
}

struct table *definitions_accounts(const struct definitions *d)
{
    return d->sources[ACCOUNTS].table;
}

struct table *definitions_expectations(const struct definitions *d)
{
    return d->sources[EXPECTATIONS].table;
}

struct audit *definitions_audit(const struct definitions *d)
{
    return d->audit;
}

const struct webhook *definitions_webhook(const struct definitions *d, const char *id)
{
    const struct webhook *wh = table_find(d->sources[WEBHOOKS].table, id);
    return wh && !is_leaving(wh) ? wh : NULL;
}

const struct account *definitions_account(const struct definitions *d, const char *id)
{
    return table_find(d->sources[ACCOUNTS].table, id);
}

const struct expectation *definitions_expectation(const struct definitions *d, const char *id)
{
    return table_find(d->sources[EXPECTATIONS].table, id);
}

size_t definitions_webhooks_of(const struct definitions *d, const char *account_id, const struct webhook *const **out)
{
    struct owner *o;
    HASH_FIND(hh, d->owners, account_id, strlen(account_id), o);
    *out = o ? o->webhooks : NULL;
    return o ? o->webhook_count : 0;
}

bool definitions_account_pays(const struct definitions *d, const char *account_id)
{
    const struct account *a = definitions_account(d, account_id);
    return a && account_is_paid(a);
}

bool definitions_key(const struct definitions *d, const char *key_id, const struct account **account,
                     const struct account_key **key)
{
    struct key_owner *k;
    HASH_FIND(hh, d->keys, key_id, strlen(key_id), k);
    const struct account *a = k ? definitions_account(d, k->account_id) : NULL;
    for (size_t i = 0; a && i < a->key_count; i++) {
        if (strcmp(a->keys[i].id, key_id) == 0) {
            *account = a;
            *key = &a->keys[i];
            return true;
        }
    }
    return false;
}
