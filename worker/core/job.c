/* Jobs: made from an event or from the record the index kept, changed by what came of an attempt, written as the next record. */
#include "core/job.h"

#include "core/partition_internal.h"
#include "util/mem.h"

#define STORE_MAX (2 * EVENT_MAX_BYTES + 65536)
#define RECORD_MAX (2 * 1024 * 1024)
#define RECORD_USUAL 800 /* without path and body: so much is taken at once, not by growing */
#define KEPT_BYTES 4096  /* a free job keeps no larger buffer: after a few large responses it would be large for ever */
/* Only the last attempt keeps its whole response, so that a record stays bounded. */
#define OLD_RESPONSE_BYTES 512

struct job *job_new(struct core *c, struct partition *p)
{
    struct job *job = TAILQ_FIRST(&c->free_jobs);
    if (job) {
        TAILQ_REMOVE(&c->free_jobs, job, link);
    } else {
        job = mem_zalloc(sizeof *job);
        buf_init(&job->store, STORE_MAX);
        buf_init(&job->scratch, STORE_MAX);
        buf_init(&job->record, RECORD_MAX);
    }
    job->partition = p;
    job->state = JOB_UNCLAIMED;
    job->record_offset = -1;
    c->jobs++;
    return job;
}

/* Empties dl, as far as it was used. */
static void clear_delivery(struct delivery *dl)
{
    memset(dl, 0, offsetof(struct delivery, attempts) + (size_t)dl->attempt_count * sizeof dl->attempts[0]);
}

void job_free(struct core *c, struct job *job)
{
    clear_delivery(&job->dl);
    buf_reset_to(&job->store, KEPT_BYTES);
    buf_reset_to(&job->scratch, KEPT_BYTES);
    buf_reset_to(&job->record, KEPT_BYTES);
    job->has_record = job->produced = job->attempted = job->withdrawn = false;
    job->tries = job->weight = 0;
    job->acked_round = 0;
    job->waiter_count = 0;
    job->queued_ms = job->posted_wall_ms = 0;
    job->waited_ms = 0;
    job->gate = job->endpoint = job->request = NULL;
    TAILQ_INSERT_HEAD(&c->free_jobs, job, link);
    c->jobs--;
}

/* Appends s to the store, which has room for it (so that earlier slices stay where they are). */
static struct slice keep(struct job *job, struct slice s)
{
    size_t at = job->store.len;
    buf_put_slice(&job->store, s);
    return slice_of(job->store.p + at, s.len);
}

void job_from_event(struct job *job, const struct event *ev, const struct job_webhook *wh, struct slice trace_id, int64_t offset)
{
    struct delivery *dl = &job->dl;
    size_t strings = ev->account_id.len + wh->id.len + ev->path.len + ev->target.original_delivery_id.len + trace_id.len;
    size_t body = ev->timestamp.len + ev->account_id.len + ev->data.len + 256;
    (void)mem_reserve(&job->store, strings + body);
    dl->event_id = ev->id;
    dl->generation = ev->target.generation;
    dl->test = ev->target.reason == EVENT_REASON_TEST;
    dl->id = delivery_id(&ev->id, wh->id, dl->generation);
    dl->webhook_id = keep(job, wh->id);
    dl->account_id = keep(job, ev->account_id);
    dl->path = keep(job, ev->path);
    dl->original_delivery_id = keep(job, ev->target.original_delivery_id);
    dl->trace_id = keep(job, trace_id);
    dl->event = ev->type;
    dl->status = DELIVERY_RETRYING;
    dl->max_attempts = wh->max_attempts;
    dl->event_wall_ms = ev->time_wall_ms;
    dl->event_topic = slice_str(job->partition->core->events_topic);
    dl->event_partition = job->partition->number;
    dl->event_offset = offset;
    size_t body_at = job->store.len;
    delivery_body(&job->store, ev, &dl->id);
    check(job->store.err == ERR_OK);
    dl->body = slice_of(job->store.p + body_at, job->store.len - body_at);
}

enum err job_from_record(struct job *job, struct slice record, struct errmsg *why)
{
    buf_reset(&job->store);
    buf_put_slice(&job->store, record);
    if (job->store.err != ERR_OK)
        return errmsg_set(why, job->store.err, "record of %zu bytes", record.len);
    job->has_record = true;
    return delivery_parse(buf_slice(&job->store), &job->scratch, &job->dl, why);
}

void job_add_waiter(struct job *job, uint64_t event_seq)
{
    if (job->waiter_count == job->waiter_cap) {
        job->waiter_cap = job->waiter_cap ? job->waiter_cap * 2 : 2;
        job->waiters = mem_array(job->waiters, job->waiter_cap, sizeof *job->waiters);
    }
    job->waiters[job->waiter_count++] = event_seq;
}

static void shorten_responses(struct delivery *dl)
{
    for (int i = 0; i < dl->attempt_count; i++)
        if (dl->attempts[i].response.len > OLD_RESPONSE_BYTES)
            dl->attempts[i].response.len = OLD_RESPONSE_BYTES;
}

static void add_attempt(struct delivery *dl, const struct outcome *o, enum delivery_error error)
{
    shorten_responses(dl);
    if (dl->attempt_count == DELIVERY_MAX_ATTEMPTS) {
        memmove(&dl->attempts[0], &dl->attempts[1], sizeof dl->attempts - sizeof dl->attempts[0]);
        dl->attempt_count--;
    }
    dl->attempt++;
    dl->attempts[dl->attempt_count++] = (struct delivery_attempt){.number = dl->attempt,
                                                                  .started_wall_ms = o->started_wall_ms,
                                                                  .http_status = o->http_status,
                                                                  .error = error,
                                                                  .reason = o->reason,
                                                                  .duration_ms = o->duration_ms,
                                                                  .queued_ms = o->queued_ms,
                                                                  .dns_ms = o->dns_ms,
                                                                  .connect_ms = o->connect_ms,
                                                                  .tls_ms = o->tls_ms,
                                                                  .first_byte_ms = o->first_byte_ms,
                                                                  .response = o->response};
    dl->http_status = o->http_status;
    dl->error = error;
}

/* The record's bytes. A finished delivery's body is left out as the contract says. */
static void encode(struct job *job)
{
    struct delivery *dl = &job->dl;
    struct slice body = dl->body;
    if (!delivery_is_open(dl->status) && dl->status != DELIVERY_FAILED)
        dl->body = SLICE("");
    buf_reset(&job->record);
    (void)mem_reserve(&job->record, RECORD_USUAL + dl->path.len + dl->body.len);
    delivery_write(&job->record, dl);
    check(job->record.err == ERR_OK);
    dl->body = body;
}

/* Writes dl, whose status has just been changed, as the next record. */
static void write_record(struct job *job, bool attempted)
{
    struct delivery *dl = &job->dl;
    job->attempted = attempted;
    dl->revision++;
    dl->updated_wall_ms = job->partition->core->now_wall_ms;
    if (dl->created_wall_ms == 0)
        dl->created_wall_ms = dl->updated_wall_ms;
    if (!delivery_is_open(dl->status))
        dl->next_attempt_wall_ms = 0;
    encode(job);
}

bool job_conclude(struct job *job, const struct outcome *o)
{
    struct delivery *dl = &job->dl;
    struct core *c = job->partition->core;
    enum delivery_error error;
    enum verdict verdict = retry_classify(o, &error);
    if (verdict == VERDICT_AGAIN)
        return false;
    add_attempt(dl, o, error);
    dl->held_wall_ms = 0;
    dl->detail = SLICE("");
    if (verdict == VERDICT_DELIVERED) {
        dl->status = DELIVERY_DELIVERED;
    } else if (verdict == VERDICT_GONE || dl->attempt >= dl->max_attempts) {
        dl->status = DELIVERY_FAILED;
        if (verdict == VERDICT_GONE)
            dl->detail = SLICE("the endpoint answered 410 Gone");
    } else {
        dl->status = DELIVERY_RETRYING;
        dl->next_attempt_wall_ms = c->now_wall_ms + retry_next_ms(&c->retry, o, dl->attempt, c->now_wall_ms, core_random(c));
    }
    write_record(job, true);
    return true;
}

void job_park(struct job *job, int64_t due_wall_ms)
{
    job->dl.status = DELIVERY_PARKED;
    job->dl.held_wall_ms = 0;
    job->dl.detail = SLICE("");
    job->dl.next_attempt_wall_ms = due_wall_ms;
    write_record(job, false);
}

void job_hold(struct job *job, const char *why)
{
    struct delivery *dl = &job->dl;
    const struct core *c = job->partition->core;
    dl->status = DELIVERY_PARKED;
    dl->detail = slice_str(why);
    if (dl->held_wall_ms == 0)
        dl->held_wall_ms = c->now_wall_ms;
    dl->next_attempt_wall_ms = c->now_wall_ms + c->write_again_ms;
    if (dl->next_attempt_wall_ms > dl->held_wall_ms + c->hold_max_ms)
        dl->next_attempt_wall_ms = dl->held_wall_ms + c->hold_max_ms;
    write_record(job, false);
}

void job_end(struct job *job, enum delivery_status status, const char *detail)
{
    job->dl.status = status;
    if (status == DELIVERY_CANCELLED)
        job->dl.error = DELIVERY_ERROR_CANCELLED;
    job->dl.detail = slice_str(detail);
    job->dl.held_wall_ms = 0;
    write_record(job, false);
}

bool job_shrink(struct job *job)
{
    struct delivery *dl = &job->dl;
    bool spared = false;
    for (int i = 0; i < dl->attempt_count; i++) {
        spared = spared || dl->attempts[i].response.len > 0;
        dl->attempts[i].response.len = 0;
    }
    if (!spared && delivery_is_open(dl->status)) {
        job_end(job, DELIVERY_FAILED, "its record is larger than the delivery log takes");
        return true;
    }
    if (!spared) {
        spared = dl->body.len > 0;
        dl->body.len = 0;
    }
    if (spared)
        encode(job);
    return spared;
}
