/* What commands say on standard error. */
#include <stdarg.h>

#include "ctl/command.h"

static void say(const char *kind, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

static void say(const char *kind, const char *fmt, va_list ap)
{
    (void)fflush(stdout); /* so that both streams keep their order in one file */
    (void)fprintf(stderr, "trueftpctl: %s", kind);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
}

int ctl_usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("", fmt, ap);
    va_end(ap);
    return CTL_USAGE;
}

void ctl_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("warning: ", fmt, ap);
    va_end(ap);
}

void ctl_note(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("", fmt, ap);
    va_end(ap);
}

int ctl_fail(enum err err, const struct errmsg *why)
{
    (void)ctl_usage("%s", why->text);
    return err == ERR_AGAIN ? CTL_UNAVAILABLE : CTL_FAILED;
}
