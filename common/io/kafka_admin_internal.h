/* The inside of a kafka_admin, for kafka_admin*.c alone. */
#ifndef IO_KAFKA_ADMIN_INTERNAL_H
#define IO_KAFKA_ADMIN_INTERNAL_H

#include <sys/queue.h>

#include "io/kafka_internal.h"

#define KAFKA_ADMIN_WITHIN_MS 10000 /* no answer by then is none */

struct committed_question;
struct group_handle;
struct topic_question;

struct kafka_admin {
    struct kafka_client client;
    LIST_HEAD(, topic_question) topics;
    LIST_HEAD(, committed_question) committed;
    LIST_HEAD(, group_handle) groups;
    rd_kafka_conf_t *conf; /* what the handles of groups are made with */
};

/* What librdkafka's code means to whoever asked; ERR_AGAIN for whatever may pass. */
enum err kafka_admin_outcome(rd_kafka_resp_err_t err);

/* Answers what the threads have found out. */
void kafka_admin_topic_turn(struct kafka_admin *a);
/* The answer to a question for settings. */
void kafka_admin_topic_described(struct kafka_admin *a, rd_kafka_event_t *ev);
/* Waits for the threads, which use the handle; then, when the handle is gone, forgets the questions. */
void kafka_admin_topic_join(struct kafka_admin *a);
void kafka_admin_topic_free(struct kafka_admin *a);

#endif
