/* Wall-clock time in IANA time zones, by libc's own reading of the system's zone files.
 *
 * libc knows one zone at a time, that of TZ. Here it is switched in a buffer that is the environment's own entry: the
 * environment's table never changes, so that getenv in other threads (librdkafka's) stays safe; no other part of the program asks
 * for local time. */
#ifndef EXPECTATIONS_ZONE_H
#define EXPECTATIONS_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* A day and a time of that day, as people of the zone have it. */
struct zone_time {
    int year, month, day; /* 2026, 1-12, 1-31 */
    int hour, minute;
    int weekday; /* 0: Sunday; an output alone */
};

/* An IANA name whose file is there ("Europe/Berlin", "UTC"). */
bool zone_valid(const char *name);
/* What the clocks of the zone show at an instant (seconds since 1970). The zone is valid. */
void zone_local(const char *name, int64_t instant_s, struct zone_time *out);
/* The instant at which they show it. A time that comes twice, when clocks are set back: the first. A time that never comes, when
 * they are set forward: as much later as they are set (02:30 is 03:30 then). */
int64_t zone_instant(const char *name, const struct zone_time *local);

#endif
