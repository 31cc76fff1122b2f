/* The operator's egress proxy. The target is resolved and checked by us, as without one, and the proxy is told an address:
 * it decides nothing that the target policy has decided. TLS is with the endpoint, through the tunnel.
 *
 * A proxy that says 502, 503 or 504 to a CONNECT, or says nothing, may mean itself or the endpoint. It means the endpoint, unless
 * no tunnel at all was made for PROXY_OURS_MS though several hosts were tried: the rule by which a name that cannot be resolved
 * is told from a resolver that fails. */
#include "io/http_proxy.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "http_internal.h"
#include "util/file.h"
#include "util/mem.h"

#define RESOLVE_EVERY_MS 5000
#define RESOLVE_TIMEOUT_MS 4000
#define PROXY_OURS_MS 30000
#define PROXY_OURS_HOSTS 3 /* as many different ones must have failed */
#define CREDENTIALS_MAX 1024

struct http_proxy {
    struct loop *loop;
    struct resolver *resolver;
    char *url, *host;
    char *user, *password; /* NULL: none */
    uint16_t port;
    bool literal;
    struct resolver_answer answer; /* count 0: not known */
    struct resolver_query *query;
    struct loop_timer *timer;
    int64_t failing_since_ms;                 /* -1: the last one made a tunnel, or none was tried */
    unsigned failing_hosts[PROXY_OURS_HOSTS]; /* hashes of those that failed since */
    int failing_count;
};

/* -------- its address -------- */

static void ask_later(struct http_proxy *p)
{
    loop_timer_arm(p->timer, RESOLVE_EVERY_MS);
}

/* A failure leaves what was known before: a name server that is away need not stop anything. */
static void on_resolved(void *ctx, enum err err, const struct resolver_answer *answer)
{
    struct http_proxy *p = ctx;
    p->query = NULL;
    if (err == ERR_OK && answer->count > 0)
        p->answer = *answer;
    ask_later(p);
}

static void ask(void *ctx)
{
    struct http_proxy *p = ctx;
    struct resolver_query *query = resolver_ask_search(p->resolver, p->host, RESOLVE_TIMEOUT_MS, on_resolved, p);
    if (query)
        p->query = query; /* else on_resolved was called */
}

bool http_proxy_is_literal(const struct http_proxy *p)
{
    return p->literal;
}

bool http_proxy_is_known(const struct http_proxy *p)
{
    return p->answer.count > 0;
}

const char *http_proxy_refused(const struct http_proxy *p, const struct address *a, uint16_t port)
{
    for (int i = 0; i < p->answer.count; i++) {
        const struct address *mine = &p->answer.addresses[i];
        if (port == p->port && mine->v6 == a->v6 && memcmp(mine->bytes, a->bytes, a->v6 ? 16 : 4) == 0)
            return NULL;
    }
    return "not the egress proxy's address";
}

/* -------- options of a connection -------- */

#define SET(option, value) (ok = ok && curl_easy_setopt(e, option, value) == CURLE_OK)

static void put_address(struct buf *out, const struct address *a)
{
    char text[64];
    address_format(a, text);
    buf_printf(out, a->v6 ? "[%s]" : "%s", text);
}

void http_proxy_put_addresses(const struct http_proxy *p, struct buf *out)
{
    buf_printf(out, "+%s:%u:", p->host, (unsigned)p->port);
    for (int i = 0; i < p->answer.count; i++) {
        buf_puts(out, i > 0 ? "," : "");
        put_address(out, &p->answer.addresses[i]);
    }
}

void http_proxy_put_target(const struct address *a, uint16_t port, struct buf *out)
{
    buf_puts(out, "::");
    put_address(out, a);
    buf_printf(out, ":%u", (unsigned)port);
}

bool http_proxy_set(const struct http_proxy *p, CURL *e)
{
    bool ok = true;
    SET(CURLOPT_PROXY, p->url);
    SET(CURLOPT_PROXYTYPE, (long)CURLPROXY_HTTP);
    SET(CURLOPT_HTTPPROXYTUNNEL, 1L);
    SET(CURLOPT_NOPROXY, ""); /* not from the environment either */
    if (!p->user)
        return ok;
    SET(CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_PROXYUSERNAME, p->user);
    SET(CURLOPT_PROXYPASSWORD, p->password);
    return ok;
}

/* -------- what its failures mean -------- */

void http_proxy_worked(struct http_proxy *p)
{
    p->failing_since_ms = -1;
    p->failing_count = 0;
}

static void count_failure(struct http_proxy *p, unsigned host)
{
    if (p->failing_since_ms < 0)
        p->failing_since_ms = loop_now(p->loop);
    for (int i = 0; i < p->failing_count; i++)
        if (p->failing_hosts[i] == host)
            return;
    if (p->failing_count < PROXY_OURS_HOSTS)
        p->failing_hosts[p->failing_count++] = host;
}

static struct http_verdict our_failure(const char *words)
{
    return (struct http_verdict){DELIVERY_ERROR_CANCELLED, DELIVERY_REASON_NONE, true, words};
}

static struct http_verdict unclear(const struct http_proxy *p, enum delivery_error error)
{
    bool ours = p->failing_count == PROXY_OURS_HOSTS && loop_now(p->loop) - p->failing_since_ms >= PROXY_OURS_MS;
    if (ours)
        return our_failure("the egress proxy makes no tunnel at all");
    return (struct http_verdict){error, DELIVERY_REASON_NONE, false, "the egress proxy cannot connect to the endpoint"};
}

struct http_verdict http_proxy_judge(struct http_proxy *p, const struct http_facts *f, unsigned host)
{
    count_failure(p, host);
    if (!f->connected && f->tunnel_status == 0)
        return our_failure("the egress proxy cannot be reached");
    switch (f->tunnel_status) {
    case 0:
        return f->code == CURLE_OPERATION_TIMEDOUT ? unclear(p, DELIVERY_ERROR_CONNECT_TIMEOUT)
                                                   : our_failure("the egress proxy gave no answer to CONNECT");
    case 403:
        return (struct http_verdict){DELIVERY_ERROR_BLOCKED_TARGET, DELIVERY_REASON_NONE, false,
                                     "the egress proxy refuses the target"};
    case 407:
        return our_failure("the egress proxy does not take our credentials");
    case 502:
    case 503:
        return unclear(p, DELIVERY_ERROR_CONNECT_REFUSED);
    case 504:
        return unclear(p, DELIVERY_ERROR_CONNECT_TIMEOUT);
    default:
        return our_failure("the egress proxy answered CONNECT with an error");
    }
}

double http_proxy_failing_s(const struct http_proxy *p)
{
    return p->failing_since_ms < 0 ? 0 : (double)(loop_now(p->loop) - p->failing_since_ms) / 1000;
}

/* -------- making it -------- */

static bool take_part(CURLU *url, CURLUPart part, char **out)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return false;
    *out = mem_strdup(text);
    curl_free(text);
    return true;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK && strcmp(text, "/") != 0;
    curl_free(text);
    return has;
}

static enum err parse(struct http_proxy *p, CURLU *url, const char *text, struct errmsg *why)
{
    char *port = NULL;
    if (strncmp(text, "http://", 7) != 0 || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return errmsg_set(why, ERR_INVALID, "must be of the form http://host:port");
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return errmsg_set(why, ERR_INVALID, "credentials belong in a file, not in the URL");
    if (has_part(url, CURLUPART_PATH) || has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return errmsg_set(why, ERR_INVALID, "has nothing behind its port");
    if (!take_part(url, CURLUPART_HOST, &p->host) || !take_part(url, CURLUPART_PORT, &port))
        return errmsg_set(why, ERR_INVALID, "needs a host and a port");
    p->port = (uint16_t)strtoul(port, NULL, 10); /* libcurl took it for a port */
    free(port);
    return p->port > 0 ? ERR_OK : errmsg_set(why, ERR_INVALID, "the port must be from 1 to 65535");
}

static void take_literal(struct http_proxy *p)
{
    size_t len = strlen(p->host);
    bool brackets = p->host[0] == '[' && len > 2;
    struct slice text = brackets ? slice_of(p->host + 1, len - 2) : slice_str(p->host);
    p->literal = address_parse(text, &p->answer.addresses[0]) == ERR_OK;
    p->answer.count = p->literal ? 1 : 0;
}

static enum err parse_url(struct http_proxy *p, const char *text, struct errmsg *why)
{
    CURLU *url = curl_url();
    check(url != NULL);
    enum err err = parse(p, url, text, why);
    curl_url_cleanup(url);
    if (err != ERR_OK)
        return err;
    p->url = mem_strdup(text);
    take_literal(p);
    return ERR_OK;
}

static enum err split_credentials(struct http_proxy *p, const char *path, struct buf *text, struct errmsg *why)
{
    while (text->len > 0 && (text->p[text->len - 1] == '\n' || text->p[text->len - 1] == '\r'))
        buf_truncate(text, text->len - 1);
    char *colon = text->len > 0 ? memchr(text->p, ':', text->len) : NULL;
    if (!colon || colon == text->p || strlen(text->p) != text->len || strpbrk(text->p, "\r\n"))
        return errmsg_set(why, ERR_INVALID, "%s: must be one line, user:password", path);
    p->user = mem_dup(text->p, (size_t)(colon - text->p));
    p->password = mem_strdup(colon + 1);
    return ERR_OK;
}

static enum err read_credentials(struct http_proxy *p, const char *path, struct errmsg *why)
{
    struct buf text;
    if (!path || !*path)
        return ERR_OK;
    buf_init(&text, CREDENTIALS_MAX);
    enum err err = file_read(path, &text, why);
    if (err == ERR_OK)
        err = split_credentials(p, path, &text, why);
    if (text.p)
        OPENSSL_cleanse(text.p, text.cap);
    buf_done(&text);
    return err;
}

enum err http_proxy_new(const struct http_proxy_options *o, struct http_proxy **out, struct errmsg *why)
{
    struct http_proxy *p = mem_zalloc(sizeof *p);
    p->loop = o->loop;
    p->resolver = o->resolver;
    p->failing_since_ms = -1;
    enum err err = parse_url(p, o->url, why);
    if (err == ERR_OK)
        err = read_credentials(p, o->credentials_file, why);
    if (err != ERR_OK) {
        http_proxy_free(p);
        return err;
    }
    p->timer = loop_timer_new(p->loop, ask, p);
    if (!p->literal)
        ask(p);
    *out = p;
    return ERR_OK;
}

void http_proxy_free(struct http_proxy *p)
{
    if (!p)
        return;
    resolver_cancel(p->query);
    loop_timer_free(p->timer);
    if (p->password)
        OPENSSL_cleanse(p->password, strlen(p->password));
    free(p->password);
    free(p->user);
    free(p->host);
    free(p->url);
    free(p);
}
