/* TLS for the Redis connection. The SSL object is made here and given to hiredis, whose own contexts do not check
 * the host's name; without a file of authorities they are OpenSSL's defaults (SSL_CERT_FILE and SSL_CERT_DIR count). */
#include "io/redis_tls.h"

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "model/address.h"
#include "model/pem.h"
#include "util/mem.h"

struct redis_tls {
    struct redis_tls_files files;
    SSL *ssl; /* hiredis's once given; NULL: no connection */
    char *host;
    bool is_address;
};

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unreadable";
}

static bool is_given(const char *path)
{
    return path && *path;
}

static enum err load_authorities(SSL_CTX *ctx, const struct redis_tls_files *f, struct errmsg *why)
{
    if (!is_given(f->ca))
        return SSL_CTX_set_default_verify_paths(ctx) == 1 ? ERR_OK
                                                          : errmsg_set(why, ERR_IO, "the system's authorities: %s", reason());
    if (SSL_CTX_load_verify_file(ctx, f->ca) != 1)
        return errmsg_set(why, ERR_INVALID, "%s: no certificates: %s", f->ca, reason());
    return ERR_OK;
}

static enum err load_certificate(SSL_CTX *ctx, const struct redis_tls_files *f, struct errmsg *why)
{
    if (is_given(f->certificate) != is_given(f->key))
        return errmsg_set(why, ERR_INVALID, "a client certificate and its key come together");
    if (!is_given(f->certificate))
        return ERR_OK;
    if (SSL_CTX_use_certificate_chain_file(ctx, f->certificate) != 1)
        return errmsg_set(why, ERR_INVALID, "%s: no certificate: %s", f->certificate, reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, f->key, SSL_FILETYPE_PEM) != 1)
        return errmsg_set(why, ERR_INVALID, "%s: no key of that certificate: %s", f->key, reason());
    return ERR_OK;
}

static enum err make_ctx(const struct redis_tls_files *f, SSL_CTX **out, struct errmsg *why)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(ctx);
        return errmsg_set(why, ERR_IO, "TLS for Redis cannot be set up: %s", reason());
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, pem_no_passphrase);
    enum err err = load_authorities(ctx, f, why);
    if (err == ERR_OK)
        err = load_certificate(ctx, f, why);
    if (err == ERR_OK)
        *out = ctx;
    else
        SSL_CTX_free(ctx);
    return err;
}

enum err redis_tls_new(const char *host, const struct redis_tls_files *files, struct redis_tls **out, struct errmsg *why)
{
    SSL_CTX *ctx = NULL;
    enum err err = make_ctx(files, &ctx, why);
    if (err != ERR_OK)
        return err;
    SSL_CTX_free(ctx); /* each connection reads the files again */
    struct redis_tls *t = mem_zalloc(sizeof *t);
    struct address address;
    t->files = *files;
    t->host = mem_strdup(host);
    t->is_address = address_parse(slice_str(host), &address) == ERR_OK;
    *out = t;
    return ERR_OK;
}

void redis_tls_free(struct redis_tls *t)
{
    if (!t)
        return;
    free(t->host);
    free(t);
}

/* The server's name is sent (SNI) and its certificate must be for it. */
static bool set_peer(const struct redis_tls *t, SSL *ssl)
{
    if (t->is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), t->host) == 1;
    return SSL_set1_host(ssl, t->host) == 1 && SSL_set_tlsext_host_name(ssl, t->host) == 1;
}

static bool failed(const SSL *ssl, struct errmsg *why)
{
    long verified = SSL_get_verify_result(ssl);
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    if (verified != X509_V_OK)
        (void)errmsg_set(why, ERR_REFUSED, "TLS: the server's certificate: %s", X509_verify_cert_error_string(verified));
    else if (text)
        (void)errmsg_set(why, ERR_REFUSED, "TLS: %s", text);
    return verified != X509_V_OK || text;
}

/* The handshake can fail at once, when the server is quick; hiredis does not own the SSL object then. */
static enum err initiate(redisContext *c, SSL *ssl, struct errmsg *why)
{
    if (redisInitiateSSL(c, ssl) == REDIS_OK)
        return ERR_OK;
    if (!failed(ssl, why))
        (void)errmsg_set(why, ERR_IO, "TLS: %s", c->errstr);
    SSL_free(ssl);
    return ERR_IO;
}

enum err redis_tls_start(struct redis_tls *t, redisContext *c, struct errmsg *why)
{
    SSL_CTX *ctx = NULL;
    enum err err = make_ctx(&t->files, &ctx, why);
    if (err != ERR_OK)
        return err;
    SSL *ssl = SSL_new(ctx); /* keeps it */
    SSL_CTX_free(ctx);
    if (!ssl || !set_peer(t, ssl)) {
        SSL_free(ssl);
        return errmsg_set(why, ERR_IO, "TLS: %s", reason());
    }
    err = initiate(c, ssl, why);
    if (err == ERR_OK)
        t->ssl = ssl;
    return err;
}

void redis_tls_stop(struct redis_tls *t)
{
    if (t)
        t->ssl = NULL;
}

void redis_tls_before_io(void)
{
    ERR_clear_error();
}

bool redis_tls_has_unread(const struct redis_tls *t)
{
    return t && t->ssl && SSL_pending(t->ssl) > 0;
}

bool redis_tls_waits_for_peer(const struct redis_tls *t)
{
    return t && t->ssl && SSL_want_read(t->ssl);
}

bool redis_tls_failed(const struct redis_tls *t, struct errmsg *why)
{
    return t && t->ssl && failed(t->ssl, why);
}
