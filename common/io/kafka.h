/* Kafka on the loop (librdkafka). Nothing here waits for a broker: no synchronous commit, no watermark query. Handles of four
 * kinds:
 *
 * - kafka_producer: idempotent, acks=all; one acknowledgement per record
 * - kafka_group: a member of the workers' consumer group on one topic: assignment, pause and resume, explicit commits with
 * metadata
 * - kafka_reader: explicit partitions from explicit offsets up to their end and, if wanted, further on; no group, no commits
 * - kafka_admin: a few questions: partition counts, topics' settings, committed offsets with metadata
 *
 * The traps of librdkafka 2.0.2 that shape it are listed in DELIVERY's "Traps of the parts". */
#ifndef IO_KAFKA_H
#define IO_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "util/buf.h"
#include "util/metrics.h"

/* What all handles of a program share. */
struct kafka_options {
    struct loop *loop;
    const char *brokers;
    /* librdkafka properties, `name=value` lines with '#' comments; "" for none. Applied over our own choices but never over what
     * the protocol needs (acks, enable.idempotence, enable.auto.commit, group.instance.id, partition.assignment.strategy,
     * isolation.level and the like: an error that names the line). */
    const char *config_file;
    const char *client_id;
    struct metrics *metrics;    /* NULL for none: <prefix>_kafka_errors_total{handle,class} */
    const char *metrics_prefix; /* "trueftp_worker" */
};

struct kafka_header {
    struct slice name, value;
};
#define KAFKA_MAX_HEADERS 16

/* One record as read. Everything points into librdkafka's message and lives until the callback returns. */
struct kafka_record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_wall_ms;
    struct slice key, value;
    bool tombstone; /* value is null */
    rd_kafka_message_t *message;
};
/* The headers of a record, only when asked for; count <= max. */
int kafka_record_headers(const struct kafka_record *rec, struct kafka_header *out, int max);

/* -------- producer -------- */

struct kafka_producer;

/* err: ERR_OK with the record's offset (-1: written, offset unknown); ERR_AGAIN: not written as far as we know (handle recreated,
 * timed out): produce the same record again, in a later turn; ERR_TOO_BIG, ERR_INVALID: never will be; ERR_NOT_FOUND: no such
 * topic or partition; ERR_REFUSED: no right to write there. There is no time limit: while brokers are away records stay
 * outstanding. Called from the loop. */
typedef void kafka_ack_fn(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset);

struct kafka_producer_options {
    int linger_ms;
    bool values_kept; /* a value stays where it is until its on_ack, so it is not copied */
    kafka_ack_fn *on_ack;
    void *ctx;
};

MUST_CHECK enum err kafka_producer_new(const struct kafka_options *k, const struct kafka_producer_options *o,
                                       struct kafka_producer **out, struct errmsg *why);
/* Copies key, headers and, but with values_kept, value. value.p NULL: a tombstone. ERR_AGAIN: the queue is full or the handle is
 * being made anew, call again later; ERR_TOO_BIG, ERR_INVALID (the topic's name): never; ERR_NOT_FOUND: the topic is known and
 * has no such partition. On success on_ack is called once for it, in a later turn. */
MUST_CHECK enum err kafka_produce(struct kafka_producer *p, const char *topic, int32_t partition, struct slice key,
                                  struct slice value, const struct kafka_header *headers, int header_count, void *opaque);
int kafka_producer_outstanding(const struct kafka_producer *p);
/* Frees without waiting; outstanding records get no acknowledgement. Flushing is the caller's: run the loop until outstanding is
 * 0. */
void kafka_producer_free(struct kafka_producer *p);

/* -------- group -------- */

struct kafka_group;

struct kafka_group_options {
    const char *group_id;
    const char *topic;
    /* The whole assignment, count 0 when there is nothing for this member. Partitions are assigned and paused already; each
     * starts at kafka_group_start. generation is the member's. */
    void (*on_assign)(void *ctx, const int32_t *partitions, int count, int32_t generation, const char *member_id);
    /* All partitions go; none hands anything over from here on. lost: the membership is gone, commits would fail. The callee
     * finishes (commits) and calls kafka_group_revoke_done, within max.poll.interval: until then the group waits for us. */
    void (*on_revoke)(void *ctx, const int32_t *partitions, int count, bool lost);
    void (*on_record)(void *ctx, const struct kafka_record *rec);
    /* Result of a kafka_group_commit. ERR_OK: written, by this member in the generation it was made in; ERR_REFUSED: this member
     * does not own it any more (generation, unknown member, rebalance) or is in no group; ERR_TOO_BIG: the metadata; ERR_AGAIN:
     * anything else. */
    void (*on_commit)(void *ctx, int32_t partition, int64_t offset, enum err err);
    /* A consumed partition is at its end (offset). Or, with err ERR_NOT_FOUND, its position (offset) was out of range: it goes on
     * with the earliest record there is, which comes next. After kafka_group_start with -1 nothing is out of range. */
    void (*on_position)(void *ctx, int32_t partition, int64_t offset, enum err err);
    void *ctx;
    int64_t poll_bound; /* records handed over a turn at most, e.g. 512 */
};

struct kafka_commit {
    int32_t partition;
    int64_t offset;
    const char *metadata; /* ASCII; may be NULL */
};

MUST_CHECK enum err kafka_group_new(const struct kafka_options *k, const struct kafka_group_options *o, struct kafka_group **out,
                                    struct errmsg *why);
/* Begins (offset >= 0, or -1: the earliest) or goes on at that offset, and resumes. */
void kafka_group_start(struct kafka_group *g, int32_t partition, int64_t offset);
/* Stops and continues handing over records; keeps polling either way. Continuing goes on exactly where it stopped. What was
 * fetched already is kept (at most 2 MiB a partition and one fetch). Without effect on a partition that is not started or not
 * ours. */
void kafka_group_pause(struct kafka_group *g, int32_t partition);
void kafka_group_resume(struct kafka_group *g, int32_t partition);
/* From within on_record: no more of them in this turn. */
void kafka_group_yield(struct kafka_group *g);
/* Asynchronous, never answered from inside; several may be in flight. Committing an unchanged offset again is fine: its answer
 * proves the membership. */
void kafka_group_commit(struct kafka_group *g, const struct kafka_commit *commits, int count);
void kafka_group_revoke_done(struct kafka_group *g); /* also from within on_revoke */
/* The member's generation now; -1 when it is in none. */
int32_t kafka_group_generation(const struct kafka_group *g);
/* Records of the started partitions behind what was handed over, as of the last answers to fetches; asks nobody. */
int64_t kafka_group_unread(const struct kafka_group *g);
bool kafka_group_joined(const struct kafka_group *g); /* an assignment, maybe an empty one, stands */
/* When the last commit was sent that has succeeded, or the last assignment came; loop_now clock. */
int64_t kafka_group_last_contact(const struct kafka_group *g);
/* As configured: half of it without contact is the time to stop sending. */
int64_t kafka_group_session_timeout_ms(const struct kafka_group *g);
/* Leaves the group: on_revoke is called for what is owned, then closed. A revocation that is under way is ended first, by
 * kafka_group_revoke_done. Run the loop until kafka_group_closed. */
void kafka_group_close(struct kafka_group *g);
bool kafka_group_closed(const struct kafka_group *g);
void kafka_group_free(struct kafka_group *g);
/* A fatal client error, for people; "" while there is none. The program should exit. */
const char *kafka_group_fatal(const struct kafka_group *g);

/* -------- reader -------- */

struct kafka_reader;

struct kafka_reader_options {
    void (*on_record)(void *ctx, const struct kafka_record *rec);
    /* Everything below `end` was handed over (the partition's end at that moment). Called each time the end is reached. */
    void (*on_end)(void *ctx, const char *topic, int32_t partition, int64_t end);
    void *ctx;
    int fetch_wait_ms; /* 10-50 while replaying; 100-500 for tables */
    int64_t poll_bound;
};

MUST_CHECK enum err kafka_reader_new(const struct kafka_options *k, const struct kafka_reader_options *o,
                                     struct kafka_reader **out, struct errmsg *why);
/* Reads a partition from offset on (0 for the earliest there is; an offset out of range goes to the earliest: compare the first
 * offset that arrives). Starting one that is being read starts it over. Records of an earlier start are never handed over after
 * this returns. */
void kafka_reader_start(struct kafka_reader *r, const char *topic, int32_t partition, int64_t offset);
/* Nothing of this partition is handed over after this returns. */
void kafka_reader_stop(struct kafka_reader *r, const char *topic, int32_t partition);
/* The partition's end as the last fetch told it, without asking; -1 before the first. At most fetch_wait_ms old while it is read.
 */
int64_t kafka_reader_known_end(const struct kafka_reader *r, const char *topic, int32_t partition);
void kafka_reader_free(struct kafka_reader *r);

/* -------- questions -------- */

struct kafka_admin;

struct kafka_committed {
    int32_t partition;
    int64_t offset;       /* -1: none */
    const char *metadata; /* "" for none */
};

MUST_CHECK enum err kafka_admin_new(const struct kafka_options *k, struct kafka_admin **out, struct errmsg *why);
/* count: partitions of the topic. ERR_NOT_FOUND: no such topic; ERR_AGAIN: no broker answered. */
void kafka_admin_partitions(struct kafka_admin *a, const char *topic, void (*fn)(void *ctx, enum err err, int32_t count),
                            void *ctx);

/* A topic that the cluster has told of, and how many partitions it has. */
struct kafka_topic_name {
    const char *name;
    int32_t partitions;
};
/* All topics whose name begins with prefix, alive during the call; those being made are left out. ERR_AGAIN. */
void kafka_admin_topics(struct kafka_admin *a, const char *prefix,
                        void (*fn)(void *ctx, enum err err, const struct kafka_topic_name *topics, int count), void *ctx);

/* The end of a partition, beyond its last record. */
struct kafka_end {
    const char *topic;
    int32_t partition;
    int64_t offset; /* -1: its leader has not told */
};
/* The ends of all partitions of these topics, each no older than the question. ERR_AGAIN: not all leaders have answered. */
void kafka_admin_ends(struct kafka_admin *a, const struct kafka_topic_name *topics, int count,
                      void (*fn)(void *ctx, enum err err, const struct kafka_end *ends, int count), void *ctx);

struct kafka_setting {
    const char *name, *value;
};

struct kafka_topic {
    int32_t partitions;
    int replication_factor;  /* the smallest of its partitions' */
    const char *undescribed; /* NULL; or why the broker did not tell the settings within 5 s (it cannot, this user may not ask,
                              * or it is in trouble: librdkafka does not always know which) */
    const struct kafka_setting *settings;
    int setting_count;
};

/* A topic with its settings, all of it alive during the call alone. ERR_NOT_FOUND, ERR_AGAIN as above; topic is NULL then. */
void kafka_admin_topic(struct kafka_admin *a, const char *topic,
                       void (*fn)(void *ctx, enum err err, const struct kafka_topic *topic), void *ctx);
/* Committed offsets with their metadata of the partitions named; ERR_AGAIN (not within 10 s; librdkafka may also make it of a
 * right to the group that is missing), ERR_REFUSED (no right to), ERR_INVALID: committed is of no use then. A thread waits for
 * the answer, and a connection of the group's is kept for the next question. */
void kafka_admin_committed(struct kafka_admin *a, const char *group_id, const char *topic, const int32_t *partitions, int count,
                           void (*fn)(void *ctx, enum err err, const struct kafka_committed *committed, int count), void *ctx);
/* Outstanding questions are not answered any more. May wait a quarter of a second for a question of partitions under way,
 * half a second for one of committed offsets, a second for one of ends. */
void kafka_admin_free(struct kafka_admin *a);

#endif
