/* Events to Kafka: encoded once, put on the partition that account and path ask for, acknowledged by all replicas, tried again
 * until they are. An event's record counts as unacknowledged in its log's track until then; acknowledgements come in any order.
 *
 * Memory is bounded by credit: PUBLISH_MAX_OUTSTANDING events are on their way at most; the rest waits in the log. A copy of each
 * is kept here until its acknowledgement, so that it can be produced again when the client has to be made anew. */
#ifndef PRODUCER_PUBLISH_H
#define PRODUCER_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "io/kafka.h"
#include "model/event.h"
#include "producer/track.h"

#define PUBLISH_MAX_OUTSTANDING 10000

struct publisher;

struct publish_options {
    const struct kafka_options *kafka; /* read during publisher_new; its loop and metrics are used on */
    const char *topic_prefix;          /* copied */
    int linger_ms;
    /* Kafka will never take this event; it counts as done. */
    void (*refused)(void *ctx, enum err err, struct slice key);
    void *ctx;
};

MUST_CHECK enum err publisher_new(const struct publish_options *o, struct publisher **out, struct errmsg *why);
/* What is outstanding is forgotten; its tracks are not touched. */
void publisher_free(struct publisher *p);

/* Number of the events topic's partitions; 0: not known yet, then there is no credit. */
void publisher_set_partitions(struct publisher *p, int32_t partitions);
/* The topic whose partitions have to be asked for. */
const char *publisher_topic(const struct publisher *p);
bool publisher_has_credit(const struct publisher *p);
int publisher_outstanding(const struct publisher *p);

/* Takes an event: it is on its way, and its offset unacknowledged in `track`, when this returns. traceparent may be empty. */
void publisher_send(struct publisher *p, const struct event_fields *f, struct slice traceparent, struct track *track,
                    int64_t offset);

/* Once a turn: tries again what Kafka's queue did not take. True: come again at once. */
bool publisher_flush(struct publisher *p);

/* The topic of an account's events: the shared one, until accounts have pools of their own. */
const char *route_topic(const struct publisher *p, struct slice account_id);

#endif
