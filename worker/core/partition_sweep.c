/* A webhook was closed (deleted, disabled), paused or resumed: what is scheduled for it is called in now, not when it is due, so
 * that the change takes effect within a second. The schedule is walked in bounded steps, one script a turn; what it finds comes
 * as if it were due, and the gate ends it, holds it or sends it.
 *
 * What is held sleeps for days, and a change may come while nobody serves the partition. So the index keeps the webhooks that
 * have something held, each second's check tells some of them, and those that are held no more are swept then. A walk that was
 * complete takes its webhook off that list, unless something of it was held meanwhile. */
#include "core/partition_internal.h"

#include <stdlib.h>

#include "util/mem.h"

struct sweep {
    STAILQ_ENTRY(sweep) link;
    char *webhook_id;
    uint64_t cursor; /* of Redis's HSCAN */
    bool unhold;     /* when the walk began, nothing of it was held any more */
};

void partition_sweep(struct partition *p, struct slice webhook_id)
{
    struct sweep *s;
    STAILQ_FOREACH(s, &p->sweeps, link) {
        if (slice_eq(slice_str(s->webhook_id), webhook_id)) {
            s->cursor = 0;
            return;
        }
    }
    s = mem_zalloc(sizeof *s);
    s->webhook_id = mem_dup(webhook_id.p, webhook_id.len);
    STAILQ_INSERT_TAIL(&p->sweeps, s, link);
}

static void drop_first(struct partition *p)
{
    struct sweep *s = STAILQ_FIRST(&p->sweeps);
    STAILQ_REMOVE_HEAD(&p->sweeps, link);
    free(s->webhook_id);
    free(s);
}

void sweep_turn(struct partition *p)
{
    struct sweep *s = STAILQ_FIRST(&p->sweeps);
    if (!s || p->sweep_asked || core_credit(p->core) == 0)
        return;
    p->sweep_asked = true;
    p->answers_due++;
    if (s->cursor == 0)
        s->unhold = !p->core->ports.is_held(p->core->ctx, slice_str(s->webhook_id));
    p->core->ports.index_sweep(p->core->ctx, p, p->round, slice_str(s->webhook_id), s->cursor, s->unhold);
}

void partition_on_sweep(struct partition *p, unsigned round, const struct index_answer *a, uint64_t cursor,
                        const struct slice *records, int count)
{
    struct sweep *s = STAILQ_FIRST(&p->sweeps);
    if (round == p->round)
        p->sweep_asked = false;
    if (!partition_index_ok(p, round, a))
        return;
    for (int i = 0; i < count; i++)
        due_one(p, records[i], 0);
    s->cursor = cursor;
    if (cursor == 0)
        drop_first(p);
}

void sweep_held(struct partition *p, const struct slice *webhook_ids, int count)
{
    for (int i = 0; i < count; i++)
        if (!p->core->ports.is_held(p->core->ctx, webhook_ids[i]))
            partition_sweep(p, webhook_ids[i]);
}

/* Leaving SERVING: the walk begins anew. */
void sweep_suspend(struct partition *p)
{
    struct sweep *s = STAILQ_FIRST(&p->sweeps);
    p->sweep_asked = false;
    if (s)
        s->cursor = 0;
}

void sweep_done(struct partition *p)
{
    while (!STAILQ_EMPTY(&p->sweeps))
        drop_first(p);
}
