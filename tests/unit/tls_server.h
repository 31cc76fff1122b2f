/* A TLS server for tests, on 127.0.0.5 and a thread of its own, with a certificate made for the occasion. Serves one connection
 * after the other; answers each request with an empty 200. */
#ifndef TESTS_TLS_SERVER_H
#define TESTS_TLS_SERVER_H

enum tls_server_kind {
    TLS_SERVER_NORMAL,
    TLS_SERVER_OLD,  /* nothing newer than TLS 1.1 */
    TLS_SERVER_MUTE, /* accepts connections and says nothing */
};

struct tls_server;

/* certificate (may be NULL) receives the name of a file that holds the self-signed certificate for the name; the caller unlinks
 * it. */
struct tls_server *tls_server_start(const char *name, enum tls_server_kind kind, char certificate[64]);
void tls_server_stop(struct tls_server *s);
int tls_server_port(const struct tls_server *s);
/* Connections accepted, and those whose handshake resumed a session. */
int tls_server_accepted(struct tls_server *s);
int tls_server_resumed(struct tls_server *s);

#endif
