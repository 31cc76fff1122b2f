/* redis:// and rediss:// URLs. */
#ifndef IO_REDIS_URL_H
#define IO_REDIS_URL_H

#include <stdbool.h>

#include "util/err.h"

struct redis_url {
    bool tls;
    char user[128];
    char password[512]; /* "": none */
    char host[254];     /* an IPv6 address without its brackets */
    int port;
    int db;
};

/* redis[s]://[[user]:password@]host[:port][/db], port 6379 and db 0 by default; user and password percent-encoded. ERR_INVALID:
 * why says which part, never repeating the text. */
MUST_CHECK enum err redis_url_parse(const char *text, struct redis_url *out, struct errmsg *why);
/* Overwrites it. */
void redis_url_wipe(struct redis_url *u);

#endif
