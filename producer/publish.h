/* Events to Kafka: encoded once, put on the partition that account and path ask for, acknowledged by all replicas, tried again
 * until they are. An event's record counts as unacknowledged in its log's track until then; acknowledgements come in any order.
 *
 * Memory is bounded by credit: PUBLISH_MAX_OUTSTANDING events, and PUBLISH_MAX_BYTES of them and one more event, are on their way
 * at most; the rest waits in the log. A copy of each is kept here until its acknowledgement, so that it can be produced again
 * when the client has to be made anew.
 *
 * Events of one path stand in Kafka in the order of publisher_send: what Kafka gives back is tried again in that order, before
 * anything newer. Where a broker refuses one batch and takes the next (a right granted in between), that order is lost. */
#ifndef PRODUCER_PUBLISH_H
#define PRODUCER_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "io/kafka.h"
#include "model/event.h"
#include "producer/routes.h"
#include "producer/track.h"

#define PUBLISH_MAX_OUTSTANDING 10000
#define PUBLISH_MAX_BYTES (32 * 1024 * 1024)

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

/* Where events go; it has to be told of pools and partition counts. While the shared topic's are not known there is no credit,
 * and an event for another topic waits until that one's are. */
struct routes *publisher_routes(struct publisher *p);
/* While it is held there is no credit. Not held at first. */
void publisher_hold(struct publisher *p, bool hold);
bool publisher_has_credit(const struct publisher *p);
int publisher_outstanding(const struct publisher *p);

/* Takes an event: it is on its way, and its offset unacknowledged in `track`, when this returns. traceparent may be empty. */
void publisher_send(struct publisher *p, const struct event_fields *f, struct slice traceparent, struct track *track,
                    int64_t offset);

/* At the end of each turn: gives Kafka's client what was sent in it, in one go, and tries again what it did not take. One by one,
 * as they are read, the client's thread would be woken for each and send many small requests; with a linger all events would wait
 * for it. */
void publisher_flush(struct publisher *p);

#endif
