/* A webhook's deliveries as they change, over the API's event stream: connected again when it ends, from the event seen last. */
#ifndef CTL_STREAM_H
#define CTL_STREAM_H

#include "ctl/client.h"

/* What is done with them. The first and the last return CTL_OK, or the exit status that ends it all. */
struct stream_handler {
    int (*opened)(void *ctx);                     /* connected for the first time: what happens from now on will be told */
    void (*delivery)(void *ctx, json_t *summary); /* a delivery changed */
    int (*reset)(void *ctx);                      /* what was missed is not kept: the list tells */
};

/* Follows the stream until the API says no for good, a handler ends it, or standard output cannot be written; returns the exit
 * status, with the reason printed. Lines on standard error tell when the API is away, and when it is back. Handlers run outside
 * of libcurl and may ask the client, which is patient from the first connection on. */
int stream_follow(struct client *c, const char *webhook, const struct stream_handler *handler, void *ctx);

#endif
