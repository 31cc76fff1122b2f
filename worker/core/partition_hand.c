/* The deliveries in hand: found by their id, listed by their state. */
#include "core/partition_internal.h"

void job_move(struct job *job, enum job_state state)
{
    struct partition *p = job->partition;
    TAILQ_REMOVE(&p->jobs[job->state], job, link);
    p->job_counts[job->state]--;
    job->state = state;
    TAILQ_INSERT_TAIL(&p->jobs[state], job, link);
    p->job_counts[state]++;
}

void job_admit(struct partition *p, struct job *job, enum job_state state)
{
    job->state = state;
    TAILQ_INSERT_TAIL(&p->jobs[state], job, link);
    p->job_counts[state]++;
    hand_put(&p->hand, job);
}

/* Out of hand. */
void job_release(struct job *job)
{
    struct partition *p = job->partition;
    TAILQ_REMOVE(&p->jobs[job->state], job, link);
    p->job_counts[job->state]--;
    p->core->suspects -= job->weight;
    hand_take(&p->hand, job);
    job_free(p->core, job);
}

struct job *job_find(const struct partition *p, const struct uuid *id)
{
    return hand_find(&p->hand, id);
}

void job_settle(struct job *job)
{
    for (size_t i = 0; i < job->waiter_count; i++)
        events_release(&job->partition->events, job->waiters[i]);
    job->waiter_count = 0;
}

void job_send(struct job *job)
{
    job->queued_ms = job->partition->core->now_ms;
    job->partition->core->ports.send(job->partition->core->ctx, job);
}

/* Back to where it can be sent again. A retry is in the index's schedule; an event's first delivery is claimed again. */
void job_unsend(struct job *job)
{
    if (job->has_record) {
        job_release(job);
        return;
    }
    job->partition->core->suspects -= job->weight;
    job->weight = 0;
    job_move(job, JOB_UNCLAIMED);
}
