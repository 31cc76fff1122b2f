/* The policies of an endpoint's gate: window, bucket, breaker. Time and chance are arguments, so each case is a small story. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/breaker.h"
#include "core/bucket.h"
#include "core/window.h"

static void grow(struct window *w, int answers)
{
    for (int i = 0; i < answers; i++)
        window_answer(w, true, true, 0);
}

static void window_starts_low_and_grows_to_its_limit(void **state)
{
    (void)state;
    struct window w;
    window_init(&w, 16);
    assert_int_equal(window_size(&w), WINDOW_START);
    grow(&w, WINDOW_START + 1);
    assert_int_equal(window_size(&w), WINDOW_START + 1);
    grow(&w, 1000);
    assert_int_equal(window_size(&w), 16);
    window_init(&w, 2);
    assert_int_equal(window_size(&w), 2);
    window_init(&w, 0);
    assert_int_equal(window_size(&w), 1);
}

static void window_does_not_grow_unused(void **state)
{
    (void)state;
    struct window w;
    window_init(&w, 16);
    for (int i = 0; i < 1000; i++)
        window_answer(&w, true, false, 0);
    assert_int_equal(window_size(&w), WINDOW_START);
}

static void window_halves_once_for_one_bad_moment(void **state)
{
    (void)state;
    struct window w;
    window_init(&w, 16);
    grow(&w, 1000);
    for (int left = 15; left >= 0; left--)
        window_answer(&w, false, true, left); /* sixteen were in flight, and all fail */
    assert_int_equal(window_size(&w), 8);
    window_answer(&w, false, true, 3); /* a new one fails: a second bad moment */
    assert_int_equal(window_size(&w), 4);
    for (int i = 0; i < 100; i++)
        window_answer(&w, false, true, 0);
    assert_int_equal(window_size(&w), 1);
}

static void window_follows_a_smaller_limit(void **state)
{
    (void)state;
    struct window w;
    window_init(&w, 16);
    grow(&w, 1000);
    window_set_limit(&w, 5);
    assert_int_equal(window_size(&w), 5);
    window_restart(&w);
    assert_int_equal(window_size(&w), 1);
    grow(&w, 1);
    assert_int_equal(window_size(&w), 2);
}

static void bucket_gives_its_burst_then_its_rate(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 5, 1000);
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&b, 1000));
    assert_false(bucket_take(&b, 1000));
    int64_t wait_ms = bucket_wait_ms(&b, 1000);
    assert_in_range(wait_ms, 200, 201);
    assert_false(bucket_take(&b, 1000 + 199));
    assert_true(bucket_take(&b, 1000 + wait_ms));
    int taken = 0;
    for (int64_t now = 2000; now < 12000; now += 10)
        taken += bucket_take(&b, now);
    assert_in_range(taken, 49, 55);
}

static void bucket_with_less_than_one_a_second(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 0.25, 0);
    assert_true(bucket_take(&b, 0));
    assert_false(bucket_take(&b, 3900));
    assert_true(bucket_take(&b, 4001));
}

static void bucket_without_limit_and_backward_clock(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 0, 0);
    for (int i = 0; i < 10000; i++)
        assert_true(bucket_take(&b, 0));
    assert_int_equal(bucket_wait_ms(&b, 0), 0);
    bucket_init(&b, 1, 5000);
    assert_true(bucket_take(&b, 5000));
    assert_false(bucket_take(&b, 1000)); /* no tokens for time that went back */
}

static void trip(struct breaker *b, int64_t now_ms)
{
    for (int i = 0; i < BREAKER_TRIP; i++) {
        assert_true(breaker_allows(b, now_ms));
        breaker_started(b);
        breaker_answer(b, false, now_ms, UINT32_MAX / 2);
    }
}

static void breaker_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    for (int i = 0; i < BREAKER_TRIP - 1; i++)
        breaker_answer(&b, false, 0, 0);
    assert_true(breaker_allows(&b, 0));
    breaker_answer(&b, true, 0, 0); /* one success: counting starts over */
    for (int i = 0; i < BREAKER_TRIP - 1; i++)
        breaker_answer(&b, false, 0, 0);
    assert_true(breaker_allows(&b, 0));
    breaker_answer(&b, false, 0, UINT32_MAX / 2);
    assert_false(breaker_allows(&b, 0));
    assert_in_range(breaker_wait_ms(&b, 0), BREAKER_FIRST_MS - 2, BREAKER_FIRST_MS + 2);
}

static void breaker_lets_one_probe_through(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    trip(&b, 0);
    int64_t now_ms = BREAKER_FIRST_MS * 2;
    assert_true(breaker_allows(&b, now_ms));
    breaker_started(&b);
    assert_false(breaker_allows(&b, now_ms));
    assert_true(breaker_answer(&b, true, now_ms, 0));
    assert_true(breaker_allows(&b, now_ms));
    assert_false(breaker_answer(&b, true, now_ms, 0));
}

static void breaker_lets_a_probe_through_when_told(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    trip(&b, 0);
    assert_false(breaker_allows(&b, 10));
    breaker_probe_now(&b, 10);
    assert_int_equal(breaker_wait_ms(&b, 10), 0);
    assert_true(breaker_allows(&b, 10));
    breaker_started(&b);
    assert_false(breaker_allows(&b, 10));
    breaker_probe_now(&b, 10); /* one is out */
    assert_false(breaker_allows(&b, 10));
}

/* The endpoint answers elsewhere while it is out. */
static void send_overtaken_probe(struct breaker *b)
{
    breaker_init(b);
    trip(b, 0);
    breaker_probe_now(b, 10);
    assert_true(breaker_allows(b, 10));
    breaker_started(b);
    breaker_probe_now(b, 20);
}

static void breaker_probes_again_when_overtaken(void **state)
{
    (void)state;
    struct breaker b;
    send_overtaken_probe(&b);
    breaker_answer(&b, false, 30, UINT32_MAX / 2);
    assert_true(breaker_allows(&b, 30));
    breaker_started(&b);
    breaker_answer(&b, false, 40, UINT32_MAX / 2); /* this one left after that: it counts */
    assert_false(breaker_allows(&b, 40));
    assert_true(breaker_wait_ms(&b, 40) > BREAKER_FIRST_MS);
}

static void breaker_forgets_being_overtaken(void **state)
{
    (void)state;
    struct breaker b;
    send_overtaken_probe(&b);
    breaker_withdrawn(&b);
    assert_true(breaker_allows(&b, 30));
    breaker_started(&b);
    breaker_answer(&b, false, 40, UINT32_MAX / 2);
    assert_false(breaker_allows(&b, 40));
}

static void breaker_stays_open_longer_each_time(void **state)
{
    (void)state;
    struct breaker b;
    int64_t now_ms = 0, last_ms = 0;
    breaker_init(&b);
    trip(&b, 0);
    for (int i = 0; i < 8; i++) {
        int64_t wait_ms = breaker_wait_ms(&b, now_ms);
        assert_true(wait_ms >= last_ms && wait_ms <= BREAKER_LONGEST_MS);
        last_ms = wait_ms;
        now_ms += wait_ms;
        assert_true(breaker_allows(&b, now_ms));
        breaker_started(&b);
        breaker_answer(&b, false, now_ms, UINT32_MAX / 2);
    }
    assert_in_range(last_ms, BREAKER_LONGEST_MS - 2, BREAKER_LONGEST_MS);
}

static void breaker_ignores_late_failures_and_forgotten_probes(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    trip(&b, 0);
    int64_t wait_ms = breaker_wait_ms(&b, 0);
    breaker_answer(&b, false, 100, 0); /* it was in flight when the breaker opened */
    assert_int_equal(breaker_wait_ms(&b, 0), wait_ms);
    assert_true(breaker_allows(&b, wait_ms));
    breaker_started(&b);
    breaker_withdrawn(&b);
    assert_true(breaker_allows(&b, wait_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_starts_low_and_grows_to_its_limit),
        cmocka_unit_test(window_does_not_grow_unused),
        cmocka_unit_test(window_halves_once_for_one_bad_moment),
        cmocka_unit_test(window_follows_a_smaller_limit),
        cmocka_unit_test(bucket_gives_its_burst_then_its_rate),
        cmocka_unit_test(bucket_with_less_than_one_a_second),
        cmocka_unit_test(bucket_without_limit_and_backward_clock),
        cmocka_unit_test(breaker_opens_after_failures_in_a_row),
        cmocka_unit_test(breaker_lets_one_probe_through),
        cmocka_unit_test(breaker_lets_a_probe_through_when_told),
        cmocka_unit_test(breaker_probes_again_when_overtaken),
        cmocka_unit_test(breaker_forgets_being_overtaken),
        cmocka_unit_test(breaker_stays_open_longer_each_time),
        cmocka_unit_test(breaker_ignores_late_failures_and_forgotten_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
