/* The counters of the agent, registered once. */
#ifndef PRODUCER_COUNTERS_H
#define PRODUCER_COUNTERS_H

#include "producer/follow.h"
#include "producer/source.h"
#include "producer/users_file.h"
#include "util/metrics.h"

struct counters {
    uint64_t *facts;
    uint64_t *silent;
    uint64_t *suspect;
    uint64_t *quarantined[SOURCE_REASON_COUNT];
    uint64_t *alarms[FOLLOW_ALARM_COUNT];
    uint64_t *users_alarms[USERS_ALARM_COUNT];
    uint64_t *checkpoint_errors;
    uint64_t *socket_accepted, *socket_lost;
};

void counters_register(struct counters *c, struct metrics *m);

#endif
