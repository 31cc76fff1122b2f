/* The retry policy: what an answer means, and when the next attempt is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/retry.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIDDLE 0x80000000u
#define HOUR_MS 3600000LL

static const struct retry_policy production = {.base_ms = 10000, .factor = 6, .max_ms = 6 * HOUR_MS};

static void outcomes_are_classified(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum delivery_error error;
        bool ours;
        enum verdict verdict;
        enum delivery_error recorded;
    } cases[] = {
        {200, DELIVERY_ERROR_NONE, false, VERDICT_DELIVERED, DELIVERY_ERROR_NONE},
        {204, DELIVERY_ERROR_NONE, false, VERDICT_DELIVERED, DELIVERY_ERROR_NONE},
        {299, DELIVERY_ERROR_NONE, false, VERDICT_DELIVERED, DELIVERY_ERROR_NONE},
        {199, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_HTTP_STATUS},
        {300, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_REDIRECT},
        {308, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_REDIRECT},
        {400, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_HTTP_STATUS},
        {404, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_HTTP_STATUS},
        {410, DELIVERY_ERROR_NONE, false, VERDICT_GONE, DELIVERY_ERROR_HTTP_STATUS},
        {429, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_HTTP_STATUS},
        {500, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_HTTP_STATUS},
        {599, DELIVERY_ERROR_NONE, false, VERDICT_RETRY, DELIVERY_ERROR_HTTP_STATUS},
        {0, DELIVERY_ERROR_TIMEOUT, false, VERDICT_RETRY, DELIVERY_ERROR_TIMEOUT},
        {0, DELIVERY_ERROR_BLOCKED_TARGET, false, VERDICT_RETRY, DELIVERY_ERROR_BLOCKED_TARGET},
        {200, DELIVERY_ERROR_PROTOCOL, false, VERDICT_RETRY, DELIVERY_ERROR_PROTOCOL},
        {0, DELIVERY_ERROR_DNS, true, VERDICT_AGAIN, DELIVERY_ERROR_DNS},
        {200, DELIVERY_ERROR_NONE, true, VERDICT_AGAIN, DELIVERY_ERROR_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome o = {.http_status = cases[i].status, .error = cases[i].error, .ours = cases[i].ours};
        enum delivery_error recorded;
        assert_int_equal(retry_classify(&o, &recorded), cases[i].verdict);
        assert_int_equal(recorded, cases[i].recorded);
    }
}

static void delays_grow_to_the_longest_and_spread(void **state)
{
    (void)state;
    static const struct {
        int attempt;
        int64_t middle_ms;
    } cases[] = {{1, 10000},    {2, 60000},    {3, 360000},   {4, 2160000},
                 {5, 12960000}, {6, 21600000}, {7, 21600000}, {1000, 21600000}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t middle_ms = cases[i].middle_ms;
        assert_int_equal(retry_delay_ms(&production, cases[i].attempt, 0), middle_ms * 8 / 10);
        assert_int_equal(retry_delay_ms(&production, cases[i].attempt, UINT32_MAX), middle_ms * 12 / 10);
        assert_in_range(retry_delay_ms(&production, cases[i].attempt, MIDDLE), middle_ms - 1, middle_ms + 1);
    }
}

static void delays_of_odd_policies(void **state)
{
    (void)state;
    const struct retry_policy constant = {.base_ms = 100, .factor = 1, .max_ms = 1000};
    const struct retry_policy tiny = {.base_ms = 1, .factor = 2, .max_ms = 1};
    const struct retry_policy overflows = {.base_ms = INT64_C(1) << 40, .factor = INT64_C(1) << 40, .max_ms = INT64_C(1) << 50};
    assert_int_equal(retry_delay_ms(&constant, 9, 0), 80);
    assert_int_equal(retry_delay_ms(&tiny, 3, UINT32_MAX), 1);
    assert_int_equal(retry_delay_ms(&overflows, 3, 0), (INT64_C(1) << 50) - (INT64_C(1) << 50) / 5);
}

/* 1994-11-06T08:49:37Z, the example of RFC 9110, 5.6.7, in its three forms. */
#define EXAMPLE_WALL_MS 784111777000LL

static void retry_after_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t now_wall_ms;
        bool ok;
        int64_t delay_ms;
    } cases[] = {
        {"0", 0, true, 0},
        {"120", 0, true, 120000},
        {"0120", 0, true, 120000},
        {"99999999999999999999999999", 0, true, -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE_WALL_MS - 5000, true, 5000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE_WALL_MS - 5000, true, 5000},
        {"Sun Nov  6 08:49:37 1994", EXAMPLE_WALL_MS - 5000, true, 5000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE_WALL_MS + 1, true, 0},
        {"", 0, false, 0},
        {"-1", 0, false, 0},
        {"+1", 0, false, 0},
        {"1.5", 0, false, 0},
        {"10 s", 0, false, 0},
        {"soon", 0, false, 0},
        {"Sun, 06 Nov 1994 08:49:37", 0, false, 0},
        {"Sun, 06 Nov 1994 08:49:37 CET", 0, false, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT and more", 0, false, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT and so much more that it does not fit", 0, false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t delay_ms = -7;
        assert_int_equal(retry_after_parse(slice_str(cases[i].value), cases[i].now_wall_ms, &delay_ms), cases[i].ok);
        if (!cases[i].ok)
            assert_int_equal(delay_ms, -7);
        else if (cases[i].delay_ms >= 0)
            assert_int_equal(delay_ms, cases[i].delay_ms);
        else
            assert_true(delay_ms > INT64_C(1) << 50);
    }
}

static void what_was_asked_is_held_within_bounds(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *retry_after;
        int attempt;
        int64_t delay_ms;
    } cases[] = {
        {503, "", 1, 8000},
        {503, "100", 1, 100000},
        {429, "100", 1, 100000},
        {500, "100", 1, 8000}, /* only 429 and 503 may ask */
        {200, "100", 1, 8000},
        {503, "3", 1, 8000}, /* never sooner */
        {503, "nonsense", 1, 8000},
        {503, "100000", 1, 6 * HOUR_MS}, /* never later than the longest */
        {503, "100000", 9, 6 * HOUR_MS},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome o = {.http_status = cases[i].status, .retry_after = slice_str(cases[i].retry_after)};
        assert_int_equal(retry_next_ms(&production, &o, cases[i].attempt, 0, 0), cases[i].delay_ms);
    }
    /* Where chance alone goes past the longest, that is kept. */
    struct outcome o = {.http_status = 503, .retry_after = SLICE("100000")};
    assert_int_equal(retry_next_ms(&production, &o, 9, 0, UINT32_MAX), 6 * HOUR_MS * 12 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_are_classified),
        cmocka_unit_test(delays_grow_to_the_longest_and_spread),
        cmocka_unit_test(delays_of_odd_policies),
        cmocka_unit_test(retry_after_is_read),
        cmocka_unit_test(what_was_asked_is_held_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
