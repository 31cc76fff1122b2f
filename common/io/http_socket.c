/* The descriptors of libcurl's connections on the loop: watched for libcurl while it connects, and for the connection from then
 * on, for reading mostly, until it is closed.
 *
 * While connecting, libcurl 7.88 has three traps. It closes a socket whose connect timed out without CURLOPT_CLOSESOCKETFUNCTION.
 * It may get the same number for its next attempt, of which it then says nothing, since it wants the same of it. And it begins
 * with the host's next address only when something else wakes the transfer. Hence: nothing is watched that libcurl does not ask
 * for; a socket that is opened under a number we know takes over what was wanted of the old one; and when one is gone while
 * connecting, its shard is run once more. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "http_internal.h"
#include "util/mem.h"

static struct http_socket *find(const struct http_client *c, curl_socket_t fd)
{
    return fd >= 0 && (size_t)fd < c->socket_slots ? c->sockets[fd] : NULL;
}

static void not_fresh(struct http_socket *sock)
{
    if (sock->fresh)
        LIST_REMOVE(sock, fresh_link);
    sock->fresh = false;
}

/* The owner of a connection that libcurl closes by itself finds it without a socket. */
static void forget(struct http_client *c, struct http_socket *sock)
{
    not_fresh(sock);
    LIST_REMOVE(sock, opener_link);
    loop_io_free(sock->io);
    if (sock->conn)
        sock->conn->sock = NULL;
    c->open_sockets--;
    c->sockets[sock->fd] = NULL;
    free(sock);
}

static void on_ready(void *ctx, int events)
{
    struct http_socket *sock = ctx; /* may be gone afterwards */
    if (sock->conn) {
        http_conn_on_ready(sock->conn, events);
        return;
    }
    int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    http_shard_act(sock->shard, sock->fd, mask);
}

void http_socket_watch(struct http_socket *sock, int events)
{
    sock->wanted = events;
    if (sock->io)
        loop_io_set(sock->io, events);
    else
        sock->io = loop_io_new(sock->shard->client->loop, sock->fd, events, on_ready, sock);
}

/* One that is gone while it was connecting: libcurl may have another address to try. */
static void forget_closed(struct http_socket *sock)
{
    if (!sock->conn && sock->opener->state == HTTP_CONN_CONNECTING)
        http_shard_kick(sock->shard);
    forget(sock->shard->client, sock);
}

static void forget_vanished(struct http_socket *sock)
{
    if (fcntl(sock->fd, F_GETFD) < 0 && errno == EBADF)
        forget_closed(sock);
}

static void unwatch(struct http_socket *sock)
{
    if (sock->conn)
        return;
    loop_io_free(sock->io);
    sock->io = NULL;
    sock->wanted = 0;
    forget_vanished(sock);
}

/* Nothing is to be read before the TCP connection stands. */
static void note_connected(struct http_conn *conn)
{
    if (conn->connect_ms < 0)
        conn->connect_ms = (int32_t)(loop_now(conn->client->loop) - conn->opened_ms);
}

int http_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *shard, void *unused)
{
    (void)easy;
    (void)unused;
    struct http_shard *s = shard;
    struct http_socket *sock = find(s->client, fd);
    if (what == CURL_POLL_REMOVE) {
        if (sock)
            unwatch(sock);
        return 0;
    }
    check(sock != NULL);
    if (sock->conn)
        return 0;
    not_fresh(sock);
    if (what & CURL_POLL_IN)
        note_connected(sock->opener);
    http_socket_watch(sock, (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
    return 0;
}

static void make_room(struct http_client *c, int fd)
{
    if ((size_t)fd < c->socket_slots)
        return;
    size_t slots = (size_t)fd * 2 + 64;
    c->sockets = mem_array(c->sockets, slots, sizeof(*c->sockets));
    memset(c->sockets + c->socket_slots, 0, (slots - c->socket_slots) * sizeof(*c->sockets));
    c->socket_slots = slots;
}

void http_socket_opened(struct http_conn *conn, int fd, const struct address *to)
{
    struct http_shard *s = conn->host->shard;
    struct http_client *c = s->client;
    make_room(c, fd);
    struct http_socket *old = c->sockets[fd];
    int wanted = old && old->shard == s && !old->conn ? old->wanted : 0;
    if (old)
        forget(c, old);
    struct http_socket *sock = mem_zalloc(sizeof *sock);
    sock->shard = s;
    sock->fd = fd;
    sock->opener = conn;
    sock->to = *to;
    LIST_INSERT_HEAD(&conn->opened, sock, opener_link);
    c->sockets[fd] = sock;
    c->open_sockets++;
    if (wanted) {
        http_socket_watch(sock, wanted);
        return;
    }
    sock->fresh = true;
    LIST_INSERT_HEAD(&s->fresh, sock, fresh_link);
}

void http_sockets_look(struct http_shard *s)
{
    struct http_socket *sock;
    while ((sock = LIST_FIRST(&s->fresh))) {
        not_fresh(sock);
        forget_vanished(sock);
    }
}

bool http_socket_bind(struct http_conn *conn, int fd)
{
    struct http_socket *sock = find(conn->client, fd);
    if (!sock || sock->opener != conn)
        return false;
    not_fresh(sock);
    sock->conn = conn;
    conn->sock = sock;
    if (!conn->client->proxy) /* else the peer is what the proxy was told */
        conn->peer = sock->to;
    http_socket_watch(sock, LOOP_READ);
    return true;
}

int http_socket_close(void *client, curl_socket_t fd)
{
    struct http_client *c = client;
    struct http_socket *sock = find(c, fd);
    if (sock)
        forget_closed(sock);
    return close(fd);
}

void http_sockets_forget(struct http_conn *conn)
{
    struct http_socket *sock;
    while ((sock = LIST_FIRST(&conn->opened)) != NULL)
        forget(conn->client, sock);
}
