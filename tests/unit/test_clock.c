#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "util/clock.h"

static void parses_what_rfc_3339_allows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t wall_ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-06-08T12:00:00Z", 1780920000000},
        {"2026-06-08T12:00:00.123Z", 1780920000123},
        {"2026-06-08t12:00:00.123z", 1780920000123},
        {"2026-06-08T12:00:00.1Z", 1780920000100},
        {"2026-06-08T12:00:00.12Z", 1780920000120},
        {"2026-06-08T12:00:00.123999999Z", 1780920000123},
        {"2026-06-08T12:00:00.000000001Z", 1780920000000},
        {"2026-06-08T14:00:00+02:00", 1780920000000},
        {"2026-06-08T06:30:00-05:30", 1780920000000},
        {"2026-06-08T12:00:00-00:00", 1780920000000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"1970-01-01T00:00:00+00:01", -60000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2024-02-29T23:59:59Z", 1709251199000},
        {"1900-03-01T00:00:00Z", -2203891200000},
        {"2016-12-31T23:59:60Z", 1483228799999},
        {"2016-12-31T23:59:60.5Z", 1483228799999},
        {"2016-12-31T15:59:60-08:00", 1483228799999},
        {"0000-01-01T00:00:00Z", -62167219200000},
        {"0000-01-01T00:00:00+23:59", -62167305540000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"2026-06-08T12:00:00+23:59", 1780833660000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got = -12345;
        assert_int_equal(clock_parse_utc(slice_str(cases[i].text), &got), ERR_OK);
        assert_int_equal(got, cases[i].wall_ms);
    }
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-06-08",
        "2026-06-08T12:00:00",
        "2026-06-08 12:00:00Z",
        "2026-06-08T12:00Z",
        "2026-06-08T12:00:00ZZ",
        "2026-06-08T12:00:00Z ",
        " 2026-06-08T12:00:00Z",
        "2026-6-08T12:00:00Z",
        "2026-13-08T12:00:00Z",
        "2026-00-08T12:00:00Z",
        "2026-06-00T12:00:00Z",
        "2026-06-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-06-08T24:00:00Z",
        "2026-06-08T12:60:00Z",
        "2026-06-08T12:00:61Z",
        "2026-06-08T12:00:00.Z",
        "2026-06-08T12:00:00.1234567890Z",
        "2026-06-08T12:00:00,5Z",
        "2026-06-08T12:00:00+24:00",
        "2026-06-08T12:00:00+01:60",
        "2026-06-08T12:00:00+01",
        "2026-06-08T12:00:00+0100",
        "2026-06-08T12:00:00+01:00Z",
        "+026-06-08T12:00:00Z",
        "-026-06-08T12:00:00Z",
        "12026-06-08T12:00:00Z",
        "20260608T120000Z",
        "2026-06-08T1 :00:00Z",
        "2026-06-08T12:00:00\342\210\22201:00", /* a minus sign, not a hyphen */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t untouched = 77;
        if (clock_parse_utc(slice_str(cases[i]), &untouched) != ERR_INVALID)
            fail_msg("accepted: %s", cases[i]);
        assert_int_equal(untouched, 77);
    }
    int64_t untouched = 77;
    assert_int_equal(clock_parse_utc(SLICE("2026-06-08T12:00:00Z\0"), &untouched), ERR_INVALID);
    assert_int_equal(clock_parse_utc(slice_of(NULL, 0), &untouched), ERR_INVALID);
    for (size_t len = 0; len < 20; len++)
        assert_int_equal(clock_parse_utc(slice_of("2026-06-08T12:00:00Z", len), &untouched), ERR_INVALID);
}

static void formats_and_clamps(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_ms;
        bool with_ms;
        const char *text;
    } cases[] = {
        {0, false, "1970-01-01T00:00:00Z"},
        {1780920000123, false, "2026-06-08T12:00:00Z"},
        {1780920000123, true, "2026-06-08T12:00:00.123Z"},
        {1780920000007, true, "2026-06-08T12:00:00.007Z"},
        {-1, true, "1969-12-31T23:59:59.999Z"},
        {-1, false, "1969-12-31T23:59:59Z"},
        {951782400000, false, "2000-02-29T00:00:00Z"},
        {-62167219200000, true, "0000-01-01T00:00:00.000Z"},
        {-62167219200001, true, "0000-01-01T00:00:00.000Z"},
        {INT64_MIN, false, "0000-01-01T00:00:00Z"},
        {253402300799999, true, "9999-12-31T23:59:59.999Z"},
        {253402300800000, true, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, false, "9999-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CLOCK_UTC_SIZE];
        size_t len = clock_format_utc(cases[i].wall_ms, cases[i].with_ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
    }
}

/* Days of every month from year 0 to 9999 against the C library, and back. */
static void agrees_with_gmtime_in_every_month(void **state)
{
    (void)state;
    const int64_t step_s = 11 * 86400;
    for (int64_t s = -62167219200; s < 253402300800; s += step_s) {
        char text[CLOCK_UTC_SIZE], expected[CLOCK_UTC_SIZE];
        time_t t = (time_t)(s + (s & 0x3fff)); /* some time of that day */
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        (void)snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
                       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        size_t len = clock_format_utc((int64_t)t * 1000, false, text);
        int64_t back;
        if (strcmp(text, expected) != 0)
            fail_msg("%s, expected %s", text, expected);
        assert_int_equal(clock_parse_utc(slice_of(text, len), &back), ERR_OK);
        assert_int_equal(back, (int64_t)t * 1000);
    }
}

static void clocks_run_forward(void **state)
{
    (void)state;
    int64_t us = clock_mono_us();
    int64_t ms = clock_mono_ms();
    assert_true(us / 1000 <= ms && ms <= clock_mono_us() / 1000);
    assert_true(clock_boot_ms() >= ms);
    int64_t wall_s = (int64_t)time(NULL);
    assert_true(clock_wall_ms() / 1000 - wall_s >= 0 && clock_wall_ms() / 1000 - wall_s <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_rfc_3339_allows), cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(formats_and_clamps),          cmocka_unit_test(agrees_with_gmtime_in_every_month),
        cmocka_unit_test(clocks_run_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
