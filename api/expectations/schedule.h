/* When a file is due: the five fields of cron (minute, hour, day of month, month, day of week), in a time zone.
 *
 * A field is *, a number, a range 1-5, any of these with a step as in 0-30/10, or a list of them with commas. Days of the week
 * are 0-7 (0 and 7 are Sunday) or sun-sat, months 1-12 or jan-dec. Where day of month and day of week are both limited, either
 * will do.
 *
 * When clocks change, a schedule of fixed hours is due once a day all the same: a time that comes twice counts once, one that
 * never comes is due later by as much as the clocks are set forward. One whose hour is * goes by the hours that really pass. */
#ifndef EXPECTATIONS_SCHEDULE_H
#define EXPECTATIONS_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct schedule {
    uint64_t minutes;     /* bit n: at minute n */
    uint32_t hours, days; /* days: bits 1-31 */
    uint16_t months;      /* bits 1-12 */
    uint8_t weekdays;     /* bits 0-6 */
    bool any_hour, any_day, any_weekday;
};

/* ERR_INVALID: why says which field and what is wrong with it. */
MUST_CHECK enum err schedule_parse(const char *text, struct schedule *out, struct errmsg *why);
/* The first due time after an instant, in milliseconds; -1: none within five years. The zone is valid. */
int64_t schedule_next(const struct schedule *s, const char *zone, int64_t after_wall_ms);

#endif
