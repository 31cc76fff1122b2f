#include "backlog.h"

#include <stdlib.h>

#include "intake.h"
#include "model/event.h"
#include "ownership.h"
#include "schedule.h"
#include "table.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/uthash.h"
#include "worker.h"

#define BYTES_MOST (64 * 1024 * 1024)
#define UNDER_WAY_MOST 256 /* deliveries on their way through Redis and Kafka, beyond which only LEAST are added a turn */
#define LEAST 2
#define A_VISIT 16 /* of one list in a turn: its claim is a short script */
#define VISITS 64  /* lists in a turn */
#define LOOK_AGAIN_MS 8
/* 500 a second for endpoints that take nothing, since there is no hurry: nobody waits for it, and others' claims wait in the same
 * Redis. Twice as many for those that take what comes due: they would wait for it. A few at once, since a script and a turn have
 * a price of their own; not many, since others' claims wait until a script ends. */
#define PORTION 8
#define DEAD_PORTION_MS 16
#define PORTION_MS 8
#define PATIENCE_MS GATE_PATIENCE_MS /* so long one waits for a gate that moves; then it is parked */

/* What one event owes to the webhook of its list. */
struct kept {
    STAILQ_ENTRY(kept) link;
    uint64_t event_seq;
    int64_t offset, since_ms;
    int max_attempts;
    bool sampled;
    size_t trace_len, value_len;
    char bytes[]; /* trace id, the event's value */
};

/* Of one partition and webhook, in the order read. There is none that is empty. */
struct kept_list {
    struct kept_part *part;
    char *webhook_id;
    STAILQ_HEAD(, kept) items;
    TAILQ_ENTRY(kept_list) link;
    UT_hash_handle hh;
};

TAILQ_HEAD(kept_ring, kept_list);

struct kept_part {
    struct partition *partition; /* NULL: nothing is kept of it */
    struct kept_list *lists;     /* by webhook */
    size_t bytes;
};

/* So many are left of the portion of this time. */
struct pace {
    int64_t at_ms;
    int left;
};

struct backlog {
    struct worker *worker;
    struct kept_part *parts; /* by the partition's number */
    struct kept_ring ring;   /* the next one to be looked at is first */
    int64_t list_count, count, came;
    size_t bytes;
    struct pace dead, behind;
};

struct backlog *backlog_new(struct worker *w, int32_t partitions)
{
    struct backlog *b = mem_zalloc(sizeof *b);
    b->worker = w;
    b->parts = mem_zalloc((size_t)partitions * sizeof *b->parts);
    TAILQ_INIT(&b->ring);
    return b;
}

static struct kept_part *part_of(const struct backlog *b, const struct partition *p)
{
    return &b->parts[partition_number(p)];
}

static struct kept_list *list_of(struct backlog *b, struct kept_part *part, struct slice webhook_id)
{
    struct kept_list *list;
    HASH_FIND(hh, part->lists, webhook_id.p, webhook_id.len, list);
    if (list)
        return list;
    list = mem_zalloc(sizeof *list);
    list->part = part;
    list->webhook_id = mem_dup(webhook_id.p, webhook_id.len);
    STAILQ_INIT(&list->items);
    HASH_ADD_KEYPTR(hh, part->lists, list->webhook_id, webhook_id.len, list);
    TAILQ_INSERT_TAIL(&b->ring, list, link);
    b->list_count++;
    return list;
}

static struct slice webhook_of(const struct kept_list *list)
{
    return slice_of(list->webhook_id, list->hh.keylen);
}

static size_t size_of(const struct kept *k)
{
    return sizeof *k + k->trace_len + k->value_len;
}

void backlog_add(struct backlog *b, struct partition *p, uint64_t event_seq, const struct kafka_record *rec,
                 const struct job_webhook *wh, const struct trace *trace)
{
    struct kept_part *part = part_of(b, p);
    struct kept *k = mem_alloc(sizeof *k + trace->id.len + rec->value.len);
    *k = (struct kept){.event_seq = event_seq,
                       .offset = rec->offset,
                       .since_ms = b->worker->core.now_ms,
                       .max_attempts = wh->max_attempts,
                       .sampled = trace->sampled,
                       .trace_len = trace->id.len,
                       .value_len = rec->value.len};
    if (k->trace_len > 0)
        memcpy(k->bytes, trace->id.p, k->trace_len);
    memcpy(k->bytes + k->trace_len, rec->value.p, k->value_len);
    part->partition = p;
    STAILQ_INSERT_TAIL(&list_of(b, part, wh->id)->items, k, link);
    part->bytes += size_of(k);
    b->count++;
    b->came++;
    b->bytes += size_of(k);
    partition_event_hold(p, event_seq);
}

/* As with the credit of what is in hand: a partition may have as much as is left for all. */
bool backlog_is_full(const struct backlog *b, const struct partition *p)
{
    return b->bytes >= BYTES_MOST || part_of(b, p)->bytes >= BYTES_MOST - b->bytes;
}

static void take_first(struct backlog *b, struct kept_list *list)
{
    const struct kept *k = STAILQ_FIRST(&list->items);
    STAILQ_REMOVE_HEAD(&list->items, link);
    list->part->bytes -= size_of(k);
    b->count--;
    b->bytes -= size_of(k);
}

static void drop_list(struct backlog *b, struct kept_list *list)
{
    HASH_DEL(list->part->lists, list);
    TAILQ_REMOVE(&b->ring, list, link);
    b->list_count--;
    free(list->webhook_id);
    free(list);
}

/* Its partition is told only when it is still there. */
static void forget_list(struct backlog *b, struct kept_list *list, struct partition *p)
{
    struct kept *k;
    while ((k = STAILQ_FIRST(&list->items)) != NULL) {
        take_first(b, list);
        if (p)
            partition_event_unhold(p, k->event_seq);
        free(k);
    }
    drop_list(b, list);
}

void backlog_free(struct backlog *b)
{
    struct kept_list *list;
    if (!b)
        return;
    while ((list = TAILQ_FIRST(&b->ring)) != NULL)
        forget_list(b, list, NULL);
    free(b->parts);
    free(b);
}

void backlog_drop(struct backlog *b, struct partition *p)
{
    struct kept_part *part = part_of(b, p);
    struct kept_list *list, *next;
    if (part->partition != p)
        return;
    HASH_ITER(hh, part->lists, list, next)
        forget_list(b, list, p);
    part->partition = NULL;
}

/* ---- out of it ---- */

static void deliver(struct backlog *b, const struct kept_list *list, const struct kept *k)
{
    struct worker *w = b->worker;
    struct job_webhook wh = {webhook_of(list), k->max_attempts};
    struct trace trace = {slice_of(k->bytes, k->trace_len), k->sampled};
    struct event ev;
    struct errmsg why;
    check(event_parse(slice_of(k->bytes + k->trace_len, k->value_len), &w->event_scratch, &ev, &why) == ERR_OK);
    intake_owe(w, list->part->partition, k->event_seq, &ev, &wh, &trace, k->offset);
}

/* What may be parked comes in portions, as long as there is room to keep the rest. Nothing is saved up for a burst. */
static bool may_park(const struct backlog *b, struct pace *pace, int64_t portion_ms)
{
    int64_t late_ms = b->worker->core.now_ms - pace->at_ms - portion_ms;
    if (b->bytes >= BYTES_MOST / 2)
        return true;
    if (late_ms >= 0) {
        pace->at_ms += late_ms < portion_ms ? portion_ms : portion_ms + late_ms;
        pace->left = PORTION;
    }
    return pace->left > 0 && pace->left-- > 0;
}

/* The first in the list becomes a delivery: its gate takes it, or would park it and there is time for that. A gate that moves,
 * and has enough, is waited for; what has waited too long comes at the pace of what is behind. */
static bool its_turn(struct backlog *b, const struct kept_list *list, const struct kept *k)
{
    const struct endpoint *ep = table_webhook(b->worker->table, webhook_of(list));
    switch (schedule_look(b->worker->schedule, list->part->partition, ep)) {
    case GATE_TAKES:
        return true;
    case GATE_HAS_ENOUGH:
        return b->worker->core.now_ms - k->since_ms >= PATIENCE_MS && may_park(b, &b->behind, PORTION_MS);
    case GATE_IS_BEHIND:
        return may_park(b, &b->behind, PORTION_MS);
    case GATE_IS_DEAD:
        break;
    }
    return may_park(b, &b->dead, DEAD_PORTION_MS);
}

static int feed(struct backlog *b, struct kept_list *list, int most)
{
    struct partition *p = list->part->partition;
    struct kept *k;
    int count = 0;
    if (!partition_is_serving(p))
        return 0;
    while (count < most && (k = STAILQ_FIRST(&list->items)) != NULL && its_turn(b, list, k)) {
        take_first(b, list);
        deliver(b, list, k);
        partition_event_unhold(p, k->event_seq);
        free(k);
        count++;
    }
    return count;
}

/* The lists take turns: one that had something goes behind all others. */
void backlog_turn(struct backlog *b)
{
    const struct worker *w = b->worker;
    int credit = core_credit(&w->core), room = 0;
    struct kept_ring fed = TAILQ_HEAD_INITIALIZER(fed);
    b->came = 0;
    if (b->count == 0 || w->core.hold || credit <= 0)
        return;
    /* What is in hand is mostly others': they come first, but for a few, since a worker can be busy for ever. */
    if (credit >= w->core.max_jobs / 4)
        room = UNDER_WAY_MOST - ownership_under_way(w->ownership) - schedule_parking(w->schedule);
    if (room < LEAST)
        room = LEAST;
    for (int64_t visits = b->list_count < VISITS ? b->list_count : VISITS; visits > 0 && room > 0; visits--) {
        struct kept_list *list = TAILQ_FIRST(&b->ring);
        int count = feed(b, list, room < A_VISIT ? room : A_VISIT);
        room -= count;
        if (STAILQ_EMPTY(&list->items)) {
            drop_list(b, list);
            continue;
        }
        TAILQ_REMOVE(&b->ring, list, link);
        if (count > 0)
            TAILQ_INSERT_TAIL(&fed, list, link);
        else
            TAILQ_INSERT_TAIL(&b->ring, list, link);
    }
    TAILQ_CONCAT(&b->ring, &fed, link);
}

int64_t backlog_idle_ms(const struct backlog *b)
{
    return b->count > 0 ? LOOK_AGAIN_MS : -1;
}

int64_t backlog_count(const struct backlog *b)
{
    return b ? b->count : 0;
}

int64_t backlog_came(const struct backlog *b)
{
    return b->came;
}
