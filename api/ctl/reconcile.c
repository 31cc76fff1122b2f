/* reconcile: what events and definitions say was owed, against the delivery
 * log: the topics themselves, without the API (docs/VIEW.md says what it
 * proves).
 *
 * The group's committed offsets are asked for first and the delivery log is
 * read after, to its end, so every record that they vouch for is met. Ids and
 * statuses of the deliveries of the range are kept in memory, some 100 bytes
 * each. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/definitions.h"
#include "ctl/display.h"
#include "model/delivery.h"
#include "model/webhook.h"
#include "owed/owed.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/mem.h"

#define RECORD_MAX (8UL * 1024 * 1024)
#define DAY_MS (24 * 3600 * (int64_t)1000)

struct args {
    const char *account, *since, *until, *pool;
};

#define AT(field) offsetof(struct args, field)

static const struct opt options[] = {
    {"account", OPT_TEXT, "A", "only this account", AT(account), 0, 0, 0},
    {"since", OPT_TEXT, "TIME", "events from this time on, RFC 3339 (default: a day before --until)", AT(since), 0, 0, 0},
    {"until", OPT_TEXT, "TIME", "events before this time (default: now)", AT(until), 0, 0, 0},
    {"pool", OPT_TEXT, "P", "the topics of this pool instead of the shared ones", AT(pool), 0, 0, 0},
};

struct tenant {
    char *id;
    struct owed *owed;
    UT_hash_handle hh;
};

struct owner {
    char *webhook_id;
    struct tenant *tenant;
    UT_hash_handle hh;
};

struct found {
    struct uuid id;
    bool known; /* it has a record: rank and generation are its */
    int64_t generation;
    struct found *again; /* the next redelivery of the same; of the first one on, in any order */
    struct delivery_rank rank;
    UT_hash_handle hh;
};

struct reconciling {
    struct ctl *ctl;
    const struct args *args;
    int64_t since_wall_ms, until_wall_ms;
    struct tenant *tenants;
    struct owner *owners;
    struct found *deliveries;
    struct kafka_sync_position *committed;
    int partitions;
    struct buf scratch;
    int64_t events, owed, statuses[DELIVERY_PURGED + 1], redelivered, waiting, missing, unproven;
};

/* -------- definitions -------- */

static struct tenant *tenant_of(struct reconciling *r, struct slice id)
{
    struct tenant *t = NULL;
    HASH_FIND(hh, r->tenants, id.p, id.len, t);
    if (!t) {
        t = mem_zalloc(sizeof *t);
        t->id = mem_dup(id.p, id.len);
        t->owed = owed_new();
        HASH_ADD_KEYPTR(hh, r->tenants, t->id, id.len, t);
    }
    return t;
}

static struct owner *owner_of(struct reconciling *r, struct slice webhook_id, struct slice json)
{
    struct owner *o = NULL;
    struct webhook *wh = NULL;
    struct errmsg why;
    HASH_FIND(hh, r->owners, webhook_id.p, webhook_id.len, o);
    if (!o && json.p && webhook_parse(json, &wh, &why) == ERR_OK) {
        o = mem_zalloc(sizeof *o);
        o->webhook_id = mem_dup(webhook_id.p, webhook_id.len);
        o->tenant = tenant_of(r, slice_str(wh->account_id));
        HASH_ADD_KEYPTR(hh, r->owners, o->webhook_id, webhook_id.len, o);
        webhook_free(wh);
    }
    return o;
}

static bool take_webhook(void *ctx, const rd_kafka_message_t *m)
{
    struct reconciling *r = ctx;
    struct errmsg why;
    struct slice id = slice_of(m->key, m->key ? m->key_len : 0), json = slice_of(m->payload, m->payload ? m->len : 0);
    struct owner *o = owner_of(r, id, json);
    if (o && owed_add_webhook(o->tenant->owed, id, json, rd_kafka_message_timestamp(m, NULL), &why) != ERR_OK) {
        ctl_warn("a webhook's record is of no use: %.300s", why.text);
    }
    return true;
}

/* -------- deliveries -------- */

static void useless(const rd_kafka_message_t *m, const struct errmsg *why)
{
    ctl_warn("partition %" PRId32 ", offset %" PRId64 " is left out: %.300s", m->partition, m->offset, why->text);
}

static struct found *entry_of(struct reconciling *r, const struct uuid *id)
{
    struct found *f = NULL;
    HASH_FIND(hh, r->deliveries, id, sizeof *id, f);
    if (!f) {
        f = mem_zalloc(sizeof *f);
        f->id = *id;
        HASH_ADD(hh, r->deliveries, id, sizeof f->id, f);
    }
    return f;
}

static void keep(struct reconciling *r, const struct delivery *dl)
{
    struct delivery_rank rank = {dl->status, dl->attempt, dl->revision};
    struct found *f = entry_of(r, &dl->id);
    if (!f->known && dl->generation > 0) {
        struct uuid id = delivery_id(&dl->event_id, dl->webhook_id, 0);
        struct found *first = entry_of(r, &id);
        f->again = first->again;
        first->again = f;
    }
    if (!f->known || delivery_rank_compare(rank, f->rank) > 0) {
        f->rank = rank;
    }
    f->known = true;
    f->generation = dl->generation;
}

static bool decides(const struct found *f, const struct found *against)
{
    return f->generation > against->generation ? owed_decides(f->rank.status, against->rank.status)
                                               : !owed_decides(against->rank.status, f->rank.status);
}

/* The generation that decides what became of a delivery; NULL: none has a record. */
static const struct found *find_outcome(const struct reconciling *r, const struct uuid *id)
{
    const struct found *best = NULL;
    struct found *first = NULL;
    HASH_FIND(hh, r->deliveries, id, sizeof *id, first);
    for (const struct found *f = first; f; f = f->again) {
        if (f->known && (!best || decides(f, best))) {
            best = f;
        }
    }
    return best;
}

static bool take_delivery(void *ctx, const rd_kafka_message_t *m)
{
    struct reconciling *r = ctx;
    struct delivery dl;
    struct errmsg why;
    if (!m->payload || (m->key_len > 0 && *(const char *)m->key == '!')) {
        return true;
    }
    if (delivery_parse(slice_of(m->payload, m->len), &r->scratch, &dl, &why) != ERR_OK) {
        useless(m, &why);
    } else if (dl.event_wall_ms >= r->since_wall_ms && dl.event_wall_ms < r->until_wall_ms) {
        keep(r, &dl);
    }
    return true;
}

/* -------- events -------- */

static bool is_settled(const struct reconciling *r, const rd_kafka_message_t *m)
{
    for (int i = 0; i < r->partitions; i++) {
        if (r->committed[i].partition == m->partition) {
            return m->offset < r->committed[i].offset;
        }
    }
    return false;
}

static void print_missing(const struct event *ev, struct slice webhook_id, const struct uuid *id, bool json)
{
    char delivery[UUID_TEXT_SIZE], event[UUID_TEXT_SIZE];
    struct buf line;
    buf_init(&line, RECORD_MAX);
    uuid_format(id, delivery);
    uuid_format(&ev->id, event);
    if (json) {
        buf_printf(&line,
                   "{\"missing\":\"%s\",\"event_id\":\"%s\",\"webhook_id\":\"%.*"
                   "s\",\"path\":",
                   delivery, event, (int)webhook_id.len, webhook_id.p);
        json_put_string(&line, ev->path);
        buf_puts(&line, "}");
    } else {
        buf_printf(&line, "missing  %.*s  %s  %.*s  ", (int)ev->timestamp.len, ev->timestamp.p, delivery, (int)webhook_id.len,
                   webhook_id.p);
        display_put(&line, ev->path);
    }
    (void)puts(buf_cstr(&line));
    buf_done(&line);
}

static void judge(struct reconciling *r, const rd_kafka_message_t *m, const struct event *ev, struct slice webhook_id,
                  enum owed_verdict verdict)
{
    struct uuid id = delivery_id(&ev->id, webhook_id, 0);
    const struct found *f = find_outcome(r, &id);
    if (f) {
        r->statuses[f->rank.status]++;
        r->redelivered += f->rank.status == DELIVERY_DELIVERED && f->generation > 0;
        r->owed++;
    } else if (verdict == OWED_UNSURE) {
        r->unproven++;
    } else if (!is_settled(r, m)) {
        r->waiting++;
        r->owed++;
    } else {
        r->missing++;
        r->owed++;
        print_missing(ev, webhook_id, &id, r->ctl->json);
    }
}

static bool is_wanted(const struct reconciling *r, const struct event *ev)
{
    return ev->target.webhook_id.len == 0 && ev->time_wall_ms >= r->since_wall_ms && ev->time_wall_ms < r->until_wall_ms &&
           (!r->args->account || slice_eq(ev->account_id, slice_str(r->args->account)));
}

static bool take_event(void *ctx, const rd_kafka_message_t *m)
{
    struct reconciling *r = ctx;
    struct tenant *t = NULL;
    struct event ev;
    struct errmsg why;
    if (!m->payload || event_parse(slice_of(m->payload, m->len), &r->scratch, &ev, &why) != ERR_OK || !is_wanted(r, &ev)) {
        return true;
    }
    r->events++;
    HASH_FIND(hh, r->tenants, ev.account_id.p, ev.account_id.len, t);
    for (size_t i = 0; t && i < owed_count(t->owed); i++) {
        enum owed_verdict verdict = owed_verdict(t->owed, i, &ev, rd_kafka_message_timestamp(m, NULL));
        if (verdict != OWED_NO) {
            judge(r, m, &ev, owed_id(t->owed, i), verdict);
        }
    }
    return true;
}

/* -------- the whole -------- */

static enum err read_topic(struct reconciling *r, enum topic topic, bool (*fn)(void *ctx, const rd_kafka_message_t *m),
                           struct errmsg *why)
{
    struct kafka_sync_position *at = NULL;
    char name[TOPIC_NAME_SIZE];
    int count = 0;
    topic_name(topic, r->ctl->settings.common.topic_prefix, r->args->pool, name);
    enum err err = kafka_sync_positions(r->ctl->kafka, name, 0, &at, &count, why);
    err = err == ERR_OK ? kafka_sync_read(r->ctl->kafka, name, at, count, false, fn, r, why) : err;
    free(at);
    return err;
}

static enum err read_committed(struct reconciling *r, struct errmsg *why)
{
    char name[TOPIC_NAME_SIZE], group[TOPIC_NAME_SIZE];
    topic_name(TOPIC_EVENTS, r->ctl->settings.common.topic_prefix, r->args->pool, name);
    topic_worker_group(r->ctl->settings.common.topic_prefix, r->args->pool, group);
    enum err err = kafka_sync_positions(r->ctl->kafka, name, 0, &r->committed, &r->partitions, why);
    return err == ERR_OK ? kafka_sync_committed(r->ctl->kafka, group, name, r->committed, r->partitions, why) : err;
}

static void print_balance(const struct reconciling *r)
{
    int64_t pending = r->waiting + r->statuses[DELIVERY_RETRYING] + r->statuses[DELIVERY_PARKED];
    struct buf line;
    buf_init(&line, 1024);
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {{"events", r->events},
                {"owed", r->owed},
                {"delivered", r->statuses[DELIVERY_DELIVERED]},
                {"redelivered", r->redelivered},
                {"pending", pending},
                {"failed", r->statuses[DELIVERY_FAILED]},
                {"cancelled", r->statuses[DELIVERY_CANCELLED]},
                {"purged", r->statuses[DELIVERY_PURGED]},
                {"missing", r->missing},
                {"unproven", r->unproven}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (r->ctl->json) {
            buf_printf(&line, "%s\"%s\":%lld", i == 0 ? "{" : ",", rows[i].name, (long long)rows[i].value);
        } else {
            buf_printf(&line, "%s%s %lld", i == 0 ? "" : "  ", rows[i].name, (long long)rows[i].value);
        }
    }
    (void)printf("%s%s\n", buf_cstr(&line), r->ctl->json ? "}" : "");
    buf_done(&line);
}

static void free_all(struct reconciling *r)
{
    struct tenant *t = NULL, *next_tenant = NULL;
    struct owner *o = NULL, *next_owner = NULL;
    struct found *f = NULL, *next_found = NULL;
    HASH_ITER(hh, r->tenants, t, next_tenant) {
        HASH_DEL(r->tenants, t);
        owed_free(t->owed);
        free(t->id);
        free(t);
    }
    HASH_ITER(hh, r->owners, o, next_owner) {
        HASH_DEL(r->owners, o);
        free(o->webhook_id);
        free(o);
    }
    HASH_ITER(hh, r->deliveries, f, next_found) {
        HASH_DEL(r->deliveries, f);
        free(f);
    }
    free(r->committed);
    buf_done(&r->scratch);
}

static enum err reconcile(struct reconciling *r, struct errmsg *why)
{
    enum err err = read_committed(r, why);
    err = err == ERR_OK ? read_topic(r, TOPIC_WEBHOOKS, take_webhook, why) : err;
    err = err == ERR_OK ? read_topic(r, TOPIC_DELIVERIES, take_delivery, why) : err;
    return err == ERR_OK ? read_topic(r, TOPIC_EVENTS, take_event, why) : err;
}

static int run(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct reconciling r = {.ctl = ctl, .args = a, .until_wall_ms = clock_wall_ms()};
    struct errmsg why;
    if (a->until && clock_parse_utc(slice_str(a->until), &r.until_wall_ms) != ERR_OK) {
        return ctl_usage("--until: must be an RFC 3339 time, as 2026-06-08T12:00:00Z");
    }
    r.since_wall_ms = r.until_wall_ms - DAY_MS;
    if (a->since && clock_parse_utc(slice_str(a->since), &r.since_wall_ms) != ERR_OK) {
        return ctl_usage("--since: must be an RFC 3339 time, as 2026-06-08T12:00:00Z");
    }
    if (a->pool && *a->pool && !topic_pool_valid(a->pool)) {
        return ctl_usage("--pool: must be 1-32 of [a-z0-9-], and not \"dlq\"");
    }
    buf_init(&r.scratch, RECORD_MAX);
    enum err err = reconcile(&r, &why);
    if (err == ERR_OK) {
        print_balance(&r);
    }
    int64_t missing = r.missing;
    free_all(&r);
    if (err != ERR_OK) {
        return ctl_fail(err, &why);
    }
    return missing > 0 ? CTL_DRIFT : CTL_OK;
}

const struct command command_reconcile = {
    .name = "reconcile",
    .help = "Says how many deliveries were owed, delivered, pending, failed, "
            "and lists what is missing.\n"
            "It reads the topics themselves: what was owed follows from the "
            "events and the definitions, not from the delivery log. An event owes a webhook\n"
            "one delivery: it is delivered if any generation of it is (redelivered: one that was sent again).\n"
            "Missing is what the workers have committed past without a record; "
            "unproven, where the definition then in force is not\n"
            "known. Exit status 3 when anything is missing.",
    .needs = COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = run,
};
