#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *err_name(enum err err)
{
    switch (err) {
    case ERR_OK:
        return "ok";
    case ERR_AGAIN:
        return "again";
    case ERR_INVALID:
        return "invalid";
    case ERR_TOO_BIG:
        return "too_big";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_EXISTS:
        return "exists";
    case ERR_REFUSED:
        return "refused";
    case ERR_IO:
        return "io";
    case ERR_NO_MEMORY:
        return "no_memory";
    case ERR_FATAL:
        return "fatal";
    }
    return "unknown";
}

/* The text is formatted beside the message, so that it may quote the message it replaces. */
enum err errmsg_set(struct errmsg *why, enum err err, const char *fmt, ...)
{
    int saved = errno;
    if (why) {
        char text[sizeof why->text] = "";
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        memcpy(why->text, text, strlen(text) + 1);
    }
    errno = saved;
    return err;
}

void check_failed(const char *expr, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expr);
    abort();
}
