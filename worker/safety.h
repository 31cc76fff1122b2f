/* Which settings of the events and deliveries topics would break the promise that nothing is lost. Pure. */
#ifndef WORKER_SAFETY_H
#define WORKER_SAFETY_H

#include "core/retry.h"
#include "io/kafka.h"
#include "model/topics.h"

/* One finding: the setting, what it is, and what is needed, for people. */
typedef void safety_fn(void *ctx, const char *setting, const char *actual, const char *needed);

/* For how long the events of a delivery must be kept: 24 h, or longer where the policy makes the three attempts of a webhook that
 * says nothing else take longer. Each wait counts with its bound, since an endpoint may ask for that with Retry-After. */
int64_t safety_retry_window_ms(const struct retry_policy *policy);

/* Calls fn for each finding about a topic of that kind (TOPIC_EVENTS or TOPIC_DELIVERIES). Returns how many there were. */
int safety_check(enum topic kind, const struct kafka_topic *topic, int64_t retry_window_ms, safety_fn *fn, void *ctx);

#endif
