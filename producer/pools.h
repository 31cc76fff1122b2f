/* The accounts' pools, read from `<prefix>.accounts` into the routes, and kept up to date. */
#ifndef PRODUCER_POOLS_H
#define PRODUCER_POOLS_H

#include "io/kafka.h"
#include "producer/routes.h"

struct pools;

struct pools_options {
    const struct kafka_options *kafka; /* read during pools_new; its strings are used on */
    struct kafka_admin *admin;         /* stays the caller's, who frees it before pools_free */
    const char *topic_prefix;
    struct routes *routes;
    /* pools_ready became true, or a topic is new in the routes. */
    void (*changed)(void *ctx);
    void *ctx;
};

struct pools *pools_new(const struct pools_options *o);
void pools_free(struct pools *p);
/* The accounts are known as they were a moment ago, or there is no such topic. Until then nothing should be routed. */
bool pools_ready(const struct pools *p);

#endif
