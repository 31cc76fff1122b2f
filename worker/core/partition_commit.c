/* Step f: the watermark. Events settle in any order; what is committed is the first offset that is not settled.
 * A commit goes out every second, changed or not: its answer proves the membership. Its metadata carries the rebuild's bound:
 * the two belong together, and a bound counts when its commit is known to have succeeded. */
#include "core/partition_internal.h"

#include <stdlib.h>

#include "util/mem.h"

#define RING_START 256

void events_init(struct event_ring *r, int64_t committed)
{
    *r = (struct event_ring){.watermark = committed};
}

void events_done(struct event_ring *r)
{
    free(r->entries);
}

static struct event_entry *entry(struct event_ring *r, uint64_t seq)
{
    check(seq >= r->head_seq && seq - r->head_seq < r->count);
    return &r->entries[(r->head + (seq - r->head_seq)) & (r->capacity - 1)];
}

static void grow(struct event_ring *r)
{
    size_t capacity = r->capacity ? r->capacity * 2 : RING_START;
    struct event_entry *entries = mem_array(NULL, capacity, sizeof *entries);
    for (size_t i = 0; i < r->count; i++)
        entries[i] = r->entries[(r->head + i) & (r->capacity - 1)];
    free(r->entries);
    r->entries = entries;
    r->capacity = capacity;
    r->head = 0;
}

uint64_t events_add(struct event_ring *r, int64_t offset, int64_t low)
{
    if (r->count == r->capacity)
        grow(r);
    if (r->count == 0)
        r->watermark = offset;
    uint64_t seq = r->head_seq + r->count;
    r->count++;
    /* Held by the reader itself until partition_event_done. */
    *entry(r, seq) = (struct event_entry){.offset = offset, .low = low, .left = 1};
    return seq;
}

void events_hold(struct event_ring *r, uint64_t seq)
{
    entry(r, seq)->left++;
}

void events_release(struct event_ring *r, uint64_t seq)
{
    struct event_entry *e = entry(r, seq);
    check(e->left > 0);
    e->left--;
    while (r->count > 0 && r->entries[r->head].left == 0) {
        r->watermark = r->entries[r->head].offset + 1;
        r->head = (r->head + 1) & (r->capacity - 1);
        r->head_seq++;
        r->count--;
    }
    if (r->count > 0)
        r->watermark = r->entries[r->head].offset;
}

void partition_commit(struct partition *p)
{
    if (p->commit_out) {
        p->commit_again = true;
        return;
    }
    struct buf metadata;
    buf_init(&metadata, 256);
    p->bound.sent = bound_to_commit(p);
    commit_metadata_write(&metadata, p->log, p->bound.sent);
    p->commit_out = true;
    p->commit_again = false;
    p->final_commit = p->state == PARTITION_DRAINING;
    p->fence_commit = p->state == PARTITION_FENCED;
    p->commit_hold = p->core->hold_count;
    p->answers_due++;
    p->core->ports.commit(p->core->ctx, p, p->events.watermark < 0 ? 0 : p->events.watermark, buf_cstr(&metadata));
    buf_done(&metadata);
}

/* Still the owner, though a later claim stands in the log: claim again, with a life that makes ours the later one. */
static void fence_answered(struct partition *p, enum err err)
{
    bool owner = err == ERR_OK && !p->revoked && p->core->ports.generation(p->core->ctx) == p->generation;
    if (err == ERR_AGAIN && !p->revoked) {
        partition_commit(p);
    } else if (owner) {
        p->life = epoch_next_life(p->life, p->generation, &p->seen);
        partition_claim(p);
    } else {
        partition_give_up(p, "fenced by a later owner");
    }
}

void partition_on_commit(struct partition *p, enum err err)
{
    p->commit_out = false;
    p->answers_due--;
    if (err == ERR_OK)
        p->bound.low = p->bound.sent;
    if (err == ERR_OK && p->commit_hold == p->core->hold_count)
        p->core->hold = false;
    if (p->state == PARTITION_GONE)
        partition_maybe_release(p);
    else if (p->fence_commit && p->state == PARTITION_FENCED)
        fence_answered(p, err);
    else if (p->final_commit && p->state == PARTITION_DRAINING)
        partition_give_up(p, err == ERR_OK ? "drained" : "drained; the last commit failed");
    else if (p->commit_again || p->state == PARTITION_FENCED || (p->state == PARTITION_DRAINING && p->drain_deadline_ms == 0))
        partition_commit(p);
}
