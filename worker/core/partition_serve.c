/* SERVE: events and due retries become jobs; a job is claimed in the index, sent, recorded in the log, applied to the index.
 * Kafka first, Redis second, commit third. Batches leave once a turn: claims at once, since POSTs wait for them; what was
 * recorded may wait a few milliseconds, since nothing is settled by it. */
#include "core/partition_internal.h"

#include "util/list.h"
#include "util/mem.h"

#define CLAIM_BATCH 256
#define DUE_BATCH 100
#define POSTPONE_BATCH 256
#define WRITE_AGAIN_MS (7 * 86400000LL) /* DELIVERY: "Open for long" */
#define APPLY_BATCH 256
#define APPLY_WAIT_MS 10
#define APPLY_FULL 64 /* so many records waiting leave at once */

void job_move(struct job *job, enum job_state state)
{
    struct partition *p = job->partition;
    TAILQ_REMOVE(&p->jobs[job->state], job, link);
    p->job_counts[job->state]--;
    job->state = state;
    TAILQ_INSERT_TAIL(&p->jobs[state], job, link);
    p->job_counts[state]++;
}

static void admit(struct partition *p, struct job *job, enum job_state state)
{
    job->state = state;
    TAILQ_INSERT_TAIL(&p->jobs[state], job, link);
    p->job_counts[state]++;
    HASH_ADD(hh, p->in_hand, dl.id, sizeof job->dl.id, job);
}

/* Out of hand. */
static void release(struct job *job)
{
    struct partition *p = job->partition;
    TAILQ_REMOVE(&p->jobs[job->state], job, link);
    p->job_counts[job->state]--;
    HASH_DEL(p->in_hand, job);
    job_free(p->core, job);
}

static struct job *find(struct partition *p, const struct uuid *id)
{
    struct job *job;
    HASH_FIND(hh, p->in_hand, id, sizeof *id, job);
    return job;
}

static void settle(struct job *job)
{
    for (size_t i = 0; i < job->waiter_count; i++)
        events_release(&job->partition->events, job->waiters[i]);
    job->waiter_count = 0;
}

static void note_due(struct partition *p, int64_t due_wall_ms)
{
    if (due_wall_ms > 0 && (p->next_due_wall_ms == 0 || due_wall_ms < p->next_due_wall_ms))
        p->next_due_wall_ms = due_wall_ms;
}

static void send_job(struct job *job)
{
    job->queued_ms = job->partition->core->now_ms;
    job->partition->core->ports.send(job->partition->core->ctx, job);
}

/* ---- a: events ---- */

uint64_t partition_event(struct partition *p, int64_t offset)
{
    return events_add(&p->events, offset);
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
    struct job *known = find(p, &job->dl.id);
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
    admit(p, job, JOB_UNCLAIMED);
}

static void claim_batches(struct partition *p)
{
    struct job *batch[CLAIM_BATCH];
    while (p->job_counts[JOB_UNCLAIMED] > 0) {
        int count = 0;
        struct job *job;
        while (count < CLAIM_BATCH && (job = TAILQ_FIRST(&p->jobs[JOB_UNCLAIMED])) != NULL) {
            job_move(job, JOB_CLAIMING);
            batch[count++] = job;
        }
        p->answers_due++;
        p->core->ports.index_claim(p->core->ctx, p, p->round, batch, count);
    }
}

void partition_on_claim(struct partition *p, unsigned round, const struct index_answer *a, struct job *const *jobs, int count,
                        const bool *recorded)
{
    if (!partition_index_ok(p, round, a))
        return;
    for (int i = 0; i < count; i++) {
        if (recorded[i] && !jobs[i]->has_record) {
            settle(jobs[i]);
            release(jobs[i]);
        } else {
            job_move(jobs[i], JOB_QUEUED);
            send_job(jobs[i]);
        }
    }
}

/* ---- b: due retries ---- */

static void ask_due(struct partition *p)
{
    int credit = core_credit(p->core);
    if (p->due_asked || credit == 0 || p->next_due_wall_ms == 0 || p->next_due_wall_ms > p->core->now_wall_ms)
        return;
    p->due_asked = true;
    p->answers_due++;
    int limit = credit / 2 + 1; /* new events have the other half */
    p->core->ports.index_due(p->core->ctx, p, p->round, limit < DUE_BATCH ? limit : DUE_BATCH);
}

/* The event of a scheduled delivery was read again, and its claim is still under way: the record that became due wins. The event
 * is settled by it, and the job goes on as the retry; an answer to its claim says only what is known now. */
static void due_for_claimed(struct job *job, struct slice record)
{
    settle(job);
    check(job_from_record(job, record, NULL) == ERR_OK);
    if (job->state == JOB_UNCLAIMED) {
        job_move(job, JOB_QUEUED);
        send_job(job);
    }
}

void serve_due(struct partition *p, struct slice record)
{
    struct job *job = job_new(p->core, p);
    if (job_from_record(job, record, NULL) != ERR_OK) {
        job_free(p->core, job); /* cannot be: the record was read before it came into the index */
        return;
    }
    struct job *known = find(p, &job->dl.id);
    if (!known) {
        admit(p, job, JOB_QUEUED);
        send_job(job);
        return;
    }
    job_free(p->core, job);
    /* Anything else in hand came back to the schedule by a TAKE: its own outcome follows. */
    if (known->state == JOB_UNCLAIMED || known->state == JOB_CLAIMING)
        due_for_claimed(known, record);
}

void partition_on_due(struct partition *p, unsigned round, const struct index_answer *a, const struct slice *records, int count)
{
    if (round == p->round)
        p->due_asked = false;
    if (!partition_index_ok(p, round, a))
        return;
    p->next_due_wall_ms = a->next_due_wall_ms;
    for (int i = 0; i < count; i++)
        serve_due(p, records[i]);
}

/* ---- c: outcomes ---- */

void partition_on_posting(struct job *job)
{
    job_move(job, JOB_POSTING);
}

static void record(struct job *job)
{
    job->produced = false;
    job_move(job, JOB_RECORDING);
}

/* Back to where it can be sent again. A retry is in the index's schedule; an event's first delivery is claimed again. */
static void unsend(struct job *job)
{
    if (job->has_record)
        release(job);
    else
        job_move(job, JOB_UNCLAIMED);
}

void partition_on_outcome(struct job *job, const struct outcome *o)
{
    struct partition *p = job->partition;
    if (job_conclude(job, o)) {
        record(job);
    } else if (p->state == PARTITION_SERVING) {
        job_move(job, JOB_QUEUED);
        p->core->ports.send(p->core->ctx, job);
    } else {
        unsend(job);
    }
}

static void postpone(struct job *job, int64_t due_wall_ms)
{
    struct partition *p = job->partition;
    if (p->postponed_count == p->postponed_cap) {
        p->postponed_cap = p->postponed_cap ? p->postponed_cap * 2 : POSTPONE_BATCH;
        p->postponed = mem_array(p->postponed, p->postponed_cap, sizeof *p->postponed);
    }
    p->postponed[p->postponed_count++] = (struct index_postponed){job->dl.id, due_wall_ms};
    note_due(p, due_wall_ms);
    release(job);
}

void partition_on_park(struct job *job, int64_t due_wall_ms)
{
    /* Its record is in the log already; only one that retention might take is written again. */
    if (job->has_record && job->partition->core->now_wall_ms - job->dl.updated_wall_ms < WRITE_AGAIN_MS) {
        postpone(job, due_wall_ms);
        return;
    }
    job_park(job, due_wall_ms);
    record(job);
}

/* Before the turn's other scripts: nothing that is asked later may find these still in our hands. */
static void postpone_batches(struct partition *p)
{
    for (size_t at = 0; at < p->postponed_count; at += POSTPONE_BATCH) {
        size_t left = p->postponed_count - at;
        p->answers_due++;
        p->core->ports.index_postpone(p->core->ctx, p, p->round, &p->postponed[at],
                                      (int)(left < POSTPONE_BATCH ? left : POSTPONE_BATCH));
    }
    p->postponed_count = 0;
}

void partition_on_postpone(struct partition *p, unsigned round, const struct index_answer *a)
{
    (void)partition_index_ok(p, round, a);
}

void partition_on_cancel(struct job *job, const char *detail)
{
    job_end(job, DELIVERY_CANCELLED, detail);
    record(job);
}

/* ---- d and e: records ---- */

void serve_produce(struct partition *p)
{
    struct job *job;
    TAILQ_FOREACH(job, &p->jobs[JOB_RECORDING], link) {
        if (job->produced)
            continue;
        if (!p->core->ports.append_record(p->core->ctx, job))
            return;
        job->produced = true;
        p->answers_due++;
    }
}

void partition_on_record_ack(struct job *job, enum err err, int64_t offset)
{
    struct partition *p = job->partition;
    p->answers_due--;
    job->produced = false;
    if (p->state == PARTITION_GONE) {
        release(job);
        partition_maybe_release(p);
        return;
    }
    if (err == ERR_TOO_BIG || err == ERR_INVALID)
        check(job_shrink(job));
    /* Still RECORDING: produced again in the next turn. So is what was written nobody knows where: to be sure that a reading has
     * come to it, its offset must be known, and a second copy does no harm. */
    if (err != ERR_OK || offset < 0)
        return;
    job->has_record = true;
    job->record_offset = offset;
    job->acked_round = p->round;
    settle(job);
    p->acked_lately = true;
    p->core->ports.recorded(p->core->ctx, job);
    job_move(job, JOB_RECORDED);
    if (p->apply_at_ms == 0)
        p->apply_at_ms = p->core->now_ms + APPLY_WAIT_MS;
}

static int apply_batch(struct partition *p)
{
    struct index_record records[APPLY_BATCH];
    int count = 0;
    int64_t from = p->ap;
    struct job *job;
    while (count < APPLY_BATCH && (job = TAILQ_FIRST(&p->jobs[JOB_RECORDED])) != NULL && job->record_offset == p->ap + 1) {
        const struct delivery *dl = &job->dl;
        records[count] = (struct index_record){.offset = job->record_offset,
                                               .id = dl->id,
                                               .rank = {dl->status, dl->attempt, dl->revision},
                                               .due_wall_ms = dl->next_attempt_wall_ms,
                                               .updated_wall_ms = dl->updated_wall_ms};
        if (delivery_is_open(dl->status))
            records[count].payload = buf_slice(&job->record);
        count++;
        p->ap = job->record_offset;
        job_move(job, JOB_APPLYING);
    }
    if (count > 0) {
        p->answers_due++;
        p->core->ports.index_apply(p->core->ctx, p, p->round, from, records, count, p->ap);
    }
    return count;
}

static void apply_recorded(struct partition *p)
{
    if (p->apply_at_ms == 0 || (p->core->now_ms < p->apply_at_ms && p->job_counts[JOB_RECORDED] < APPLY_FULL))
        return;
    p->apply_at_ms = 0;
    while (apply_batch(p) > 0)
        continue;
    if (p->job_counts[JOB_RECORDED] > 0)
        partition_take(p, "somebody else wrote to the log");
}

void serve_applied(struct partition *p, int64_t ap_to)
{
    struct job *job;
    while ((job = TAILQ_FIRST(&p->jobs[JOB_APPLYING])) != NULL && job->record_offset <= ap_to) {
        note_due(p, job->dl.next_attempt_wall_ms);
        release(job);
    }
}

/* ---- g and h: the second's check ---- */

void partition_on_check(struct partition *p, unsigned round, const struct index_answer *a)
{
    if (!partition_index_ok(p, round, a))
        return;
    note_due(p, a->next_due_wall_ms);
    p->scheduled = a->scheduled;
    p->due = a->due;
}

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
        apply_recorded(p);
    if (p->state != PARTITION_SERVING)
        return;
    postpone_batches(p);
    claim_batches(p);
    ask_due(p);
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
    if (p->next_due_wall_ms > 0 && !p->due_asked && core_credit(c) > 0)
        idle_ms = earlier(idle_ms, p->next_due_wall_ms - c->now_wall_ms);
    return idle_ms;
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
            release(job);
    }
}

void serve_begin(struct partition *p)
{
    release_replayed(p);
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
        unsend(job);
    }
    TAILQ_FOREACH_SAFE(job, &p->jobs[JOB_CLAIMING], link, next) {
        if (job->has_record)
            release(job); /* a retry: TAKE returns it to the schedule */
    }
    move_all(p, JOB_CLAIMING, JOB_UNCLAIMED);
    move_all(p, JOB_APPLYING, JOB_RECORDED);
    p->due_asked = false;
    p->postponed_count = 0; /* TAKE returns them to the schedule */
    sweep_suspend(p);
    p->tail_end = -1;
}

void serve_drop(struct partition *p)
{
    struct job *job, *next;
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        TAILQ_FOREACH_SAFE(job, &p->jobs[state], link, next) {
            if (job->state == JOB_QUEUED || job->state == JOB_POSTING)
                p->core->ports.withdraw(p->core->ctx, job);
            if (job->state != JOB_RECORDING || !job->produced)
                release(job);
        }
    }
}
