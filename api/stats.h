/* What the API counts (docs/METRICS.md). */
#ifndef API_STATS_H
#define API_STATS_H

#include "util/metrics.h"

struct api;

struct api_stats {
    uint64_t *requests[6]; /* by class of status, 1xx to 5xx */
    struct histogram *seconds;
    uint64_t *unauthorized, *rate_limited, *conflicts, *webhooks_disabled, *files_missing;
    double *loop_lag_seconds;
};

void stats_init(struct api_stats *s, struct metrics *m, struct api *api);

#endif
