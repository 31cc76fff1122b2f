#include "model/webhook_seal.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define NAME_MAX_BYTES 256
#define ENVELOPE_MAX (16UL * 1024)

/* -------- headers -------- */

/* A header's name may be long and have any sign of a token in it: its digest stands for it. No webhook has such an id, so neither
 * a secret nor a client's key can take a header's place. */
static void seal_name(struct buf *out, const struct webhook *wh, const struct webhook_header *h)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)h->name, strlen(h->name), digest);
    buf_init(out, NAME_MAX_BYTES);
    buf_printf(out, "%s/header/", wh->id);
    for (size_t i = 0; i < sizeof digest; i++) {
        buf_printf(out, "%02x", digest[i]);
    }
    mem_appended(out);
}

static void replace(char **field, const struct buf *text)
{
    check(*field);
    OPENSSL_cleanse(*field, strlen(*field));
    free(*field);
    *field = mem_strdup(buf_cstr(text));
}

static enum err seal_header(const struct webhook *wh, struct webhook_header *h, const struct keyring *k)
{
    struct buf name, sealed;
    seal_name(&name, wh, h);
    buf_init(&sealed, ENVELOPE_MAX);
    enum err err = sealed_seal(k, slice_str(wh->account_id), buf_slice(&name), wh->version, slice_str(h->value), &sealed);
    if (err == ERR_OK) {
        replace(&h->sealed, &sealed);
        h->sealed_version = wh->version;
        OPENSSL_cleanse(h->value, strlen(h->value));
        *h->value = '\0';
    }
    buf_done(&sealed);
    buf_done(&name);
    return err;
}

enum err webhook_seal_headers(struct webhook *wh, const struct keyring *k)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < wh->header_count && err == ERR_OK; i++) {
        err = *wh->headers[i].sealed ? ERR_OK : seal_header(wh, &wh->headers[i], k);
    }
    return err;
}

enum err webhook_open_header(const struct webhook *wh, const struct webhook_header *h, const struct keyring *k, struct buf *out,
                             struct errmsg *why)
{
    struct buf name;
    if (!*h->sealed) {
        buf_puts(out, h->value);
        return out->err == ERR_OK ? ERR_OK : errmsg_set(why, out->err, "no room for the value of a header");
    }
    seal_name(&name, wh, h);
    enum err err = sealed_open(k, slice_str(wh->account_id), buf_slice(&name), h->sealed_version, slice_str(h->sealed), out, why);
    buf_done(&name);
    return err;
}

/* -------- another key -------- */

/* It signs no more. Only the previous one has an end. */
static bool is_over(const struct webhook_secret *s, int64_t now_wall_ms)
{
    return s->expires_wall_ms > 0 && s->expires_wall_ms <= now_wall_ms;
}

bool webhook_is_rewrapped(const struct webhook *wh, const struct keyring *k)
{
    bool good = !wh->tls || !*wh->tls->client_key || sealed_by_writing(k, slice_str(wh->tls->client_key));
    for (size_t i = 0; i < wh->secret_count && good; i++) {
        good = sealed_by_writing(k, slice_str(wh->secrets[i].sealed));
    }
    for (size_t i = 0; i < wh->header_count && good; i++) {
        good = sealed_by_writing(k, slice_str(wh->headers[i].sealed));
    }
    return good;
}

/* why says what it was about: the text comes from sealed.h, which does not know. */
static enum err tell(struct errmsg *why, enum err err, const char *what)
{
    struct errmsg inner = *why;
    return errmsg_set(why, err, "%s: %.400s", what, inner.text);
}

static enum err rewrap(const struct webhook *wh, const struct keyring *k, struct slice name, int64_t version, char **sealed,
                       struct errmsg *why)
{
    struct buf fresh;
    if (sealed_by_writing(k, slice_str(*sealed))) {
        return ERR_OK;
    }
    buf_init(&fresh, ENVELOPE_MAX);
    enum err err = sealed_rewrap(k, slice_str(wh->account_id), name, version, slice_str(*sealed), &fresh, why);
    if (err == ERR_OK) {
        replace(sealed, &fresh);
    }
    buf_done(&fresh);
    return err;
}

static enum err rewrap_secrets(struct webhook *wh, const struct keyring *k, int64_t now_wall_ms, struct errmsg *why)
{
    enum err err = ERR_OK;
    if (wh->secret_count > 1 && is_over(&wh->secrets[1], now_wall_ms)) {
        free(wh->secrets[1].sealed);
        wh->secret_count = 1;
    }
    for (size_t i = 0; i < wh->secret_count && err == ERR_OK; i++) {
        struct webhook_secret *s = &wh->secrets[i];
        err = rewrap(wh, k, slice_str(wh->id), s->sealed_version, &s->sealed, why);
    }
    return err == ERR_OK ? err : tell(why, err, "secrets");
}

static enum err rewrap_headers(struct webhook *wh, const struct keyring *k, struct errmsg *why)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < wh->header_count && err == ERR_OK; i++) {
        struct webhook_header *h = &wh->headers[i];
        struct buf name;
        if (!*h->sealed) {
            continue;
        }
        seal_name(&name, wh, h);
        err = rewrap(wh, k, buf_slice(&name), h->sealed_version, &h->sealed, why);
        buf_done(&name);
    }
    if (err != ERR_OK) {
        return tell(why, err, "headers");
    }
    err = webhook_seal_headers(wh, k);
    return err == ERR_OK ? err : errmsg_set(why, err, "headers: cannot be sealed");
}

enum err webhook_rewrap(struct webhook *wh, const struct keyring *k, int64_t now_wall_ms, struct errmsg *why)
{
    struct webhook_tls *t = wh->tls;
    enum err err = rewrap_secrets(wh, k, now_wall_ms, why);
    if (err == ERR_OK && t && *t->client_key && !sealed_by_writing(k, slice_str(t->client_key))) {
        err = webhook_tls_rewrap_key(t, k, wh->account_id, wh->id, why);
        err = err == ERR_OK ? err : tell(why, err, "tls.client_key");
    }
    return err == ERR_OK ? rewrap_headers(wh, k, why) : err;
}
