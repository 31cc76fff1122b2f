/* A TLS server for tests, on 127.0.0.5 and a thread of its own, with a certificate made for the occasion. Serves one connection
 * after the other; answers each request with an empty 200. */
#ifndef TESTS_TLS_SERVER_H
#define TESTS_TLS_SERVER_H

enum tls_server_kind {
    TLS_SERVER_NORMAL,
    TLS_SERVER_OLD,     /* nothing newer than TLS 1.1 */
    TLS_SERVER_MUTE,    /* accepts connections and says nothing */
    TLS_SERVER_1_2,     /* nothing newer than TLS 1.2 */
    TLS_SERVER_EXPIRED, /* its certificate is of yesterday */
};

#define TLS_PIN_SIZE 64

/* A self-signed certificate for a name or an IPv4 address, and its key, PEM; the caller frees them. */
struct tls_identity {
    char *certificate, *key;
    char pin[TLS_PIN_SIZE]; /* sha256//... */
};
void tls_identity_make(struct tls_identity *id, const char *name);
void tls_identity_done(struct tls_identity *id);

struct tls_server;

/* certificate (may be NULL) receives the name of a file that holds the self-signed certificate for the name; the caller unlinks
 * it. */
struct tls_server *tls_server_start(const char *name, enum tls_server_kind kind, char certificate[64]);
/* As above; it wants a client certificate, and takes only this one (PEM). */
struct tls_server *tls_server_start_asking(const char *name, enum tls_server_kind kind, const char *client, char certificate[64]);
void tls_server_stop(struct tls_server *s);
/* Its certificate, PEM, and the pin of its key; they live as long as it. */
const char *tls_server_certificate(const struct tls_server *s);
const char *tls_server_pin(const struct tls_server *s);
int tls_server_port(const struct tls_server *s);
/* Connections accepted, and those whose handshake resumed a session. */
int tls_server_accepted(struct tls_server *s);
int tls_server_resumed(struct tls_server *s);

#endif
