/* The admin port on libmicrohttpd, polled from outside: the daemon has an epoll descriptor that holds all its sockets; the loop
 * watches that one descriptor, and a timer honours what the daemon says it wants to wait at most (keep-alive timeouts, work it
 * left for later). The daemon's own thread was rejected: a liveness answer must come from the loop. */
#include "io/admin.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/listen.h"
#include "util/mem.h"

#define MAX_CONNECTIONS 64U
#define IDLE_TIMEOUT_S 10U
#define MAX_WAIT_MS 1000
#define MAX_METRICS_BYTES (16U << 20)
#define TEXT_TYPE "text/plain; charset=utf-8"
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct admin {
    struct loop *loop;
    struct metrics *metrics;
    struct admin_checks checks;
    struct MHD_Daemon *daemon;
    struct loop_io *io;
    struct loop_timer *timer;
    int port;
};

/* -------- answering -------- */

/* Copies the body, since it is sent after this returns. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, struct slice body)
{
    void *bytes = (void *)(uintptr_t)body.p; /* only read: it is copied */
    struct MHD_Response *r = MHD_create_response_from_buffer(body.len, body.len ? bytes : NULL, MHD_RESPMEM_MUST_COPY);
    if (!r)
        return MHD_NO;
    enum MHD_Result rc = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (rc == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
        rc = MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (rc == MHD_YES)
        rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result answer_check(struct MHD_Connection *c, const char *(*fn)(void *ctx), void *ctx)
{
    const char *reason = fn ? fn(ctx) : NULL;
    if (!reason)
        return answer(c, MHD_HTTP_OK, TEXT_TYPE, SLICE("ok\n"));
    struct buf text;
    buf_init(&text, 1024);
    buf_printf(&text, "%.1000s\n", reason);
    enum MHD_Result rc = answer(c, MHD_HTTP_SERVICE_UNAVAILABLE, TEXT_TYPE, buf_slice(&text));
    buf_done(&text);
    return rc;
}

static enum MHD_Result answer_metrics(const struct admin *a, struct MHD_Connection *c)
{
    struct buf text;
    buf_init(&text, MAX_METRICS_BYTES);
    metrics_write(a->metrics, &text);
    enum MHD_Result rc;
    if (text.err == ERR_OK)
        rc = answer(c, MHD_HTTP_OK, METRICS_TYPE, buf_slice(&text));
    else
        rc = answer(c, MHD_HTTP_INTERNAL_SERVER_ERROR, TEXT_TYPE, SLICE("the metrics do not fit into memory\n"));
    buf_done(&text);
    return rc;
}

static enum MHD_Result route(const struct admin *a, struct MHD_Connection *c, const char *url, const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, TEXT_TYPE, SLICE("only GET and HEAD\n"));
    if (strcmp(url, "/livez") == 0)
        return answer_check(c, a->checks.live, a->checks.ctx);
    if (strcmp(url, "/readyz") == 0)
        return answer_check(c, a->checks.ready, a->checks.ctx);
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(a, c);
    return answer(c, MHD_HTTP_NOT_FOUND, TEXT_TYPE, SLICE("only /livez, /readyz and /metrics\n"));
}

/* Called for the head of a request, for pieces of its body (which are dropped), and at its end (which is answered). */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **seen)
{
    (void)version;
    (void)upload;
    if (!*seen) {
        *seen = cls;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    return route(cls, c, url, method);
}

/* -------- on the loop -------- */

/* At its limit of connections the daemon stops to listen, and begins again only in a run after the one that saw a connection end.
 * It does not ask for that run: hence one a second. */
static void run_daemon(struct admin *a)
{
    MHD_run(a->daemon);
    MHD_UNSIGNED_LONG_LONG wait_ms = MAX_WAIT_MS;
    if (MHD_get_timeout(a->daemon, &wait_ms) != MHD_YES || wait_ms > MAX_WAIT_MS)
        wait_ms = MAX_WAIT_MS;
    loop_timer_arm(a->timer, (int64_t)wait_ms);
}

static void on_ready(void *ctx, int events)
{
    (void)events;
    run_daemon(ctx);
}

static void on_timer(void *ctx)
{
    run_daemon(ctx);
}

static enum err start_daemon(struct admin *a, int fd, struct errmsg *why)
{
    a->daemon =
        MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, a, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                         MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_END);
    if (!a->daemon)
        return errmsg_set(why, ERR_IO, "the admin port cannot be served: %s", strerror(errno));
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || info->epoll_fd < 0)
        return errmsg_set(why, ERR_IO, "the admin port cannot be served: libmicrohttpd has no epoll");
    a->timer = loop_timer_new(a->loop, on_timer, a);
    a->io = loop_io_new(a->loop, info->epoll_fd, LOOP_READ, on_ready, a);
    return ERR_OK;
}

enum err admin_start(struct loop *l, const char *listen, struct metrics *m, struct admin_checks checks, struct admin **out,
                     struct errmsg *why)
{
    int fd;
    enum err err = listen_open(listen, &fd, why);
    if (err != ERR_OK)
        return err;
    struct admin *a = mem_zalloc(sizeof *a);
    a->loop = l;
    a->metrics = m;
    a->checks = checks;
    a->port = listen_port(fd);
    err = start_daemon(a, fd, why);
    if (err != ERR_OK) {
        if (!a->daemon)
            close(fd);
        admin_stop(a);
        return err;
    }
    *out = a;
    return ERR_OK;
}

int admin_port(const struct admin *a)
{
    return a->port;
}

void admin_stop(struct admin *a)
{
    if (!a)
        return;
    loop_io_free(a->io);
    loop_timer_free(a->timer);
    if (a->daemon)
        MHD_stop_daemon(a->daemon); /* closes the listening socket too */
    free(a);
}
