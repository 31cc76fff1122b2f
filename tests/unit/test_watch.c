/* Expected arrivals, judged minute by minute against scripted arrivals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expectations/watch.h"
#include "util/clock.h"
#include "util/mem.h"

#define SETTLE_MS 2000
#define SAID_MAX 32

static int64_t wall(const char *utc)
{
    int64_t ms = 0;
    assert_int_equal(clock_parse_utc(slice_str(utc), &ms), ERR_OK);
    return ms;
}

static const char *const *arrivals; /* the script: times, ending with NULL */
static bool away;                   /* the view does not answer */
static int64_t said[SAID_MAX];
static size_t said_count;

static enum err on_arrival(void *ctx, const struct expectation *ex, int64_t from, int64_t until, int64_t *wall_ms)
{
    (void)ctx;
    (void)ex;
    if (away)
        return ERR_AGAIN;
    for (const char *const *a = arrivals; *a; a++)
        if (wall(*a) > from && wall(*a) <= until)
            *wall_ms = wall(*a);
    return ERR_OK;
}

static enum err on_missing(void *ctx, const struct expectation *ex, int64_t due)
{
    (void)ctx;
    (void)ex;
    assert_true(said_count < SAID_MAX);
    said[said_count++] = due;
    return ERR_OK;
}

static struct expectation *nightly(int64_t grace_s, int64_t window_s, const char *created)
{
    struct expectation *ex = expectation_new();
    free(ex->id);
    free(ex->schedule);
    ex->id = mem_strdup("exp_1");
    ex->schedule = mem_strdup("0 3 * * *");
    ex->grace_s = grace_s;
    ex->window_s = window_s;
    ex->created_wall_ms = wall(created);
    return ex;
}

static void run(struct watch *w, const struct expectation *ex, const char *from, const char *to)
{
    for (int64_t now = wall(from); now < wall(to); now += 30000) {
        watch_turn(w, ex, now);
        watch_turn_end(w);
    }
}

static void assert_said(const char *const *due)
{
    size_t count = 0;
    for (; due[count]; count++) {
        assert_true(count < said_count);
        assert_true(said[count] == wall(due[count]));
    }
    assert_int_equal(said_count, count);
}

static const struct {
    const char *name;
    int64_t grace_s, window_s;
    const char *arrivals[5], *missing[5];
} cases[] = {
    {"one that comes each night", 900, 0, {"2026-06-09T02:50:00Z", "2026-06-10T03:10:00Z", "2026-06-11T02:59:59Z"}, {NULL}},
    {"none at all", 900, 0, {NULL}, {"2026-06-09T03:00:00Z", "2026-06-10T03:00:00Z", "2026-06-11T03:00:00Z"}},
    {"late in its grace time: it does not count for the next night",
     900,
     0,
     {"2026-06-09T03:15:00Z"},
     {"2026-06-10T03:00:00Z", "2026-06-11T03:00:00Z"}},
    {"after its grace time: it counts for the next night",
     900,
     0,
     {"2026-06-09T03:15:01Z"},
     {"2026-06-09T03:00:00Z", "2026-06-11T03:00:00Z"}},
    {"a window of an hour",
     0,
     3600,
     {"2026-06-09T01:59:00Z", "2026-06-10T02:01:00Z", "2026-06-11T03:00:00Z"},
     {"2026-06-09T03:00:00Z"}},
};

static void each_night_is_judged_once(void **state)
{
    struct watch_ports ports = {.arrival = on_arrival, .missing = on_missing};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct watch *w = watch_new(&ports, SETTLE_MS);
        struct expectation *ex = nightly(cases[i].grace_s, cases[i].window_s, "2026-06-08T12:00:00Z");
        arrivals = cases[i].arrivals;
        said_count = 0;
        run(w, ex, "2026-06-08T12:00:00Z", "2026-06-11T12:00:00Z");
        if (said_count > 3)
            fail_msg("%s: %zu were missing", cases[i].name, said_count);
        assert_said(cases[i].missing);
        expectation_free(ex);
        watch_free(w);
    }
}

static void what_fell_due_while_it_was_down_is_judged(void **state)
{
    struct watch_ports ports = {.arrival = on_arrival, .missing = on_missing};
    struct watch *w = watch_new(&ports, SETTLE_MS);
    struct expectation *ex = nightly(60, 0, "2026-06-01T12:00:00Z");
    (void)state;
    arrivals = (const char *const[]){NULL};
    said_count = 0;
    run(w, ex, "2026-06-08T12:00:00Z", "2026-06-08T12:01:00Z"); /* of the last 24 hours, no more */
    assert_said((const char *const[]){"2026-06-08T03:00:00Z", NULL});
    assert_int_equal(watch_last_of(w, "exp_1").state, ARRIVAL_MISSING);
    expectation_free(ex);
    watch_free(w);
}

static void a_view_that_is_away_delays_the_judgement(void **state)
{
    struct watch_ports ports = {.arrival = on_arrival, .missing = on_missing};
    struct watch *w = watch_new(&ports, SETTLE_MS);
    struct expectation *ex = nightly(60, 0, "2026-06-08T12:00:00Z");
    (void)state;
    arrivals = (const char *const[]){NULL};
    said_count = 0;
    away = true;
    run(w, ex, "2026-06-09T02:59:00Z", "2026-06-09T04:00:00Z");
    assert_int_equal(said_count, 0);
    assert_int_equal(watch_last_of(w, "exp_1").state, ARRIVAL_WAITING);
    away = false;
    run(w, ex, "2026-06-09T04:00:00Z", "2026-06-09T05:00:00Z");
    assert_said((const char *const[]){"2026-06-09T03:00:00Z", NULL});
    expectation_free(ex);
    watch_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_night_is_judged_once),
        cmocka_unit_test(what_fell_due_while_it_was_down_is_judged),
        cmocka_unit_test(a_view_that_is_away_delays_the_judgement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
