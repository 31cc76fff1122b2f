/* The HTTP server: libmicrohttpd on the loop. Limits: 64 KiB of body, 8 KiB of target, 32 KiB of head, 30 s for a request to come
 * in, 20 s of silence. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/request.h"
#include "io/loop.h"

struct server;

/* dispatch is called with each request that came in whole; it sees to it that the request is answered, once. */
MUST_CHECK enum err server_start(struct api *api, struct loop *l, const char *listen, void (*dispatch)(struct request *rq),
                                 struct server **out, struct errmsg *why);
int server_port(const struct server *s);
/* Requests that have not been answered yet, and streams. */
unsigned server_open(const struct server *s);
/* No new connections, no keep-alive, streams end; what runs goes on. */
void server_quiesce(struct server *s);
/* Ends what is still open: requests that wait are answered with 503. NULL is fine. */
void server_stop(struct server *s);

/* For response.c and stream.c: the request has its answer; a stream begins and ends. */
void server_answered(struct request *rq);
void server_resume(struct server *s, struct MHD_Connection *c);
void server_stream_opened(struct stream *s);
void server_stream_closed(struct stream *s);

#endif
