/* One pipelined connection to Redis, on the loop (hiredis). It resolves without blocking, connects, authenticates, checks the
 * server (a primary, maxmemory-policy noeviction), loads scripts, and reconnects with backoff for ever. Commands written during a
 * turn leave in one write at its end. No reply at all within the deadline closes the connection: the fate of
 * commands is unknown, and every outstanding one is answered with NULL. Slow replies do not; and a deadline that was missed is
 * longer the next time (redis_patience.h). */
#ifndef IO_REDIS_H
#define IO_REDIS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "io/loop.h"
#include "io/resolver.h"
#include "util/err.h"
#include "util/metrics.h"

struct redis;

/* A Lua script, known by its SHA-1; registered once, loaded at each connect, sent as EVALSHA. */
struct redis_script {
    const char *name;
    const char *source;
    char sha1[41]; /* filled in by redis_script_register */
};

/* reply is NULL when the connection was lost or the deadline passed before the answer came. Error replies (READONLY, LOADING,
 * OOM, BUSY, NOSCRIPT, ...) arrive as REDIS_REPLY_ERROR after being counted; NOSCRIPT, READONLY, LOADING, MASTERDOWN and NOAUTH
 * also close the connection, so that the next connect loads the scripts and finds the primary again. The reply is freed after
 * the call. Commands may be sent from here; the connection may not be freed. */
typedef void redis_fn(void *ctx, redisReply *reply);

/* PEM files, read for each connection, so that renewed ones are used without a restart. NULL or "": none. */
struct redis_tls_files {
    const char *ca;                /* the authorities that are trusted; none: the system's */
    const char *certificate, *key; /* shown to the server: certificate and chain, and its key */
};

struct redis_options {
    const char *url; /* redis://[[user]:password@]host[:port][/db], percent-encoded; rediss:// where hiredis has TLS, else
                      * an error at start */
    const char *password_file;  /* its first line is the password, read for each connection; NULL or "": the URL's */
    struct redis_tls_files tls; /* for rediss:// */
    int64_t deadline_ms; /* 2000; for names, connecting, and silence while a reply is awaited, from the write of its turn on */
    void (*on_up)(void *ctx);   /* connected, checked, scripts loaded: commands may be sent; may be NULL */
    void (*on_down)(void *ctx); /* after all outstanding commands were answered with NULL; only after an on_up; may be NULL */
    void *ctx;
    struct metrics *metrics;
    const char *metrics_prefix; /* "trueftp_worker": metrics <prefix>_redis_errors_total (error replies, failed and lost
                                 * connections), <prefix>_redis_up, <prefix>_redis_commands_total */
};

/* ERR_INVALID: the URL (why does not repeat it: it may hold a password) or what is in a file; ERR_NOT_FOUND, ERR_IO: a file. They
 * are read once here, to find out early. Connecting starts with the loop. Options are copied, but the texts: those of files must
 * outlive it. */
MUST_CHECK enum err redis_new(struct loop *l, struct resolver *rs, const struct redis_options *o, struct redis **out,
                              struct errmsg *why);
/* Outstanding commands are answered with NULL first; on_down is not called. Not from a callback of r. NULL is fine. */
void redis_free(struct redis *r);
/* s must live as long as r. */
void redis_script_register(struct redis *r, struct redis_script *s);
bool redis_is_up(const struct redis *r);
/* Why it is not up, for people; "" when it is. */
const char *redis_trouble(const struct redis *r);
/* What an operator should know though it is up; "" for nothing. Set at connect: that maxmemory-policy could not be checked,
 * because this user may not read the server's configuration. */
const char *redis_warning(const struct redis *r);

/* Sends a command. Arguments are copied; lens may be NULL for C strings. While it is down, fn is called with NULL before this
 * returns; otherwise exactly once, later. fn may be NULL. */
void redis_command(struct redis *r, redis_fn *fn, void *ctx, int argc, const char *const *argv, const size_t *lens);
/* EVALSHA of a registered script: argv = keys, then arguments. */
void redis_eval(struct redis *r, const struct redis_script *s, redis_fn *fn, void *ctx, int key_count, int argc,
                const char *const *argv, const size_t *lens);

#endif
