/* TLS for the Redis connection. redis_tls.c is built where hiredis has TLS (1.0 and newer, with its library hiredis_ssl);
 * redis_tls_none.c, which refuses, elsewhere. */
#ifndef IO_REDIS_TLS_H
#define IO_REDIS_TLS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "io/redis.h"
#include "util/err.h"

struct redis_tls;

/* host: the name or address that the server's certificate must be for; the files' names must outlive it. ERR_INVALID: no TLS in
 * this build, or what is in a file; ERR_IO: OpenSSL. */
MUST_CHECK enum err redis_tls_new(const char *host, const struct redis_tls_files *files, struct redis_tls **out,
                                  struct errmsg *why);
void redis_tls_free(struct redis_tls *t); /* NULL is fine */
/* Reads the files and begins TLS on a connected, non-blocking context; the handshake runs with its reads and writes. */
MUST_CHECK enum err redis_tls_start(struct redis_tls *t, redisContext *c, struct errmsg *why);
/* The context is freed now. */
void redis_tls_stop(struct redis_tls *t);
/* Before each read or write: an error that somebody else left in OpenSSL's queue must not look like ours. */
void redis_tls_before_io(void);
/* Bytes were read from the socket that are not yet in the context. */
bool redis_tls_has_unread(const struct redis_tls *t);
/* A write waits for the peer's bytes, not for room in the socket. */
bool redis_tls_waits_for_peer(const struct redis_tls *t);
/* Whether it was TLS that failed just now; why is set then, for people. */
bool redis_tls_failed(const struct redis_tls *t, struct errmsg *why);

#endif
