/* The client: its clockwork and its life. Requests are in http_request.c. */
#include "io/http_client.h"

#include <signal.h>
#include <stdlib.h>

#include "http_internal.h"
#include "util/mem.h"

#define SWEEP_MS 1000

void http_client_wake(struct http_client *c)
{
    if (!loop_timer_armed(c->wake))
        loop_timer_arm(c->wake, 0);
}

int http_client_in_flight(const struct http_client *c)
{
    return c->in_flight;
}

/* -------- time -------- */

static void on_sweep_timer(void *ctx)
{
    struct http_client *c = ctx;
    http_conns_sweep(c);
    http_shards_sweep(c);
    loop_timer_arm(c->sweep_timer, SWEEP_MS);
}

/* Being armed is all that it is for: the loop does not wait. */
static void on_wake(void *ctx)
{
    (void)ctx;
}

static bool on_turn_end(void *ctx)
{
    struct http_client *c = ctx;
    http_requests_tell(c);
    http_shards_run_pending(c);
    http_requests_bury(c);
    http_conns_bury(c);
    loop_timer_cancel(c->wake);
    *c->counters.in_flight = c->in_flight;
    *c->counters.open = c->open_sockets;
    *c->counters.proxy_failing = c->proxy ? http_proxy_failing_s(c->proxy) : 0;
    return !TAILQ_EMPTY(&c->pending) || !TAILQ_EMPTY(&c->ended);
}

/* -------- the client -------- */

static const char *metric_name(struct buf *b, const char *prefix, const char *name)
{
    buf_reset(b);
    buf_printf(b, "%s_http_%s", prefix, name);
    return buf_cstr(b);
}

static void set_counters(struct http_client *c, struct metrics *m, const char *prefix)
{
    struct http_counters *n = &c->counters;
    n->requests = n->connections = n->blocked = n->ours = n->proxy_failures = &n->unmetered;
    n->in_flight = n->open = n->proxy_failing = &n->unmetered_gauge;
    if (!m)
        return;
    struct buf b;
    buf_init(&b, 256);
    n->requests = metrics_counter(m, metric_name(&b, prefix, "requests_total"), "POSTs begun", NULL);
    n->connections = metrics_counter(m, metric_name(&b, prefix, "connections_opened_total"), "Connections begun", NULL);
    n->blocked = metrics_counter(m, metric_name(&b, prefix, "blocked_total"), "POSTs the target policy refused", NULL);
    n->ours = metrics_counter(m, metric_name(&b, prefix, "own_failures_total"), "POSTs that failed on our side", NULL);
    n->in_flight = metrics_gauge(m, metric_name(&b, prefix, "requests_in_flight"), "POSTs in flight", NULL);
    n->open = metrics_gauge(m, metric_name(&b, prefix, "connections_open"), "Connections open, idle ones included", NULL);
    n->proxy_failures =
        metrics_counter(m, metric_name(&b, prefix, "proxy_failures_total"), "POSTs that the egress proxy failed", NULL);
    n->proxy_failing = metrics_gauge(m, metric_name(&b, prefix, "proxy_failing_seconds"),
                                     "For how long the egress proxy has made no tunnel though asked; 0: it does", NULL);
    buf_done(&b);
}

/* TLS libraries write without MSG_NOSIGNAL; a peer that is gone must not end the process. */
static void ignore_sigpipe(void)
{
    struct sigaction present;
    if (sigaction(SIGPIPE, NULL, &present) == 0 && present.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

struct http_client *http_client_new(const struct http_client_options *o)
{
    struct http_client *c = mem_zalloc(sizeof *c);
    check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    ignore_sigpipe();
    c->loop = o->loop;
    c->resolver = o->resolver;
    c->policy = *o->policy;
    c->proxy = o->proxy;
    c->max_connections = o->max_connections;
    buf_init(&c->fixed, 1024);
    buf_printf(&c->fixed, "Content-Type: application/json\r\nUser-Agent: %s\r\n", o->user_agent);
    check(c->fixed.err == ERR_OK);
    TAILQ_INIT(&c->pending);
    TAILQ_INIT(&c->free);
    TAILQ_INIT(&c->ended);
    TAILQ_INIT(&c->dead);
    TAILQ_INIT(&c->active);
    TAILQ_INIT(&c->idle);
    TAILQ_INIT(&c->dead_conns);
    LIST_INIT(&c->endpoints);
    set_counters(c, o->metrics, o->metrics_prefix);
    for (int i = 0; i < HTTP_SHARDS; i++)
        http_shard_init(&c->shards[i], c);
    c->turn = loop_turn_new(c->loop, HTTP_TURN_ORDER, on_turn_end, c);
    c->wake = loop_timer_new(c->loop, on_wake, c);
    http_wheel_init(&c->wheel, c->loop);
    c->sweep_timer = loop_timer_new(c->loop, on_sweep_timer, c);
    loop_timer_arm(c->sweep_timer, SWEEP_MS);
    return c;
}

void http_client_free(struct http_client *c)
{
    struct http_request *rq;
    if (!c)
        return;
    while ((rq = TAILQ_FIRST(&c->active)) || (rq = TAILQ_FIRST(&c->ended)))
        http_request_cancel(rq);
    http_requests_bury(c);
    check(LIST_EMPTY(&c->endpoints));
    while (!TAILQ_EMPTY(&c->idle))
        http_conn_close(TAILQ_FIRST(&c->idle));
    http_conns_bury(c);
    http_requests_free(c);
    for (int i = 0; i < HTTP_SHARDS; i++)
        http_shard_done(&c->shards[i]);
    loop_turn_free(c->turn);
    loop_timer_free(c->wake);
    http_wheel_done(&c->wheel);
    loop_timer_free(c->sweep_timer);
    X509_STORE_free(c->trust);
    free(c->sockets);
    buf_done(&c->fixed);
    free(c);
    curl_global_cleanup();
}
