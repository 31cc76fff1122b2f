/* Answering a request: once, from the handler or from any later turn of the loop. Nothing of the request may be touched after
 * that. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/request.h"

#define REPLY_MAX_BYTES (16UL * 1024 * 1024)

/* Where the handler writes the body of reply_json. */
static inline struct buf *reply_body(struct request *rq)
{
    return &rq->out;
}
/* Adds a header; name is a constant. Before the answer. */
void reply_header(struct request *rq, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* ETag of a version. */
void reply_etag(struct request *rq, int64_t version);

/* What stands in reply_body, as application/json. */
void reply_json(struct request *rq, unsigned status);
void reply_empty(struct request *rq, unsigned status);
/* Bytes that live as long as the program. */
void reply_constant(struct request *rq, unsigned status, const char *content_type, struct slice bytes);
/* application/problem+json; what stands in reply_body is dropped. detail is for people. */
void reply_problem(struct request *rq, enum problem p, const char *detail, ...) PRINTF_LIKE(3, 4);
void reply_fields(struct request *rq, enum problem p, const struct field_errors *errors);
/* 503 with Retry-After. */
void reply_unavailable(struct request *rq, const char *detail);

/* A body that grows as long as the client stays: server-sent events. `closed` is called once, when the client has gone or the
 * server stops; the stream is gone then. A comment line is sent every 15 s, so that a client that is gone is noticed. */
struct stream *reply_stream(struct request *rq, void (*closed)(void *ctx), void *ctx);
/* Bytes to be sent. A client that does not keep up (1 MiB is waiting) is disconnected. */
void stream_write(struct stream *s, struct slice bytes);
/* Ends it after what was written. */
void stream_end(struct stream *s);

#endif
