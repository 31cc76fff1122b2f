#include "expectations/schedule.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "expectations/zone.h"
#include "util/err.h"

#define HORIZON_DAYS (5 * 366)
#define DAY_S 86400
#define QUARTER_S 900 /* no zone's offset is finer, in our time */

/* -------- reading -------- */

struct field {
    const char *name;
    int min, max;
    const char *const *names; /* of min, min + 1, ...; NULL: none */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field fields[FIELDS] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},
    {"month", 1, 12, month_names},
    {"day of week", 0, 7, weekday_names},
};

/* A number or a name; *p moves behind it. -1: neither. */
static int read_value(const struct field *f, const char **p)
{
    if (isdigit((unsigned char)**p)) {
        int value = 0;
        for (; isdigit((unsigned char)**p) && value < 1000; (*p)++)
            value = value * 10 + (**p - '0');
        return value;
    }
    for (int i = 0; f->names && f->names[i]; i++) {
        if (strncasecmp(*p, f->names[i], 3) == 0) {
            *p += 3;
            return f->min + i;
        }
    }
    return -1;
}

static bool is_end(char c)
{
    return c == '\0' || c == ' ' || c == ',';
}

/* One of a list's items, "*", "3", "1-5", "0-30/10". */
static enum err read_item(const struct field *f, const char **p, uint64_t *bits, struct errmsg *why)
{
    int from = f->min, to = f->max, step = 1;
    bool star = **p == '*';
    if (star) {
        (*p)++;
    } else {
        from = to = read_value(f, p);
        if (**p == '-') {
            (*p)++;
            to = read_value(f, p);
        }
    }
    if (**p == '/') {
        (*p)++;
        if (!star && from == to)
            to = f->max;
        step = isdigit((unsigned char)**p) ? read_value(f, p) : 0;
    }
    if (!is_end(**p) || from < f->min || to > f->max || from > to || step < 1)
        return errmsg_set(why, ERR_INVALID, "%s: must be *, numbers from %d to %d, ranges, steps, or a list of them", f->name,
                          f->min, f->max);
    check(from >= 0);
    for (int i = from; i <= to; i += step)
        *bits |= 1ULL << i;
    return ERR_OK;
}

static enum err read_field(const struct field *f, const char **p, uint64_t *bits, struct errmsg *why)
{
    *bits = 0;
    for (;;) {
        enum err err = read_item(f, p, bits, why);
        if (err != ERR_OK || **p != ',')
            return err;
        (*p)++;
    }
}

enum err schedule_parse(const char *text, struct schedule *out, struct errmsg *why)
{
    uint64_t bits[FIELDS] = {0};
    bool any[FIELDS] = {false};
    const char *p = text + strspn(text, " ");
    for (int i = 0; i < FIELDS; i++) {
        if (*p == '\0')
            return errmsg_set(why, ERR_INVALID, "five fields are needed: minute, hour, day of month, month, day of week");
        any[i] = *p == '*';
        enum err err = read_field(&fields[i], &p, &bits[i], why);
        if (err != ERR_OK)
            return err;
        p += strspn(p, " ");
    }
    if (*p != '\0')
        return errmsg_set(why, ERR_INVALID, "there are more than five fields");
    *out = (struct schedule){.minutes = bits[MINUTE],
                             .hours = (uint32_t)bits[HOUR],
                             .days = (uint32_t)bits[DAY],
                             .months = (uint16_t)bits[MONTH],
                             .weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
                             .any_hour = any[HOUR],
                             .any_day = any[DAY],
                             .any_weekday = any[WEEKDAY]};
    return ERR_OK;
}

/* -------- due times -------- */

static bool is_due_day(const struct schedule *s, const struct zone_time *t)
{
    bool day = s->days >> t->day & 1U, weekday = s->weekdays >> t->weekday & 1U;
    if (!(s->months >> t->month & 1U))
        return false;
    return s->any_day || s->any_weekday ? day && weekday : day || weekday;
}

/* The first of the day's due times after `after`; -1: none. */
static int64_t first_of_day(const struct schedule *s, const char *zone, struct zone_time day, int64_t after)
{
    int64_t first = -1;
    for (day.hour = 0; day.hour < 24; day.hour++) {
        for (day.minute = 0; (s->hours >> day.hour & 1U) && day.minute < 60; day.minute++) {
            int64_t at = s->minutes >> day.minute & 1U ? zone_instant(zone, &day) : -1;
            if (at > after && (first < 0 || at < first))
                first = at;
        }
    }
    return first;
}

/* Day by day, by the clocks of the zone. Noon of a day exists in every zone. */
static int64_t next_fixed(const struct schedule *s, const char *zone, int64_t after)
{
    struct zone_time today;
    zone_local(zone, after, &today);
    today.hour = 12;
    today.minute = 0;
    int64_t noon = zone_instant(zone, &today) - DAY_S;
    for (int i = 0; i < HORIZON_DAYS; i++, noon += DAY_S) {
        struct zone_time day;
        zone_local(zone, noon, &day);
        int64_t at = is_due_day(s, &day) ? first_of_day(s, zone, day, after) : -1;
        if (at >= 0)
            return at;
    }
    return -1;
}

/* Minute by minute, as time really passes. */
static int64_t next_passing(const struct schedule *s, const char *zone, int64_t after)
{
    int64_t end = after + (int64_t)HORIZON_DAYS * DAY_S;
    int64_t at = after - after % 60 + 60;
    while (at < end) {
        struct zone_time t;
        zone_local(zone, at, &t);
        if (!is_due_day(s, &t))
            at += QUARTER_S - at % QUARTER_S;
        else if ((s->hours >> t.hour & 1U) && (s->minutes >> t.minute & 1U))
            return at;
        else
            at += 60;
    }
    return -1;
}

int64_t schedule_next(const struct schedule *s, const char *zone, int64_t after_wall_ms)
{
    int64_t after = after_wall_ms / 1000;
    int64_t at = s->any_hour ? next_passing(s, zone, after) : next_fixed(s, zone, after);
    return at < 0 ? -1 : at * 1000;
}
