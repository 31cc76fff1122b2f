/* Topic names and settings (ARCHITECTURE: "Topics"; OPERATIONS: delivery log settings). */
#ifndef MODEL_TOPICS_H
#define MODEL_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

#define TOPIC_NAME_SIZE 128
#define TOPICS_DEFAULT_PARTITIONS 24

enum topic {
    TOPIC_EVENTS,
    TOPIC_DELIVERIES,
    TOPIC_WEBHOOKS,
    TOPIC_ACCOUNTS,
    TOPIC_EXPECTATIONS,
    TOPIC_AUDIT,
    TOPIC_EVENTS_DLQ,
    TOPIC_COUNT
};

struct topic_setting {
    const char *name;
    const char *value;
};

/* "<prefix>.events[.<pool>]"; pool (NULL or "": the shared one) is used by events and deliveries alone. */
void topic_name(enum topic topic, const char *prefix, const char *pool, char out[TOPIC_NAME_SIZE]);
/* Consumer group of a pool's workers: "<prefix>-worker[.<pool>]". */
void topic_worker_group(const char *prefix, const char *pool, char out[TOPIC_NAME_SIZE]);
/* Settings the topic is created with, ending with {NULL, NULL}; min.insync.replicas is not among them (it depends on the
 * replication factor). */
const struct topic_setting *topic_settings(enum topic topic);
/* [a-z0-9-]{1,32}, not "dlq". */
bool topic_pool_valid(const char *pool);
/* [A-Za-z0-9_-][A-Za-z0-9._-]{0,63} */
bool topic_prefix_valid(const char *prefix);

#endif
