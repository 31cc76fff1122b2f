/* One certificate store for all connections: left to itself libcurl reads the bundle for each multi handle (26 ms and a megabyte
 * each time). And a store of sessions for each host, since libcurl's own is per handle, and a shared one holds eight. */
#include <stdlib.h>

#include "http_internal.h"

static bool load_file(X509_STORE *store, const char *path)
{
    return path && *path && X509_STORE_load_file(store, path) == 1;
}

static bool load_default(X509_STORE *store)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (load_file(store, info->cainfo))
        return true;
    if (info->capath && *info->capath && X509_STORE_load_path(store, info->capath) == 1)
        return true;
    return X509_STORE_set_default_paths(store) == 1;
}

/* A bundle that is named must be readable: falling back to another would trust what the operator did not mean to. */
static bool load(X509_STORE *store)
{
    static const char *const names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = getenv(names[i]);
        if (path && *path)
            return load_file(store, path);
    }
    return load_default(store);
}

bool http_tls_load(struct http_client *c)
{
    if (c->trust || c->trust_failed)
        return !c->trust_failed;
    c->trust = X509_STORE_new();
    c->trust_failed = !c->trust || !load(c->trust);
    return !c->trust_failed;
}

CURLSH *http_tls_sessions(struct http_host *host)
{
    if (host->sessions)
        return host->sessions;
    host->sessions = curl_share_init();
    if (host->sessions)
        curl_share_setopt(host->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return host->sessions;
}

/* -------- the handshake -------- */

/* An alert tells more than libcurl's words: in TLS 1.3 a server refuses a client's certificate after the handshake. */
static void on_info(const SSL *ssl, int where, int value)
{
    struct http_conn *conn = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int alert = value & 0xff;
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && alert != SSL_AD_CLOSE_NOTIFY && alert != SSL_AD_USER_CANCELLED)
        conn->tls_alert = alert;
}

static int on_certificate_asked(SSL *ssl, void *ctx)
{
    struct http_conn *conn = ctx;
    (void)ssl;
    conn->certificate_asked = true;
    return 1;
}

CURLcode http_tls_on_ctx(CURL *easy, void *ssl_ctx, void *userp)
{
    struct http_conn *conn = userp;
    const struct http_tls *own = conn->host->tls;
    X509_STORE *trust = own && own->trust ? own->trust : conn->client->trust;
    (void)easy;
    if (!trust)
        return CURLE_SSL_CACERT_BADFILE;
    SSL_CTX_set1_cert_store(ssl_ctx, trust);
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS); /* 34 KiB of an idle connection */
    SSL_CTX_set_app_data(ssl_ctx, conn);
    SSL_CTX_set_info_callback(ssl_ctx, on_info);
    SSL_CTX_set_cert_cb(ssl_ctx, on_certificate_asked, conn);
    return own && !http_tls_use_certificate(own, ssl_ctx) ? CURLE_SSL_CERTPROBLEM : CURLE_OK;
}

/* SSL_MODE_RELEASE_BUFFERS releases them when a read finds nothing more, and after the first answer (which session tickets came
 * before) none is made: without this a connection that had one request would hold 16 KiB. */
void http_tls_shrink(struct http_conn *conn)
{
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(conn->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
        info->backend == CURLSSLBACKEND_OPENSSL && info->internals)
        (void)SSL_free_buffers(info->internals); /* 0: something is left in them, and they stay */
}
