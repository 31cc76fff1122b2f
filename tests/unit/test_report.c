/* What the ingest's thread hands over to the loop, and what is said when that was too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "view/report.h"

#define RECORD_BYTES (1024UL * 1024)

struct world {
    struct loop *loop;
    struct report *report;
    int deliveries, disabled, untold, after_untold;
    int stop_after; /* so many calls */
};

static void see(void *ctx, enum report_kind kind, struct slice record)
{
    struct world *w = ctx;
    w->after_untold += w->untold > 0 && kind == REPORT_DELIVERY;
    w->deliveries += kind == REPORT_DELIVERY;
    w->disabled += kind == REPORT_DISABLED;
    w->untold += kind == REPORT_UNTOLD;
    assert_int_equal(record.len == 0, kind == REPORT_UNTOLD);
    if (--w->stop_after == 0) {
        loop_stop(w->loop);
    }
}

static void run(struct world *w, int calls)
{
    w->stop_after = calls;
    loop_run(w->loop);
}

static int set_up(void **state)
{
    static struct world w;
    w = (struct world){.loop = loop_new()};
    w.report = report_new(w.loop, see, &w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    report_free(w->report);
    loop_free(w->loop);
    return 0;
}

static void hand_over(struct world *w, int count)
{
    static const char record[RECORD_BYTES];
    for (int i = 0; i < count; i++) {
        report_record(w->report, REPORT_DELIVERY, slice_of(record, sizeof record));
    }
}

/* What is committed at once. */
static void tell(struct world *w, int count)
{
    hand_over(w, count);
    report_commit(w->report);
}

static void test_deliveries_are_told_while_somebody_watches(void **state)
{
    struct world *w = *state;
    hand_over(w, 3);
    report_record(w->report, REPORT_DISABLED, SLICE("x"));
    report_commit(w->report);
    run(w, 1);
    assert_int_equal(w->deliveries, 0);
    assert_int_equal(w->disabled, 1);
    report_watch(w->report, true);
    tell(w, 3);
    run(w, 3);
    assert_int_equal(w->deliveries, 3);
    assert_int_equal(w->untold, 0);
}

static void test_nothing_is_told_before_it_is_committed(void **state)
{
    struct world *w = *state;
    report_watch(w->report, true);
    hand_over(w, 3);
    report_rollback(w->report);
    tell(w, 2);
    run(w, 2);
    assert_int_equal(w->deliveries, 2);
    assert_int_equal(w->untold, 0);
}

/* They are in no list that was read before, and were not kept. */
static void test_who_begins_to_watch_amid_a_transaction_reads_again(void **state)
{
    struct world *w = *state;
    hand_over(w, 2);
    report_watch(w->report, true);
    tell(w, 1);
    run(w, 2);
    assert_int_equal(w->deliveries, 1);
    assert_int_equal(w->untold, 1);
    assert_int_equal(report_dropped(w->report), 0);
}

/* More transactions than the loop takes. */
static void test_what_the_loop_does_not_take_is_bounded(void **state)
{
    struct world *w = *state;
    report_watch(w->report, true);
    for (int i = 0; i < 10; i++) {
        tell(w, 1);
    }
    run(w, 7 + 1);
    assert_int_equal(w->deliveries, 7);
    assert_int_equal(w->untold, 1);
    assert_int_equal(report_dropped(w->report), 3);
}

static void test_too_many_are_left_out_counted_and_said(void **state)
{
    struct world *w = *state;
    report_watch(w->report, true);
    hand_over(w, 10);
    report_record(w->report, REPORT_DISABLED, SLICE("x"));
    report_commit(w->report);
    run(w, 7 + 1 + 1);
    assert_int_equal(w->deliveries, 7); /* what fits */
    assert_int_equal(w->disabled, 1);   /* has room of its own */
    assert_int_equal(w->untold, 1);
    assert_int_equal(w->after_untold, 0);
    assert_int_equal(report_dropped(w->report), 3);
    tell(w, 1);
    run(w, 1);
    assert_int_equal(w->deliveries, 8);
    assert_int_equal(w->untold, 1); /* said once */
}

static void test_one_that_never_fits_is_said_too(void **state)
{
    static const char record[9 * RECORD_BYTES];
    struct world *w = *state;
    report_watch(w->report, true);
    report_record(w->report, REPORT_DELIVERY, slice_of(record, sizeof record));
    report_commit(w->report);
    run(w, 1);
    assert_int_equal(w->untold, 1);
    assert_int_equal(report_dropped(w->report), 1);
}

static void *from_a_thread(void *arg)
{
    tell(arg, 5);
    return NULL;
}

static void test_another_thread_wakes_the_loop(void **state)
{
    struct world *w = *state;
    pthread_t thread;
    report_watch(w->report, true);
    assert_int_equal(pthread_create(&thread, NULL, from_a_thread, w), 0);
    run(w, 5);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w->deliveries, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deliveries_are_told_while_somebody_watches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_told_before_it_is_committed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_begins_to_watch_amid_a_transaction_reads_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_loop_does_not_take_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_are_left_out_counted_and_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_never_fits_is_said_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_thread_wakes_the_loop, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
