/* A webhook was closed (deleted, disabled, its account downgraded): what is scheduled for it is called in now, not when it is
 * due, so that the change takes effect within a second. The schedule is walked in bounded steps, one script a turn; what it finds
 * comes as if it were due, and the gate ends it. */
#include "core/partition_internal.h"

#include "util/mem.h"

struct sweep {
    STAILQ_ENTRY(sweep) link;
    char *webhook_id;
    uint64_t cursor; /* of Redis's HSCAN */
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
    p->core->ports.index_sweep(p->core->ctx, p, p->round, slice_str(s->webhook_id), s->cursor);
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
        serve_due(p, records[i]);
    s->cursor = cursor;
    if (cursor == 0)
        drop_first(p);
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
