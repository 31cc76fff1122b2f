/* Connections. A request takes the one of its host that was used last, so that those which are not needed grow old; what is too
 * old, or more than the client may have, is closed. A kept connection stays watched for reading: when anything comes on it, the
 * peer has closed it or talks out of turn, and it is closed before a request can be lost on it. */
#include <stdlib.h>

#include "http_internal.h"
#include "util/mem.h"

static struct http_conn *conn_new(struct http_host *host, struct http_request *rq)
{
    struct http_client *c = host->client;
    struct http_conn *conn = mem_zalloc(sizeof *conn);
    conn->client = c;
    conn->host = host;
    host->refs++;
    conn->rq = rq;
    conn->tls = rq->ep->target.https;
    conn->opened_ms = loop_now(c->loop);
    conn->connect_ms = conn->tls_ms = -1;
    conn->trouble = HTTP_END_CONNECT;
    buf_init(&conn->resolve_entry, 4096);
    buf_init(&conn->connect_entry, 256);
    return conn;
}

static void conn_free(struct http_conn *conn)
{
    curl_easy_cleanup(conn->easy);
    buf_done(&conn->resolve_entry);
    buf_done(&conn->connect_entry);
    http_host_unref(conn->host);
    free(conn);
}

static void leave_lists(struct http_conn *conn)
{
    if (conn->state != HTTP_CONN_IDLE)
        return;
    TAILQ_REMOVE(&conn->host->idle, conn, host_link);
    TAILQ_REMOVE(&conn->client->idle, conn, link);
}

void http_conn_close(struct http_conn *conn)
{
    struct http_client *c = conn->client;
    leave_lists(conn);
    if (conn->state == HTTP_CONN_CONNECTING)
        conn->host->shard->connecting--;
    conn->state = HTTP_CONN_CLOSED;
    conn->rq = NULL;
    http_shard_remove(conn->host->shard, conn);
    check(conn->sock == NULL);
    TAILQ_INSERT_TAIL(&c->dead_conns, conn, link);
    http_client_wake(c);
}

struct http_conn *http_conn_open(struct http_host *host, struct http_request *rq, int64_t timeout_ms)
{
    struct http_client *c = host->client;
    if (c->open_sockets >= c->max_connections && !TAILQ_EMPTY(&c->idle))
        http_conn_close(TAILQ_FIRST(&c->idle));
    struct http_conn *conn = conn_new(host, rq);
    if (!http_connect_prepare(conn, timeout_ms) || http_shard_add(host->shard, conn) != ERR_OK) {
        conn_free(conn);
        return NULL;
    }
    return conn;
}

void http_conn_finished(struct http_conn *conn, CURLcode code)
{
    struct http_request *rq = conn->rq;
    conn->host->shard->connecting--;
    conn->state = HTTP_CONN_BUSY;
    buf_done(&conn->resolve_entry);
    buf_done(&conn->connect_entry);
    if (code == CURLE_OK && !http_connect_done(conn))
        code = CURLE_FAILED_INIT;
    if (code == CURLE_OK)
        http_request_connected(rq);
    else
        http_request_not_connected(rq, code);
}

static bool is_old(const struct http_conn *conn, int64_t now_ms)
{
    return now_ms - conn->idle_since_ms > HTTP_IDLE_MS || now_ms - conn->opened_ms > HTTP_LIFE_MS;
}

struct http_conn *http_conn_take(struct http_host *host, struct http_request *rq)
{
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&host->idle)) != NULL) {
        if (conn->sock && !is_old(conn, loop_now(host->client->loop))) {
            leave_lists(conn);
            conn->state = HTTP_CONN_BUSY;
            conn->rq = rq;
            return conn;
        }
        http_conn_close(conn);
    }
    return NULL;
}

void http_conn_keep(struct http_conn *conn)
{
    struct http_client *c = conn->client;
    if (!conn->sock || c->open_sockets > c->max_connections) {
        http_conn_close(conn);
        return;
    }
    conn->rq = NULL;
    conn->used = true;
    conn->state = HTTP_CONN_IDLE;
    if (conn->tls)
        http_tls_shrink(conn);
    conn->idle_since_ms = loop_now(c->loop);
    TAILQ_INSERT_HEAD(&conn->host->idle, conn, host_link);
    TAILQ_INSERT_TAIL(&c->idle, conn, link);
}

const char *http_conn_refused(const struct http_conn *conn)
{
    return target_address_refused(&conn->client->policy, &conn->peer);
}

/* Nothing is to come on a kept connection but what TLS says of itself (session tickets). */
static void idle_ready(struct http_conn *conn)
{
    char byte;
    if (http_wire_recv(conn, &byte, 1) != HTTP_WIRE_AGAIN)
        http_conn_close(conn);
}

void http_conn_on_ready(struct http_conn *conn, int events)
{
    if (conn->state == HTTP_CONN_IDLE)
        idle_ready(conn);
    else if (conn->state == HTTP_CONN_BUSY)
        http_request_on_ready(conn->rq, events);
}

void http_conns_sweep(struct http_client *c)
{
    int64_t now_ms = loop_now(c->loop);
    struct http_conn *conn = TAILQ_FIRST(&c->idle);
    while (conn) {
        struct http_conn *next = TAILQ_NEXT(conn, link);
        if (is_old(conn, now_ms) || c->open_sockets > c->max_connections)
            http_conn_close(conn);
        conn = next;
    }
}

void http_conns_bury(struct http_client *c)
{
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&c->dead_conns)) != NULL) {
        TAILQ_REMOVE(&c->dead_conns, conn, link);
        conn_free(conn);
    }
}
