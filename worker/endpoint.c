#include "endpoint.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/webhook_seal.h"
#include "util/log.h"
#include "util/mem.h"

#define HEADERS_MAX 8192 /* twice what a definition may hold */
#define IDLE_MS 600000
#define NO_KEY_FILE "no key file (TRUEFTP_SECRETS_KEY_FILE)"

/* ---- open ---- */

static void wipe(struct buf *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->cap);
    buf_done(b);
}

static enum err open_key(struct endpoint_open *open, const struct webhook *wh, const struct keyring *k,
                         const struct webhook_secret *sealed, struct errmsg *why)
{
    struct buf secret;
    if (!k)
        return errmsg_set(why, ERR_NOT_FOUND, NO_KEY_FILE);
    buf_init(&secret, 4096);
    enum err err = sealed_open(k, slice_str(wh->account_id), slice_str(wh->id), sealed->sealed_version, slice_str(sealed->sealed),
                               &secret, why);
    if (err == ERR_OK) {
        int i = open->key_count++;
        open->keys[i].expires_wall_ms = sealed->expires_wall_ms;
        if (wh->signature & WEBHOOK_SIGN_TRUEFTP)
            open->keys[i].trueftp = signer_new_trueftp(buf_slice(&secret));
        if (wh->signature & WEBHOOK_SIGN_STANDARD)
            open->keys[i].standard = signer_new_standard(buf_slice(&secret));
        if ((wh->signature & WEBHOOK_SIGN_TRUEFTP) && !open->keys[i].trueftp)
            err = errmsg_set(why, ERR_INVALID, "the secret is empty");
        if ((wh->signature & WEBHOOK_SIGN_STANDARD) && !open->keys[i].standard)
            err = errmsg_set(why, ERR_INVALID, "the secret is not one that Standard Webhooks can sign with");
    }
    wipe(&secret);
    return err;
}

/* The same lines twice: the second time without traceparent. */
static enum err put_header(struct endpoint_open *open, struct slice name, struct slice value)
{
    enum err err = http_header_put(&open->headers, name, value);
    if (err == ERR_OK && strcasecmp(name.p, "traceparent") != 0)
        err = http_header_put(&open->headers_traced, name, value);
    return err;
}

/* They were checked when they were given; a line that could not be sent would break the webhook, not the request. */
static enum err put_headers(struct endpoint_open *open, const struct webhook *wh, const struct keyring *k, struct errmsg *why)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < wh->header_count && err == ERR_OK; i++) {
        const struct webhook_header *h = &wh->headers[i];
        struct buf value;
        if (!k && *h->sealed)
            return errmsg_set(why, ERR_NOT_FOUND, NO_KEY_FILE);
        buf_init(&value, SEALED_SECRET_MAX);
        err = webhook_open_header(wh, h, k, &value, why);
        if (err == ERR_OK && put_header(open, slice_str(h->name), buf_slice(&value)) != ERR_OK)
            err = errmsg_set(why, ERR_INVALID, "header %zu cannot be sent", i + 1);
        wipe(&value);
    }
    return err;
}

/* TLS as the webhook wants it; *out NULL: the defaults. */
static enum err make_tls(const struct webhook *wh, const struct keyring *k, struct http_tls **out, struct errmsg *why)
{
    const struct webhook_tls *t = wh->tls;
    struct buf key;
    *out = NULL;
    if (!t)
        return ERR_OK;
    buf_init(&key, WEBHOOK_TLS_MAX_KEY_BYTES);
    enum err err = ERR_OK;
    if (*t->client_key)
        err = k ? webhook_tls_open_key(t, k, wh->account_id, wh->id, &key, why) : errmsg_set(why, ERR_NOT_FOUND, NO_KEY_FILE);
    const struct http_tls_options o = {.ca_certificates = slice_str(t->ca_certificates),
                                       .client_certificate = slice_str(t->client_certificate),
                                       .client_key = buf_slice(&key),
                                       .pins = (const char *const *)t->pins,
                                       .pin_count = t->pin_count,
                                       .tls13 = t->min_version == WEBHOOK_TLS_1_3};
    if (err == ERR_OK)
        err = http_tls_new(&o, out, why);
    wipe(&key);
    return err;
}

static void free_open(struct endpoint_open *open)
{
    for (int i = 0; i < open->key_count; i++) {
        signer_free(open->keys[i].trueftp);
        signer_free(open->keys[i].standard);
    }
    wipe(&open->headers);
    wipe(&open->headers_traced);
    http_endpoint_free(open->http);
    http_tls_unref(open->tls);
    free(open);
}

/* NULL: why. */
static struct endpoint_open *new_open(const struct webhook *wh, const struct keyring *k, struct errmsg *why)
{
    struct endpoint_open *open = mem_zalloc(sizeof *open);
    buf_init(&open->headers, HEADERS_MAX);
    buf_init(&open->headers_traced, HEADERS_MAX);
    enum err err = put_headers(open, wh, k, why);
    if (err == ERR_OK && wh->secret_count == 0)
        err = errmsg_set(why, ERR_INVALID, "the webhook has no secret");
    for (size_t i = 0; i < wh->secret_count && err == ERR_OK; i++)
        err = open_key(open, wh, k, &wh->secrets[i], why);
    if (err == ERR_OK)
        err = make_tls(wh, k, &open->tls, why);
    if (err == ERR_OK)
        return open;
    free_open(open);
    return NULL;
}

static void tell(const struct endpoint *ep, const char *why)
{
    log_warn("webhook_unusable", LOG_STR("webhook_id", ep->wh->id), LOG_STR("account_id", ep->wh->account_id),
             LOG_STR("reason", why));
}

void endpoint_tell(const struct endpoint *ep)
{
    if (ep->broken)
        tell(ep, ep->broken);
    if (ep->refused)
        tell(ep, ep->refused);
}

static char *unusable(const struct endpoint *ep, const struct errmsg *why)
{
    if (!ep->shelf->quiet)
        tell(ep, why->text);
    return mem_strdup(why->text);
}

static void close_endpoint(struct endpoint *ep)
{
    if (!ep->open)
        return;
    TAILQ_REMOVE(&ep->shelf->open, ep->open, link);
    ep->shelf->open_count--;
    free_open(ep->open);
    ep->open = NULL;
}

bool endpoint_open(struct endpoint *ep, const struct keyring *k, int64_t now_ms)
{
    struct endpoint_shelf *shelf = ep->shelf;
    struct errmsg why;
    if (ep->broken)
        return false;
    if (ep->open) {
        TAILQ_REMOVE(&shelf->open, ep->open, link);
        shelf->open_count--;
    } else if ((ep->open = new_open(ep->wh, k, &why)) == NULL) {
        ep->broken = unusable(ep, &why);
        return false;
    } else {
        ep->open->endpoint = ep;
        if (!ep->refused && http_endpoint_new(shelf->http, ep->wh->url, ep->open->tls, &ep->open->http, &why) != ERR_OK)
            ep->refused = unusable(ep, &why);
    }
    ep->open->used_ms = now_ms;
    TAILQ_INSERT_TAIL(&shelf->open, ep->open, link);
    shelf->open_count++;
    return true;
}

/* ---- the shelf ---- */

void endpoint_shelf_init(struct endpoint_shelf *shelf, struct http_client *http)
{
    *shelf = (struct endpoint_shelf){.http = http, .quiet = true};
    TAILQ_INIT(&shelf->open);
}

void endpoint_shelf_tidy(struct endpoint_shelf *shelf, int64_t now_ms)
{
    struct endpoint_open *open;
    while ((open = TAILQ_FIRST(&shelf->open)) != NULL && now_ms - open->used_ms >= IDLE_MS)
        close_endpoint(open->endpoint);
}

/* ---- life ---- */

/* What stands in the way of a POST is known, and told, when the definition comes. */
static void look(struct endpoint *ep, const struct keyring *k)
{
    (void)endpoint_open(ep, k, 0);
    close_endpoint(ep);
}

struct endpoint *endpoint_new(struct endpoint_shelf *shelf, const struct keyring *k, struct webhook *wh)
{
    struct endpoint *ep = mem_zalloc(sizeof *ep);
    ep->wh = wh;
    ep->shelf = shelf;
    ep->refs = 1;
    look(ep, k);
    return ep;
}

bool endpoint_reopen(struct endpoint *ep, const struct keyring *k)
{
    if (!ep->broken)
        return false;
    free(ep->broken);
    ep->broken = NULL;
    look(ep, k);
    return !ep->broken;
}

int64_t endpoint_rate(const struct endpoint *ep)
{
    int64_t own = ep->wh->rate_limit_per_second, account = ep->account_rate;
    return own == 0 || (account > 0 && account < own) ? account : own;
}

struct endpoint *endpoint_ref(struct endpoint *ep)
{
    ep->refs++;
    return ep;
}

void endpoint_unref(struct endpoint *ep)
{
    if (!ep || --ep->refs > 0)
        return;
    close_endpoint(ep);
    webhook_free(ep->wh);
    free(ep->refused);
    free(ep->broken);
    free(ep);
}
