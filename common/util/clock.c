#include "util/clock.h"

#include <time.h>

enum { MS_PER_SECOND = 1000, SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097 };

static const int64_t wall_min_ms = -62167219200000; /* 0000-01-01T00:00:00.000Z */
static const int64_t wall_max_ms = 253402300799999; /* 9999-12-31T23:59:59.999Z */

static int64_t read_us(clockid_t id)
{
    struct timespec ts;
    check(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / MS_PER_SECOND;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_boot_ms(void)
{
    return read_us(CLOCK_BOOTTIME) / MS_PER_SECOND;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / MS_PER_SECOND;
}

struct date {
    int year, month, day;
};

/* The proleptic Gregorian calendar is counted in eras of 400 years that begin on 1 March, which puts the leap day
 * last in its year (https://howardhinnant.github.io/date_algorithms.html). Years 0 to 9999, and one more at each end. */
static int64_t days_from_date(struct date d)
{
    int64_t year = d.month <= 2 ? d.year - 1 : d.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (d.month > 2 ? d.month - 3 : d.month + 9) + 2) / 5 + d.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - 719468; /* days from 0000-03-01 to 1970-01-01 */
}

static struct date date_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    return (struct date){(int)(year_of_era + era * 400 + (month <= 2)), (int)month, (int)day};
}

static char *put_digits(char *p, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + width;
}

static char *put_group(char *p, int64_t value, int width, char after)
{
    p = put_digits(p, value, width);
    *p++ = after;
    return p;
}

size_t clock_format_utc(int64_t wall_ms, bool with_ms, char out[CLOCK_UTC_SIZE])
{
    wall_ms = wall_ms < wall_min_ms ? wall_min_ms : wall_ms > wall_max_ms ? wall_max_ms : wall_ms;
    int64_t since_first = wall_ms - wall_min_ms; /* whole days since the first day: never negative */
    int64_t seconds = since_first / MS_PER_SECOND % SECONDS_PER_DAY;
    struct date d = date_from_days(since_first / MS_PER_SECOND / SECONDS_PER_DAY + wall_min_ms / MS_PER_SECOND / SECONDS_PER_DAY);
    char *p = put_group(out, d.year, 4, '-');
    p = put_group(p, d.month, 2, '-');
    p = put_group(p, d.day, 2, 'T');
    p = put_group(p, seconds / 3600, 2, ':');
    p = put_group(p, seconds / 60 % 60, 2, ':');
    p = put_digits(p, seconds % 60, 2);
    if (with_ms) {
        *p++ = '.';
        p = put_digits(p, since_first % MS_PER_SECOND, 3);
    }
    *p++ = 'Z';
    *p = '\0';
    return (size_t)(p - out);
}

/* Reads exactly width digits as a number from low to high. */
static bool take_number(struct slice *s, size_t width, int low, int high, int *out)
{
    int value = 0;
    if (s->len < width)
        return false;
    for (size_t i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        value = value * 10 + (s->p[i] - '0');
    }
    *s = slice_of(s->p + width, s->len - width);
    *out = value;
    return value >= low && value <= high;
}

static bool take_char(struct slice *s, char upper, char lower)
{
    if (s->len == 0 || (*s->p != upper && *s->p != lower))
        return false;
    *s = slice_of(s->p + 1, s->len - 1);
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(struct slice *s, struct date *d)
{
    return take_number(s, 4, 0, 9999, &d->year) && take_char(s, '-', '-') && take_number(s, 2, 1, 12, &d->month) &&
           take_char(s, '-', '-') && take_number(s, 2, 1, month_days(d->year, d->month), &d->day);
}

/* The fraction, if there is one: one to nine digits, of which three count. */
static bool take_fraction(struct slice *s, int *ms)
{
    *ms = 0;
    if (!take_char(s, '.', '.'))
        return true;
    int digit;
    int digits = 0;
    for (int weight = 100; digits < 9 && take_number(s, 1, 0, 9, &digit); weight /= 10, digits++)
        *ms += digit * weight;
    return digits > 0;
}

static bool take_time(struct slice *s, int64_t *ms)
{
    int hour, minute, second, fraction;
    if (!take_number(s, 2, 0, 23, &hour) || !take_char(s, ':', ':') || !take_number(s, 2, 0, 59, &minute) ||
        !take_char(s, ':', ':') || !take_number(s, 2, 0, 60, &second) || !take_fraction(s, &fraction))
        return false;
    if (second == 60) {
        second = 59;
        fraction = 999;
    }
    *ms = ((hour * 60LL + minute) * 60 + second) * MS_PER_SECOND + fraction;
    return true;
}

static bool take_offset(struct slice *s, int64_t *ms)
{
    *ms = 0;
    if (take_char(s, 'Z', 'z'))
        return true;
    int hour, minute;
    bool west = s->len > 0 && *s->p == '-';
    if (!take_char(s, '+', '-') || !take_number(s, 2, 0, 23, &hour) || !take_char(s, ':', ':') ||
        !take_number(s, 2, 0, 59, &minute))
        return false;
    *ms = (hour * 60LL + minute) * 60 * MS_PER_SECOND * (west ? -1 : 1);
    return true;
}

enum err clock_parse_utc(struct slice text, int64_t *wall_ms)
{
    struct date d;
    int64_t time_ms, offset_ms;
    if (!take_date(&text, &d) || !take_char(&text, 'T', 't') || !take_time(&text, &time_ms) || !take_offset(&text, &offset_ms) ||
        text.len > 0)
        return ERR_INVALID;
    *wall_ms = days_from_date(d) * SECONDS_PER_DAY * MS_PER_SECOND + time_ms - offset_ms;
    return ERR_OK;
}
