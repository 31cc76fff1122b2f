/* The age of the oldest unsettled event, from a few samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "age.h"

static void test_oldest(void **state)
{
    (void)state;
    struct ages *a = ages_new();
    assert_int_equal(ages_oldest_wall_ms(a), 0);
    ages_settled(a, 3, 100);     /* nothing was read */
    for (int i = 0; i < 50; i++) /* ten a second */
        ages_read(a, 3, 100 + i, 10000 + 100 * i);
    assert_int_equal(ages_oldest_wall_ms(a), 10000);
    ages_settled(a, 3, 109); /* the first second is not settled whole */
    assert_int_equal(ages_oldest_wall_ms(a), 10000);
    ages_settled(a, 3, 110);
    assert_int_equal(ages_oldest_wall_ms(a), 11000);
    ages_read(a, 1, 7, 9000); /* another partition, an older event */
    assert_int_equal(ages_oldest_wall_ms(a), 9000);
    ages_settled(a, 1, 8);
    assert_int_equal(ages_oldest_wall_ms(a), 11000);
    ages_settled(a, 3, 149); /* all but one */
    assert_int_equal(ages_oldest_wall_ms(a), 14000);
    ages_settled(a, 3, 150);
    assert_int_equal(ages_oldest_wall_ms(a), 0);
    ages_read(a, 3, 150, 20000);
    assert_int_equal(ages_oldest_wall_ms(a), 20000);
    ages_forget(a, 3);
    ages_forget(a, 99);
    assert_int_equal(ages_oldest_wall_ms(a), 0);
    ages_free(a);
}

/* However long a backlog is, the oldest is never forgotten, and no answer is too low. */
static void test_long_backlog(void **state)
{
    (void)state;
    struct ages *a = ages_new();
    for (int64_t i = 0; i < 5000; i++)
        ages_read(a, 0, i, 1000000 + 1000 * i);
    assert_int_equal(ages_oldest_wall_ms(a), 1000000);
    for (int64_t next = 1; next < 5000; next += 7) {
        ages_settled(a, 0, next);
        int64_t right = 1000000 + 1000 * next;
        assert_in_range(ages_oldest_wall_ms(a), right - 32000, right);
    }
    ages_free(a);
    ages_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oldest),
        cmocka_unit_test(test_long_backlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
