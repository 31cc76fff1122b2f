#include "table.h"

#include <malloc.h>
#include <stdlib.h>

#include "model/account.h"
#include "ownership.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/uthash.h"
#include "worker.h"

struct table_account {
    struct account *account; /* NULL: no record of it has come */
    struct table_webhook *webhooks;
    char *id;
    UT_hash_handle hh;
};

struct table_webhook {
    struct endpoint *ep;
    struct table_account *account;
    struct table_webhook *next, *prev; /* of the account */
    UT_hash_handle hh;                 /* by id */
};

struct table {
    struct worker *worker;
    struct kafka_reader *reader;
    struct table_account *accounts;
    struct table_webhook *webhooks;
    int32_t ends_missing; /* partitions that have not been read to their end yet */
    bool *webhook_ended, *account_ended;
};

static struct table_account *account_of(struct table *t, struct slice id)
{
    struct table_account *a;
    HASH_FIND(hh, t->accounts, id.p, id.len, a);
    if (!a) {
        a = mem_zalloc(sizeof *a);
        a->id = mem_dup(id.p, id.len);
        HASH_ADD_KEYPTR(hh, t->accounts, a->id, id.len, a);
    }
    return a;
}

static struct table_webhook *find(const struct table *t, struct slice id)
{
    struct table_webhook *found;
    HASH_FIND(hh, t->webhooks, id.p, id.len, found);
    return found;
}

static void unlink_webhook(struct table_webhook *tw)
{
    if (tw->prev)
        tw->prev->next = tw->next;
    else
        tw->account->webhooks = tw->next;
    if (tw->next)
        tw->next->prev = tw->prev;
}

static void link_webhook(struct table_webhook *tw, struct table_account *a)
{
    tw->account = a;
    tw->prev = NULL;
    tw->next = a->webhooks;
    if (tw->next)
        tw->next->prev = tw;
    a->webhooks = tw;
}

static void remove_webhook(struct table *t, struct table_webhook *tw)
{
    HASH_DEL(t->webhooks, tw);
    unlink_webhook(tw);
    tw->ep->listed = false;
    endpoint_unref(tw->ep);
    free(tw);
}

static bool pays(const struct table_account *a)
{
    return a->account && account_is_paid(a->account);
}

/* What a webhook needs to know of its account stands with it: it is asked for several times a delivery. */
static void follow_account(struct table_webhook *tw)
{
    const struct table_account *a = tw->account;
    tw->ep->account_rate = a->account ? a->account->events_per_second : 0;
    tw->ep->paid = pays(a);
}

/* What people read and workers do not: of 100,000 webhooks it takes megabytes. */
static void let_go(struct webhook *wh)
{
    free(wh->description);
    wh->description = NULL;
    if (*wh->disabled_reason)
        return;
    free(wh->disabled_reason);
    wh->disabled_reason = NULL;
}

static void put_webhook(struct table *t, struct webhook *wh)
{
    struct worker *w = t->worker;
    struct table_webhook *tw = find(t, slice_str(wh->id));
    /* The first record of a version wins (ARCHITECTURE: "Topics"). */
    if (tw && wh->version <= tw->ep->wh->version) {
        webhook_free(wh);
        return;
    }
    if (tw)
        remove_webhook(t, tw);
    let_go(wh);
    tw = mem_zalloc(sizeof *tw);
    tw->ep = endpoint_new(&w->endpoints, w->keyring, wh);
    HASH_ADD_KEYPTR(hh, t->webhooks, tw->ep->wh->id, strlen(tw->ep->wh->id), tw);
    link_webhook(tw, account_of(t, slice_str(wh->account_id)));
    follow_account(tw);
    tw->ep->listed = true;
}

static void bad_record(struct table *t, const struct kafka_record *rec, const struct errmsg *why)
{
    ++*t->worker->stats.table_errors;
    log_warn("table_record_unusable", LOG_STR("topic", rec->topic), LOG_INT("partition", rec->partition),
             LOG_INT("offset", rec->offset), LOG_SLICE("key", rec->key), LOG_STR("error", why->text));
}

static enum table_state state_now(const struct table *t, struct slice webhook_id)
{
    const char *why;
    return table_state(t, webhook_id, &why);
}

/* What is scheduled for it ends, is held or is sent within a second, not when it is due. */
static void sweep_if_changed(struct table *t, struct slice webhook_id, enum table_state before)
{
    if (state_now(t, webhook_id) != before)
        ownership_sweep(t->worker->ownership, webhook_id);
}

static void on_webhook(struct table *t, const struct kafka_record *rec)
{
    struct webhook *wh;
    struct errmsg why;
    enum table_state before = state_now(t, rec->key);
    if (rec->tombstone) {
        struct table_webhook *tw = find(t, rec->key);
        if (tw)
            remove_webhook(t, tw);
        sweep_if_changed(t, rec->key, before);
        return;
    }
    if (webhook_parse(rec->value, &wh, &why) != ERR_OK) {
        bad_record(t, rec, &why);
        return;
    }
    put_webhook(t, wh);
    sweep_if_changed(t, rec->key, before);
}

static void on_account(struct table *t, const struct kafka_record *rec)
{
    struct account *account = NULL;
    struct errmsg why;
    if (!rec->tombstone && account_parse(rec->value, &account, &why) != ERR_OK) {
        bad_record(t, rec, &why);
        return;
    }
    struct table_account *a = account_of(t, rec->key);
    /* The first record of a version wins, as with webhooks. */
    if (account && a->account && account->version <= a->account->version) {
        account_free(account);
        return;
    }
    bool paid = pays(a);
    account_free(a->account);
    a->account = account;
    for (struct table_webhook *tw = a->webhooks; tw; tw = tw->next)
        follow_account(tw);
    for (struct table_webhook *tw = a->webhooks; tw && pays(a) != paid; tw = tw->next)
        if (state_now(t, slice_str(tw->ep->wh->id)) != TABLE_CLOSED)
            ownership_sweep(t->worker->ownership, slice_str(tw->ep->wh->id));
}

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct table *t = ctx;
    if (strcmp(rec->topic, t->worker->webhooks_topic) == 0)
        on_webhook(t, rec);
    else
        on_account(t, rec);
}

/* Of each webhook as it is now, not as it once was. */
static void tell_unusable(struct table *t)
{
    t->worker->endpoints.quiet = false;
    for (const struct table_webhook *tw = t->webhooks; tw; tw = tw->hh.next)
        endpoint_tell(tw->ep);
}

static void on_end(void *ctx, const char *topic, int32_t partition, int64_t end)
{
    struct table *t = ctx;
    bool *ended = strcmp(topic, t->worker->webhooks_topic) == 0 ? &t->webhook_ended[partition] : &t->account_ended[partition];
    (void)end;
    if (*ended)
        return;
    *ended = true;
    if (--t->ends_missing > 0)
        return;
    tell_unusable(t);
    malloc_trim(0); /* what reading it took: more than the table itself, for a while */
    log_info("table_complete", LOG_INT("webhooks", HASH_COUNT(t->webhooks)), LOG_INT("accounts", HASH_COUNT(t->accounts)));
}

enum err table_new(struct worker *w, int32_t webhook_partitions, int32_t account_partitions, struct table **out,
                   struct errmsg *why)
{
    struct table *t = mem_zalloc(sizeof *t);
    struct kafka_reader_options o = {
        .on_record = on_record, .on_end = on_end, .ctx = t, .fetch_wait_ms = 200, .poll_bound = 1000};
    t->worker = w;
    enum err err = kafka_reader_new(&w->kafka, &o, &t->reader, why);
    if (err != ERR_OK) {
        free(t);
        return err;
    }
    t->ends_missing = webhook_partitions + account_partitions;
    t->webhook_ended = mem_zalloc((size_t)webhook_partitions * sizeof(bool));
    t->account_ended = mem_zalloc((size_t)account_partitions * sizeof(bool));
    for (int32_t i = 0; i < webhook_partitions; i++)
        kafka_reader_start(t->reader, w->webhooks_topic, i, 0);
    for (int32_t i = 0; i < account_partitions; i++)
        kafka_reader_start(t->reader, w->accounts_topic, i, 0);
    *out = t;
    return ERR_OK;
}

void table_free(struct table *t)
{
    struct table_webhook *tw, *next_webhook;
    struct table_account *a, *next_account;
    if (!t)
        return;
    kafka_reader_free(t->reader);
    HASH_ITER(hh, t->webhooks, tw, next_webhook)
        remove_webhook(t, tw);
    HASH_ITER(hh, t->accounts, a, next_account) {
        HASH_DEL(t->accounts, a);
        account_free(a->account);
        free(a->id);
        free(a);
    }
    free(t->webhook_ended);
    free(t->account_ended);
    free(t);
}

bool table_complete(const struct table *t)
{
    return t && t->ends_missing == 0;
}

int table_reopen(struct table *t)
{
    struct table_webhook *tw, *next;
    int mended = 0;
    HASH_ITER(hh, t->webhooks, tw, next)
        mended += endpoint_reopen(tw->ep, t->worker->keyring);
    return mended;
}

size_t table_webhooks(const struct table *t)
{
    return t ? HASH_COUNT(t->webhooks) : 0;
}

size_t table_accounts(const struct table *t)
{
    return t ? HASH_COUNT(t->accounts) : 0;
}

struct endpoint *table_webhook(const struct table *t, struct slice webhook_id)
{
    struct table_webhook *tw = find(t, webhook_id);
    return tw ? tw->ep : NULL;
}

/* Without a reason it is only paused. */
static bool is_disabled(const struct webhook *wh)
{
    return !wh->enabled && wh->disabled_reason != NULL;
}

static enum table_state because(enum table_state state, const char *text, const char **why)
{
    *why = text;
    return state;
}

enum table_state table_state_of(const struct endpoint *ep, const char **why)
{
    if (!ep)
        return because(TABLE_CLOSED, "the webhook was deleted", why);
    if (is_disabled(ep->wh))
        return because(TABLE_CLOSED, "the webhook is disabled", why);
    if (ep->health.gone)
        return because(TABLE_CLOSED, "the endpoint answered 410 Gone", why);
    if (!ep->wh->enabled)
        return because(TABLE_HELD, "held: the webhook is paused", why);
    return ep->paid ? TABLE_OPEN : because(TABLE_HELD, "held: the account's plan has no webhooks", why);
}

enum table_state table_state(const struct table *t, struct slice webhook_id, const char **why)
{
    return table_state_of(table_webhook(t, webhook_id), why);
}

size_t table_match(const struct table *t, struct slice account_id, enum event_type type, struct slice path, struct endpoint **out,
                   size_t max)
{
    struct table_account *a;
    size_t count = 0;
    HASH_FIND(hh, t->accounts, account_id.p, account_id.len, a);
    for (struct table_webhook *tw = a ? a->webhooks : NULL; tw; tw = tw->next) {
        if (is_disabled(tw->ep->wh) || !webhook_wants(tw->ep->wh, type, path))
            continue;
        if (count < max)
            out[count] = tw->ep;
        count++;
    }
    return count;
}
