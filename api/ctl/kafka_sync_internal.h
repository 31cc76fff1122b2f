/* The inside of a kafka_sync, for kafka_sync*.c alone. */
#ifndef CTL_KAFKA_SYNC_INTERNAL_H
#define CTL_KAFKA_SYNC_INTERNAL_H

#include "ctl/kafka_sync.h"

struct kafka_sync {
    char *brokers;
    char *config_file;
    int64_t timeout_ms;
    rd_kafka_t *consumer;           /* reads, and asks about the cluster: unlike a producer's, its questions make no topics */
    rd_kafka_t *producer;           /* NULL before the first record is sent */
    rd_kafka_resp_err_t send_error; /* of the first record that was not written; 0: none */
    struct errmsg complaint;        /* librdkafka's last error; "" */
};

struct kafka_property;

/* A handle with the properties that all have, those of the file, and pinned ones. */
MUST_CHECK enum err kafka_sync_handle(struct kafka_sync *k, rd_kafka_type_t type, const struct kafka_property *tunable,
                                      const struct kafka_property *pinned, rd_kafka_t **out, struct errmsg *why);
/* What librdkafka's code means here, with a message: "<what>: <code's text>", or that Kafka was not reached. text: librdkafka's
 * own, or NULL. */
enum err kafka_sync_failed(struct kafka_sync *k, rd_kafka_resp_err_t code, const char *what, const char *text,
                           struct errmsg *why);

#endif
