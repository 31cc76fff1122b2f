/* SERVE c, d and e: an outcome becomes a record, the record goes to the log, and from there into the index. Kafka first, Redis
 * second, commit third: a delivery is settled when its record is acknowledged; what was recorded may wait a few milliseconds to
 * be applied, since nothing is settled by that. */
#include "core/partition_internal.h"

#include <stdlib.h>

#include "util/mem.h"

#define POSTPONE_BATCH 256
#define APPLY_BATCH 256
#define SLOW_BATCH 4 /* of these, records of deliveries that only wait */
#define APPLY_WAIT_MS 10
#define APPLY_FULL 64 /* so many records waiting leave at once */

/* ---- c: outcomes ---- */

void partition_on_posting(struct job *job)
{
    job_move(job, JOB_POSTING);
}

void record_job(struct job *job)
{
    job->produced = false;
    job_move(job, JOB_RECORDING);
}

void partition_on_outcome(struct job *job, const struct outcome *o)
{
    struct partition *p = job->partition;
    if (job_conclude(job, o)) {
        record_job(job);
    } else if (p->state == PARTITION_SERVING) {
        job_move(job, JOB_QUEUED);
        p->core->ports.send(p->core->ctx, job);
    } else {
        job_unsend(job);
    }
}

static void postpone(struct job *job, int64_t due_wall_ms)
{
    struct partition *p = job->partition;
    if (p->postponed_count == p->postponed_cap) {
        p->postponed_cap = p->postponed_cap ? p->postponed_cap * 2 : POSTPONE_BATCH;
        p->postponed = mem_array(p->postponed, p->postponed_cap, sizeof *p->postponed);
    }
    bool held = job->dl.held_wall_ms > 0;
    p->postponed[p->postponed_count++] =
        (struct index_postponed){job->dl.id, due_wall_ms, held ? mem_dup(job->dl.webhook_id.p, job->dl.webhook_id.len) : NULL};
    partition_note_due(p, due_wall_ms);
    job_release(job);
}

/* Its record is in the log already, and retention will not take it soon. */
static bool record_is_young(const struct job *job)
{
    const struct core *c = job->partition->core;
    return job->has_record && c->now_wall_ms - job->dl.updated_wall_ms < c->write_again_ms;
}

void partition_on_park(struct job *job, int64_t due_wall_ms)
{
    if (record_is_young(job) && job->dl.held_wall_ms == 0) {
        postpone(job, due_wall_ms);
        return;
    }
    job_park(job, due_wall_ms);
    record_job(job);
}

void partition_on_hold(struct job *job, const char *why)
{
    const struct core *c = job->partition->core;
    bool held = job->dl.held_wall_ms > 0;
    if (held && c->now_wall_ms - job->dl.held_wall_ms >= c->hold_max_ms) {
        partition_on_cancel(job, "it was held for too long");
    } else if (held && record_is_young(job)) {
        postpone(job, job->dl.next_attempt_wall_ms);
    } else {
        job_hold(job, why);
        record_job(job);
    }
}

void postpone_forget(struct partition *p)
{
    for (size_t i = 0; i < p->postponed_count; i++)
        free(p->postponed[i].held_by);
    p->postponed_count = 0;
}

void postpone_turn(struct partition *p)
{
    for (size_t at = 0; at < p->postponed_count; at += POSTPONE_BATCH) {
        size_t left = p->postponed_count - at;
        p->answers_due++;
        p->core->ports.index_postpone(p->core->ctx, p, p->round, &p->postponed[at],
                                      (int)(left < POSTPONE_BATCH ? left : POSTPONE_BATCH));
    }
    postpone_forget(p);
}

void partition_on_postpone(struct partition *p, unsigned round, const struct index_answer *a)
{
    (void)partition_index_ok(p, round, a);
}

void partition_on_cancel(struct job *job, const char *detail)
{
    job_end(job, DELIVERY_CANCELLED, detail);
    record_job(job);
}

/* ---- d and e: records ---- */

/* The first of those that are not with the producer: they are at the end of the list, so it is looked for from there. */
static struct job *first_to_produce(struct partition *p)
{
    int left = p->job_counts[JOB_RECORDING] - p->produced;
    struct job *job = TAILQ_LAST(&p->jobs[JOB_RECORDING], job_list), *first = NULL;
    for (; left > 0; job = TAILQ_PREV(job, job_list, link))
        if (!job->produced) {
            first = job;
            left--;
        }
    return first;
}

void record_produce(struct partition *p)
{
    for (struct job *job = first_to_produce(p); job; job = TAILQ_NEXT(job, link)) {
        if (job->produced)
            continue;
        if (!p->core->ports.append_record(p->core->ctx, job))
            return;
        job->produced = true;
        p->produced++;
        p->answers_due++;
    }
}

void partition_on_record_ack(struct job *job, enum err err, int64_t offset)
{
    struct partition *p = job->partition;
    p->answers_due--;
    p->produced--;
    job->produced = false;
    if (p->state == PARTITION_GONE) {
        job_release(job);
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
    if (offset > p->log_high)
        p->log_high = offset;
    job->acked_round = p->round;
    job_settle(job);
    p->acked_lately = true;
    p->core->ports.recorded(p->core->ctx, job);
    job_move(job, JOB_RECORDED);
    if (p->apply_at_ms == 0)
        p->apply_at_ms = p->core->now_ms + APPLY_WAIT_MS;
}

/* Its record tells that it waits, or ends without having been sent: nobody waits for the index to know. Others' claims do, and
 * the scripts before them: so a few such records at a time are on their way to the index, of all partitions. */
static bool is_slow(const struct job *job)
{
    return !job->attempted;
}

void record_slow_answered(struct partition *p)
{
    if (p->core->slow_apply == p)
        p->core->slow_apply = NULL;
}

static int apply_batch(struct partition *p)
{
    struct index_record records[APPLY_BATCH] NOT_ZEROED;
    int count = 0, slow = 0, most_slow = p->core->slow_apply ? 0 : SLOW_BATCH;
    int64_t from = p->ap;
    struct job *job;
    while (count < APPLY_BATCH && (job = TAILQ_FIRST(&p->jobs[JOB_RECORDED])) != NULL && job->record_offset == p->ap + 1) {
        if (is_slow(job) && slow++ == most_slow)
            break;
        const struct delivery *dl = &job->dl;
        records[count] = (struct index_record){.offset = job->record_offset,
                                               .id = dl->id,
                                               .rank = {dl->status, dl->attempt, dl->revision},
                                               .due_wall_ms = dl->next_attempt_wall_ms,
                                               .updated_wall_ms = dl->updated_wall_ms,
                                               .event_offset = bound_event_offset(p, dl)};
        if (delivery_is_open(dl->status))
            records[count].payload = buf_slice(&job->record);
        if (dl->held_wall_ms > 0)
            records[count].held_by = dl->webhook_id;
        count++;
        p->ap = job->record_offset;
        job_move(job, JOB_APPLYING);
    }
    if (count > 0 && slow > 0 && most_slow > 0) {
        p->core->slow_apply = p;
        p->slow_to = p->ap;
    }
    if (count > 0) {
        p->answers_due++;
        p->core->ports.index_apply(p->core->ctx, p, p->round, from, records, count, p->ap);
    }
    return count;
}

void apply_turn(struct partition *p)
{
    bool now = p->apply_at_ms > 0 && (p->core->now_ms >= p->apply_at_ms || p->job_counts[JOB_RECORDED] >= APPLY_FULL);
    if (!now && (!p->apply_waits || p->core->slow_apply))
        return;
    p->apply_at_ms = 0;
    while (apply_batch(p) > 0)
        continue;
    const struct job *next = TAILQ_FIRST(&p->jobs[JOB_RECORDED]);
    p->apply_waits = next && next->record_offset == p->ap + 1;
    if (next && !p->apply_waits)
        partition_take(p, "somebody else wrote to the log");
}

void record_applied(struct partition *p, int64_t ap_to)
{
    struct job *job;
    if (p->core->slow_apply == p && ap_to >= p->slow_to)
        record_slow_answered(p);
    while ((job = TAILQ_FIRST(&p->jobs[JOB_APPLYING])) != NULL && job->record_offset <= ap_to) {
        partition_note_due(p, job->dl.next_attempt_wall_ms);
        job_release(job);
    }
}
