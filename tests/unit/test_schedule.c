#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "expectations/schedule.h"
#include "expectations/zone.h"
#include "util/clock.h"

static int64_t wall(const char *utc)
{
    int64_t ms = 0;
    assert_int_equal(clock_parse_utc(slice_str(utc), &ms), ERR_OK);
    return ms;
}

/* schedule, zone, after, and the due times that follow, in UTC. */
struct due_case {
    const char *schedule, *zone, *after;
    const char *due[4];
};

static const struct due_case due_cases[] = {
    {"0 3 * * *", "UTC", "2026-06-08T12:00:00Z", {"2026-06-09T03:00:00Z", "2026-06-10T03:00:00Z"}},
    {"0 3 * * *", "UTC", "2026-06-09T03:00:00Z", {"2026-06-10T03:00:00Z"}},
    {"0 3 * * *", "UTC", "2026-06-09T02:59:59Z", {"2026-06-09T03:00:00Z"}},
    {"*/20 * * * *", "UTC", "2026-06-08T12:01:00Z", {"2026-06-08T12:20:00Z", "2026-06-08T12:40:00Z", "2026-06-08T13:00:00Z"}},
    {"0 9-17/4 * * mon-fri", "UTC", "2026-06-05T13:00:00Z", {"2026-06-05T17:00:00Z", "2026-06-08T09:00:00Z"}},
    {"0 0 1,15 * *", "UTC", "2026-06-08T12:00:00Z", {"2026-06-15T00:00:00Z", "2026-07-01T00:00:00Z"}},
    {"0 0 13 * fri", "UTC", "2026-06-08T12:00:00Z", {"2026-06-12T00:00:00Z", "2026-06-13T00:00:00Z", "2026-06-19T00:00:00Z"}},
    {"30 6 29 feb *", "UTC", "2026-06-08T12:00:00Z", {"2028-02-29T06:30:00Z"}},
    {"0 0 * * 7", "UTC", "2026-06-08T12:00:00Z", {"2026-06-14T00:00:00Z"}},
    {"59 23 31 12 *", "UTC", "2026-12-31T23:59:00Z", {"2027-12-31T23:59:00Z"}},
    /* Clocks in Berlin go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October. */
    {"0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"}},
    {"30 2 * * *",
     "Europe/Berlin",
     "2026-03-27T12:00:00Z",
     {"2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}},
    {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
    {"0 * * * *",
     "Europe/Berlin",
     "2026-10-24T23:30:00Z",
     {"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"}},
    {"0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", {"2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
    {"0 8 * * *", "America/New_York", "2026-03-07T14:00:00Z", {"2026-03-08T12:00:00Z"}},
    {"15 12 * * *", "Asia/Kathmandu", "2026-06-08T00:00:00Z", {"2026-06-08T06:30:00Z"}},
    {"0 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00:00Z", {"2026-10-03T15:30:00Z"}}, /* half an hour is left out */
    {"0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", {"2026-09-06T04:00:00Z"}},    /* there is no midnight that day */
    {"0 12 * * *", "Pacific/Kiritimati", "2026-06-08T00:00:00Z", {"2026-06-08T22:00:00Z"}},
};

static void due_times_follow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof due_cases / sizeof due_cases[0]; i++) {
        const struct due_case *c = &due_cases[i];
        struct schedule s;
        struct errmsg why;
        char text[CLOCK_UTC_SIZE];
        assert_int_equal(schedule_parse(c->schedule, &s, &why), ERR_OK);
        assert_true(zone_valid(c->zone));
        int64_t at = wall(c->after);
        for (int n = 0; n < 4 && c->due[n]; n++) {
            at = schedule_next(&s, c->zone, at);
            clock_format_utc(at, false, text);
            if (strcmp(text, c->due[n]) != 0)
                fail_msg("%s in %s after %s: %s, not %s", c->schedule, c->zone, c->after, text, c->due[n]);
        }
    }
}

static void what_never_comes_is_known(void **state)
{
    struct schedule s;
    struct errmsg why;
    (void)state;
    assert_int_equal(schedule_parse("0 0 30 2 *", &s, &why), ERR_OK);
    assert_int_equal(schedule_next(&s, "UTC", wall("2026-06-08T12:00:00Z")), -1);
    assert_int_equal(schedule_parse("* * 31 feb *", &s, &why), ERR_OK);
    assert_int_equal(schedule_next(&s, "Europe/Berlin", wall("2026-06-08T12:00:00Z")), -1);
}

static void wrong_schedules_name_their_field(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "five fields"},
        {"0 3 * *", "five fields"},
        {"0 3 * * * *", "more than five"},
        {"60 3 * * *", "minute"},
        {"0 24 * * *", "hour"},
        {"0 3 0 * *", "day of month"},
        {"0 3 32 * *", "day of month"},
        {"0 3 * 13 *", "month"},
        {"0 3 * * 8", "day of week"},
        {"0 5-3 * * *", "hour"},
        {"0 */0 * * *", "hour"},
        {"0 3, * * *", "hour"},
        {"0 3 * * xyz", "day of week"},
        {"-1 3 * * *", "minute"},
        {"1- 3 * * *", "minute"},
        {"a b c d e", "minute"},
        {"0 99999999999 * * *", "hour"},
        {"0 3 * janx *", "month"},
        {"@daily", "minute"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schedule s;
        struct errmsg why = {""};
        assert_int_equal(schedule_parse(cases[i].text, &s, &why), ERR_INVALID);
        if (!strstr(why.text, cases[i].says))
            fail_msg("'%s': %s", cases[i].text, why.text);
    }
}

static void zones_are_names_of_files(void **state)
{
    static const char *const bad[] = {"",
                                      "Mars/Olympus",
                                      "../../etc/passwd",
                                      "Europe/../UTC",
                                      "/etc/localtime",
                                      ":UTC",
                                      "EST5EDT,M3.2.0",
                                      "zone.tab",
                                      "Europe",
                                      "0123456789012345678901234567890123456789012345678901234567890123456789"};
    (void)state;
    assert_true(zone_valid("UTC"));
    assert_true(zone_valid("America/Argentina/Buenos_Aires"));
    assert_true(zone_valid("Etc/GMT+5"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(zone_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_times_follow),
        cmocka_unit_test(what_never_comes_is_known),
        cmocka_unit_test(wrong_schedules_name_their_field),
        cmocka_unit_test(zones_are_names_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
