/* A webhook's deliveries as they change, over the API's event stream: connected again when it ends, from the event seen last. */
#ifndef CTL_STREAM_H
#define CTL_STREAM_H

#include "ctl/client.h"

enum stream_event {
    STREAM_OPENED,   /* connected for the first time: what happens from now on will be told */
    STREAM_DELIVERY, /* a delivery changed; data is its summary */
    STREAM_RESET,    /* what was missed is not kept: the list tells */
    STREAM_ENDED,    /* the API says no; the reason was printed and status is the exit status */
};

struct stream;

/* target: path below the base. The client must outlive it. */
struct stream *stream_new(struct client *c, const char *target);
void stream_free(struct stream *s);

/* Waits for what comes next. *data is the caller's to free (NULL but for STREAM_DELIVERY). A line on standard error tells when
 * the API is away, and when it is back. */
enum stream_event stream_next(struct stream *s, json_t **data, int *status);

#endif
