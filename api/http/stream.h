/* The inside of streams, for the server alone; everybody else includes "http/response.h". */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/response.h"

struct stream {
    struct MHD_Connection *connection;
    struct buf pending;
    bool suspended, ended;
    void (*closed)(void *ctx);
    void *ctx;
    TAILQ_ENTRY(stream) link;
    struct server *server;
    int64_t written_ms; /* loop_now of the last bytes */
};

TAILQ_HEAD(stream_list, stream);

/* libmicrohttpd's response for it; NULL: no memory. */
struct MHD_Response *stream_response(struct stream *s);

#endif
