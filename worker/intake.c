#include "intake.h"

#include "age.h"
#include "backlog.h"
#include "dlq.h"
#include "model/event.h"
#include "schedule.h"
#include "table.h"
#include "util/log.h"
#include "worker.h"

#define WEBHOOKS_MAX 1024 /* of one account that want one event; limits.webhooks is far below */

/* The trace that the frontend made the event in; none without a valid header. */
static struct trace trace_of(const struct kafka_record *rec)
{
    struct kafka_header headers[KAFKA_MAX_HEADERS] NOT_ZEROED;
    struct trace trace = {.id = SLICE("")};
    int count = kafka_record_headers(rec, headers, KAFKA_MAX_HEADERS);
    for (int i = 0; i < count; i++)
        if (slice_eq(headers[i].name, SLICE("traceparent")) && trace_parse(headers[i].value, &trace))
            break;
    return trace;
}

void intake_owe(struct worker *w, struct partition *p, uint64_t event_seq, const struct event *ev, const struct job_webhook *wh,
                const struct trace *trace, int64_t offset)
{
    struct job *job = job_new(&w->core, p);
    job_from_event(job, ev, wh, trace->id, offset);
    job->dl.trace_unsampled = trace->id.len > 0 && !trace->sampled;
    partition_add_job(p, event_seq, job);
}

static void owe(struct worker *w, struct partition *p, uint64_t seq, const struct event *ev, const struct kafka_record *rec,
                const struct endpoint *ep)
{
    struct job_webhook wh = {slice_str(ep->wh->id), ep->wh->max_attempts};
    struct trace trace = trace_of(rec);
    if (schedule_look(w->schedule, p, ep) == GATE_TAKES)
        intake_owe(w, p, seq, ev, &wh, &trace, rec->offset);
    else
        backlog_add(w->backlog, p, seq, rec, &wh, &trace);
}

/* A command: one webhook, whatever its filters. */
static void command(struct worker *w, struct partition *p, uint64_t seq, const struct event *ev, const struct kafka_record *rec)
{
    struct endpoint *ep = table_webhook(w->table, ev->target.webhook_id);
    if (!ep || !slice_eq(slice_str(ep->wh->account_id), ev->account_id)) {
        log_warn("command_for_nobody", LOG_SLICE("webhook_id", ev->target.webhook_id), LOG_SLICE("account_id", ev->account_id));
        return;
    }
    owe(w, p, seq, ev, rec, ep);
}

static void ordinary(struct worker *w, struct partition *p, uint64_t seq, const struct event *ev, const struct kafka_record *rec)
{
    struct endpoint *wanted[WEBHOOKS_MAX] NOT_ZEROED;
    size_t count = table_match(w->table, ev->account_id, ev->type, ev->path, wanted, WEBHOOKS_MAX);
    if (count == 0)
        ++*w->stats.events_unmatched;
    if (count > WEBHOOKS_MAX) {
        dlq_send(w->dlq, p, seq, rec, "too_many_webhooks", "more webhooks of the account want this event than can be served");
        count = WEBHOOKS_MAX;
    }
    for (size_t i = 0; i < count; i++)
        owe(w, p, seq, ev, rec, wanted[i]);
}

void intake_event(struct worker *w, struct partition *p, const struct kafka_record *rec)
{
    struct event ev = {0};
    struct errmsg why NOT_ZEROED;
    uint64_t seq = partition_event(p, rec->offset);
    ++*w->stats.events;
    ages_read(w->ages, rec->partition, rec->offset, rec->timestamp_wall_ms > 0 ? rec->timestamp_wall_ms : w->core.now_wall_ms);
    enum err err = rec->tombstone ? errmsg_set(&why, ERR_INVALID, "the record has no value")
                                  : event_parse(rec->value, &w->event_scratch, &ev, &why);
    if (err == ERR_OK && ev.target.webhook_id.len > 0)
        command(w, p, seq, &ev, rec);
    else if (err == ERR_OK)
        ordinary(w, p, seq, &ev, rec);
    else
        dlq_send(w->dlq, p, seq, rec, err == ERR_TOO_BIG ? "too_big" : "malformed", why.text);
    partition_event_done(p, seq);
}
