/* SERVE a: events become jobs, and jobs are claimed in the index. Claims leave once a turn, at once, since POSTs wait for them.
 */
#include "core/partition_internal.h"

#define CLAIM_BATCH 256
#define SUSPECT_PATIENCE_MS 2000

uint64_t partition_event(struct partition *p, int64_t offset)
{
    return events_add(&p->events, offset, p->bound.answered + 1);
}

void partition_event_hold(struct partition *p, uint64_t event_seq)
{
    events_hold(&p->events, event_seq);
    p->answers_due++;
}

void partition_event_unhold(struct partition *p, uint64_t event_seq)
{
    p->answers_due--;
    events_release(&p->events, event_seq);
    partition_maybe_release(p);
}

void partition_event_done(struct partition *p, uint64_t event_seq)
{
    events_release(&p->events, event_seq);
}

void partition_add_job(struct partition *p, uint64_t event_seq, struct job *job)
{
    struct job *known = job_find(p, &job->dl.id);
    if (known) {
        if (!known->has_record) {
            events_hold(&p->events, event_seq);
            job_add_waiter(known, event_seq);
        }
        job_free(p->core, job);
        return;
    }
    events_hold(&p->events, event_seq);
    job_add_waiter(job, event_seq);
    job_admit(p, job, JOB_UNCLAIMED);
}

static void claim(struct partition *p, enum job_state from, int most, int room)
{
    struct job *batch[CLAIM_BATCH] NOT_ZEROED, *job;
    int count = 0;
    while (count < most && (job = TAILQ_FIRST(&p->jobs[from])) != NULL) {
        job_move(job, JOB_CLAIMING);
        batch[count++] = job;
    }
    p->answers_due++;
    p->core->ports.index_claim(p->core->ctx, p, p->round, batch, count, room);
}

int claim_room(struct partition *p)
{
    int room = SUSPECT_WINDOW - p->core->suspects;
    if (p->core->suspects_asked || room <= 0)
        return 0;
    p->core->suspects_asked = p->suspects_asked = true;
    return room;
}

void claim_room_answered(struct partition *p)
{
    if (p->suspects_asked)
        p->core->suspects_asked = false;
    p->suspects_asked = false;
}

void claim_turn(struct partition *p)
{
    while (p->job_counts[JOB_UNCLAIMED] > 0)
        claim(p, JOB_UNCLAIMED, CLAIM_BATCH, 0);
    int room = p->job_counts[JOB_SUSPECT] > 0 ? claim_room(p) : 0;
    if (room > 0)
        claim(p, JOB_SUSPECT, room, room);
}

void claim_park_suspects(struct partition *p)
{
    struct job *job;
    while ((job = TAILQ_FIRST(&p->jobs[JOB_SUSPECT])) != NULL && p->core->now_ms - job->queued_ms >= SUSPECT_PATIENCE_MS) {
        job_park(job, p->core->now_wall_ms + SUSPECT_PATIENCE_MS);
        record_job(job);
    }
}

void claim_weigh(struct job *job, int tries)
{
    struct core *c = job->partition->core;
    c->suspects -= job->weight;
    job->tries = tries;
    job->weight = suspect_weight(tries);
    c->suspects += job->weight;
}

void claim_go_on(struct job *job, int tries)
{
    struct partition *p = job->partition;
    claim_weigh(job, tries);
    if (tries < POISON_TRIES) {
        job_move(job, JOB_QUEUED);
        job_send(job);
        return;
    }
    job_move(job, JOB_BURYING);
    p->answers_due++;
    p->core->ports.bury(p->core->ctx, job);
}

static void claimed(struct job *job, int tries)
{
    if (job->has_record) {
        claim_go_on(job, job->tries); /* recorded, and its record became due meanwhile (due_one): it goes on as that retry */
    } else if (tries == CLAIM_LEFT_ALONE) {
        if (job->queued_ms == 0)
            job->queued_ms = job->partition->core->now_ms;
        job_move(job, JOB_SUSPECT);
    } else if (tries == CLAIM_RECORDED) {
        job_settle(job);
        job_release(job);
    } else {
        claim_go_on(job, tries);
    }
}

void partition_on_claim(struct partition *p, unsigned round, const struct index_answer *a, struct job *const *jobs, int count,
                        int room, const int *tries)
{
    if (round == p->round && room > 0)
        claim_room_answered(p);
    if (!partition_index_ok(p, round, a))
        return;
    for (int i = 0; i < count; i++)
        claimed(jobs[i], tries[i]);
}

void partition_on_buried(struct job *job)
{
    struct partition *p = job->partition;
    p->answers_due--;
    if (p->state == PARTITION_GONE) {
        job_release(job);
        partition_maybe_release(p);
        return;
    }
    job_end(job, DELIVERY_FAILED, "poison: five workers ended while they had it in hand");
    record_job(job);
}
