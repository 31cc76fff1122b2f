/* The admin port: what is asked is answered at once, from the loop. */
#include "io/admin.h"

#include <stdlib.h>
#include <string.h>

#include "io/http_daemon.h"
#include "util/mem.h"

#define MAX_CONNECTIONS 64U
#define IDLE_TIMEOUT_S 10U
#define MAX_METRICS_BYTES (16U << 20)
#define TEXT_TYPE "text/plain; charset=utf-8"
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct admin {
    struct metrics *metrics;
    struct admin_checks checks;
    struct http_daemon *daemon;
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

enum err admin_start(struct loop *l, const char *listen, struct metrics *m, struct admin_checks checks, struct admin **out,
                     struct errmsg *why)
{
    struct admin *a = mem_zalloc(sizeof *a);
    struct http_daemon_options o = {.what = "the admin port",
                                    .listen = listen,
                                    .max_connections = MAX_CONNECTIONS,
                                    .idle_timeout_s = IDLE_TIMEOUT_S,
                                    .on_request = on_request,
                                    .ctx = a};
    a->metrics = m;
    a->checks = checks;
    enum err err = http_daemon_start(l, &o, &a->daemon, why);
    if (err != ERR_OK) {
        free(a);
        return err;
    }
    *out = a;
    return ERR_OK;
}

int admin_port(const struct admin *a)
{
    return http_daemon_port(a->daemon);
}

void admin_stop(struct admin *a)
{
    if (!a)
        return;
    http_daemon_stop(a->daemon);
    free(a);
}
