/* Errors: what a fallible function returns. The value says what the caller can do next; an errmsg says to a
 * person what was wrong and where. Three fates: expected (returned and counted), environment (one log line,
 * exit non-zero, the supervisor restarts), our bug (check(), always on). */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
/* Of a large local variable on the hot path that is written before it is read. Hardened builds fill all others with zeros each
 * time
 * (-ftrivial-auto-var-init). */
#if defined __has_attribute && __has_attribute(uninitialized)
#define NOT_ZEROED __attribute__((uninitialized))
#else
#define NOT_ZEROED
#endif

enum err {
    ERR_OK = 0,
    ERR_AGAIN,     /* not now: a queue is full, a server is away; the same call may succeed later */
    ERR_INVALID,   /* the input is malformed; it will never succeed */
    ERR_TOO_BIG,   /* a limit was passed; the errmsg or the function's comment names it */
    ERR_NOT_FOUND, /* what was named is not there */
    ERR_EXISTS,    /* what was to be made is there already */
    ERR_REFUSED,   /* a policy or a key says no */
    ERR_IO,        /* the system said no; errno holds the reason at return */
    ERR_NO_MEMORY, /* only from code that must not end its process (see mem.h) */
    ERR_FATAL,     /* this handle is finished; make a new one */
};

/* The name of an error, in lower case, for logs: "again", "invalid", ... Never NULL. */
const char *err_name(enum err err);

/* A message for a person, owned by the caller (usually on the stack); truncated, never overrun. */
struct errmsg {
    char text[512];
};

/* Sets the text and returns err, so that `return errmsg_set(why, ERR_INVALID, "...")` reads in one line. why may be NULL. */
enum err errmsg_set(struct errmsg *why, enum err err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Our bug: prints the expression and the place to standard error and aborts. Compiled in always. */
#define check(expr) ((expr) ? (void)0 : check_failed(#expr, __FILE__, __LINE__))
void check_failed(const char *expr, const char *file, int line) __attribute__((noreturn));

#endif
