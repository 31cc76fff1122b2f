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

/* What is sent with each POST, and what signs it; or it is broken. */
static void prepare(struct endpoint *ep, const struct keyring *k)
{
    const struct webhook *wh = ep->wh;
    struct errmsg why;
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
    buf_done(&ep->headers);
    buf_done(&ep->headers_traced);
    free(ep->broken);
    ep->broken = NULL;
}

struct endpoint *endpoint_new(struct http_client *http, const struct keyring *k, struct webhook *wh)
{
    struct endpoint *ep = mem_zalloc(sizeof *ep);
    struct errmsg why;
    ep->wh = wh;
    ep->refs = 1;
    if (http_endpoint_new(http, wh->url, &ep->http, &why) != ERR_OK)
        ep->refused = mem_strdup(why.text);
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
    if (ep->http)
        http_endpoint_free(ep->http);
    undo(ep);
    webhook_free(ep->wh);
    free(ep->refused);
    free(ep);
}
