#include "ports.h"

#include "age.h"
#include "backlog.h"
#include "delivery_log.h"
#include "dlq.h"
#include "index.h"
#include "ownership.h"
#include "schedule.h"
#include "table.h"
#include "util/log.h"
#include "worker.h"

static bool port_append_claim(void *ctx, struct partition *p, struct slice value)
{
    return delivery_log_append_claim(ctx, p, value);
}

static bool port_append_record(void *ctx, struct job *job)
{
    return delivery_log_append_record(ctx, job);
}

static bool port_append_repair(void *ctx, struct partition *p, struct slice key, struct slice value)
{
    return delivery_log_append_repair(ctx, p, key, value);
}

static void port_read_log(void *ctx, struct partition *p, int64_t from)
{
    delivery_log_read(ctx, p, from);
}

static void port_stop_log(void *ctx, struct partition *p)
{
    delivery_log_stop(ctx, p);
}

static void port_index_take(void *ctx, struct partition *p, unsigned round)
{
    index_take(((struct worker *)ctx)->index, p, round);
}

static void port_index_claim(void *ctx, struct partition *p, unsigned round, struct job *const *jobs, int count, int room)
{
    index_claim(((struct worker *)ctx)->index, p, round, jobs, count, room);
}

static void port_index_due(void *ctx, struct partition *p, unsigned round, int limit, int room)
{
    index_due(((struct worker *)ctx)->index, p, round, limit, room);
}

static void port_index_apply(void *ctx, struct partition *p, unsigned round, int64_t ap_from, const struct index_record *records,
                             int count, int64_t ap_to)
{
    index_apply(((struct worker *)ctx)->index, p, round, ap_from, records, count, ap_to);
}

static void port_index_check(void *ctx, struct partition *p, unsigned round, uint64_t held_cursor)
{
    index_check(((struct worker *)ctx)->index, p, round, held_cursor);
}

static void port_index_release(void *ctx, struct partition *p, unsigned round)
{
    index_release(((struct worker *)ctx)->index, p, round);
}

static void port_index_postpone(void *ctx, struct partition *p, unsigned round, const struct index_postponed *postponed,
                                int count)
{
    index_postpone(((struct worker *)ctx)->index, p, round, postponed, count);
}

static void port_index_sweep(void *ctx, struct partition *p, unsigned round, struct slice webhook_id, uint64_t cursor, int step,
                             bool unhold)
{
    index_sweep(((struct worker *)ctx)->index, p, round, webhook_id, cursor, step, unhold);
}

static void port_start_events(void *ctx, struct partition *p, int64_t offset)
{
    ownership_start_events(((struct worker *)ctx)->ownership, p, offset);
}

static void port_commit(void *ctx, struct partition *p, int64_t offset, const char *metadata)
{
    struct worker *w = ctx;
    ages_settled(w->ages, partition_number(p), offset);
    ownership_commit(w->ownership, p, offset, metadata);
}

static int64_t port_generation(void *ctx)
{
    return ownership_generation(((struct worker *)ctx)->ownership);
}

static void port_send(void *ctx, struct job *job)
{
    schedule_send(((struct worker *)ctx)->schedule, job);
}

static void port_withdraw(void *ctx, struct job *job)
{
    schedule_withdraw(((struct worker *)ctx)->schedule, job);
}

static void port_bury(void *ctx, struct job *job)
{
    dlq_bury(((struct worker *)ctx)->dlq, job);
}

static bool port_is_held(void *ctx, struct slice webhook_id)
{
    const char *why;
    return table_state(((struct worker *)ctx)->table, webhook_id, &why) == TABLE_HELD;
}

static enum call_in port_calls_in(void *ctx, struct partition *p, struct slice webhook_id)
{
    return schedule_calls_in(((struct worker *)ctx)->schedule, p, webhook_id);
}

static void port_called_in(void *ctx, struct partition *p, struct slice webhook_id)
{
    schedule_called_in(((struct worker *)ctx)->schedule, p, webhook_id);
}

static void port_gave_up(void *ctx, struct partition *p)
{
    struct worker *w = ctx;
    ages_forget(w->ages, partition_number(p));
    backlog_drop(w->backlog, p);
    ownership_gave_up(w->ownership, p);
}

static void port_released(void *ctx, struct partition *p)
{
    ownership_released(((struct worker *)ctx)->ownership, p);
}

/* ---- facts ---- */

static void port_recorded(void *ctx, const struct job *job)
{
    struct worker *w = ctx;
    const struct delivery *dl = &job->dl;
    char id[UUID_TEXT_SIZE], event_id[UUID_TEXT_SIZE];
    enum log_level level = dl->status == DELIVERY_DELIVERED ? LOG_DEBUG : LOG_INFO;
    stats_recorded(&w->stats, job);
    if (!log_wants(level))
        return;
    uuid_format(&dl->id, id);
    uuid_format(&dl->event_id, event_id);
    LOG_AT(level, "delivery_recorded", LOG_STR("status", delivery_status_name(dl->status)), LOG_STR("delivery_id", id),
           LOG_STR("event_id", event_id), LOG_SLICE("account_id", dl->account_id), LOG_SLICE("webhook_id", dl->webhook_id),
           LOG_STR("event", event_type_name(dl->event)), LOG_INT("attempt", dl->attempt), LOG_INT("http_status", dl->http_status),
           LOG_STR("error", dl->error ? delivery_error_name(dl->error) : ""),
           LOG_INT("latency_ms", dl->updated_wall_ms - dl->event_wall_ms), LOG_SLICE("topic", dl->event_topic),
           LOG_INT("partition", dl->event_partition), LOG_INT("offset", dl->event_offset), LOG_SLICE("trace_id", dl->trace_id));
}

static void port_state_changed(void *ctx, struct partition *p, const char *from, const char *to, const char *why)
{
    struct worker *w = ctx;
    stats_state_changed(&w->stats, to);
    log_info("partition_state", LOG_INT("partition", partition_number(p)), LOG_STR("from", from), LOG_STR("to", to),
             LOG_STR("why", why));
}

const struct core_ports worker_ports = {
    .append_claim = port_append_claim,
    .append_record = port_append_record,
    .append_repair = port_append_repair,
    .read_log = port_read_log,
    .stop_log = port_stop_log,
    .index_take = port_index_take,
    .index_claim = port_index_claim,
    .index_due = port_index_due,
    .index_apply = port_index_apply,
    .index_check = port_index_check,
    .index_postpone = port_index_postpone,
    .index_sweep = port_index_sweep,
    .index_release = port_index_release,
    .start_events = port_start_events,
    .commit = port_commit,
    .generation = port_generation,
    .send = port_send,
    .withdraw = port_withdraw,
    .bury = port_bury,
    .is_held = port_is_held,
    .calls_in = port_calls_in,
    .called_in = port_called_in,
    .gave_up = port_gave_up,
    .released = port_released,
    .recorded = port_recorded,
    .state_changed = port_state_changed,
};
