/* Logging: one JSON object a line on standard output, one line a fact.
 *
 *     log_info("delivery_failed", LOG_STR("delivery_id", id), LOG_INT("attempt", n));
 *     {"time":"2026-06-08T12:00:00.123Z","level":"info","program":"trueftp-worker","fact":"delivery_failed",
 *      "delivery_id":"...","attempt":3}
 *
 * A fact is a stable snake_case word that can be searched for. Strings are escaped, cut at 1 KiB, and bytes that
 * are not UTF-8 become U+FFFD. Never log secrets, signatures, bodies or URL queries. Only programs log, and each
 * failure once; libraries return. Lines of one fact beyond 20 in 10 s are counted instead ("suppressed" on
 * the next one that is written); level error is never suppressed. Lines that standard output does not take are counted
 * too ("lost"). Lines may be written from any thread; the rest is for
 * the loop's alone. */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_kind { LOG_KIND_END, LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_BOOL };

struct log_field {
    const char *name;
    enum log_kind kind;
    struct slice str;
    int64_t num;
};

#define LOG_STR(name, cstr) ((struct log_field){name, LOG_KIND_STR, slice_str(cstr), 0})
#define LOG_SLICE(name, slice) ((struct log_field){name, LOG_KIND_STR, slice, 0})
#define LOG_INT(name, value) ((struct log_field){name, LOG_KIND_INT, {0}, (int64_t)(value)})
#define LOG_BOOL(name, value) ((struct log_field){name, LOG_KIND_BOOL, {0}, (value) ? 1 : 0})

/* program stands in each line; level is the lowest that is written. Call once before anything logs. */
void log_init(const char *program, enum log_level level);
/* Where lines go instead of standard output (tests), without their newline; NULL: back to it. */
void log_set_sink(void (*sink)(void *ctx, struct slice line), void *ctx);
/* "debug", "info", "warn", "error" */
MUST_CHECK enum err log_level_parse(const char *name, enum log_level *level);

/* Whether a line of that level would be written: for facts whose fields cost something to make. */
bool log_wants(enum log_level level);

/* fields ends with one of kind LOG_KIND_END. Use the macros below. */
void log_write(enum log_level level, const char *fact, const struct log_field *fields);

#define LOG_AT(level, fact, ...) log_write(level, fact, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_debug(fact, ...) LOG_AT(LOG_DEBUG, fact __VA_OPT__(, ) __VA_ARGS__)
#define log_info(fact, ...) LOG_AT(LOG_INFO, fact __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(fact, ...) LOG_AT(LOG_WARN, fact __VA_OPT__(, ) __VA_ARGS__)
#define log_error(fact, ...) LOG_AT(LOG_ERROR, fact __VA_OPT__(, ) __VA_ARGS__)

#endif
