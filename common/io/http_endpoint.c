/* Endpoints and their hosts. The addresses of a host are checked here, all of them; libcurl gets them with each connection. What
 * is the same in every request of an endpoint is written once. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_internal.h"
#include "util/mem.h"

#define KEY_SIZE 400

static int compare_addresses(const void *a, const void *b)
{
    const struct address *x = a, *y = b;
    if (x->v6 != y->v6)
        return x->v6 ? 1 : -1; /* IPv4 first: fewer of our networks lack it */
    return memcmp(x->bytes, y->bytes, x->v6 ? 16 : 4);
}

static void sorted_answer(const struct resolver_answer *answer, struct resolver_answer *out)
{
    memset(out, 0, sizeof *out);
    out->count = answer->count;
    for (int i = 0; i < answer->count; i++) {
        out->addresses[i].v6 = answer->addresses[i].v6;
        memcpy(out->addresses[i].bytes, answer->addresses[i].bytes, answer->addresses[i].v6 ? 16 : 4);
    }
    qsort(out->addresses, (size_t)out->count, sizeof out->addresses[0], compare_addresses);
}

enum http_answer_result http_host_take_answer(struct http_host *host, const struct resolver_answer *answer, const char **rule)
{
    struct http_client *c = host->client;
    for (int i = 0; i < answer->count; i++) {
        *rule = target_address_refused(&c->policy, &answer->addresses[i]);
        if (*rule) {
            free(host->answer);
            host->answer = NULL;
            host->rule = *rule;
            return HTTP_ANSWER_REFUSED;
        }
    }
    if (!host->answer)
        host->answer = mem_zalloc(sizeof *host->answer);
    sorted_answer(answer, host->answer);
    host->resolved_ms = loop_now(c->loop);
    return HTTP_ANSWER_GOOD;
}

/* "+": libcurl forgets it again, so that its cache does not grow with every name there ever was. */
void http_host_put_addresses(const struct http_host *host, struct buf *out)
{
    buf_printf(out, "+%s", host->key + host->name_at);
    for (int i = 0; i < host->answer->count; i++) {
        char address[64];
        address_format(&host->answer->addresses[i], address);
        buf_printf(out, host->answer->addresses[i].v6 ? "%c[%s]" : "%c%s", i ? ',' : ':', address);
    }
}

static struct http_host *host_ref(struct http_client *c, const struct target *t, struct http_tls *tls)
{
    struct http_host *host;
    char key[KEY_SIZE];
    const char *scheme = t->https ? "https://" : "http://";
    const char *digest = tls ? tls->digest : "";
    snprintf(key, sizeof key, "%s%s%s:%u", digest, scheme, t->host, (unsigned)t->port);
    HASH_FIND_STR(c->hosts, key, host);
    if (!host) {
        host = mem_zalloc(sizeof *host);
        host->client = c;
        host->key = mem_strdup(key);
        host->name_at = strlen(digest) + strlen(scheme);
        host->tls = http_tls_ref(tls);
        host->hash = hash_bytes(key, strlen(key));
        host->shard = &c->shards[host->hash % HTTP_SHARDS];
        TAILQ_INIT(&host->idle);
        HASH_ADD_KEYPTR(hh, c->hosts, host->key, strlen(host->key), host);
    }
    host->refs++;
    return host;
}

void http_host_unref(struct http_host *host)
{
    if (--host->refs > 0)
        return;
    HASH_DEL(host->client->hosts, host); // NOLINT(clang-analyzer-core.NullDereference): it does not know that it is in the table
    if (host->sessions)
        curl_share_cleanup(host->sessions);
    http_tls_unref(host->tls);
    free(host->answer);
    free(host->key);
    free(host);
}

/* Appends a part of the URL after `before`; nothing where there is none. */
static void put_part(struct buf *b, CURLU *url, CURLUPart part, const char *before)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, 0) == CURLUE_OK) {
        buf_puts(b, before);
        buf_puts(b, text);
    }
    curl_free(text);
}

/* "POST /path?query HTTP/1.1", "Host: name:port". The parts are those of the URL that was checked. */
static void put_head(struct buf *b, const struct target *t)
{
    buf_puts(b, "POST ");
    put_part(b, t->url, CURLUPART_PATH, "");
    put_part(b, t->url, CURLUPART_QUERY, "?");
    bool v6 = t->literal && t->address.v6;
    buf_printf(b, v6 ? " HTTP/1.1\r\nHost: [%s]" : " HTTP/1.1\r\nHost: %s", t->host);
    if (t->port != (t->https ? 443 : 80))
        buf_printf(b, ":%u", (unsigned)t->port);
    buf_puts(b, "\r\n");
}

enum err http_endpoint_new(struct http_client *c, const char *url, struct http_tls *tls, struct http_endpoint **out,
                           struct errmsg *why)
{
    struct target target;
    enum err err = target_parse(&c->policy, url, &target, why);
    if (err != ERR_OK)
        return err;
    struct http_endpoint *ep = mem_zalloc(sizeof *ep);
    struct buf head;
    buf_init(&head, 2 * TARGET_URL_MAX + KEY_SIZE);
    put_head(&head, &target);
    check(head.err == ERR_OK);
    ep->client = c;
    ep->target = target;
    ep->refs = 1;
    ep->head = mem_dup(head.p, head.len);
    ep->head_len = head.len;
    ep->host = host_ref(c, &target, target.https ? tls : NULL);
    buf_done(&head);
    LIST_INSERT_HEAD(&c->endpoints, ep, link);
    *out = ep;
    return ERR_OK;
}

void http_endpoint_unref(struct http_endpoint *ep)
{
    if (--ep->refs > 0)
        return;
    LIST_REMOVE(ep, link);
    http_host_unref(ep->host);
    target_done(&ep->target);
    free(ep->head);
    free(ep);
}

void http_endpoint_free(struct http_endpoint *ep)
{
    if (ep)
        http_endpoint_unref(ep);
}
