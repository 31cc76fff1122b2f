#include "http/server.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api.h"
#include "http/response.h"
#include "http/router.h"
#include "http/stream.h"
#include "io/http_daemon.h"
#include "model/uuid.h"
#include "util/clock.h"
#include "util/list.h"
#include "util/log.h"
#include "util/mem.h"

#define MAX_CONNECTIONS 2000U
#define HEAD_BYTES (32U * 1024)
#define IDLE_TIMEOUT_S 20U
#define REQUEST_TIMEOUT_MS 30000 /* longer than the silence that ends an idle connection */
#define DISCARD_MAX (1024UL * 1024)
#define BEAT_MS 15000
#define SECOND_MS 1000

/* A client's connection; begun: when it began, or its last request ended. */
struct peer {
    struct MHD_Connection *connection;
    int64_t begun_ms;
    bool reading; /* a request is awaited or coming in */
    TAILQ_ENTRY(peer) link;
};

struct server {
    struct api *api;
    struct loop *loop;
    struct http_daemon *daemon;
    struct loop_timer *second;
    void (*dispatch)(struct request *rq);
    TAILQ_HEAD(, request) requests;
    TAILQ_HEAD(, peer) peers;
    struct stream_list streams;
    unsigned request_count, stream_count;
    bool stopping;
};

/* -------- a request's life -------- */

static void new_id(struct request *rq)
{
    struct uuid id = uuid_v7(loop_wall(rq->server->loop));
    uuid_format(&id, rq->id);
}

/* The caller's own, when it is harmless. */
static void take_id(struct request *rq)
{
    const char *given = request_header(rq, "X-Request-Id");
    size_t len = given ? strlen(given) : 0;
    if (len > 0 && len < REQUEST_ID_SIZE &&
        strspn(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len)
        memcpy(rq->id, given, len + 1);
}

/* The request line has been read. */
static void *on_uri(void *ctx, const char *raw, struct MHD_Connection *c)
{
    struct server *s = ctx;
    struct request *rq = mem_zalloc(sizeof *rq);
    rq->server = s;
    rq->api = s->api;
    rq->connection = c;
    rq->started_us = clock_mono_us();
    rq->target = mem_dup(raw, strcspn(raw, "?"));
    rq->uri_bad = uri_parse(raw, &rq->uri, &rq->uri_why) != ERR_OK;
    buf_init(&rq->body, REQUEST_BODY_MAX);
    buf_init(&rq->out, REPLY_MAX_BYTES);
    new_id(rq);
    TAILQ_INSERT_TAIL(&s->requests, rq, link);
    s->request_count++;
    return rq;
}

static void free_request(struct request *rq)
{
    TAILQ_REMOVE(&rq->server->requests, rq, link);
    rq->server->request_count--;
    uri_done(&rq->uri);
    free(rq->target);
    if (rq->body.p)
        OPENSSL_cleanse(rq->body.p, rq->body.cap); /* it may have held a client's key */
    buf_done(&rq->body);
    buf_done(&rq->out);
    json_decref(rq->json);
    for (size_t i = 0; i < rq->header_count; i++)
        free(rq->headers[i].value);
    free(rq);
}

static void log_request(const struct request *rq)
{
    int64_t us = clock_mono_us() - rq->started_us;
    api_count_request(rq->api, rq->status, us);
    LOG_AT(rq->status >= 500 ? LOG_ERROR : LOG_INFO, "request", LOG_STR("request_id", rq->id), LOG_STR("method", rq->method_name),
           LOG_STR("path", rq->target), LOG_INT("status", rq->status), LOG_INT("duration_us", us),
           LOG_STR("account_id", rq->principal.account_id), LOG_STR("key_id", rq->principal.key_id));
}

static struct peer *peer_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **con_cls, enum MHD_RequestTerminationCode how)
{
    struct server *s = ctx;
    struct request *rq = *con_cls;
    struct peer *peer = peer_of(c);
    (void)how;
    if (peer) {
        peer->begun_ms = loop_now(s->loop);
        peer->reading = true;
    }
    if (!rq)
        return;
    if (rq->answered)
        log_request(rq);
    free_request(rq);
    *con_cls = NULL;
}

/* -------- its answer -------- */

static struct MHD_Response *make_response(struct request *rq)
{
    if (rq->stream)
        return stream_response(rq->stream);
    if (rq->constant.len > 0)
        return MHD_create_response_from_buffer(rq->constant.len, (void *)(uintptr_t)rq->constant.p, MHD_RESPMEM_PERSISTENT);
    if (rq->out.len == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *r = MHD_create_response_from_buffer(rq->out.len, rq->out.p, MHD_RESPMEM_MUST_FREE);
    if (r)
        buf_init(&rq->out, REPLY_MAX_BYTES); /* its bytes are the response's now */
    return r;
}

static void add_headers(const struct request *rq, struct MHD_Response *r)
{
    enum MHD_Result rc = MHD_add_response_header(r, "X-Request-Id", rq->id);
    if (rq->content_type)
        rc &= MHD_add_response_header(r, "Content-Type", rq->content_type);
    rc &= MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    bool own_caching = false;
    for (size_t i = 0; i < rq->header_count; i++) {
        own_caching = own_caching || strcmp(rq->headers[i].name, "Cache-Control") == 0;
        rc &= MHD_add_response_header(r, rq->headers[i].name, rq->headers[i].value);
    }
    if (!own_caching)
        rc &= MHD_add_response_header(r, "Cache-Control", "no-store");
    if (rq->server->stopping)
        rc &= MHD_add_response_header(r, "Connection", "close");
    check(rc == MHD_YES);
}

static enum MHD_Result queue_answer(struct request *rq)
{
    struct MHD_Response *r = make_response(rq);
    if (!r)
        return MHD_NO;
    add_headers(rq, r);
    enum MHD_Result rc = MHD_queue_response(rq->connection, rq->status, r);
    MHD_destroy_response(r);
    return rc;
}

void server_resume(struct server *s, struct MHD_Connection *c)
{
    MHD_resume_connection(c);
    http_daemon_kick(s->daemon);
}

void server_answered(struct request *rq)
{
    if (!rq->suspended)
        return;
    rq->suspended = false;
    server_resume(rq->server, rq->connection);
}

static enum MHD_Result answer_or_wait(struct request *rq)
{
    if (rq->answered)
        return queue_answer(rq);
    rq->suspended = true;
    MHD_suspend_connection(rq->connection);
    return MHD_YES;
}

/* -------- coming in -------- */

/* A length that is announced is refused before anything is read. */
static bool announces_too_much(const struct request *rq)
{
    const char *length = request_header(rq, "Content-Length");
    return length && (strlen(length) > 9 || strtol(length, NULL, 10) > REQUEST_BODY_MAX);
}

static enum MHD_Result on_head(struct request *rq, const char *method)
{
    rq->dispatched = false;
    rq->method = method_parse(method);
    strncpy(rq->method_name, method, sizeof rq->method_name - 1);
    take_id(rq);
    if (!announces_too_much(rq))
        return MHD_YES;
    rq->dispatched = true;
    reply_problem(rq, PROBLEM_BODY_TOO_LARGE, "a body has %d bytes at most", REQUEST_BODY_MAX);
    return queue_answer(rq);
}

/* What does not fit is dropped, up to a limit, so that the client can be told. */
static enum MHD_Result on_piece(struct request *rq, const char *bytes, size_t *size)
{
    static const size_t limit = DISCARD_MAX;
    buf_put(&rq->body, bytes, *size);
    rq->discarded_bytes += rq->body.err ? *size : 0;
    *size = 0;
    return rq->discarded_bytes > limit ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **con_cls)
{
    struct request *rq = *con_cls;
    (void)ctx;
    (void)url;
    (void)version;
    if (!rq->method_name[0])
        return on_head(rq, method);
    if (*upload_size > 0)
        return on_piece(rq, upload, upload_size);
    if (!rq->dispatched) {
        struct peer *peer = peer_of(c);
        if (peer)
            peer->reading = false;
        rq->dispatched = true;
        if (rq->body.err)
            reply_problem(rq, PROBLEM_BODY_TOO_LARGE, "a body has %d bytes at most", REQUEST_BODY_MAX);
        else
            rq->server->dispatch(rq);
    }
    return answer_or_wait(rq);
}

/* -------- connections -------- */

static void on_connection(void *ctx, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
    struct server *s = ctx;
    struct peer *peer = *socket_context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        peer = mem_zalloc(sizeof *peer);
        *peer = (struct peer){.connection = c, .begun_ms = loop_now(s->loop), .reading = true};
        TAILQ_INSERT_TAIL(&s->peers, peer, link);
        *socket_context = peer;
    } else if (peer) {
        TAILQ_REMOVE(&s->peers, peer, link);
        free(peer);
        *socket_context = NULL;
    }
}

/* A client that sends a byte now and then is never silent, and would hold its connection for ever. */
static void end_slow_clients(struct server *s)
{
    struct peer *peer;
    TAILQ_FOREACH(peer, &s->peers, link) {
        if (!peer->reading || loop_now(s->loop) - peer->begun_ms < REQUEST_TIMEOUT_MS)
            continue;
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(peer->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
    }
}

static void beat(struct server *s)
{
    struct stream *st, *next;
    TAILQ_FOREACH_SAFE(st, &s->streams, link, next) {
        if (loop_now(s->loop) - st->written_ms < BEAT_MS)
            continue;
        st->written_ms = loop_now(s->loop);
        stream_write(st, SLICE(":\n\n"));
    }
}

static void on_second(void *ctx)
{
    struct server *s = ctx;
    end_slow_clients(s);
    beat(s);
    loop_timer_arm(s->second, SECOND_MS);
}

void server_stream_opened(struct stream *st)
{
    TAILQ_INSERT_TAIL(&st->server->streams, st, link);
    st->written_ms = loop_now(st->server->loop);
    st->server->stream_count++;
}

void server_stream_closed(struct stream *st)
{
    TAILQ_REMOVE(&st->server->streams, st, link);
    st->server->stream_count--;
}

/* -------- the whole -------- */

enum err server_start(struct api *api, struct loop *l, const char *listen, void (*dispatch)(struct request *rq),
                      struct server **out, struct errmsg *why)
{
    struct server *s = mem_zalloc(sizeof *s);
    struct http_daemon_options o = {.what = "the API's port",
                                    .listen = listen,
                                    .max_connections = MAX_CONNECTIONS,
                                    .idle_timeout_s = IDLE_TIMEOUT_S,
                                    .connection_memory_bytes = HEAD_BYTES,
                                    .suspending = true,
                                    .on_request = on_request,
                                    .on_completed = on_completed,
                                    .on_uri = on_uri,
                                    .on_connection = on_connection,
                                    .ctx = s};
    s->api = api;
    s->loop = l;
    s->dispatch = dispatch;
    TAILQ_INIT(&s->requests);
    TAILQ_INIT(&s->peers);
    TAILQ_INIT(&s->streams);
    enum err err = http_daemon_start(l, &o, &s->daemon, why);
    if (err != ERR_OK) {
        free(s);
        return err;
    }
    s->second = loop_timer_new(l, on_second, s);
    loop_timer_arm(s->second, SECOND_MS);
    *out = s;
    return ERR_OK;
}

int server_port(const struct server *s)
{
    return http_daemon_port(s->daemon);
}

unsigned server_open(const struct server *s)
{
    return s->request_count + s->stream_count;
}

void server_quiesce(struct server *s)
{
    struct stream *st, *next;
    s->stopping = true;
    http_daemon_quiesce(s->daemon);
    TAILQ_FOREACH_SAFE(st, &s->streams, link, next)
        stream_end(st);
}

void server_stop(struct server *s)
{
    struct request *rq, *next;
    if (!s)
        return;
    TAILQ_FOREACH_SAFE(rq, &s->requests, link, next)
        if (rq->suspended && !rq->answered)
            reply_unavailable(rq, "this replica is stopping");
    http_daemon_stop(s->daemon);
    loop_timer_free(s->second);
    free(s);
}
