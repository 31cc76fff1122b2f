/* The way to Kafka: the publisher, and what it has to know of accounts and topics, asked for and kept up to date. */
#ifndef PRODUCER_OUTLET_H
#define PRODUCER_OUTLET_H

#include "model/settings.h"
#include "producer/publish.h"

struct outlet;

struct outlet_options {
    struct loop *loop;
    const struct settings *settings; /* brokers, file of properties, topic prefix: read during the call */
    struct metrics *metrics;
    void (*refused)(void *ctx, enum err err, struct slice key); /* as in publish.h */
    void *ctx;
};

/* ERR_INVALID: the properties; why says which. */
MUST_CHECK enum err outlet_new(const struct outlet_options *o, struct outlet **out, struct errmsg *why);
/* What is outstanding is forgotten. */
void outlet_free(struct outlet *out);

struct publisher *outlet_publisher(struct outlet *out);
/* What is missing before the first event can be sent; NULL: nothing. */
const char *outlet_not_ready(const struct outlet *out);

#endif
