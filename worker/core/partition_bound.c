/* The rebuild's bound: the lowest offset of the delivery log that an emptied index must be rebuilt from. It goes with each offset
 * commit, in its metadata, so that a wipe costs the age of the oldest open delivery and not the log's thirty days.
 *
 * What must hold for each commit of (watermark w, bound low): the last record of every open delivery, and of every delivery of an
 * event at or above w, stands at low or above. The rule and why it is safe: docs/decisions/0004-rebuild-bound.md. */
#include "core/partition_internal.h"

void bound_init(struct bound *b, int64_t low)
{
    *b = (struct bound){.low = low, .hi = -1, .answered = low - 1, .open_low = INT64_MAX, .ripening = -1};
}

void bound_read(struct partition *p, int64_t event_offset)
{
    if (event_offset > p->bound.hi)
        p->bound.hi = event_offset;
}

void bound_serving(struct partition *p)
{
    p->bound.checked = false;
}

void bound_checked(struct partition *p, int64_t ap, int64_t open_low)
{
    p->bound.answered = ap;
    p->bound.open_low = open_low;
    p->bound.checked = true;
}

void bound_log_made_anew(struct partition *p)
{
    struct event_ring *r = &p->events;
    bound_init(&p->bound, 0);
    for (size_t i = 0; i < r->count; i++)
        r->entries[(r->head + i) & (r->capacity - 1)].low = 0;
}

/* Events that were not read yet may have records (of a predecessor, of a zombie): while the watermark has not passed the highest
 * of them, the bound stands still. */
static int64_t bound_now(const struct partition *p)
{
    const struct bound *b = &p->bound;
    const struct event_ring *r = &p->events;
    if (p->state != PARTITION_SERVING || !b->checked || r->watermark <= b->hi)
        return b->low;
    int64_t low = b->answered + 1 < b->open_low ? b->answered + 1 : b->open_low;
    if (r->count > 0 && r->entries[r->head].low < low)
        low = r->entries[r->head].low;
    return low > b->low ? low : b->low;
}

/* A bound is good for every later commit too, and is committed some time after it was found: what ended just now is then still
 * read by a rebuild, and a zombie's late record about it known for what it is. */
int64_t bound_to_commit(struct partition *p)
{
    struct bound *b = &p->bound;
    int64_t now_ms = p->core->now_ms;
    if (b->ripening < 0) {
        b->ripening = bound_now(p);
        b->ripening_since_ms = now_ms;
    }
    if (now_ms - b->ripening_since_ms < p->core->bound_lag_ms)
        return b->low;
    int64_t low = b->ripening;
    b->ripening = -1;
    return low > b->low ? low : b->low;
}

int64_t bound_event_offset(const struct partition *p, const struct delivery *dl)
{
    bool ours = dl->event_partition == p->number && slice_eq(dl->event_topic, slice_str(p->core->events_topic));
    return ours ? dl->event_offset : -1;
}
