/* Time. Durations and deadlines are int64 milliseconds of a monotonic clock; wall-clock time carries `wall` in
 * its name and is milliseconds since 1970-01-01T00:00:00Z. Policy code takes `now` as an argument and calls none of
 * these. */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
int64_t clock_mono_us(void);
int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME: goes on while the machine is suspended */
int64_t clock_wall_ms(void); /* CLOCK_REALTIME */

#define CLOCK_UTC_SIZE 32 /* room for "2026-06-08T12:00:00.123Z" and years to 9999 */

/* RFC 3339 in UTC ("2026-06-08T12:00:00Z"; with_ms: ".123" before the Z). wall_ms from year 0 to 9999,
 * clamped. Returns the length. */
size_t clock_format_utc(int64_t wall_ms, bool with_ms, char out[CLOCK_UTC_SIZE]);
/* RFC 3339 date-time with any offset and up to nine digits of fraction (cut to ms). ERR_INVALID for anything else;
 * a leap second (:60) counts as :59.999. */
MUST_CHECK enum err clock_parse_utc(struct slice text, int64_t *wall_ms);

#endif
