/* Easy handles: what is set on them, and what libcurl calls back. Nothing here calls libcurl from a callback. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "http_internal.h"

#define SENDS_MAX 2 /* of one attempt */

/* -------- connecting -------- */

/* libcurl has loaded the addresses that this transfer carried, be they the newest or not. */
static void pin_was_loaded(struct http_request *rq)
{
    struct http_host *host = rq->ep->host;
    if (host && rq->pin)
        host->pin_loaded = rq->pin == host->pin;
}

static bool address_of(const struct curl_sockaddr *addr, struct address *out, uint16_t *port)
{
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa;
    memset(out, 0, sizeof *out);
    if (addr->addrlen > sizeof sa)
        return false;
    memcpy(&sa, &addr->addr, addr->addrlen);
    if (addr->family == AF_INET && addr->addrlen >= sizeof sa.v4) {
        memcpy(out->bytes, &sa.v4.sin_addr, 4);
        *port = ntohs(sa.v4.sin_port);
        return true;
    }
    if (addr->family == AF_INET6 && addr->addrlen >= sizeof sa.v6) {
        out->v6 = true;
        memcpy(out->bytes, &sa.v6.sin6_addr, 16);
        *port = ntohs(sa.v6.sin6_port);
        return true;
    }
    return false;
}

/* NULL: the request may go to this address and port. */
static const char *refused(const struct http_request *rq, const struct address *a, uint16_t port)
{
    if (port != rq->ep->target.port)
        return "another port than the URL's";
    return target_address_refused(&rq->client->policy, a);
}

static curl_socket_t on_open_socket(void *userp, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct http_request *rq = userp;
    struct address a;
    uint16_t port = 0;
    pin_was_loaded(rq);
    rq->rule = purpose == CURLSOCKTYPE_IPCXN && address_of(addr, &a, &port) ? refused(rq, &a, port) : "not an IP address";
    if (rq->rule) {
        rq->stop = HTTP_STOP_REFUSED;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, addr->protocol);
    if (fd < 0) {
        rq->os_errno = errno;
        /* A family that this machine does not have is not our failure: there may be another address. */
        if (errno != EAFNOSUPPORT)
            rq->stop = HTTP_STOP_NO_SOCKET;
        return CURL_SOCKET_BAD;
    }
    rq->stop = HTTP_STOP_NONE;
    rq->opened = true;
    (*rq->client->counters.connections)++;
    http_socket_opened(rq, fd);
    return fd;
}

/* Also on a connection that is used again, where on_open_socket is not asked.
 *
 * libcurl sends a request again by itself when a kept connection is closed without an answer: once is right, since servers close
 * idle connections whenever they like; it would do so five times, within milliseconds, to an endpoint that dies of each request.
 */
static int on_before_request(void *userp, char *peer, char *local, int peer_port, int local_port)
{
    (void)local;
    (void)local_port;
    struct http_request *rq = userp;
    struct address a;
    pin_was_loaded(rq);
    rq->rule = address_parse(slice_str(peer), &a) == ERR_OK ? refused(rq, &a, (uint16_t)peer_port) : "not an IP address";
    if (rq->rule) {
        rq->stop = HTTP_STOP_REFUSED;
        return CURL_PREREQFUNC_ABORT;
    }
    if (rq->sends == SENDS_MAX) {
        rq->stop = HTTP_STOP_RESENT;
        return CURL_PREREQFUNC_ABORT;
    }
    rq->sends++;
    rq->requested = true;
    return CURL_PREREQFUNC_OK;
}

/* Names are resolved before; libcurl's own resolver would block the loop when its thread hangs, and nobody would check its
 * answer. */
static int on_resolve(void *resolver_state, void *reserved, void *userp)
{
    (void)resolver_state;
    (void)reserved;
    struct http_request *rq = userp;
    if (rq->ep->target.literal)
        return 0;
    rq->stop = HTTP_STOP_NOT_PINNED;
    return 1;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *userp)
{
    (void)easy;
    struct http_client *c = userp;
    if (!c->trust)
        return CURLE_SSL_CACERT_BADFILE;
    SSL_CTX_set1_cert_store(ssl_ctx, c->trust);
    return CURLE_OK;
}

/* -------- options -------- */

#define SET(option, value) (ok = ok && curl_easy_setopt(e, option, value) == CURLE_OK)

static bool set_limits(CURL *e)
{
    bool ok = true;
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, ""); /* not from the environment either */
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L); /* covers gzip as a transfer coding too */
    SET(CURLOPT_MAXAGE_CONN, 60L);
    SET(CURLOPT_MAXLIFETIME_CONN, 300L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, -1L); /* what is pinned stays; and the cache is not walked with each request */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    return ok;
}

static bool set_tls(CURL *e, struct http_client *c)
{
    bool ok = true;
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAINFO, NULL); /* the store comes with on_ssl_ctx */
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    SET(CURLOPT_SSL_CTX_DATA, c);
    return ok;
}

static bool set_callbacks(CURL *e, struct http_request *rq)
{
    bool ok = true;
    SET(CURLOPT_PRIVATE, rq);
    SET(CURLOPT_ERRORBUFFER, rq->error_text);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, rq);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_socket_close);
    SET(CURLOPT_CLOSESOCKETDATA, rq->client); /* outlives the request with the connection */
    SET(CURLOPT_PREREQFUNCTION, on_before_request);
    SET(CURLOPT_PREREQDATA, rq);
    SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
    SET(CURLOPT_RESOLVER_START_DATA, rq);
    SET(CURLOPT_HEADERFUNCTION, http_response_header);
    SET(CURLOPT_HEADERDATA, rq);
    SET(CURLOPT_WRITEFUNCTION, http_response_body);
    SET(CURLOPT_WRITEDATA, rq);
    return ok;
}

/* The list of headers is made of the request's own nodes, the fixed ones first, so it never moves and is set once. */
static bool set_headers(CURL *e, struct http_request *rq)
{
    static char type[] = "Content-Type: application/json", no_accept[] = "Accept:", no_expect[] = "Expect:";
    char *lines[] = {type, rq->client->user_agent_line, no_accept, no_expect};
    bool ok = true;
    for (int i = 0; i < HTTP_FIXED_HEADERS; i++) {
        rq->fixed[i].data = lines[i];
        rq->fixed[i].next = i + 1 < HTTP_FIXED_HEADERS ? &rq->fixed[i + 1] : NULL;
    }
    SET(CURLOPT_HTTPHEADER, rq->fixed);
    return ok;
}

bool http_transfer_init(struct http_request *rq)
{
    rq->easy = curl_easy_init();
    return rq->easy && set_limits(rq->easy) && set_tls(rq->easy, rq->client) && set_callbacks(rq->easy, rq) &&
           set_headers(rq->easy, rq);
}

void http_transfer_free(struct http_request *rq)
{
    curl_easy_cleanup(rq->easy);
    rq->easy = NULL;
}

/* libcurl takes "Name:" for "do not send it", and "Name;" for an empty field. */
static bool copy_header(struct buf *lines, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || colon == line || memchr(line, '\r', len) || memchr(line, '\n', len))
        return false;
    size_t name_len = (size_t)(colon - line);
    if (colon[1 + strspn(colon + 1, " \t")] == '\0') {
        buf_put(lines, line, name_len);
        buf_put(lines, ";", 2);
    } else {
        buf_put(lines, line, len + 1);
    }
    return true;
}

bool http_transfer_headers(struct http_request *rq, const char *const *headers, int count)
{
    size_t starts[HTTP_MAX_HEADERS];
    check(count >= 0 && count <= HTTP_MAX_HEADERS);
    for (int i = 0; i < count; i++) {
        starts[i] = rq->lines.len;
        if (!copy_header(&rq->lines, headers[i], strlen(headers[i])))
            return false;
    }
    if (rq->lines.err != ERR_OK)
        return false;
    struct curl_slist *last = &rq->fixed[HTTP_FIXED_HEADERS - 1];
    for (int i = 0; i < count; i++) {
        rq->fields[i].data = rq->lines.p + starts[i];
        last = last->next = &rq->fields[i];
    }
    last->next = NULL;
    return true;
}

/* The entries for libcurl's name cache: names to forget, then ours if it is not known to be there. */
static struct curl_slist *carry(struct http_request *rq)
{
    struct http_host *host = rq->ep->host;
    struct http_shard *s = rq->ep->shard;
    if (host && !host->pin_loaded) {
        rq->pin = host->pin;
        rq->pin->refs++;
    }
    rq->carried = s->forget;
    s->forget = NULL;
    if (!rq->carried)
        return rq->pin ? &rq->pin->entry : NULL;
    struct curl_slist *last = rq->carried;
    while (last->next)
        last = last->next;
    rq->carried_last = last;
    last->next = rq->pin ? &rq->pin->entry : NULL;
    return rq->carried;
}

void http_transfer_release(struct http_request *rq)
{
    if (rq->carried) {
        rq->carried_last->next = NULL;
        curl_slist_free_all(rq->carried);
        rq->carried = NULL;
    }
    http_pin_unref(rq->pin);
    rq->pin = NULL;
}

bool http_transfer_prepare(struct http_request *rq, int64_t timeout_ms)
{
    CURL *e = rq->easy;
    bool ok = true;
    struct curl_slist *entries = carry(rq);
    if (entries || rq->resolve_set)
        SET(CURLOPT_RESOLVE, entries);
    rq->resolve_set = entries != NULL;
    rq->error_text[0] = '\0';
    SET(CURLOPT_CURLU, rq->ep->target.url);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.len);
    SET(CURLOPT_POSTFIELDS, rq->body.len ? rq->body.p : "");
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    return ok;
}

/* -------- timings -------- */

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

bool http_transfer_timings(struct http_request *rq, struct http_result *result)
{
    CURL *e = rq->easy;
    int64_t name_us = time_us(e, CURLINFO_NAMELOOKUP_TIME_T), connect_us = time_us(e, CURLINFO_CONNECT_TIME_T);
    if (connect_us == 0 && rq->connected) /* libcurl tells only when TLS is done too */
        connect_us = name_us + (rq->connected_ms - rq->started_ms - rq->dns_ms) * 1000;
    bool connected = rq->requested || rq->connected;
    result->dns_ms = rq->dns_ms;
    result->duration_ms = rq->dns_ms + to_ms(time_us(e, CURLINFO_TOTAL_TIME_T));
    result->connect_ms = result->tls_ms = result->first_byte_ms = -1;
    if (connected)
        result->connect_ms = rq->opened ? to_ms(connect_us - name_us) : 0;
    if (rq->requested)
        result->tls_ms = rq->opened && rq->ep->target.https ? to_ms(time_us(e, CURLINFO_APPCONNECT_TIME_T) - connect_us) : 0;
    if (rq->head_bytes > 0)
        result->first_byte_ms = rq->dns_ms + to_ms(time_us(e, CURLINFO_STARTTRANSFER_TIME_T));
    return connected;
}
