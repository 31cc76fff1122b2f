/* The worker's metrics (docs/METRICS.md). */
#ifndef WORKER_STATS_H
#define WORKER_STATS_H

#include "core/job.h"
#include "health.h"
#include "util/metrics.h"

struct worker;

struct stats {
    uint64_t *events, *events_unmatched, *dead_letters;
    uint64_t *poison;
    uint64_t *parked, *held;
    uint64_t *records[DELIVERY_PURGED + 1]; /* by status */
    uint64_t *attempts_delivered, *attempts_failed[DELIVERY_ERROR_COUNT];
    uint64_t *attempts_class[6]; /* none, 1xx ... 5xx */
    struct histogram *attempt_seconds;
    struct histogram *latency_first, *latency_retried; /* event time to 2xx */
    uint64_t *taken[4];                                /* claims, takes, fenced, gave up */
    uint64_t *rebalances;
    int64_t generation; /* of the group, when last looked at */
    uint64_t *self_fenced;
    uint64_t *webhooks_gone, *webhooks_failing; /* webhook.disabled events */
    uint64_t *webhook_warnings[HEALTH_STAGES];
    uint64_t *record_failures;
    uint64_t *table_errors;
    uint64_t *key_file_errors;
    double *loop_lag_seconds;
};

void stats_init(struct stats *s, struct metrics *m, struct worker *w);
void stats_recorded(struct stats *s, const struct job *job);
void stats_state_changed(struct stats *s, const char *to);
/* Every second: the group's generation, which grows by one with each rebalance; -1 when this worker is in none. */
void stats_generation(struct stats *s, int64_t generation);

#endif
