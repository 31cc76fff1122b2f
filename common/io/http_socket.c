/* The descriptors of libcurl's connections on the loop.
 *
 * They are watched lazily: when libcurl wants to hear no more of a connection that it keeps, it stays registered for reading,
 * since the next request will want just that. The watcher goes when the descriptor is closed. An event on a connection that is
 * kept means that the peer closed it (or talks out of turn): the watcher rests, and libcurl notices itself before it uses the
 * connection again.
 *
 * While connecting, libcurl 7.88 has three traps. It closes a socket whose connect timed out without CURLOPT_CLOSESOCKETFUNCTION.
 * It may get the same number for its next attempt, of which it then says nothing, since it wants the same of it. And it begins
 * with the host's next address only when something else wakes the transfer. Hence: a socket that was never to be read from is
 * still connecting, and not watched lazily; one that is opened under a number we know takes over what was wanted of the old one;
 * and when one is gone while connecting, its shard is run once more. */
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

static void forget(struct http_client *c, struct http_socket *sock)
{
    not_fresh(sock);
    loop_io_free(sock->io);
    sock->shard->open_sockets--;
    c->open_sockets--;
    c->sockets[sock->fd] = NULL;
    free(sock);
}

static void on_ready(void *ctx, int events)
{
    struct http_socket *sock = ctx;
    if (sock->idle) {
        loop_io_set(sock->io, 0);
        return;
    }
    int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    http_shard_act(sock->shard, sock->fd, mask); /* sock may be gone */
}

static void watch(struct http_socket *sock, int events)
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
    if (sock->opener && sock->opener->state == HTTP_REQUEST_RUNNING)
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
    sock->idle = true;
    if (sock->was_read) {
        watch(sock, LOOP_READ); /* as it is already, unless writing was waited for */
        return;
    }
    loop_io_free(sock->io);
    sock->io = NULL;
    sock->wanted = 0;
    forget_vanished(sock);
}

/* Nothing is to be read before the connection stands. */
static void note_connected(struct http_socket *sock)
{
    sock->was_read = true;
    if (!sock->opener)
        return;
    sock->opener->connected = true;
    sock->opener->connected_ms = loop_now(sock->shard->client->loop);
    sock->opener = NULL;
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
    not_fresh(sock);
    sock->idle = false;
    if (!sock->was_read && (what & CURL_POLL_IN))
        note_connected(sock);
    watch(sock, (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
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

void http_socket_opened(struct http_request *rq, int fd)
{
    struct http_shard *s = rq->ep->shard;
    struct http_client *c = s->client;
    make_room(c, fd);
    struct http_socket *old = c->sockets[fd];
    int wanted = old && old->shard == s && !old->idle ? old->wanted : 0;
    if (old)
        forget(c, old);
    struct http_socket *sock = mem_zalloc(sizeof *sock);
    sock->shard = s;
    sock->fd = fd;
    sock->opener = rq;
    c->sockets[fd] = sock;
    s->open_sockets++;
    c->open_sockets++;
    if (wanted) {
        watch(sock, wanted);
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

int http_socket_close(void *client, curl_socket_t fd)
{
    struct http_client *c = client;
    struct http_socket *sock = find(c, fd);
    if (sock)
        forget_closed(sock);
    return close(fd);
}

void http_sockets_forget(struct http_shard *s)
{
    struct http_client *c = s->client;
    for (size_t fd = 0; s->open_sockets > 0 && fd < c->socket_slots; fd++)
        if (c->sockets[fd] && c->sockets[fd]->shard == s)
            forget(c, c->sockets[fd]);
}
