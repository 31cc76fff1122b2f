#include "tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/err.h"
#include "util/mem.h"

struct tls_server {
    int listener, port;
    enum tls_server_kind kind;
    SSL_CTX *ctx;
    struct tls_identity identity;
    pthread_t thread;
    _Atomic int accepted, resumed;
};

static X509 *make_certificate(EVP_PKEY *key, const char *name, long valid_s)
{
    char san[100];
    X509 *x = X509_new();
    snprintf(san, sizeof san, "%s:%s", name[strspn(name, "0123456789.")] ? "DNS" : "IP", name);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -2L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(x), valid_s);
    X509_set_pubkey(x, key);
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, subject);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    check(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static char *text_of(BIO *bio)
{
    char *p = NULL;
    long len = BIO_get_mem_data(bio, &p);
    char *text = mem_dup(p, (size_t)len);
    BIO_free(bio);
    return text;
}

static void set_pin(struct tls_identity *id, EVP_PKEY *key)
{
    unsigned char *der = NULL, digest[32];
    int len = i2d_PUBKEY(key, &der);
    check(len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1);
    OPENSSL_free(der);
    memcpy(id->pin, "sha256//", 8);
    EVP_EncodeBlock((unsigned char *)id->pin + 8, digest, sizeof digest);
}

static void fill_identity(struct tls_identity *id, X509 *x, EVP_PKEY *key)
{
    BIO *certificate = BIO_new(BIO_s_mem()), *private_key = BIO_new(BIO_s_mem());
    check(PEM_write_bio_X509(certificate, x) == 1);
    check(PEM_write_bio_PrivateKey(private_key, key, NULL, NULL, 0, NULL, NULL) == 1);
    id->certificate = text_of(certificate);
    id->key = text_of(private_key);
    set_pin(id, key);
}

void tls_identity_make(struct tls_identity *id, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_certificate(key, name, 86400);
    fill_identity(id, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

void tls_identity_done(struct tls_identity *id)
{
    free(id->certificate);
    free(id->key);
}

static void write_certificate(const char *pem, char path[64])
{
    snprintf(path, 64, "/tmp/trueftp-test-XXXXXX");
    int fd = mkstemp(path);
    check(fd >= 0);
    FILE *f = fdopen(fd, "w");
    check(f && fputs(pem, f) >= 0 && fclose(f) == 0);
}

static void set_versions(SSL_CTX *ctx, enum tls_server_kind kind)
{
    if (kind == TLS_SERVER_1_2)
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    if (kind != TLS_SERVER_OLD)
        return;
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
}

static SSL_CTX *make_ctx(const char *name, enum tls_server_kind kind, struct tls_identity *id)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_certificate(key, name, kind == TLS_SERVER_EXPIRED ? -86400L : 86400L);
    check(SSL_CTX_use_certificate(ctx, x) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    set_versions(ctx, kind);
    fill_identity(id, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
    return ctx;
}

static void ask_for(SSL_CTX *ctx, const char *client)
{
    BIO *bio = BIO_new_mem_buf(client, -1);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    check(x && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) == 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    X509_free(x);
    BIO_free(bio);
}

/* Reads one request to its end; false: the peer is gone. */
static bool hear(SSL *ssl)
{
    char bytes[65536];
    size_t len = 0, wanted = 0;
    while (wanted == 0 || len < wanted) {
        size_t room = wanted ? sizeof bytes - 1 : sizeof bytes - 1 - len;
        int n = SSL_read(ssl, wanted ? bytes : bytes + len, (int)room); /* of a body, only the length counts */
        if (n <= 0)
            return false;
        len += (size_t)n;
        if (wanted > 0)
            continue;
        bytes[len] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n"), *field = strstr(bytes, "Content-Length: ");
        if (end && field)
            wanted = (size_t)(end - bytes) + 4 + strtoul(field + 16, NULL, 10);
    }
    return true;
}

static void talk(struct tls_server *s, int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char byte;
    SSL *ssl = SSL_new(s->ctx);
    SSL_set_fd(ssl, fd);
    if (s->kind != TLS_SERVER_MUTE && SSL_accept(ssl) == 1) {
        atomic_fetch_add(&s->resumed, SSL_session_reused(ssl));
        while (hear(ssl))
            SSL_write(ssl, answer, (int)strlen(answer));
    } else if (s->kind == TLS_SERVER_MUTE) {
        while (read(fd, &byte, 1) > 0)
            ;
    }
    SSL_free(ssl);
    close(fd);
}

static void *serve(void *arg)
{
    struct tls_server *s = arg;
    int fd;
    while ((fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        atomic_fetch_add(&s->accepted, 1);
        talk(s, fd);
    }
    return NULL;
}

struct tls_server *tls_server_start(const char *name, enum tls_server_kind kind, char certificate[64])
{
    return tls_server_start_asking(name, kind, NULL, certificate);
}

struct tls_server *tls_server_start_asking(const char *name, enum tls_server_kind kind, const char *client, char certificate[64])
{
    struct tls_server *s = mem_zalloc(sizeof *s);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000005)};
    socklen_t len = sizeof sa;
    signal(SIGPIPE, SIG_IGN);
    s->kind = kind;
    s->ctx = make_ctx(name, kind, &s->identity);
    if (certificate)
        write_certificate(s->identity.certificate, certificate);
    if (client)
        ask_for(s->ctx, client);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(bind(s->listener, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(s->listener, 16) == 0);
    check(getsockname(s->listener, (struct sockaddr *)&sa, &len) == 0);
    s->port = ntohs(sa.sin_port);
    check(pthread_create(&s->thread, NULL, serve, s) == 0);
    return s;
}

void tls_server_stop(struct tls_server *s)
{
    shutdown(s->listener, SHUT_RDWR); /* ends accept */
    pthread_join(s->thread, NULL);
    close(s->listener);
    SSL_CTX_free(s->ctx);
    tls_identity_done(&s->identity);
    free(s);
}

const char *tls_server_certificate(const struct tls_server *s)
{
    return s->identity.certificate;
}

const char *tls_server_pin(const struct tls_server *s)
{
    return s->identity.pin;
}

int tls_server_port(const struct tls_server *s)
{
    return s->port;
}

int tls_server_accepted(struct tls_server *s)
{
    return atomic_load(&s->accepted);
}

int tls_server_resumed(struct tls_server *s)
{
    return atomic_load(&s->resumed);
}
