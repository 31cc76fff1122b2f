/* Kafka for a program that runs one command and ends: every call waits, at most the timeout given at opening. Never to be used on
 * a loop. Not reaching Kafka within the timeout is ERR_AGAIN, and why then names the brokers and librdkafka's last complaint. */
#ifndef CTL_KAFKA_SYNC_H
#define CTL_KAFKA_SYNC_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/topics.h"
#include "util/buf.h"

struct kafka_sync;

/* Connects nothing yet. config_file: librdkafka properties, or "". ERR_INVALID, ERR_NOT_FOUND, ERR_IO: about that file. */
MUST_CHECK enum err kafka_sync_open(const char *brokers, const char *config_file, int64_t timeout_ms, struct kafka_sync **out,
                                    struct errmsg *why);
void kafka_sync_close(struct kafka_sync *k);

/* -------- the cluster -------- */

MUST_CHECK enum err kafka_sync_brokers(struct kafka_sync *k, int *count, struct errmsg *why);

struct kafka_sync_topic {
    int32_t partitions;
    int replication_factor; /* the smallest of its partitions' */
    bool ready;             /* every partition has a leader */
};

/* ERR_NOT_FOUND: no such topic. Asking never makes one. */
MUST_CHECK enum err kafka_sync_topic(struct kafka_sync *k, const char *topic, struct kafka_sync_topic *out, struct errmsg *why);

/* settings ends with a NULL name. validate_only: the broker checks and makes nothing. ERR_EXISTS, ERR_REFUSED (not
 * authorized), ERR_INVALID, ERR_AGAIN (also: the broker does not serve the request). */
MUST_CHECK enum err kafka_sync_create(struct kafka_sync *k, const char *topic, int partitions, int replication_factor,
                                      const struct topic_setting *settings, bool validate_only, struct errmsg *why);
/* Calls fn for each setting of the topic. wait_ms: at most; errors as above. */
MUST_CHECK enum err kafka_sync_describe(struct kafka_sync *k, const char *topic, int64_t wait_ms,
                                        void (*fn)(void *ctx, const char *name, const char *value), void *ctx,
                                        struct errmsg *why);

/* -------- reading -------- */

/* Where reading of a partition begins, from the first record there is when that is later; afterwards where it would go on. */
struct kafka_sync_position {
    int32_t partition;
    int64_t offset;
};

/* One position for each partition of the topic, all at that offset; the caller frees *out. ERR_NOT_FOUND: no such topic. */
MUST_CHECK enum err kafka_sync_positions(struct kafka_sync *k, const char *topic, int64_t offset,
                                         struct kafka_sync_position **out, int *count, struct errmsg *why);
/* The first offset there is, and the one that the next record gets. */
MUST_CHECK enum err kafka_sync_ends(struct kafka_sync *k, const char *topic, int32_t partition, int64_t *low, int64_t *high,
                                    struct errmsg *why);
/* What the group has committed of each position's partition, as its offset; 0: nothing. */
MUST_CHECK enum err kafka_sync_committed(struct kafka_sync *k, const char *group, const char *topic,
                                         struct kafka_sync_position *at, int count, struct errmsg *why);
/* Hands over records until fn returns false or, unless follow, each partition was read to its end. Records of one
 * partition come in order. ERR_AGAIN: nothing came for the timeout while an end was still to be reached. */
MUST_CHECK enum err kafka_sync_read(struct kafka_sync *k, const char *topic, struct kafka_sync_position *at, int count,
                                    bool follow, bool (*fn)(void *ctx, const rd_kafka_message_t *m), void *ctx,
                                    struct errmsg *why);

/* -------- writing: idempotent, acknowledged by all in-sync replicas -------- */

struct kafka_sync_ack {
    rd_kafka_resp_err_t err;
    int32_t partition;
    int64_t offset; /* -1: written, but where is not known */
};

/* Queues one record; value.p NULL: a tombstone. partition RD_KAFKA_PARTITION_UA: by the key. *ack is filled in by
 * kafka_sync_flush and must not move before. */
MUST_CHECK enum err kafka_sync_send(struct kafka_sync *k, const char *topic, int32_t partition, struct slice key,
                                    struct slice value, struct kafka_sync_ack *ack, struct errmsg *why);

struct kafka_sync_header {
    const char *name;
    struct slice value;
};
/* The same, with headers. */
MUST_CHECK enum err kafka_sync_send_with(struct kafka_sync *k, const char *topic, int32_t partition, struct slice key,
                                         struct slice value, const struct kafka_sync_header *headers, int header_count,
                                         struct kafka_sync_ack *ack, struct errmsg *why);
/* Waits until all that was queued is acknowledged. The first failure, if there was one, is returned. */
MUST_CHECK enum err kafka_sync_flush(struct kafka_sync *k, struct errmsg *why);

#endif
