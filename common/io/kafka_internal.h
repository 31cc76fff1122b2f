/* What the four kinds of Kafka handle share, for kafka_*.c alone.
 *
 * A kafka_client is one librdkafka handle with its queues on the loop: librdkafka's threads write to one eventfd when a
 * queue gets something, and the handle's drain function runs at the end of the turn in which that was seen, bounded; when
 * it leaves something it asks for another turn. librdkafka signals a queue once until it is next read, so the eventfd is
 * read first and the queues after it.
 *
 * A kafka_part is one partition being read. Its records stay on a queue of its own that is never forwarded to the
 * handle's, so holding a partition back is not reading its queue: librdkafka stops fetching when the queue is full and
 * nothing is thrown away or fetched again. (librdkafka's own pause empties the queue, and its resume has had bugs.) */
#ifndef IO_KAFKA_INTERNAL_H
#define IO_KAFKA_INTERNAL_H

#include "io/kafka.h"

struct kafka_property {
    const char *name, *value;
};

/* Configuration from what all share, then `tunable`, then the file of properties, then `pinned`, which the file may not name.
 * Both lists end with a NULL name. ERR_INVALID, ERR_NOT_FOUND, ERR_IO, ERR_TOO_BIG: why names file and line. The
 * caller owns *out until a client takes it. */
MUST_CHECK enum err kafka_conf_new(const struct kafka_options *k, const struct kafka_property *tunable,
                                   const struct kafka_property *pinned, rd_kafka_conf_t **out, struct errmsg *why);

struct kafka_client {
    rd_kafka_t *rk;
    const char *kind; /* "producer", "group", "reader", "admin": a label in logs and metrics */
    struct loop *loop;
    rd_kafka_queue_t *queue; /* logs, errors, rebalances, delivery reports */
    int wake_fd;
    struct loop_io *io;
    struct loop_turn *turn;
    bool pending;                  /* the next end of turn drains */
    bool (*drain)(void *ctx);      /* true: something is left */
    bool (*idle_drain)(void *ctx); /* each turn, also without a signal; NULL for none; true: drain now */
    void *ctx;
    uint64_t *transport_errors, *fatal_errors, *other_errors;
};

/* Starts the handle; takes conf also on failure. The client must not move afterwards. */
MUST_CHECK enum err kafka_client_init(struct kafka_client *c, const struct kafka_options *k, rd_kafka_type_t type,
                                      const char *kind, rd_kafka_conf_t *conf, bool (*drain)(void *ctx), void *ctx,
                                      struct errmsg *why);
/* Leaves the loop and gives the bare handle, without queues, to the caller, who destroys it. Queues that were added must be gone.
 */
rd_kafka_t *kafka_client_take(struct kafka_client *c);
/* A queue that wakes the loop, and the end of it (the reference is dropped too). */
void kafka_client_watch(struct kafka_client *c, rd_kafka_queue_t *queue);
void kafka_client_unwatch(rd_kafka_queue_t *queue);
/* Drains in the next turn, whatever arrives. */
void kafka_client_kick(struct kafka_client *c);
/* Logs and errors, which every kind treats alike: logged, counted. True: it was one of them. The caller destroys ev. A record on
 * the handle's own queue would be lost there: it is our bug. */
bool kafka_client_common_event(struct kafka_client *c, rd_kafka_event_t *ev);
void kafka_client_count_error(struct kafka_client *c, rd_kafka_resp_err_t err, bool fatal);

struct kafka_part {
    char *topic;
    int32_t partition;
    rd_kafka_queue_t *queue; /* while it is open */
    int64_t next;            /* the lowest offset that may be handed over */
    bool from_earliest;      /* next is "the earliest there is" until something arrives */
    bool reading;            /* started and not held back: the queue is read */
    bool started;            /* there is a position */
};

void kafka_part_init(struct kafka_part *part, const char *topic, int32_t partition);
void kafka_part_done(struct kafka_part *part);
/* Opens the partition's own queue. Before each assignment of the partition: while a topic is not known yet, librdkafka drops what
 * it has of a partition when it is taken out of the assignment, and a queue of before would stay empty for ever. */
void kafka_part_open(struct kafka_part *part, struct kafka_client *c);
/* Nothing is opened: harmless. */
void kafka_part_close(struct kafka_part *part);

enum kafka_part_what {
    KAFKA_PART_EMPTY,   /* nothing is queued */
    KAFKA_PART_NOTHING, /* something was taken off that nobody needs to see */
    KAFKA_PART_RECORD,
    KAFKA_PART_END, /* offset is the partition's end */
};

struct kafka_part_item {
    enum kafka_part_what what;
    bool reset;         /* the position was out of range: records before offset are gone, or the log is shorter than it was */
    int64_t reset_from; /* the position that was */
    int64_t offset;
    struct kafka_record rec;
    rd_kafka_event_t *event; /* to be destroyed by the caller; NULL when EMPTY */
};

/* Takes the next thing off the queue and moves part->next. Records below the position (of an earlier position, or
 * read again after a rewind inside librdkafka) come out as NOTHING. */
void kafka_part_poll(struct kafka_part *part, struct kafka_client *c, struct kafka_part_item *item);

#endif
