/* A broker for the Kafka tests: librdkafka's mock cluster of three, or the one that TRUEFTP_TEST_BROKERS names. Each topic
 * and group has a fresh name, so runs on a real broker do not meet. */
#ifndef KAFKA_FIXTURE_H
#define KAFKA_FIXTURE_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>

#include "io/kafka.h"

/* Kafka protocol: API keys */
enum { API_PRODUCE = 0, API_FETCH = 1, API_COMMIT = 8, API_OFFSET_FETCH = 9, API_HEARTBEAT = 12, API_INIT_PRODUCER_ID = 22 };

struct fixture {
    struct loop *loop;
    struct kafka_options options;
    struct metrics *metrics;
    rd_kafka_t *host;              /* of the mock cluster, or for admin calls */
    rd_kafka_mock_cluster_t *mock; /* NULL with a real broker */
    char topic[64];
    char group[64];
    char config_file[64];
};

/* With a fresh topic. */
struct fixture *fixture_new(int partitions);
void fixture_free(struct fixture *f);
/* Another name, for a group or a topic that is not there. */
void fixture_name(char out[64], const char *what);
/* Deletes the records below offset; real broker only. */
void fixture_delete_below(struct fixture *f, int32_t partition, int64_t offset);

/* Runs the loop until done(ctx) is true or fails the test. */
void fixture_run(struct fixture *f, bool (*done)(void *ctx), void *ctx, int within_ms);
/* Runs the loop that long. */
void fixture_pass(struct fixture *f, int ms);

/* Writes records numbered from `first` (the value is the number) to a partition and waits for the acknowledgements. */
void fixture_fill(struct fixture *f, int32_t partition, int first, int count);

#endif
