#include "endpoint.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

#define HEADERS_MAX 8192 /* twice what a definition may hold */

static enum err open_key(struct endpoint *ep, const struct keyring *k, const struct webhook_secret *sealed, struct errmsg *why)
{
    const struct webhook *wh = ep->wh;
    struct buf secret;
    if (!k)
        return errmsg_set(why, ERR_NOT_FOUND, "no key file (TRUEFTP_SECRETS_KEY_FILE)");
    buf_init(&secret, 4096);
    enum err err = sealed_open(k, slice_str(wh->account_id), slice_str(wh->id), sealed->sealed_version, slice_str(sealed->sealed),
                               &secret, why);
    if (err == ERR_OK) {
        int i = ep->key_count++;
        ep->keys[i].expires_wall_ms = sealed->expires_wall_ms;
        if (wh->signature & WEBHOOK_SIGN_TRUEFTP)
            ep->keys[i].trueftp = signer_new_trueftp(buf_slice(&secret));
        if (wh->signature & WEBHOOK_SIGN_STANDARD)
            ep->keys[i].standard = signer_new_standard(buf_slice(&secret));
        if ((wh->signature & WEBHOOK_SIGN_TRUEFTP) && !ep->keys[i].trueftp)
            err = errmsg_set(why, ERR_INVALID, "the secret is empty");
        if ((wh->signature & WEBHOOK_SIGN_STANDARD) && !ep->keys[i].standard)
            err = errmsg_set(why, ERR_INVALID, "the secret is not one that Standard Webhooks can sign with");
    }
    if (secret.p)
        OPENSSL_cleanse(secret.p, secret.cap);
    buf_done(&secret);
    return err;
}

/* They were checked when the definition was read; a line that could not be sent would break the webhook, not the request. */
static enum err put_headers(struct endpoint *ep, struct errmsg *why)
{
    buf_init(&ep->headers, HEADERS_MAX);
    buf_init(&ep->headers_traced, HEADERS_MAX);
    for (size_t i = 0; i < ep->wh->header_count; i++) {
        struct slice name = slice_str(ep->wh->headers[i].name), value = slice_str(ep->wh->headers[i].value);
        enum err err = http_header_put(&ep->headers, name, value);
        if (err == ERR_OK && strcasecmp(name.p, "traceparent") != 0)
            err = http_header_put(&ep->headers_traced, name, value);
        if (err != ERR_OK)
            return errmsg_set(why, err, "header %zu cannot be sent", i + 1);
    }
    return ERR_OK;
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
        err = k ? webhook_tls_open_key(t, k, wh->account_id, wh->id, &key, why)
                : errmsg_set(why, ERR_NOT_FOUND, "no key file (TRUEFTP_SECRETS_KEY_FILE)");
    const struct http_tls_options o = {.ca_certificates = slice_str(t->ca_certificates),
                                       .client_certificate = slice_str(t->client_certificate),
                                       .client_key = buf_slice(&key),
                                       .pins = (const char *const *)t->pins,
                                       .pin_count = t->pin_count,
                                       .tls13 = t->min_version == WEBHOOK_TLS_1_3};
    if (err == ERR_OK)
        err = http_tls_new(&o, out, why);
    if (key.p)
        OPENSSL_cleanse(key.p, key.cap);
    buf_done(&key);
    return err;
}

static void open_http(struct endpoint *ep, const struct keyring *k)
{
    const struct webhook *wh = ep->wh;
    struct http_tls *tls;
    struct errmsg why;
    if (make_tls(wh, k, &tls, &why) != ERR_OK) {
        ep->broken = mem_strdup(why.text);
        return;
    }
    if (http_endpoint_new(ep->client, wh->url, tls, &ep->http, &why) != ERR_OK)
        ep->refused = mem_strdup(why.text);
    http_tls_unref(tls);
}

/* Where it is sent, what is sent with each POST, and what signs it; or it is broken. */
static void prepare(struct endpoint *ep, const struct keyring *k)
{
    const struct webhook *wh = ep->wh;
    struct errmsg why;
    open_http(ep, k);
    if (ep->broken)
        return;
    if (put_headers(ep, &why) != ERR_OK)
        ep->broken = mem_strdup(why.text);
    else if (wh->secret_count == 0)
        ep->broken = mem_strdup("the webhook has no secret");
    for (size_t i = 0; i < wh->secret_count && !ep->broken; i++)
        if (open_key(ep, k, &wh->secrets[i], &why) != ERR_OK)
            ep->broken = mem_strdup(why.text);
}

static void undo(struct endpoint *ep)
{
    for (int i = 0; i < ep->key_count; i++) {
        signer_free(ep->keys[i].trueftp);
        signer_free(ep->keys[i].standard);
    }
    memset(ep->keys, 0, sizeof ep->keys);
    ep->key_count = 0;
    http_endpoint_free(ep->http);
    ep->http = NULL;
    buf_done(&ep->headers);
    buf_done(&ep->headers_traced);
    free(ep->refused);
    free(ep->broken);
    ep->refused = ep->broken = NULL;
}

struct endpoint *endpoint_new(struct http_client *http, const struct keyring *k, struct webhook *wh)
{
    struct endpoint *ep = mem_zalloc(sizeof *ep);
    ep->client = http;
    ep->wh = wh;
    ep->refs = 1;
    prepare(ep, k);
    return ep;
}

bool endpoint_reopen(struct endpoint *ep, const struct keyring *k)
{
    if (!ep->broken)
        return false;
    undo(ep); /* nothing of a broken one is in flight */
    prepare(ep, k);
    return !ep->broken;
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
    undo(ep);
    webhook_free(ep->wh);
    free(ep);
}
