/* No TLS: this build's hiredis has none. Nothing but redis_tls_new is ever reached. */
#include "io/redis_tls.h"

#include <stddef.h>

enum err redis_tls_new(const char *host, const struct redis_tls_files *files, struct redis_tls **out, struct errmsg *why)
{
    (void)host;
    (void)files;
    (void)out;
    return errmsg_set(why, ERR_INVALID,
                      "Redis URL: rediss:// needs hiredis 1.0 or newer with TLS, and this program was built without it");
}

void redis_tls_free(struct redis_tls *t)
{
    check(t == NULL);
}

enum err redis_tls_start(struct redis_tls *t, redisContext *c, struct errmsg *why)
{
    (void)t;
    (void)c;
    return errmsg_set(why, ERR_INVALID, "built without TLS for Redis");
}

void redis_tls_stop(struct redis_tls *t)
{
    check(t == NULL);
}

void redis_tls_before_io(void)
{
}

bool redis_tls_has_unread(const struct redis_tls *t)
{
    (void)t;
    return false;
}

bool redis_tls_waits_for_peer(const struct redis_tls *t)
{
    (void)t;
    return false;
}

bool redis_tls_failed(const struct redis_tls *t, struct errmsg *why)
{
    (void)t;
    (void)why;
    return false;
}
