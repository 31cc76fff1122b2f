/* What is scheduled for one webhook is called in now, not when it is due. The schedule is walked in bounded steps; what a step
 * finds comes as if it were due, and the gate sends it, ends it, holds it or puts it back. Two things begin a walk:
 *
 * A change: the webhook was closed (deleted, disabled), paused or resumed, and that takes effect within a second. One step
 * follows the other.
 *
 * A return: the webhook's endpoint takes deliveries again, and what was parked for it meanwhile is spread over minutes. A step
 * leaves only when the gate wants more, all partitions together take one in some milliseconds, each its share, and a walk that
 * finds little is not worth its steps: it ends, and the rest comes when it is due.
 *
 * What is held sleeps for days, and a change may come while nobody serves the partition. So the index keeps the webhooks that
 * have something held, each second's check tells some of them, and those that are held no more are swept then. A walk that was
 * complete takes its webhook off that list, unless something of it was held meanwhile. */
#include "core/partition_internal.h"

#include <stdlib.h>

#include "util/mem.h"

#define STEP 200          /* entries of the schedule that one script looks at, about */
#define RETURN_STEP 32    /* the same on a return: what it finds waits at the gate */
#define RETURN_EVERY_MS 8 /* such a step, of all partitions that have any */
#define RETURN_LOOKS 8    /* gates that are asked then */

struct sweep {
    STAILQ_ENTRY(sweep) link;
    char *webhook_id;
    uint64_t cursor; /* of Redis's HSCAN */
    bool unhold;     /* when the walk began, nothing of it was held any more */
    bool again;      /* from the beginning, after the step that is out */
    bool of_return;
};

static struct sweep *find_sweep(const struct partition *p, struct slice webhook_id)
{
    struct sweep *s;
    STAILQ_FOREACH(s, &p->sweeps, link)
        if (slice_eq(slice_str(s->webhook_id), webhook_id))
            return s;
    return NULL;
}

static struct sweep *new_sweep(struct partition *p, struct slice webhook_id)
{
    struct sweep *s = mem_zalloc(sizeof *s);
    s->webhook_id = mem_dup(webhook_id.p, webhook_id.len);
    STAILQ_INSERT_TAIL(&p->sweeps, s, link);
    return s;
}

static void set_of_return(struct partition *p, struct sweep *s, bool of_return)
{
    if (s->of_return == of_return)
        return;
    bool any = p->returns > 0;
    s->of_return = of_return;
    p->returns += of_return ? 1 : -1;
    p->core->returning += (p->returns > 0) - any;
}

static void drop_sweep(struct partition *p, struct sweep *s)
{
    set_of_return(p, s, false);
    STAILQ_REMOVE(&p->sweeps, s, sweep, link);
    free(s->webhook_id);
    free(s);
}

void partition_sweep(struct partition *p, struct slice webhook_id)
{
    struct sweep *s = find_sweep(p, webhook_id);
    if (!s)
        s = new_sweep(p, webhook_id);
    set_of_return(p, s, false);
    s->cursor = 0;
    s->again = s == p->sweep_asked;
}

void partition_call_in(struct partition *p, struct slice webhook_id)
{
    if (p->state != PARTITION_SERVING || find_sweep(p, webhook_id))
        return;
    struct sweep *s = new_sweep(p, webhook_id);
    set_of_return(p, s, true);
}

bool sweep_of_change(const struct partition *p)
{
    struct sweep *s;
    STAILQ_FOREACH(s, &p->sweeps, link)
        if (!s->of_return)
            return true;
    return false;
}

/* The next step of those that wait for a gate: they take turns, a few of them at a time. */
static struct sweep *next_return(struct partition *p)
{
    struct core *c = p->core;
    struct sweep *s;
    if (c->now_ms < p->return_from_ms)
        return NULL;
    p->return_from_ms = c->now_ms + (int64_t)RETURN_EVERY_MS * c->returning;
    for (int i = 0; i < RETURN_LOOKS && (s = STAILQ_FIRST(&p->sweeps)) != NULL; i++) {
        enum call_in call_in = c->ports.calls_in(c->ctx, p, slice_str(s->webhook_id));
        if (call_in == CALL_IN_ENDS) {
            drop_sweep(p, s);
            continue;
        }
        STAILQ_REMOVE_HEAD(&p->sweeps, link);
        STAILQ_INSERT_TAIL(&p->sweeps, s, link);
        if (call_in == CALL_IN_MORE)
            return s;
    }
    return NULL;
}

static struct sweep *next_sweep(struct partition *p)
{
    struct sweep *s;
    STAILQ_FOREACH(s, &p->sweeps, link)
        if (!s->of_return)
            return s;
    return next_return(p);
}

void sweep_turn(struct partition *p)
{
    if (STAILQ_EMPTY(&p->sweeps) || p->sweep_asked || core_credit(p->core) == 0)
        return;
    struct sweep *s = next_sweep(p);
    if (!s)
        return;
    p->sweep_asked = s;
    p->answers_due++;
    if (s->cursor == 0)
        s->unhold = !p->core->ports.is_held(p->core->ctx, slice_str(s->webhook_id));
    p->core->ports.index_sweep(p->core->ctx, p, p->round, slice_str(s->webhook_id), s->cursor, s->of_return ? RETURN_STEP : STEP,
                               s->unhold);
}

int64_t sweep_idle_ms(const struct partition *p)
{
    if (STAILQ_EMPTY(&p->sweeps) || p->sweep_asked || core_credit(p->core) == 0)
        return -1;
    int64_t wait_ms = sweep_of_change(p) ? 0 : p->return_from_ms - p->core->now_ms;
    return wait_ms > 0 ? wait_ms : 0;
}

void partition_on_sweep(struct partition *p, unsigned round, const struct index_answer *a, uint64_t cursor,
                        const struct slice *records, int count)
{
    struct sweep *s = p->sweep_asked;
    if (round == p->round)
        p->sweep_asked = NULL;
    if (!partition_index_ok(p, round, a))
        return;
    for (int i = 0; i < count; i++)
        due_one(p, records[i], 0);
    if (s->again) {
        s->again = false;
        return;
    }
    s->cursor = cursor;
    if (cursor > 0)
        return;
    if (s->of_return)
        p->core->ports.called_in(p->core->ctx, p, slice_str(s->webhook_id));
    drop_sweep(p, s);
}

void sweep_held(struct partition *p, const struct slice *webhook_ids, int count)
{
    for (int i = 0; i < count; i++)
        if (!p->core->ports.is_held(p->core->ctx, webhook_ids[i]))
            partition_sweep(p, webhook_ids[i]);
}

/* Leaving SERVING: the walks begin anew. */
void sweep_suspend(struct partition *p)
{
    struct sweep *s;
    p->sweep_asked = NULL;
    STAILQ_FOREACH(s, &p->sweeps, link) {
        s->cursor = 0;
        s->again = false;
    }
}

void sweep_done(struct partition *p)
{
    while (!STAILQ_EMPTY(&p->sweeps))
        drop_sweep(p, STAILQ_FIRST(&p->sweeps));
}
