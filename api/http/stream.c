#include "http/stream.h"

#include <stdlib.h>

#include "http/server.h"
#include "util/mem.h"

#define PENDING_MAX (1024UL * 1024)
#define BLOCK_BYTES 4096

static void resume(struct stream *s)
{
    if (!s->suspended)
        return;
    s->suspended = false;
    server_resume(s->server, s->connection);
}

struct stream *reply_stream(struct request *rq, void (*closed)(void *ctx), void *ctx)
{
    struct stream *s = mem_zalloc(sizeof *s);
    s->connection = rq->connection;
    s->closed = closed;
    s->ctx = ctx;
    s->server = rq->server;
    buf_init(&s->pending, PENDING_MAX);
    server_stream_opened(s);
    rq->stream = s;
    reply_constant(rq, 200, "text/event-stream", SLICE(""));
    return s;
}

void stream_write(struct stream *s, struct slice bytes)
{
    if (s->ended)
        return;
    buf_put_slice(&s->pending, bytes);
    if (s->pending.err != ERR_OK) {
        buf_reset(&s->pending);
        s->ended = true;
    }
    resume(s);
}

void stream_end(struct stream *s)
{
    s->ended = true;
    resume(s);
}

static ssize_t read_pending(void *cls, uint64_t pos, char *out, size_t max)
{
    struct stream *s = cls;
    (void)pos;
    if (s->pending.len > 0) {
        size_t n = s->pending.len < max ? s->pending.len : max;
        memcpy(out, s->pending.p, n);
        buf_drop(&s->pending, n);
        return (ssize_t)n;
    }
    if (s->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    s->suspended = true;
    MHD_suspend_connection(s->connection);
    return 0;
}

static void free_stream(void *cls)
{
    struct stream *s = cls;
    server_stream_closed(s);
    s->closed(s->ctx);
    buf_done(&s->pending);
    free(s);
}

struct MHD_Response *stream_response(struct stream *s)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_pending, s, free_stream);
}
