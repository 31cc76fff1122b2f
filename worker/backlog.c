#include "backlog.h"

#include <stdlib.h>

#include "intake.h"
#include "model/event.h"
#include "ownership.h"
#include "schedule.h"
#include "table.h"
#include "util/mem.h"
#include "worker.h"

#define BYTES_MOST (64 * 1024 * 1024)
#define UNDER_WAY_MOST 256 /* deliveries on their way through Redis and Kafka, beyond which only LEAST are added a turn */
#define LEAST 2
#define A_VISIT 8 /* of one partition in a turn: its claim is a short script */
#define LOOK_AGAIN_MS 5
#define PARKED_A_MS 1 /* no hurry: nobody waits for it, and others' claims wait in the same Redis */
#define PARKED_AT_ONCE 8
#define PATIENCE_MS GATE_PATIENCE_MS /* so long one waits for a gate that moves; then it is parked */

/* What one event owes to one webhook. */
struct kept {
    STAILQ_ENTRY(kept) link;
    uint64_t event_seq;
    int64_t offset, since_ms;
    int max_attempts;
    bool sampled;
    size_t id_len, trace_len, value_len;
    char bytes[]; /* webhook id, trace id, the event's value */
};

/* Of one partition, in the order read. */
struct kept_list {
    struct partition *partition;
    STAILQ_HEAD(, kept) items;
    int64_t count;
    size_t bytes;
};

struct backlog {
    struct worker *worker;
    struct kept_list *lists; /* by the partition's number */
    int32_t partitions, next;
    int64_t count;
    size_t bytes;
    int64_t paced_ms;
    int may_park; /* so many, since paced_ms */
};

struct backlog *backlog_new(struct worker *w, int32_t partitions)
{
    struct backlog *b = mem_zalloc(sizeof *b);
    b->worker = w;
    b->partitions = partitions;
    b->lists = mem_zalloc((size_t)partitions * sizeof *b->lists);
    for (int32_t i = 0; i < partitions; i++)
        STAILQ_INIT(&b->lists[i].items);
    return b;
}

static size_t size_of(const struct kept *k)
{
    return sizeof *k + k->id_len + k->trace_len + k->value_len;
}

void backlog_add(struct backlog *b, struct partition *p, uint64_t event_seq, const struct kafka_record *rec,
                 const struct job_webhook *wh, const struct trace *trace)
{
    struct kept_list *list = &b->lists[partition_number(p)];
    struct kept *k = mem_alloc(sizeof *k + wh->id.len + trace->id.len + rec->value.len);
    *k = (struct kept){.event_seq = event_seq,
                       .offset = rec->offset,
                       .since_ms = b->worker->core.now_ms,
                       .max_attempts = wh->max_attempts,
                       .sampled = trace->sampled,
                       .id_len = wh->id.len,
                       .trace_len = trace->id.len,
                       .value_len = rec->value.len};
    memcpy(k->bytes, wh->id.p, k->id_len);
    if (k->trace_len > 0)
        memcpy(k->bytes + k->id_len, trace->id.p, k->trace_len);
    memcpy(k->bytes + k->id_len + k->trace_len, rec->value.p, k->value_len);
    list->partition = p;
    STAILQ_INSERT_TAIL(&list->items, k, link);
    list->count++;
    list->bytes += size_of(k);
    b->count++;
    b->bytes += size_of(k);
    partition_event_hold(p, event_seq);
}

/* As with the credit of what is in hand: a partition may have as much as is left for all. */
bool backlog_is_full(const struct backlog *b, const struct partition *p)
{
    return b->bytes >= BYTES_MOST || b->lists[partition_number(p)].bytes >= BYTES_MOST - b->bytes;
}

static void take_out(struct backlog *b, struct kept_list *list, struct kept *k)
{
    check(k == STAILQ_FIRST(&list->items));
    STAILQ_REMOVE_HEAD(&list->items, link);
    list->count--;
    list->bytes -= size_of(k);
    b->count--;
    b->bytes -= size_of(k);
}

void backlog_free(struct backlog *b)
{
    struct kept *k;
    if (!b)
        return;
    for (int32_t i = 0; i < b->partitions; i++)
        while ((k = STAILQ_FIRST(&b->lists[i].items)) != NULL) {
            take_out(b, &b->lists[i], k);
            free(k);
        }
    free(b->lists);
    free(b);
}

void backlog_drop(struct backlog *b, struct partition *p)
{
    struct kept_list *list = &b->lists[partition_number(p)];
    struct kept *k;
    if (list->partition != p)
        return;
    while ((k = STAILQ_FIRST(&list->items)) != NULL) {
        take_out(b, list, k);
        partition_event_unhold(p, k->event_seq);
        free(k);
    }
    list->partition = NULL;
}

/* ---- out of it ---- */

static struct slice webhook_of(const struct kept *k)
{
    return slice_of(k->bytes, k->id_len);
}

static void deliver(struct backlog *b, struct partition *p, const struct kept *k)
{
    struct worker *w = b->worker;
    struct job_webhook wh = {webhook_of(k), k->max_attempts};
    struct trace trace = {slice_of(k->bytes + k->id_len, k->trace_len), k->sampled};
    struct event ev;
    struct errmsg why;
    check(event_parse(slice_of(k->bytes + k->id_len + k->trace_len, k->value_len), &w->event_scratch, &ev, &why) == ERR_OK);
    intake_owe(w, p, k->event_seq, &ev, &wh, &trace, k->offset);
}

/* What may be parked grows with time, as long as there is room to keep the rest. */
static void keep_pace(struct backlog *b)
{
    int64_t now_ms = b->worker->core.now_ms, more = (now_ms - b->paced_ms) * PARKED_A_MS;
    b->paced_ms = now_ms;
    b->may_park = b->may_park + more < PARKED_AT_ONCE ? b->may_park + (int)more : PARKED_AT_ONCE;
}

static bool may_park(struct backlog *b)
{
    if (b->bytes >= BYTES_MOST / 2)
        return true;
    return b->may_park > 0 && b->may_park-- > 0;
}

/* The first in the list becomes a delivery: its gate takes it, or would park it and there is time for that. A gate that moves,
 * and has enough, is waited for. */
static bool its_turn(struct backlog *b, const struct kept_list *list, const struct kept *k)
{
    const struct endpoint *ep = table_webhook(b->worker->table, webhook_of(k));
    switch (schedule_look(b->worker->schedule, list->partition, ep)) {
    case GATE_TAKES:
        return true;
    case GATE_HAS_ENOUGH:
        return b->worker->core.now_ms - k->since_ms >= PATIENCE_MS;
    case GATE_PARKS:
        break;
    }
    return may_park(b);
}

static int feed(struct backlog *b, struct kept_list *list, int most)
{
    struct kept *k;
    int count = 0;
    if (!list->partition || !partition_is_serving(list->partition))
        return 0;
    while (count < most && (k = STAILQ_FIRST(&list->items)) != NULL && its_turn(b, list, k)) {
        take_out(b, list, k);
        deliver(b, list->partition, k);
        partition_event_unhold(list->partition, k->event_seq);
        free(k);
        count++;
    }
    return count;
}

void backlog_turn(struct backlog *b)
{
    const struct worker *w = b->worker;
    int credit = core_credit(&w->core), room = 0;
    if (b->count == 0 || w->core.hold || credit <= 0)
        return;
    keep_pace(b);
    /* What is in hand is mostly others': they come first, but for a few, since a worker can be busy for ever. */
    if (credit >= w->core.max_jobs / 4)
        room = UNDER_WAY_MOST - ownership_under_way(w->ownership) - schedule_parking(w->schedule);
    if (room < LEAST)
        room = LEAST;
    b->next = (b->next + 1) % b->partitions; /* another one is first each time */
    for (int32_t i = 0; i < b->partitions && room > 0; i++)
        room -= feed(b, &b->lists[(b->next + i) % b->partitions], room < A_VISIT ? room : A_VISIT);
}

int64_t backlog_idle_ms(const struct backlog *b)
{
    return b->count > 0 ? LOOK_AGAIN_MS : -1;
}

int64_t backlog_count(const struct backlog *b)
{
    return b ? b->count : 0;
}
