#include "stats.h"

#include <stdio.h>

#include "age.h"
#include "backlog.h"
#include "ownership.h"
#include "schedule.h"
#include "table.h"
#include "worker.h"

static const double attempt_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20};
static const double latency_bounds[] = {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 21600};

static double in_flight(void *ctx)
{
    return http_client_in_flight(((struct worker *)ctx)->http);
}

static double slots(void *ctx)
{
    return (double)((struct worker *)ctx)->settings.slots;
}

static double jobs_in_hand(void *ctx)
{
    return ((struct worker *)ctx)->core.jobs;
}

static double queued(void *ctx)
{
    return schedule_queued(((struct worker *)ctx)->schedule);
}

static double kept(void *ctx)
{
    return (double)backlog_count(((struct worker *)ctx)->backlog);
}

static double breakers_open(void *ctx)
{
    return schedule_breakers_open(((struct worker *)ctx)->schedule);
}

static double serving(void *ctx)
{
    return ownership_serving(((struct worker *)ctx)->ownership);
}

static double owned(void *ctx)
{
    return ownership_owned(((struct worker *)ctx)->ownership);
}

static double unsettled(void *ctx)
{
    return (double)ownership_unsettled(((struct worker *)ctx)->ownership);
}

static double unread(void *ctx)
{
    return (double)ownership_unread(((struct worker *)ctx)->ownership);
}

static double oldest_event(void *ctx)
{
    const struct worker *w = ctx;
    int64_t written_wall_ms = ages_oldest_wall_ms(w->ages);
    return written_wall_ms > 0 && written_wall_ms < w->core.now_wall_ms ? (double)(w->core.now_wall_ms - written_wall_ms) / 1000.0
                                                                        : 0;
}

/* As the group's tools count it: from the committed offset to the end of each partition. */
static double consumer_lag(void *ctx)
{
    return unread(ctx) + unsettled(ctx);
}

/* Over the partitions that are live here. */
static double sum(const struct worker *w, int64_t (*of)(const struct partition *p))
{
    int64_t all = 0;
    for (int32_t i = 0; w->ownership && i < w->event_partitions; i++) {
        const struct partition *p = ownership_partition(w->ownership, i);
        all += p ? of(p) : 0;
    }
    return (double)all;
}

static double scheduled(void *ctx)
{
    return sum(ctx, partition_scheduled);
}

static double held(void *ctx)
{
    return sum(ctx, partition_held);
}

static double due(void *ctx)
{
    return sum(ctx, partition_due);
}

static double oldest_due(void *ctx)
{
    const struct worker *w = ctx;
    int64_t oldest_wall_ms = w->core.now_wall_ms;
    for (int32_t i = 0; w->ownership && i < w->event_partitions; i++) {
        const struct partition *p = ownership_partition(w->ownership, i);
        int64_t due_wall_ms = p ? partition_next_due_wall_ms(p) : 0;
        if (due_wall_ms > 0 && due_wall_ms < oldest_wall_ms)
            oldest_wall_ms = due_wall_ms;
    }
    return (double)(w->core.now_wall_ms - oldest_wall_ms) / 1000.0;
}

static double webhooks(void *ctx)
{
    return (double)table_webhooks(((struct worker *)ctx)->table);
}

static double accounts(void *ctx)
{
    return (double)table_accounts(((struct worker *)ctx)->table);
}

static void gauges(struct metrics *m, struct worker *w)
{
    metrics_gauge_fn(m, "trueftp_worker_posts_in_flight", "POSTs in flight.", NULL, in_flight, w);
    metrics_gauge_fn(m, "trueftp_worker_slots", "POSTs that may be in flight.", NULL, slots, w);
    metrics_gauge_fn(m, "trueftp_worker_jobs", "Deliveries in hand.", NULL, jobs_in_hand, w);
    metrics_gauge_fn(m, "trueftp_worker_queued", "Deliveries waiting at their endpoint's gate.", NULL, queued, w);
    metrics_gauge_fn(m, "trueftp_worker_backlog", "Deliveries of events read, for endpoints that take nothing now.", NULL, kept,
                     w);
    metrics_gauge_fn(m, "trueftp_worker_breakers_open", "Endpoint gates whose circuit breaker is not closed.", NULL,
                     breakers_open, w);
    metrics_gauge_fn(m, "trueftp_worker_partitions_owned", "Partitions that the group has given to this worker.", NULL, owned, w);
    metrics_gauge_fn(m, "trueftp_worker_partitions_serving", "Partitions that are being served.", NULL, serving, w);
    metrics_gauge_fn(m, "trueftp_worker_events_unsettled", "Events read and not settled.", NULL, unsettled, w);
    metrics_gauge_fn(m, "trueftp_worker_events_unread", "Events of its partitions that are not read yet.", NULL, unread, w);
    metrics_gauge_fn(m, "trueftp_worker_consumer_lag", "Events of its partitions from the first that is not settled on.", NULL,
                     consumer_lag, w);
    metrics_gauge_fn(m, "trueftp_worker_oldest_event_seconds", "Age of the oldest event that was read and is not settled.", NULL,
                     oldest_event, w);
    metrics_gauge_fn(m, "trueftp_worker_scheduled", "Deliveries that wait for their next attempt in the schedule.", NULL,
                     scheduled, w);
    metrics_gauge_fn(m, "trueftp_worker_deliveries_held", "Of these, held since their webhook is paused.", NULL, held, w);
    metrics_gauge_fn(m, "trueftp_worker_due", "Of those that are scheduled, due by now.", NULL, due, w);
    metrics_gauge_fn(m, "trueftp_worker_oldest_due_seconds", "For how long the oldest of these has been due.", NULL, oldest_due,
                     w);
    metrics_gauge_fn(m, "trueftp_worker_webhooks", "Webhooks in the table.", NULL, webhooks, w);
    metrics_gauge_fn(m, "trueftp_worker_accounts", "Accounts in the table.", NULL, accounts, w);
}

static void health_counters(struct stats *s, struct metrics *m)
{
    static const char *const stages[HEALTH_STAGES] = {"stage=\"50\"", "stage=\"70\"", "stage=\"90\""};
    static const char disabled[] = "trueftp_worker_webhooks_disabled_total";
    s->webhooks_gone = metrics_counter(m, disabled, "Webhooks found to be of no use any more.", "reason=\"gone\"");
    s->webhooks_failing = metrics_counter(m, disabled, "Webhooks found to be of no use any more.", "reason=\"failing\"");
    for (int i = 0; i < HEALTH_STAGES; i++)
        s->webhook_warnings[i] = metrics_counter(
            m, "trueftp_worker_webhook_warnings_total",
            "Webhooks that have failed for so many percent of the time after which they are to be disabled.", stages[i]);
}

void stats_init(struct stats *s, struct metrics *m, struct worker *w)
{
    static const char *const changes[] = {"claiming", "taking", "fenced", "gone"};
    char labels[64];
    s->generation = -1;
    *metrics_gauge(m, "trueftp_build_info", "Always 1; the version is in the label.", "version=\"" TRUEFTP_VERSION "\"") = 1;
    s->events = metrics_counter(m, "trueftp_worker_events_total", "Events read.", NULL);
    s->events_unmatched = metrics_counter(m, "trueftp_worker_events_unmatched_total", "Events that no webhook wanted.", NULL);
    s->dead_letters =
        metrics_counter(m, "trueftp_worker_dead_letters_total", "Events and deliveries sent to the dead-letter topic.", NULL);
    for (int i = 0; i <= DELIVERY_PURGED; i++) {
        snprintf(labels, sizeof labels, "status=\"%s\"", delivery_status_name((enum delivery_status)i));
        s->records[i] = metrics_counter(m, "trueftp_worker_records_total", "Delivery records acknowledged.", labels);
    }
    s->attempts_delivered = metrics_counter(m, "trueftp_worker_attempts_total", "Attempts made.", "outcome=\"delivered\"");
    for (int i = 1; i < DELIVERY_ERROR_COUNT; i++) {
        snprintf(labels, sizeof labels, "outcome=\"%s\"", delivery_error_name((enum delivery_error)i));
        s->attempts_failed[i] = metrics_counter(m, "trueftp_worker_attempts_total", "Attempts made.", labels);
    }
    for (int i = 0; i < 6; i++) {
        snprintf(labels, sizeof labels, i ? "class=\"%dxx\"" : "class=\"none\"", i);
        s->attempts_class[i] =
            metrics_counter(m, "trueftp_worker_responses_total", "Responses by class of their status code.", labels);
    }
    s->attempt_seconds = metrics_histogram(m, "trueftp_worker_attempt_seconds", "Duration of attempts.", NULL, attempt_bounds,
                                           sizeof attempt_bounds / sizeof attempt_bounds[0]);
    s->latency_first = metrics_histogram(m, "trueftp_worker_delivery_latency_seconds", "From the event's time to 2xx.",
                                         "first_try=\"true\"", latency_bounds, sizeof latency_bounds / sizeof latency_bounds[0]);
    s->latency_retried =
        metrics_histogram(m, "trueftp_worker_delivery_latency_seconds", "From the event's time to 2xx.", "first_try=\"false\"",
                          latency_bounds, sizeof latency_bounds / sizeof latency_bounds[0]);
    for (int i = 0; i < 4; i++) {
        snprintf(labels, sizeof labels, "state=\"%s\"", changes[i]);
        s->taken[i] = metrics_counter(m, "trueftp_worker_partition_changes_total", "Partitions that came to a state.", labels);
    }
    s->parked = metrics_counter(m, "trueftp_worker_parked_total",
                                "Deliveries moved to the schedule since they could not be sent soon.", NULL);
    s->held = metrics_counter(m, "trueftp_worker_held_total", "Records of deliveries held since their webhook is paused.", NULL);
    s->poison = metrics_counter(m, "trueftp_worker_poison_total",
                                "Deliveries that five workers ended with in their hands, moved to the dead-letter topic.", NULL);
    s->rebalances = metrics_counter(m, "trueftp_worker_rebalances_total", "Rebalances of the consumer group.", NULL);
    health_counters(s, m);
    s->self_fenced = metrics_counter(m, "trueftp_worker_self_fenced_total",
                                     "Times POSTs were held until a commit proved the membership.", NULL);
    s->record_failures =
        metrics_counter(m, "trueftp_worker_record_failures_total", "Delivery records that had to be produced again.", NULL);
    s->table_errors =
        metrics_counter(m, "trueftp_worker_table_errors_total", "Webhook and account records that could not be used.", NULL);
    s->key_file_errors =
        metrics_counter(m, "trueftp_worker_key_file_errors_total", "Times that the changed key file could not be used.", NULL);
    s->loop_lag_seconds =
        metrics_gauge(m, "trueftp_worker_loop_lag_seconds", "Longest turn of the loop in the last second.", NULL);
    gauges(m, w);
}

void stats_recorded(struct stats *s, const struct job *job)
{
    const struct delivery *dl = &job->dl;
    ++*s->records[dl->status];
    *s->parked += dl->status == DELIVERY_PARKED && dl->held_wall_ms == 0;
    *s->held += dl->held_wall_ms > 0;
    if (!job->attempted)
        return;
    const struct delivery_attempt *at = &dl->attempts[dl->attempt_count - 1];
    int class = at->http_status / 100;
    ++*s->attempts_class[class >= 1 && class <= 5 ? class : 0];
    histogram_observe(s->attempt_seconds, at->duration_ms / 1000.0);
    if (at->error != DELIVERY_ERROR_NONE) {
        ++*s->attempts_failed[at->error];
        return;
    }
    ++*s->attempts_delivered;
    histogram_observe(dl->attempt == 1 ? s->latency_first : s->latency_retried,
                      (double)(dl->updated_wall_ms - dl->event_wall_ms) / 1000.0);
}

void stats_state_changed(struct stats *s, const char *to)
{
    static const char *const changes[] = {"claiming", "taking", "fenced", "gone"};
    for (int i = 0; i < 4; i++)
        if (strcmp(to, changes[i]) == 0)
            ++*s->taken[i];
}

void stats_generation(struct stats *s, int64_t generation)
{
    if (generation < 0 || generation == s->generation)
        return;
    /* Lower: the group was made anew. */
    *s->rebalances += s->generation >= 0 && generation > s->generation ? (uint64_t)(generation - s->generation) : 1;
    s->generation = generation;
}
