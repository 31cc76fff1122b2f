/* SERVE: its turn, and how it is entered and left. What it does is in partition_claim.c (events), partition_due.c (retries) and
 * partition_record.c (outcomes). */
#include "core/partition_internal.h"

#include "util/list.h"

static void look_at_tail(struct partition *p)
{
    int64_t end = p->tail_end;
    p->tail_end = -1;
    bool ours = p->job_counts[JOB_RECORDING] + p->job_counts[JOB_RECORDED] > 0;
    if (!ours && end - 1 > p->ap)
        partition_take(p, "somebody else wrote to the log");
}

/* ---- the turn, and entering and leaving ---- */

void serve_turn(struct partition *p)
{
    look_at_tail(p);
    if (p->state == PARTITION_SERVING)
        apply_turn(p);
    if (p->state != PARTITION_SERVING)
        return;
    postpone_turn(p);
    claim_turn(p);
    due_turn(p);
    sweep_turn(p);
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    if (b_ms < 0)
        b_ms = 0;
    return a_ms < 0 || b_ms < a_ms ? b_ms : a_ms;
}

int64_t partition_idle_ms(const struct partition *p)
{
    const struct core *c = p->core;
    int64_t idle_ms = -1;
    if (p->state == PARTITION_DRAINING && p->drain_deadline_ms > 0)
        idle_ms = earlier(idle_ms, p->drain_deadline_ms - c->now_ms);
    if (p->state != PARTITION_SERVING)
        return idle_ms;
    if (p->apply_at_ms > 0)
        idle_ms = earlier(idle_ms, p->apply_at_ms - c->now_ms);
    if (p->next_due_wall_ms > 0 && !p->due_asked && core_credit(c) > 0) {
        int64_t due_ms = p->next_due_wall_ms - c->now_wall_ms, from_ms = p->due_from_ms - c->now_ms;
        idle_ms = earlier(idle_ms, due_ms > from_ms ? due_ms : from_ms);
    }
    int64_t sweep_ms = sweep_idle_ms(p);
    return sweep_ms < 0 ? idle_ms : earlier(idle_ms, sweep_ms);
}

/* The log was read to its end. What was acknowledged before that reading has been seen by it. */
static void release_replayed(struct partition *p)
{
    struct job *job, *next;
    TAILQ_FOREACH_SAFE(job, &p->jobs[JOB_RECORDED], link, next) {
        bool before = job->acked_round != p->round;
        if (before && job->record_offset > p->ap)
            job_move(
                job,
                JOB_RECORDING); /* not there: the log that acknowledged it is gone, or was not shown in full. Written again */
        else if (job->record_offset <= p->ap)
            job_release(job);
    }
}

void serve_begin(struct partition *p)
{
    release_replayed(p);
    bound_serving(p);
    if (p->job_counts[JOB_RECORDED] > 0)
        p->apply_at_ms = p->core->now_ms;
    p->next_due_wall_ms = 1; /* ask */
    if (!p->serving_once) {
        p->serving_once = true;
        p->core->ports.start_events(p->core->ctx, p, p->events.watermark);
    }
}

static void move_all(struct partition *p, enum job_state from, enum job_state to)
{
    struct job *job;
    while ((job = TAILQ_LAST(&p->jobs[from], job_list)) != NULL) {
        job_move(job, to);
        /* To the front: what left earlier stays earlier. */
        TAILQ_REMOVE(&p->jobs[to], job, link);
        TAILQ_INSERT_HEAD(&p->jobs[to], job, link);
    }
}

void serve_record_again(struct partition *p)
{
    move_all(p, JOB_RECORDED, JOB_RECORDING);
}

void serve_suspend(struct partition *p)
{
    struct job *job, *next;
    while ((job = TAILQ_FIRST(&p->jobs[JOB_QUEUED])) != NULL) {
        p->core->ports.withdraw(p->core->ctx, job);
        job_unsend(job);
    }
    TAILQ_FOREACH_SAFE(job, &p->jobs[JOB_CLAIMING], link, next) {
        if (job->has_record)
            job_release(job); /* a retry: TAKE returns it to the schedule */
    }
    move_all(p, JOB_CLAIMING, JOB_UNCLAIMED);
    move_all(p, JOB_SUSPECT, JOB_UNCLAIMED);
    move_all(p, JOB_APPLYING, JOB_RECORDED);
    p->due_asked = false;
    p->due_from_ms = 0;
    p->due_room = 0;
    claim_room_answered(p);
    record_slow_answered(p);
    p->apply_waits = false;
    postpone_forget(p);
    sweep_suspend(p);
    p->tail_end = -1;
}

void serve_drop(struct partition *p)
{
    struct job *job, *next;
    claim_room_answered(p);
    record_slow_answered(p);
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        TAILQ_FOREACH_SAFE(job, &p->jobs[state], link, next) {
            if (job->state == JOB_QUEUED || job->state == JOB_POSTING)
                p->core->ports.withdraw(p->core->ctx, job);
            bool answer_due = (job->state == JOB_RECORDING && job->produced) || job->state == JOB_BURYING;
            if (!answer_due)
                job_release(job);
        }
    }
}
