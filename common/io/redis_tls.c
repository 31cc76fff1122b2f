/* TLS for the Redis connection. The SSL object is made here and given to hiredis, whose own contexts do not check
 * the host's name; authorities are OpenSSL's defaults (SSL_CERT_FILE and SSL_CERT_DIR count). */
#include "io/redis_tls.h"

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "model/address.h"
#include "util/mem.h"

struct redis_tls {
    SSL_CTX *ctx;
    SSL *ssl; /* hiredis's once given; NULL: no connection */
    char *host;
    bool is_address;
};

enum err redis_tls_new(const char *host, struct redis_tls **out, struct errmsg *why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_default_verify_paths(ctx) != 1) {
        SSL_CTX_free(ctx);
        return errmsg_set(why, ERR_IO, "TLS for Redis cannot be set up: %s", ERR_reason_error_string(ERR_peek_last_error()));
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    struct redis_tls *t = mem_zalloc(sizeof *t);
    struct address address;
    t->ctx = ctx;
    t->host = mem_strdup(host);
    t->is_address = address_parse(slice_str(host), &address) == ERR_OK;
    *out = t;
    return ERR_OK;
}

void redis_tls_free(struct redis_tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
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

enum err redis_tls_start(struct redis_tls *t, redisContext *c, struct errmsg *why)
{
    ERR_clear_error();
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl || !set_peer(t, ssl)) {
        SSL_free(ssl);
        return errmsg_set(why, ERR_IO, "TLS: %s", ERR_reason_error_string(ERR_peek_last_error()));
    }
    if (redisInitiateSSL(c, ssl) != REDIS_OK) {
        SSL_free(ssl);
        return errmsg_set(why, ERR_IO, "TLS: %s", c->errstr);
    }
    t->ssl = ssl;
    return ERR_OK;
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

const char *redis_tls_reason(const struct redis_tls *t)
{
    if (!t || !t->ssl)
        return NULL;
    long verified = SSL_get_verify_result(t->ssl);
    if (verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    unsigned long e = ERR_peek_last_error();
    return e ? ERR_reason_error_string(e) : NULL;
}
