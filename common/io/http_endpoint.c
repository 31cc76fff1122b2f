/* Endpoints and their hosts. The addresses of a host are checked here, all of them, and then given to libcurl for good: the
 * entry stays in the multi handle's name cache until another answer replaces it, so a request costs no look-up. Until a transfer
 * was seen to connect with it, each new one carries the entry again, since libcurl does not start transfers in the order in which
 * they were added. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_internal.h"
#include "util/mem.h"

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

static bool same_answer(const struct resolver_answer *a, const struct resolver_answer *b)
{
    if (a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++)
        if (compare_addresses(&a->addresses[i], &b->addresses[i]) != 0)
            return false;
    return true;
}

static struct http_pin *pin_new(const char *key, const struct resolver_answer *answer)
{
    struct http_pin *pin = mem_zalloc(sizeof *pin);
    pin->refs = 1;
    pin->answer = *answer;
    struct buf text;
    buf_init(&text, 4096);
    buf_puts(&text, key);
    for (int i = 0; i < answer->count; i++) {
        char address[64];
        address_format(&answer->addresses[i], address);
        buf_printf(&text, answer->addresses[i].v6 ? "%c[%s]" : "%c%s", i ? ',' : ':', address);
    }
    check(text.err == ERR_OK);
    pin->entry.data = mem_strdup(buf_cstr(&text));
    buf_done(&text);
    return pin;
}

void http_pin_unref(struct http_pin *pin)
{
    if (!pin || --pin->refs > 0)
        return;
    free(pin->entry.data);
    free(pin);
}

static void host_pin(struct http_host *host, const struct resolver_answer *answer)
{
    http_pin_unref(host->pin);
    host->pin = answer ? pin_new(host->key, answer) : NULL;
    host->pin_loaded = false;
}

enum http_pin_result http_host_take_answer(struct http_host *host, const struct resolver_answer *answer, const char **rule)
{
    struct http_client *c = host->shard->client;
    for (int i = 0; i < answer->count; i++) {
        *rule = target_address_refused(&c->policy, &answer->addresses[i]);
        if (*rule) {
            host_pin(host, NULL);
            return HTTP_PIN_REFUSED;
        }
    }
    struct resolver_answer sorted;
    sorted_answer(answer, &sorted);
    if (!host->pin || !same_answer(&host->pin->answer, &sorted))
        host_pin(host, &sorted);
    host->resolved_ms = loop_now(c->loop);
    return HTTP_PIN_READY;
}

static unsigned hash_key(const char *key)
{
    unsigned hash = 2166136261u; /* FNV-1a */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash;
}

static struct http_host *host_ref(struct http_shard *s, const char *key)
{
    struct http_host *host;
    HASH_FIND_STR(s->hosts, key, host);
    if (!host) {
        host = mem_zalloc(sizeof *host);
        host->key = mem_strdup(key);
        host->shard = s;
        HASH_ADD_KEYPTR(hh, s->hosts, host->key, strlen(host->key), host);
    }
    host->refs++;
    return host;
}

/* Tells libcurl too, by the next transfer of the shard, else names that are gone would pile up in its cache. */
static void forget_in_cache(struct http_host *host)
{
    if (!host->shard->multi || !host->pin)
        return;
    char entry[300];
    snprintf(entry, sizeof entry, "-%s", host->key);
    struct curl_slist *list = curl_slist_append(host->shard->forget, entry);
    if (list) /* without memory it stays there, unused */
        host->shard->forget = list;
}

static void host_unref(struct http_host *host)
{
    if (!host || --host->refs > 0)
        return;
    forget_in_cache(host);
    HASH_DEL(host->shard->hosts, host);
    http_pin_unref(host->pin);
    free(host->key);
    free(host);
}

enum err http_endpoint_new(struct http_client *c, const char *url, struct http_endpoint **out, struct errmsg *why)
{
    struct target target;
    enum err err = target_parse(&c->policy, url, &target, why);
    if (err != ERR_OK)
        return err;
    struct http_endpoint *ep = mem_zalloc(sizeof *ep);
    ep->client = c;
    ep->target = target;
    ep->refs = 1;
    char key[300];
    snprintf(key, sizeof key, "%s:%u", target.host, (unsigned)target.port);
    ep->shard = &c->shards[hash_key(key) % HTTP_SHARDS];
    if (!target.literal)
        ep->host = host_ref(ep->shard, key);
    LIST_INSERT_HEAD(&c->endpoints, ep, link);
    *out = ep;
    return ERR_OK;
}

void http_endpoint_unref(struct http_endpoint *ep)
{
    if (--ep->refs > 0)
        return;
    LIST_REMOVE(ep, link);
    host_unref(ep->host);
    target_done(&ep->target);
    free(ep);
}

void http_endpoint_free(struct http_endpoint *ep)
{
    if (ep)
        http_endpoint_unref(ep);
}
