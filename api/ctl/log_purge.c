/* log purge: erases what the delivery log tells of an account. Each delivery gets a record with status `purged`, which has
 * no path, no body and no responses and outranks every other, and then a tombstone: the record tells sinks, some of which skip
 * tombstones, and the tombstone lets compaction remove what was before. Between the two lies min.compaction.lag.ms, an hour, in
 * which sinks read the record.
 *
 * It writes into partitions that workers own. They take it as any record that is not theirs: they read it back, find nothing that
 * outranks it, and forget the delivery. Open deliveries are refused, since a POST that is under way would be recorded again
 * afterwards. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/kafka_sync.h"
#include "model/delivery.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/uthash.h"

#define RECORD_MAX (8UL * 1024 * 1024)
#define BATCH 500

struct args {
    const char *account, *pool;
    bool dry_run;
};

#define AT(field) offsetof(struct args, field)

static const struct opt options[] = {
    {"account", OPT_TEXT, "A", "the account whose deliveries are erased", AT(account), 0, 0, 0},
    {"pool", OPT_TEXT, "P", "in the log of this pool instead of the shared one", AT(pool), 0, 0, 0},
    {"dry-run", OPT_FLAG, NULL, "write nothing; say how many there are", AT(dry_run), 0, 0, 0},
};

/* A delivery of the account, as its last record tells: what its purged record needs, since there may be millions. */
struct found {
    struct uuid id, event_id;
    enum event_type event;
    enum delivery_status status;
    int max_attempts;
    int32_t partition, event_partition;
    int64_t revision, event_wall_ms, created_wall_ms, generation, event_offset;
    char *webhook_id, *event_topic;
    UT_hash_handle hh;
};

struct run {
    struct ctl *ctl;
    const struct args *args;
    char topic[TOPIC_NAME_SIZE];
    struct found *found;
    struct buf scratch, record;
    int64_t open;
    struct kafka_sync_ack acks[BATCH];
    int sent;
};

static char *copy(struct slice s)
{
    return mem_dup(s.p, s.len);
}

static void remember(struct run *r, const struct delivery *dl, int32_t partition)
{
    struct found *f;
    HASH_FIND(hh, r->found, &dl->id, sizeof dl->id, f);
    if (f && f->revision >= dl->revision) {
        return;
    }
    if (!f) {
        f = mem_zalloc(sizeof *f);
        f->id = dl->id;
        HASH_ADD(hh, r->found, id, sizeof f->id, f);
    }
    free(f->webhook_id);
    free(f->event_topic);
    f->webhook_id = copy(dl->webhook_id);
    f->event_topic = copy(dl->event_topic);
    f->event_id = dl->event_id;
    f->event = dl->event;
    f->status = dl->status;
    f->max_attempts = dl->max_attempts;
    f->partition = partition;
    f->event_partition = dl->event_partition;
    f->revision = dl->revision;
    f->event_wall_ms = dl->event_wall_ms;
    f->created_wall_ms = dl->created_wall_ms;
    f->generation = dl->generation;
    f->event_offset = dl->event_offset;
}

static void forget(struct run *r, const rd_kafka_message_t *m)
{
    struct uuid id;
    struct found *f;
    if (uuid_parse(slice_of(m->key, m->key_len), &id) != ERR_OK) {
        return;
    }
    HASH_FIND(hh, r->found, &id, sizeof id, f);
    if (f) {
        HASH_DEL(r->found, f);
        free(f->webhook_id);
        free(f->event_topic);
        free(f);
    }
}

static bool take(void *ctx, const rd_kafka_message_t *m)
{
    struct run *r = ctx;
    struct delivery dl;
    if (m->key_len == 0 || *(const char *)m->key == '!') {
        return true;
    }
    if (!m->payload) {
        forget(r, m);
    } else if (delivery_parse(slice_of(m->payload, m->len), &r->scratch, &dl, NULL) == ERR_OK &&
               slice_eq(dl.account_id, slice_str(r->args->account))) {
        remember(r, &dl, m->partition);
    }
    return true;
}

/* What is left of it: who it was for, when, and that it was erased. */
static void write_purged(struct run *r, const struct found *f)
{
    struct delivery dl = {.id = f->id,
                          .event_id = f->event_id,
                          .webhook_id = slice_str(f->webhook_id),
                          .account_id = slice_str(r->args->account),
                          .event = f->event,
                          .status = DELIVERY_PURGED,
                          .revision = f->revision + 1,
                          .max_attempts = f->max_attempts,
                          .event_wall_ms = f->event_wall_ms,
                          .created_wall_ms = f->created_wall_ms,
                          .updated_wall_ms = clock_wall_ms(),
                          .generation = f->generation,
                          .event_topic = slice_str(f->event_topic),
                          .event_partition = f->event_partition,
                          .event_offset = f->event_offset};
    buf_reset(&r->record);
    delivery_write(&r->record, &dl);
}

static enum err flush(struct run *r, struct errmsg *why)
{
    r->sent = 0;
    return kafka_sync_flush(r->ctl->kafka, why);
}

static enum err queue(struct run *r, const struct found *f, struct slice value, struct errmsg *why)
{
    char key[UUID_TEXT_SIZE];
    uuid_format(&f->id, key);
    enum err err = kafka_sync_send(r->ctl->kafka, r->topic, f->partition, slice_str(key), value, &r->acks[r->sent], why);
    return err == ERR_OK && ++r->sent == BATCH ? flush(r, why) : err;
}

/* All records are acknowledged before the first tombstone is written. */
static enum err purge(struct run *r, struct errmsg *why)
{
    struct found *f, *next;
    enum err err = ERR_OK;
    HASH_ITER(hh, r->found, f, next) {
        if (err == ERR_OK && f->status != DELIVERY_PURGED) {
            write_purged(r, f);
            err = queue(r, f, buf_slice(&r->record), why);
        }
    }
    if (err == ERR_OK) {
        err = flush(r, why);
    }
    HASH_ITER(hh, r->found, f, next) {
        if (err == ERR_OK) {
            err = queue(r, f, slice_of(NULL, 0), why);
        }
    }
    return err == ERR_OK ? flush(r, why) : err;
}

static enum err find(struct run *r, struct errmsg *why)
{
    struct kafka_sync_position *at = NULL;
    struct found *f, *next;
    int count = 0;
    enum err err = kafka_sync_positions(r->ctl->kafka, r->topic, 0, &at, &count, why);
    if (err == ERR_OK) {
        err = kafka_sync_read(r->ctl->kafka, r->topic, at, count, false, take, r, why);
    }
    free(at);
    HASH_ITER(hh, r->found, f, next) {
        r->open += delivery_is_open(f->status);
    }
    if (err == ERR_OK && r->open > 0) {
        err = errmsg_set(why, ERR_REFUSED, "%" PRId64 " of its deliveries are open: delete its webhooks, and wait until none is",
                         r->open);
    }
    return err;
}

static void run_done(struct run *r)
{
    struct found *f, *next;
    HASH_ITER(hh, r->found, f, next) {
        HASH_DEL(r->found, f);
        free(f->webhook_id);
        free(f->event_topic);
        free(f);
    }
    buf_done(&r->scratch);
    buf_done(&r->record);
}

static int run(struct ctl *ctl, const void *args)
{
    struct run r = {.ctl = ctl, .args = args};
    struct errmsg why;
    if (!r.args->account || !*r.args->account) {
        return ctl_usage("--account is needed");
    }
    if (r.args->pool && *r.args->pool && !topic_pool_valid(r.args->pool)) {
        return ctl_usage("--pool: must be 1-32 of [a-z0-9-], and not \"dlq\"");
    }
    topic_name(TOPIC_DELIVERIES, ctl->settings.common.topic_prefix, r.args->pool, r.topic);
    buf_init(&r.scratch, RECORD_MAX);
    buf_init(&r.record, RECORD_MAX);
    enum err err = find(&r, &why);
    unsigned count = HASH_COUNT(r.found);
    if (err == ERR_OK && !r.args->dry_run) {
        err = purge(&r, &why);
    }
    run_done(&r);
    if (err != ERR_OK) {
        return ctl_fail(err, &why);
    }
    (void)printf(ctl->json ? "{\"purged\":%u,\"dry_run\":%s}\n" : "%u deliveries %s\n", count,
                 ctl->json ? (r.args->dry_run ? "true" : "false") : (r.args->dry_run ? "would be purged" : "purged"));
    return CTL_OK;
}

const struct command command_log_purge = {
    .group = "log",
    .name = "purge",
    .help = "Erases the deliveries of an account: a record with status purged for each, then a tombstone.\n"
            "Refused while any of them is open. Compaction removes the old records within a day (max.compaction.lag.ms).",
    .needs = COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = run,
};
