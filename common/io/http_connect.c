/* libcurl makes a connection and leaves it to us (CURLOPT_CONNECT_ONLY). The host's addresses, checked all of them, are given to
 * it with each connection: what it connects to is never older than what was checked. Nothing here calls libcurl from a
 * callback. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "http_internal.h"
#include "util/mem.h"

#define NAMES_KEPT_S 60L /* libcurl forgets what it was given; a new connection brings it anew */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static bool address_of(const union socket_address *sa, struct address *out, uint16_t *port)
{
    memset(out, 0, sizeof *out);
    if (sa->any.sa_family == AF_INET) {
        memcpy(out->bytes, &sa->v4.sin_addr, 4);
        *port = ntohs(sa->v4.sin_port);
        return true;
    }
    if (sa->any.sa_family == AF_INET6) {
        out->v6 = true;
        memcpy(out->bytes, &sa->v6.sin6_addr, 16);
        *port = ntohs(sa->v6.sin6_port);
        return true;
    }
    return false;
}

/* NULL: conn may go to this address and port, a. */
static const char *refused(const struct http_conn *conn, const union socket_address *sa, struct address *a)
{
    uint16_t port;
    if (!address_of(sa, a, &port))
        return "not an IP address";
    if (conn->client->proxy)
        return http_proxy_refused(conn->client->proxy, a, port);
    if (port != conn->rq->ep->target.port)
        return "another port than the URL's";
    return target_address_refused(&conn->client->policy, a);
}

static curl_socket_t on_open_socket(void *userp, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct http_conn *conn = userp;
    union socket_address sa = {0};
    struct address to;
    if (purpose == CURLSOCKTYPE_IPCXN && addr->addrlen <= sizeof sa)
        memcpy(&sa, &addr->addr, addr->addrlen);
    conn->rule = refused(conn, &sa, &to);
    if (conn->rule) {
        conn->trouble = HTTP_END_REFUSED;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, addr->protocol);
    if (fd < 0) {
        conn->os_errno = errno;
        /* A family that this machine does not have is not our failure: there may be another address. */
        if (errno != EAFNOSUPPORT)
            conn->trouble = HTTP_END_NO_SOCKET;
        return CURL_SOCKET_BAD;
    }
    conn->trouble = HTTP_END_CONNECT;
    (*conn->client->counters.connections)++;
    http_socket_opened(conn, fd, &to);
    return fd;
}

/* Names are resolved before; libcurl's own resolver would block the loop when its thread hangs, and nobody would check its
 * answer. */
static int on_resolve(void *resolver_state, void *reserved, void *userp)
{
    (void)resolver_state;
    (void)reserved;
    struct http_conn *conn = userp;
    if (conn->rq->ep->target.literal || conn->client->proxy) /* a name of the proxy's was given with the connection */
        return 0;
    conn->trouble = HTTP_END_NO_NAME;
    return 1;
}

/* -------- options -------- */

#define SET(option, value) (ok = ok && curl_easy_setopt(e, option, value) == CURLE_OK)

static bool set_limits(CURL *e)
{
    bool ok = true;
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSL_ENABLE_ALPN, 0L);               /* what is spoken is HTTP/1.1, whatever a server would like */
    SET(CURLOPT_MAXAGE_CONN, (long)INT_MAX / 1000); /* ages are counted in http_conn.c */
    SET(CURLOPT_DNS_CACHE_TIMEOUT, NAMES_KEPT_S);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_BUFFERSIZE, 1024L); /* it receives nothing by itself, and would hold 16 KiB for it */
    return ok;
}

static bool set_tls(CURL *e, struct http_conn *conn)
{
    const struct http_tls *own = conn->host->tls;
    bool ok = true;
    if (!conn->tls)
        return true;
    SET(CURLOPT_SSLVERSION, (long)(own && own->tls13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
    if (own && own->pins)
        SET(CURLOPT_PINNEDPUBLICKEY, own->pins);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAINFO, NULL); /* the store comes with http_tls_on_ctx */
    SET(CURLOPT_CAPATH, NULL);
    /* libcurl (7.87 to 8.3 at least) would keep the store that it finds after http_tls_on_ctx, and use it for every further
     * connection of the multi handle: what one customer trusts would be trusted for others. */
    SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
    SET(CURLOPT_SSL_CTX_FUNCTION, http_tls_on_ctx);
    SET(CURLOPT_SSL_CTX_DATA, conn);
    CURLSH *sessions = http_tls_sessions(conn->host);
    if (sessions)
        SET(CURLOPT_SHARE, sessions);
    return ok;
}

static bool set_callbacks(CURL *e, struct http_conn *conn)
{
    bool ok = true;
    SET(CURLOPT_PRIVATE, conn);
    SET(CURLOPT_ERRORBUFFER, conn->error_text);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, conn);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_socket_close);
    SET(CURLOPT_CLOSESOCKETDATA, conn->client);
    SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
    SET(CURLOPT_RESOLVER_START_DATA, conn);
    return ok;
}

static bool set_addresses(CURL *e, struct http_conn *conn)
{
    bool ok = conn->resolve_entry.err == ERR_OK;
    conn->resolve.data = conn->resolve_entry.p;
    SET(CURLOPT_RESOLVE, &conn->resolve);
    return ok;
}

static bool set_no_proxy(CURL *e, struct http_conn *conn)
{
    bool ok = true;
    SET(CURLOPT_PROXY, ""); /* not from the environment either */
    SET(CURLOPT_NOPROXY, "*");
    if (!ok || conn->rq->ep->target.literal)
        return ok;
    http_host_put_addresses(conn->host, &conn->resolve_entry);
    return set_addresses(e, conn);
}

/* The proxy is told one address of those that were checked, the next one with each connection. */
static bool set_proxy(CURL *e, struct http_conn *conn)
{
    const struct target *t = &conn->rq->ep->target;
    struct http_host *host = conn->host;
    bool ok = true;
    conn->peer = t->literal ? t->address : host->answer->addresses[host->turn++ % (unsigned)host->answer->count];
    http_proxy_put_target(&conn->peer, t->port, &conn->connect_entry);
    ok = conn->connect_entry.err == ERR_OK;
    conn->connect_to.data = conn->connect_entry.p;
    SET(CURLOPT_CONNECT_TO, &conn->connect_to);
    if (!http_proxy_is_literal(conn->client->proxy)) {
        http_proxy_put_addresses(conn->client->proxy, &conn->resolve_entry);
        ok = ok && set_addresses(e, conn);
    }
    return ok && http_proxy_set(conn->client->proxy, e);
}

static bool set_target(CURL *e, struct http_conn *conn, int64_t timeout_ms)
{
    bool ok = conn->client->proxy ? set_proxy(e, conn) : set_no_proxy(e, conn);
    SET(CURLOPT_CURLU, conn->rq->ep->target.url);
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    return ok;
}

bool http_connect_prepare(struct http_conn *conn, int64_t timeout_ms)
{
    conn->easy = curl_easy_init();
    return conn->easy && set_limits(conn->easy) && set_tls(conn->easy, conn) && set_callbacks(conn->easy, conn) &&
           set_target(conn->easy, conn, timeout_ms);
}

/* -------- connected -------- */

static int64_t time_us(CURL *e, CURLINFO info)
{
    curl_off_t us = 0;
    return curl_easy_getinfo(e, info, &us) == CURLE_OK ? us : 0;
}

static int32_t to_ms(int64_t us)
{
    int64_t ms = us / 1000;
    return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int32_t)ms;
}

bool http_connect_done(struct http_conn *conn)
{
    CURL *e = conn->easy;
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(e, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD || !http_socket_bind(conn, fd))
        return false;
    int64_t connected_us = time_us(e, CURLINFO_CONNECT_TIME_T);
    conn->connect_ms = to_ms(connected_us - time_us(e, CURLINFO_NAMELOOKUP_TIME_T));
    conn->tls_ms = conn->tls ? to_ms(time_us(e, CURLINFO_APPCONNECT_TIME_T) - connected_us) : 0;
    return true;
}
