/* Server-sent events (HTML, section 9.2.6) out of bytes as they come. */
#ifndef CTL_SSE_H
#define CTL_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

#define SSE_ID_SIZE 256

struct sse {
    void (*on_event)(void *ctx, const char *name, struct slice data);
    void *ctx;
    struct buf line, data;
    char name[64];
    char id[SSE_ID_SIZE];      /* of the event that is being read */
    char last_id[SSE_ID_SIZE]; /* to come back with; "": none */
    int64_t retry_ms;          /* as the server asked, or what it was set to */
    bool after_cr;
};

void sse_init(struct sse *s, int64_t retry_ms, void (*on_event)(void *ctx, const char *name, struct slice data), void *ctx);
void sse_done(struct sse *s);
/* Forgets an event that is not whole: a new connection begins. */
void sse_restart(struct sse *s);
/* Calls on_event for each event that is whole. ERR_TOO_BIG: a line or an event of more than 1 MiB. */
MUST_CHECK enum err sse_feed(struct sse *s, struct slice bytes);

#endif
