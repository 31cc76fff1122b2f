/* Bytes to and from a connection. Plain ones go over the socket; TLS goes over libcurl, which has the session.
 *
 * The first bytes of every connection are sent by libcurl: that makes it take the connection for one in use. One that it takes
 * for idle it looks at whenever another is made, and closes when an answer is waiting on it, or when it is old (7.88 to 8.x). */
#include <errno.h>
#include <sys/socket.h>

#include "http_internal.h"

static ssize_t send_by_libcurl(struct http_conn *conn, struct slice a, struct slice b)
{
    struct http_client *c = conn->client;
    size_t sent = 0;
    if (a.len > 0 && b.len > 0 && a.len + b.len <= sizeof c->scratch) { /* in one TLS record */
        memcpy(c->scratch, a.p, a.len);
        memcpy(c->scratch + a.len, b.p, b.len);
        a = slice_of(c->scratch, a.len + b.len);
    }
    if (a.len == 0)
        a = b;
    CURLcode code = curl_easy_send(conn->easy, a.p, a.len, &sent);
    conn->attached = true;
    if (code == CURLE_AGAIN || (code == CURLE_OK && sent == 0))
        return HTTP_WIRE_AGAIN;
    return code == CURLE_OK ? (ssize_t)sent : HTTP_WIRE_BROKEN;
}

static ssize_t of_system(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? HTTP_WIRE_AGAIN : HTTP_WIRE_BROKEN;
}

ssize_t http_wire_send(struct http_conn *conn, struct slice a, struct slice b)
{
    if (!conn->sock)
        return HTTP_WIRE_BROKEN;
    if (conn->tls || !conn->attached)
        return send_by_libcurl(conn, a, b);
    if (b.len == 0)
        return of_system(send(conn->sock->fd, a.p, a.len, MSG_NOSIGNAL | MSG_DONTWAIT));
    struct iovec parts[2] = {{(void *)(uintptr_t)a.p, a.len}, {(void *)(uintptr_t)b.p, b.len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
    return of_system(sendmsg(conn->sock->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT));
}

ssize_t http_wire_recv(struct http_conn *conn, char *p, size_t size)
{
    size_t n = 0;
    if (!conn->sock)
        return HTTP_WIRE_BROKEN;
    if (!conn->tls)
        return of_system(recv(conn->sock->fd, p, size, MSG_DONTWAIT));
    CURLcode code = curl_easy_recv(conn->easy, p, size, &n);
    if (code == CURLE_AGAIN)
        return HTTP_WIRE_AGAIN;
    return code == CURLE_OK ? (ssize_t)n : HTTP_WIRE_BROKEN;
}
