/* When a failing webhook is warned about, and when it is to be disabled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health.h"

#define DAY_MS (24 * (int64_t)3600000)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void test_stages(void **state)
{
    (void)state;
    static const struct {
        int64_t failing_ms, limit_ms;
        int stage;
    } cases[] = {
        {0, 5 * DAY_MS, 0},
        {5 * DAY_MS / 2 - 1, 5 * DAY_MS, 0},
        {5 * DAY_MS / 2, 5 * DAY_MS, 1},
        {5 * DAY_MS / 10 * 7, 5 * DAY_MS, 2},
        {5 * DAY_MS / 10 * 9 - 1, 5 * DAY_MS, 2},
        {5 * DAY_MS / 10 * 9, 5 * DAY_MS, 3},
        {5 * DAY_MS - 1, 5 * DAY_MS, 3},
        {5 * DAY_MS, 5 * DAY_MS, HEALTH_STAGES + 1},
        {500 * DAY_MS, 5 * DAY_MS, HEALTH_STAGES + 1},
        {-3 * DAY_MS, 5 * DAY_MS, 0}, /* the clock went back */
        {999, 1000, 3},
        {500, 1000, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(health_stage(1780920000000, 1780920000000 + cases[i].failing_ms, cases[i].limit_ms), cases[i].stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
