#include "intake.h"

#include "dlq.h"
#include "model/event.h"
#include "table.h"
#include "util/log.h"
#include "worker.h"

#define WEBHOOKS_MAX 1024 /* of one account that want one event; limits.webhooks is far below */

/* The trace id of a W3C traceparent header, or empty: version "-" 32 hex digits "-" 16 hex digits "-" flags. */
static struct slice trace_id_of(const struct kafka_record *rec)
{
    struct kafka_header headers[KAFKA_MAX_HEADERS];
    int count = kafka_record_headers(rec, headers, KAFKA_MAX_HEADERS);
    for (int i = 0; i < count; i++) {
        struct slice v = headers[i].value;
        if (!slice_eq(headers[i].name, SLICE("traceparent")) || v.len != 55 || v.p[2] != '-' || v.p[35] != '-')
            continue;
        struct slice id = slice_of(v.p + 3, 32);
        for (size_t c = 0; c < id.len; c++)
            if (!((id.p[c] >= '0' && id.p[c] <= '9') || (id.p[c] >= 'a' && id.p[c] <= 'f')))
                return SLICE("");
        return id;
    }
    return SLICE("");
}

static void owe(struct worker *w, struct partition *p, uint64_t seq, const struct event *ev, const struct kafka_record *rec,
                const struct endpoint *ep)
{
    struct job_webhook wh = {slice_str(ep->wh->id), ep->wh->max_attempts};
    struct job *job = job_new(&w->core, p);
    job_from_event(job, ev, &wh, trace_id_of(rec), rec->offset);
    partition_add_job(p, seq, job);
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
    struct endpoint *wanted[WEBHOOKS_MAX];
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
    struct event ev;
    struct errmsg why;
    uint64_t seq = partition_event(p, rec->offset);
    ++*w->stats.events;
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
