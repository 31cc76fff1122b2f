/* TLS as one customer wants it: authorities, a client certificate, pinned keys, a version. Parsed once, when the endpoint is
 * made. The digest of all of it is part of a host's key: connections and sessions are shared only by those who want the same. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_internal.h"
#include "model/pem.h"
#include "util/mem.h"

#define CERTIFICATES_MAX 64
#define PINS_MAX_BYTES 4096

/* Any of them ends a chain, a certificate that signs nothing included: who trusts a server's own has said so. */
static enum err add_authorities(struct http_tls *t, struct slice pem, struct errmsg *why)
{
    STACK_OF(X509) *authorities = NULL;
    struct errmsg inner;
    if (pem.len == 0)
        return ERR_OK;
    if (pem_certificates_parse(pem, CERTIFICATES_MAX, &authorities, &inner) != ERR_OK)
        return errmsg_set(why, ERR_INVALID, "ca_certificates: %s", inner.text);
    t->trust = X509_STORE_new();
    mem_need(t->trust && X509_STORE_set_flags(t->trust, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST) == 1);
    for (int i = 0; i < sk_X509_num(authorities); i++)
        mem_need(X509_STORE_add_cert(t->trust, sk_X509_value(authorities, i)) == 1);
    pem_certificates_free(authorities);
    return ERR_OK;
}

bool http_tls_use_certificate(const struct http_tls *t, SSL_CTX *ctx)
{
    return !t->certificate || SSL_CTX_use_cert_and_key(ctx, t->certificate, t->key, t->chain, 1) == 1;
}

/* OpenSSL refuses what is too weak (a small key, an old digest) when it is used; better now than with each connection. */
static enum err try_certificate(const struct http_tls *t, struct errmsg *why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    mem_need(ctx != NULL);
    ERR_clear_error();
    bool good = http_tls_use_certificate(t, ctx);
    unsigned long e = pem_take_errors();
    SSL_CTX_free(ctx);
    return good ? ERR_OK : errmsg_set(why, ERR_INVALID, "client_certificate: cannot be used: %s", ERR_reason_error_string(e));
}

static enum err add_certificate(struct http_tls *t, const struct http_tls_options *o, struct errmsg *why)
{
    struct errmsg inner;
    if (o->client_certificate.len == 0)
        return ERR_OK;
    if (pem_certificates_parse(o->client_certificate, CERTIFICATES_MAX, &t->chain, &inner) != ERR_OK)
        return errmsg_set(why, ERR_INVALID, "client_certificate: %s", inner.text);
    t->certificate = sk_X509_shift(t->chain);
    if (pem_key_parse(o->client_key, &t->key, &inner) != ERR_OK)
        return errmsg_set(why, ERR_INVALID, "client_key: %s", inner.text);
    if (!pem_key_matches(t->certificate, t->key))
        return errmsg_set(why, ERR_INVALID, "client_key: is not the key of the client certificate");
    return try_certificate(t, why);
}

static void join_pins(struct http_tls *t, const struct http_tls_options *o)
{
    struct buf list;
    buf_init(&list, PINS_MAX_BYTES);
    for (size_t i = 0; i < o->pin_count; i++)
        buf_printf(&list, i > 0 ? ";%s" : "%s", o->pins[i]);
    mem_appended(&list);
    check(list.err == ERR_OK);
    if (list.len > 0)
        t->pins = mem_strdup(list.p);
    buf_done(&list);
}

static void add_part(EVP_MD_CTX *md, struct slice part)
{
    uint64_t len = part.len;
    mem_need(EVP_DigestUpdate(md, &len, sizeof len) == 1);
    if (part.len > 0)
        mem_need(EVP_DigestUpdate(md, part.p, part.len) == 1);
}

static void set_digest(struct http_tls *t, const struct http_tls_options *o)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    mem_need(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
    add_part(md, o->ca_certificates);
    add_part(md, o->client_certificate);
    add_part(md, slice_str(t->pins ? t->pins : ""));
    add_part(md, t->tls13 ? SLICE("1.3") : SLICE("1.2"));
    mem_need(EVP_DigestFinal_ex(md, digest, &len) == 1);
    check(2 * len < sizeof t->digest);
    EVP_MD_CTX_free(md);
    for (unsigned i = 0; i < len; i++)
        snprintf(t->digest + 2 * i, 3, "%02x", digest[i]);
}

enum err http_tls_new(const struct http_tls_options *o, struct http_tls **out, struct errmsg *why)
{
    struct http_tls *t = mem_zalloc(sizeof *t);
    t->refs = 1;
    t->tls13 = o->tls13;
    enum err err = add_authorities(t, o->ca_certificates, why);
    if (err == ERR_OK)
        err = add_certificate(t, o, why);
    if (err != ERR_OK) {
        http_tls_unref(t);
        return err;
    }
    join_pins(t, o);
    set_digest(t, o);
    *out = t;
    return ERR_OK;
}

struct http_tls *http_tls_ref(struct http_tls *t)
{
    if (t)
        t->refs++;
    return t;
}

void http_tls_unref(struct http_tls *t)
{
    if (!t || --t->refs > 0)
        return;
    X509_STORE_free(t->trust);
    X509_free(t->certificate);
    pem_certificates_free(t->chain);
    EVP_PKEY_free(t->key);
    free(t->pins);
    free(t);
}
