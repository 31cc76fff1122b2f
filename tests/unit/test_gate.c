/* A webhook's gate: what must be parked, and until when. Time is an argument, so each case is a small story. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate.h"
#include "util/list.h"

#define T0 1000000
#define WALL 1790000000000

static struct webhook hook = {.max_concurrency = 16};
static struct job fresh, retried = {.has_record = true};

static int new_gate(void **state)
{
    *state = gate_new("0 wh", 4, NULL, &hook, 0, T0);
    return 0;
}

static int free_gate(void **state)
{
    gate_free(*state);
    return 0;
}

static void start(struct gate *gate, int count, int64_t now_ms)
{
    for (int i = 0; i < count; i++)
        gate_started(gate, now_ms);
}

/* `count` POSTs of so many milliseconds, one after the other. */
static void answer(struct gate *gate, enum gate_answer how, int count, int64_t duration_ms, int64_t *now_ms)
{
    for (int i = 0; i < count; i++) {
        gate_started(gate, *now_ms);
        *now_ms += duration_ms;
        gate_ended(gate, how, duration_ms, *now_ms, 0);
    }
}

static bool must_park(struct gate *gate, int queued, int64_t now_ms)
{
    gate->queued = queued;
    return gate_must_park(gate, &fresh, now_ms, WALL + now_ms - T0);
}

static void the_queue_is_as_long_as_patience(void **state)
{
    struct gate *gate = *state;
    int64_t now_ms = T0;
    assert_false(must_park(gate, 1000, now_ms)); /* nothing is known of it */
    answer(gate, GATE_GOOD, 50, 100, &now_ms);
    /* 100 ms, 4 at once: 80 in two seconds */
    assert_false(must_park(gate, 79, now_ms));
    assert_true(must_park(gate, 81, now_ms));
    assert_true(must_park(gate, 5000, now_ms));
}

static void a_rate_limit_bounds_the_queue(void **state)
{
    struct gate *gate = *state;
    gate_follow(gate, &hook, 40, T0); /* of which this partition has 10 */
    assert_false(must_park(gate, 20, T0));
    assert_true(must_park(gate, 21, T0));
}

static void silence_is_noticed_before_a_timeout(void **state)
{
    struct gate *gate = *state;
    start(gate, 3, T0);
    assert_false(must_park(gate, 1000, T0 + 5000)); /* it would be sent now */
    start(gate, 1, T0);
    assert_false(must_park(gate, 79, T0 + 100));
    assert_true(must_park(gate, 81, T0 + 100));
    assert_true(must_park(gate, 9, T0 + 1000));
    assert_false(must_park(gate, 0, T0 + 1000));
}

/* Its window is open, and others have the slots. */
static void a_gate_that_gets_no_slot_is_no_better(void **state)
{
    struct gate *gate = *state;
    struct job job = {.queued_ms = T0};
    int64_t wait_ms = 0;
    start(gate, 1, T0 - 60000); /* long before it had work for another */
    TAILQ_INSERT_TAIL(&gate->queue, &job, gate_link);
    gate->queued = 100;
    gate->state = gate_judge(gate, T0, &wait_ms);
    assert_int_equal(gate->state, GATE_READY);
    assert_false(must_park(gate, 100, T0 + 400)); /* it may have to wait a little */
    assert_true(must_park(gate, 100, T0 + 600));
    assert_false(must_park(gate, 13, T0 + 600)); /* four at once, one in 150 ms */
    TAILQ_REMOVE(&gate->queue, &job, gate_link);
    gate_lost_patience(gate);
    assert_true(must_park(gate, 1, T0 + 2600)); /* it goes on waiting */
    gate_started(gate, T0 + 2600);
    assert_false(must_park(gate, 100, T0 + 2700));
}

static void an_endpoint_that_is_back_is_judged_anew(void **state)
{
    struct gate *gate = *state;
    int64_t now_ms = T0, wait_ms = 0;
    answer(gate, GATE_BAD, BREAKER_TRIP, 10000, &now_ms);
    assert_true(must_park(gate, 0, now_ms));
    now_ms += BREAKER_FIRST_MS * 2;
    assert_false(must_park(gate, 0, now_ms));
    gate->queued = 1;
    assert_int_equal(gate_judge(gate, now_ms, &wait_ms), GATE_READY);
    answer(gate, GATE_GOOD, 1, 20, &now_ms);
    assert_int_equal(window_size(&gate->window), 1);
    assert_false(must_park(gate, 100, now_ms));
    assert_true(must_park(gate, 101, now_ms));
}

static void new_ones_stay_behind_parked_ones(void **state)
{
    struct gate *gate = *state;
    int64_t until = gate_park_until(gate, 0, T0, WALL, 0);
    assert_int_equal(until, WALL + 2000);
    assert_true(gate_must_park(gate, &fresh, T0, WALL + 1999));
    assert_false(gate_must_park(gate, &retried, T0, WALL + 1999));
    assert_false(gate_must_park(gate, &fresh, T0, WALL + 2000));
}

static void parked_ones_come_due_at_the_pace_of_the_endpoint(void **state)
{
    struct gate *gate = *state;
    int64_t now_ms = T0;
    answer(gate, GATE_GOOD, 1, 100, &now_ms);
    for (int i = 0; i < 100; i++)
        assert_int_equal(gate_park_until(gate, 1000, now_ms, WALL, 0), WALL + 2000 + 25 * i);
}

/* 7,500 for an endpoint that hangs: each is looked at once in sixteen minutes, and no second has more than its share. They are
 * parked many in one moment, as they come due together. */
static void a_backlog_is_spread_evenly(void **state)
{
    struct gate *gate = *state;
    int seconds[1000] = {0};
    uint32_t random = 1;
    start(gate, 4, T0);
    for (int i = 0; i < 7500; i++) {
        int64_t passed_ms = i / 75 * 30;
        random = random * 1664525 + 1013904223; /* Numerical Recipes' */
        int64_t until = gate_park_until(gate, 7500, T0 + 20000 + passed_ms, WALL + passed_ms, random >> 8);
        assert_in_range(until, WALL + 2000, WALL + 3000 + 2000 + 964000);
        seconds[(until - WALL) / 1000]++;
    }
    for (int t = 6; t < 960; t++)
        assert_in_range(seconds[t], 2, 20); /* 8 are its share */
}

/* The same for one that answers: thirty-two times as often, so that it is kept as busy as it can be. */
static void what_waits_for_one_that_answers_comes_round_sooner(void **state)
{
    struct gate *gate = *state;
    int64_t now_ms = T0, last = 0;
    answer(gate, GATE_GOOD, 50, 100, &now_ms);
    for (int i = 0; i < 7500; i++) {
        int64_t until = gate_park_until(gate, 7500, now_ms, WALL, 0);
        last = until > last ? until : last;
    }
    assert_in_range(last, WALL + 31000, WALL + 2000 + 30025);
    answer(gate, GATE_BAD, BREAKER_TRIP, 100, &now_ms);
    for (int i = 0; i < 15000; i++) {
        int64_t until = gate_park_until(gate, 7500, now_ms, WALL, 0);
        last = until > last ? until : last;
    }
    assert_in_range(last, WALL + 900000, WALL + 6000 + 961000);
}

static enum gate_look look(struct gate *gate, int queued, int on_the_way, int64_t now_ms)
{
    gate->queued = queued;
    return gate_look(gate, on_the_way, false, now_ms, WALL + now_ms - T0);
}

static void before_its_first_answer_it_takes_a_few(void **state)
{
    struct gate *gate = *state;
    int64_t now_ms = T0;
    assert_int_equal(gate_look(NULL, 0, false, now_ms, WALL), GATE_TAKES);
    assert_int_equal(gate_look(NULL, 1000, false, now_ms, WALL), GATE_HAS_ENOUGH);
    assert_int_equal(gate_look(NULL, 0, true, now_ms, WALL), GATE_TAKES);
    assert_int_equal(gate_look(NULL, 4, true, now_ms, WALL), GATE_HAS_ENOUGH);
    gate->queued = 1;
    assert_int_equal(gate_look(gate, 0, true, now_ms, WALL), GATE_HAS_ENOUGH);
    assert_int_equal(look(gate, 60, 60, now_ms), GATE_TAKES);
    assert_int_equal(look(gate, 64, 64, now_ms), GATE_HAS_ENOUGH);
    answer(gate, GATE_GOOD, 1, 5, &now_ms);
    assert_int_equal(look(gate, 500, 500, now_ms), GATE_TAKES);
    assert_int_equal(gate_look(gate, 500, true, now_ms, WALL + now_ms - T0), GATE_TAKES);
}

static void it_parks_while_it_is_jammed(void **state)
{
    struct gate *gate = *state;
    start(gate, 4, T0);
    assert_int_equal(look(gate, 64, 0, T0 + 1000), GATE_IS_BEHIND); /* nothing came in a second: 64 would take 16 */
    assert_int_equal(look(gate, 0, 0, T0 + 1000), GATE_TAKES);
    gate_park_until(gate, 0, T0 + 1000, WALL + 1000, 0);
    assert_int_equal(look(gate, 0, 0, T0 + 1000), GATE_IS_BEHIND); /* behind the one that is parked */
    gate_park_until(gate, 0, T0 + 4000, WALL + 4000, 0);
    assert_int_equal(look(gate, 0, 0, T0 + 4000), GATE_IS_DEAD); /* four at once, nothing in four seconds */
}

/* What is parked for it until far from now is called in when it is back, as much as it takes. */
static void what_was_parked_is_called_in_when_it_is_back(void **state)
{
    struct gate *gate = *state;
    int64_t now_ms = T0;
    answer(gate, GATE_BAD, BREAKER_TRIP, 1000, &now_ms);
    for (int i = 0; i < 1000; i++)
        gate_park_until(gate, 1000, now_ms, WALL, 0);
    assert_int_equal(gate_calls_in(gate, 1000, now_ms, WALL), CALL_IN_ENDS);
    now_ms += BREAKER_FIRST_MS * 2;
    gate_started(gate, now_ms);
    assert_false(gate_ended(gate, GATE_BAD, 20, now_ms, 0));
    now_ms += BREAKER_FIRST_MS * 4;
    gate_started(gate, now_ms);
    assert_true(gate_ended(gate, GATE_GOOD, 20, now_ms, 0));
    assert_int_equal(gate_calls_in(gate, 1000, now_ms, WALL), CALL_IN_MORE);
    gate->queued = 13; /* 20 ms, one at a time */
    assert_int_equal(gate_calls_in(gate, 1000, now_ms, WALL), CALL_IN_WAITS);
    gate->queued = 12;
    assert_int_equal(gate_calls_in(gate, 1000, now_ms, WALL), CALL_IN_MORE);
    assert_int_equal(gate_calls_in(gate, 0, now_ms, WALL), CALL_IN_ENDS);
    gate->parked_until_wall_ms = 0; /* a former owner knew */
    assert_int_equal(gate_calls_in(gate, 1000, now_ms, WALL), CALL_IN_MORE);
    gate->parked_until_wall_ms = WALL + 100000;
    assert_int_equal(gate_calls_in(gate, 1000, now_ms, WALL + 3600000), CALL_IN_ENDS); /* all of it was due */
    gate_started(gate, now_ms);
    assert_false(gate_ended(gate, GATE_GOOD, 20, now_ms, 0)); /* once */
    gate->queued = 1;
    assert_true(gate_must_park(gate, &fresh, now_ms, WALL + 20000)); /* behind those that are parked */
    gate_park_until(gate, 1000, now_ms, WALL, 0);                    /* one goes back */
    gate_called_in(gate);
    assert_true(gate_must_park(gate, &fresh, now_ms, WALL + 1999));
    assert_false(gate_must_park(gate, &fresh, now_ms, WALL + 2000));
}

static void a_few_are_looked_at_soon(void **state)
{
    struct gate *gate = *state;
    start(gate, 4, T0);
    for (int i = 0; i < 500; i++)
        assert_in_range(gate_park_until(gate, 15, T0 + 20000, WALL, (uint32_t)i), WALL + 2000, WALL + 4000);
}

static void millions_are_looked_at_in_half_an_hour(void **state)
{
    struct gate *gate = *state;
    int64_t last = 0;
    start(gate, 4, T0);
    for (int i = 0; i < 2000; i++) {
        int64_t until = gate_park_until(gate, 1000000, T0 + 20000, WALL, 0);
        last = until > last ? until : last;
    }
    assert_in_range(last, WALL + 1800000, WALL + 1802000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, new_gate, free_gate)
        CASE(the_queue_is_as_long_as_patience),
        CASE(a_rate_limit_bounds_the_queue),
        CASE(silence_is_noticed_before_a_timeout),
        CASE(a_gate_that_gets_no_slot_is_no_better),
        CASE(an_endpoint_that_is_back_is_judged_anew),
        CASE(new_ones_stay_behind_parked_ones),
        CASE(parked_ones_come_due_at_the_pace_of_the_endpoint),
        CASE(a_backlog_is_spread_evenly),
        CASE(what_waits_for_one_that_answers_comes_round_sooner),
        CASE(before_its_first_answer_it_takes_a_few),
        CASE(it_parks_while_it_is_jammed),
        CASE(what_was_parked_is_called_in_when_it_is_back),
        CASE(a_few_are_looked_at_soon),
        CASE(millions_are_looked_at_in_half_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
