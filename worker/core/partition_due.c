/* SERVE b, g and h: retries that are due, and the second's look at the index. */
#include "core/partition_internal.h"

#define DUE_BATCH 32     /* a short script, and a short turn */
#define DUE_EVERY_MS 160 /* those that come due meanwhile are taken together: each script has a price of its own */

void partition_note_due(struct partition *p, int64_t due_wall_ms)
{
    if (due_wall_ms > 0 && (p->next_due_wall_ms == 0 || due_wall_ms < p->next_due_wall_ms))
        p->next_due_wall_ms = due_wall_ms;
}

void due_turn(struct partition *p)
{
    int credit = core_credit(p->core);
    if (p->due_asked || credit == 0 || p->next_due_wall_ms == 0 || p->next_due_wall_ms > p->core->now_wall_ms ||
        p->core->now_ms < p->due_from_ms)
        return;
    p->due_asked = true;
    p->answers_due++;
    p->due_room = claim_room(p);
    int limit = credit / 2 + 1; /* new events have the other half */
    p->due_limit = limit < DUE_BATCH ? limit : DUE_BATCH;
    p->due_from_ms = p->core->now_ms + DUE_EVERY_MS;
    p->core->ports.index_due(p->core->ctx, p, p->round, p->due_limit, p->due_room);
}

/* The event of a scheduled delivery was read again, and its claim is still under way: the record that became due wins. The event
 * is settled by it, and the job goes on as the retry; an answer to its claim says only what is known now. */
static void due_for_claimed(struct job *job, struct slice record, int tries)
{
    job_settle(job);
    check(job_from_record(job, record, NULL) == ERR_OK);
    claim_weigh(job, tries); /* now: it is in our hands already */
    if (job->state != JOB_CLAIMING)
        claim_go_on(job, tries);
}

void due_one(struct partition *p, struct slice record, int tries)
{
    struct job *job = job_new(p->core, p);
    if (job_from_record(job, record, NULL) != ERR_OK) {
        job_free(p->core, job); /* cannot be: the record was read before it came into the index */
        return;
    }
    struct job *known = job_find(p, &job->dl.id);
    if (!known) {
        job_admit(p, job, JOB_UNCLAIMED);
        claim_go_on(job, tries);
        return;
    }
    job_free(p->core, job);
    /* Anything else in hand came back to the schedule by a TAKE: its own outcome follows. */
    if (known->state == JOB_UNCLAIMED || known->state == JOB_CLAIMING || known->state == JOB_SUSPECT)
        due_for_claimed(known, record, tries);
}

void partition_on_due(struct partition *p, unsigned round, const struct index_answer *a, const struct slice *records,
                      const int *tries, int count)
{
    if (round == p->round) {
        p->due_asked = false;
        if (p->due_room > 0)
            claim_room_answered(p);
    }
    if (!partition_index_ok(p, round, a))
        return;
    p->next_due_wall_ms = a->next_due_wall_ms;
    if (count == p->due_limit)
        p->due_from_ms = 0;
    for (int i = 0; i < count; i++)
        due_one(p, records[i], tries[i]);
}

/* ---- g and h: the second's check ---- */

void partition_on_check(struct partition *p, unsigned round, const struct index_answer *a, const struct slice *held, int count)
{
    if (!partition_index_ok(p, round, a))
        return;
    partition_note_due(p, a->next_due_wall_ms);
    p->scheduled = a->scheduled;
    p->due = a->due;
    p->held = a->held;
    p->held_cursor = a->held_cursor;
    if (p->state == PARTITION_SERVING)
        bound_checked(p, a->ap, a->open_low);
    sweep_held(p, held, count);
}
