#include "ownership.h"

#include <stdlib.h>

#include "backlog.h"
#include "crash.h"
#include "intake.h"
#include "util/log.h"
#include "util/mem.h"
#include "worker.h"

#define ASK_AGAIN_MS 1000
#define EVENTS_A_TURN 128 /* a turn stays short: answers that came meanwhile wait for its end */
#define KEPT_A_TURN 4     /* of these, such as nobody waits for */

/* A commit whose answer is awaited; answers come in the order of a partition's commits. */
struct commit_out {
    STAILQ_ENTRY(commit_out) link;
    struct partition *partition;
};

/* A partition of the events topic. */
struct slot {
    struct partition *partition; /* live: not gone */
    bool awaiting;               /* assigned; its committed offset has been asked for */
    bool started;                /* its events are being read, or held back */
    bool held;                   /* it has its share of the credit */
    STAILQ_HEAD(, commit_out) commits;
};

struct dead {
    STAILQ_ENTRY(dead) link;
    struct partition *partition;
};

struct ownership {
    struct worker *worker;
    struct kafka_group *group;
    struct slot *slots;
    int32_t count;
    int64_t generation; /* of the last assignment */
    char *member;
    bool asking; /* for committed offsets */
    struct loop_timer *ask_again;
    bool revoking;
    int leaving; /* given up, and some answer is still awaited */
    STAILQ_HEAD(, dead) dead;
};

int32_t ownership_partitions(const struct ownership *o)
{
    return o->count;
}

struct partition *ownership_partition(const struct ownership *o, int32_t number)
{
    return number >= 0 && number < o->count ? o->slots[number].partition : NULL;
}

/* ---- assignment ---- */

static void ask_committed(struct ownership *o);

static void begin_partition(struct ownership *o, const struct kafka_committed *c)
{
    struct slot *slot = &o->slots[c->partition];
    struct commit_metadata metadata;
    if (!slot->awaiting)
        return;
    slot->awaiting = false;
    slot->started = false;
    commit_metadata_parse(c->metadata, &metadata);
    slot->partition = partition_new(&o->worker->core, c->partition, o->generation, o->member, c->offset, &metadata, o->worker);
}

static void on_committed(void *ctx, enum err err, const struct kafka_committed *committed, int count)
{
    struct ownership *o = ctx;
    o->asking = false;
    if (err != ERR_OK) {
        log_warn("committed_offsets_unknown", LOG_STR("group", o->worker->group_id), LOG_STR("error", err_name(err)));
        loop_timer_arm(o->ask_again, ASK_AGAIN_MS);
        return;
    }
    for (int i = 0; i < count; i++)
        if (committed[i].partition >= 0 && committed[i].partition < o->count)
            begin_partition(o, &committed[i]);
    ask_committed(o); /* what was assigned meanwhile */
}

static void ask_committed(struct ownership *o)
{
    int32_t *partitions = mem_array(NULL, (size_t)o->count, sizeof *partitions);
    int count = 0;
    for (int32_t i = 0; i < o->count; i++)
        if (o->slots[i].awaiting)
            partitions[count++] = i;
    if (count > 0 && !o->asking) {
        o->asking = true;
        kafka_admin_committed(o->worker->kafka_admin, o->worker->group_id, o->worker->events_topic, partitions, count,
                              on_committed, o);
    }
    free(partitions);
}

static void on_ask_again(void *ctx)
{
    ask_committed(ctx);
}

static void on_assign(void *ctx, const int32_t *partitions, int count, int32_t generation, const char *member_id)
{
    struct ownership *o = ctx;
    o->generation = generation;
    free(o->member);
    o->member = mem_strdup(member_id ? member_id : "");
    for (int i = 0; i < count; i++)
        o->slots[partitions[i]].awaiting = true;
    log_info("partitions_assigned", LOG_INT("count", count), LOG_INT("generation", generation));
    ask_committed(o);
}

/* ---- revocation ---- */

static void on_revoke(void *ctx, const int32_t *partitions, int count, bool lost)
{
    struct ownership *o = ctx;
    int64_t grace_ms = o->worker->stopping ? WORKER_DRAIN_MS : WORKER_REVOKE_MS;
    o->revoking = true;
    log_info("partitions_revoked", LOG_INT("count", count), LOG_BOOL("lost", lost));
    for (int i = 0; i < count; i++) {
        struct slot *slot = &o->slots[partitions[i]];
        slot->awaiting = false;
        if (slot->partition && lost)
            partition_lose(slot->partition);
        else if (slot->partition)
            partition_revoke(slot->partition, o->worker->core.now_ms + grace_ms);
        CRASH_POINT("in_drain");
    }
}

/* The group hands over everything at a rebalance, so a revocation is complete when nothing is live. */
static void finish_revocation(struct ownership *o)
{
    if (!o->revoking || ownership_owned(o) > 0)
        return;
    o->revoking = false;
    kafka_group_revoke_done(o->group);
}

void ownership_gave_up(struct ownership *o, struct partition *p)
{
    struct slot *slot = &o->slots[partition_number(p)];
    if (slot->partition == p)
        slot->partition = NULL;
    o->leaving++;
}

void ownership_released(struct ownership *o, struct partition *p)
{
    struct dead *dead = mem_alloc(sizeof *dead);
    dead->partition = p;
    o->leaving--;
    STAILQ_INSERT_TAIL(&o->dead, dead, link);
}

static void bury_dead(struct ownership *o)
{
    struct dead *dead;
    while ((dead = STAILQ_FIRST(&o->dead)) != NULL) {
        STAILQ_REMOVE_HEAD(&o->dead, link);
        partition_free(dead->partition);
        free(dead);
    }
}

/* ---- events and commits ---- */

/* A partition may have as much in hand as there is credit left (as switches share their buffers: Choudhury and Hahne, 1998). One
 * that is busy alone takes half, four take a fifth each, and something is always left for who comes: a backlog in one does not
 * keep the events of the others from being read. What is held back is not read; half of the share must be free before it goes on.
 */
static void share_credit(struct ownership *o, int32_t number)
{
    struct slot *slot = &o->slots[number];
    if (!slot->partition || !slot->started)
        return;
    int credit = core_credit(&o->worker->core), in_hand = partition_in_hand(slot->partition);
    bool hold = slot->held ? in_hand > credit / 2 : in_hand >= credit;
    hold = hold || backlog_is_full(o->worker->backlog, slot->partition);
    if (hold == slot->held)
        return;
    slot->held = hold;
    if (hold)
        kafka_group_pause(o->group, number);
    else
        kafka_group_resume(o->group, number);
}

/* The credit is looked at after each: a turn's events can be owed to thousands of webhooks. */
static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct ownership *o = ctx;
    struct partition *p = ownership_partition(o, rec->partition);
    if (p && o->slots[rec->partition].started) {
        intake_event(o->worker, p, rec);
        share_credit(o, rec->partition);
    }
    if (backlog_came(o->worker->backlog) >= KEPT_A_TURN)
        kafka_group_yield(o->group);
}

static void on_position(void *ctx, int32_t partition, int64_t offset, enum err err)
{
    struct ownership *o = ctx;
    if (err == ERR_NOT_FOUND)
        log_error("events_position_lost", LOG_STR("topic", o->worker->events_topic), LOG_INT("partition", partition),
                  LOG_INT("offset", offset),
                  LOG_STR("meaning", "events were deleted before they were read; reading goes on at the earliest"));
}

static void on_commit(void *ctx, int32_t partition, int64_t offset, enum err err)
{
    struct ownership *o = ctx;
    struct commit_out *out = STAILQ_FIRST(&o->slots[partition].commits);
    (void)offset;
    if (!out)
        return;
    STAILQ_REMOVE_HEAD(&o->slots[partition].commits, link);
    if (o->revoking)
        CRASH_POINT("after_revoke_commit");
    else
        CRASH_POINT("after_commit");
    partition_on_commit(out->partition, err);
    free(out);
}

void ownership_start_events(struct ownership *o, struct partition *p, int64_t offset)
{
    int32_t number = partition_number(p);
    o->slots[number].started = true;
    o->slots[number].held = false;
    kafka_group_start(o->group, number, offset);
}

void ownership_commit(struct ownership *o, struct partition *p, int64_t offset, const char *metadata)
{
    struct commit_out *out = mem_alloc(sizeof *out);
    struct kafka_commit commit = {partition_number(p), offset, metadata};
    out->partition = p;
    STAILQ_INSERT_TAIL(&o->slots[commit.partition].commits, out, link);
    kafka_group_commit(o->group, &commit, 1);
}

int64_t ownership_generation(struct ownership *o)
{
    return kafka_group_generation(o->group);
}

void ownership_sweep(struct ownership *o, struct slice webhook_id)
{
    for (int32_t i = 0; o && i < o->count; i++)
        if (o->slots[i].partition)
            partition_sweep(o->slots[i].partition, webhook_id);
}

/* ---- turns ---- */

void ownership_turn(struct ownership *o)
{
    for (int32_t i = 0; i < o->count; i++)
        if (o->slots[i].partition)
            partition_turn(o->slots[i].partition);
    for (int32_t i = 0; i < o->count; i++)
        share_credit(o, i);
    bury_dead(o);
    finish_revocation(o);
}

int64_t ownership_idle_ms(const struct ownership *o)
{
    int64_t idle_ms = -1;
    for (int32_t i = 0; i < o->count; i++) {
        int64_t ms = o->slots[i].partition ? partition_idle_ms(o->slots[i].partition) : -1;
        if (ms >= 0 && (idle_ms < 0 || ms < idle_ms))
            idle_ms = ms;
    }
    return idle_ms;
}

void ownership_index_up(struct ownership *o)
{
    for (int32_t i = 0; i < o->count; i++)
        if (o->slots[i].partition)
            partition_on_index_up(o->slots[i].partition);
}

void ownership_second(struct ownership *o)
{
    if (redis_is_up(o->worker->redis))
        ownership_index_up(o);
    for (int32_t i = 0; i < o->count; i++)
        if (o->slots[i].partition)
            partition_second(o->slots[i].partition);
}

/* ---- life ---- */

enum err ownership_new(struct worker *w, int32_t partitions, struct ownership **out, struct errmsg *why)
{
    struct ownership *o = mem_zalloc(sizeof *o);
    struct kafka_group_options g = {.group_id = w->group_id,
                                    .topic = w->events_topic,
                                    .on_assign = on_assign,
                                    .on_revoke = on_revoke,
                                    .on_record = on_record,
                                    .on_commit = on_commit,
                                    .on_position = on_position,
                                    .ctx = o,
                                    .poll_bound = EVENTS_A_TURN};
    o->worker = w;
    o->count = partitions;
    o->slots = mem_zalloc((size_t)partitions * sizeof *o->slots);
    for (int32_t i = 0; i < partitions; i++)
        STAILQ_INIT(&o->slots[i].commits);
    STAILQ_INIT(&o->dead);
    o->ask_again = loop_timer_new(w->loop, on_ask_again, o);
    enum err err = kafka_group_new(&w->kafka, &g, &o->group, why);
    if (err != ERR_OK) {
        ownership_free(o);
        return err;
    }
    *out = o;
    return ERR_OK;
}

void ownership_free(struct ownership *o)
{
    struct commit_out *commit;
    if (!o)
        return;
    bury_dead(o);
    kafka_group_free(o->group);
    loop_timer_free(o->ask_again);
    for (int32_t i = 0; i < o->count; i++) {
        while ((commit = STAILQ_FIRST(&o->slots[i].commits)) != NULL) {
            STAILQ_REMOVE_HEAD(&o->slots[i].commits, link);
            free(commit);
        }
    }
    free(o->slots);
    free(o->member);
    free(o);
}

void ownership_close(struct ownership *o)
{
    kafka_group_close(o->group);
}

bool ownership_closed(const struct ownership *o)
{
    return kafka_group_closed(o->group);
}

bool ownership_joined(const struct ownership *o)
{
    return o && kafka_group_joined(o->group);
}

const char *ownership_fatal(const struct ownership *o)
{
    return kafka_group_fatal(o->group);
}

int64_t ownership_last_contact(const struct ownership *o)
{
    return kafka_group_last_contact(o->group);
}

int64_t ownership_session_timeout_ms(const struct ownership *o)
{
    return kafka_group_session_timeout_ms(o->group);
}

int ownership_live(const struct ownership *o)
{
    int count = 0;
    for (int32_t i = 0; i < o->count; i++)
        count += o->slots[i].partition != NULL;
    return count;
}

int ownership_leaving(const struct ownership *o)
{
    return o->leaving;
}

int ownership_owned(const struct ownership *o)
{
    int count = 0;
    for (int32_t i = 0; o && i < o->count; i++)
        count += o->slots[i].partition || o->slots[i].awaiting;
    return count;
}

int ownership_serving(const struct ownership *o)
{
    int count = 0;
    for (int32_t i = 0; o && i < o->count; i++)
        count += o->slots[i].partition && partition_is_serving(o->slots[i].partition);
    return count;
}

int64_t ownership_unread(const struct ownership *o)
{
    return o ? kafka_group_unread(o->group) : 0;
}

int64_t ownership_unsettled(const struct ownership *o)
{
    int64_t count = 0;
    for (int32_t i = 0; o && i < o->count; i++)
        if (o->slots[i].partition)
            count += partition_unsettled(o->slots[i].partition);
    return count;
}

int ownership_under_way(const struct ownership *o)
{
    int count = 0;
    for (int32_t i = 0; o && i < o->count; i++)
        if (o->slots[i].partition)
            count += partition_under_way(o->slots[i].partition);
    return count;
}

int ownership_recording(const struct ownership *o)
{
    int count = 0;
    for (int32_t i = 0; o && i < o->count; i++)
        if (o->slots[i].partition)
            count += partition_recording(o->slots[i].partition);
    return count;
}
