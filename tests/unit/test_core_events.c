/* The ring of events that are read and not settled, and its watermark: the offset that may be committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "core/partition_internal.h"

static void nothing_read_leaves_the_committed_offset(void **state)
{
    (void)state;
    struct event_ring r;
    events_init(&r, -1);
    assert_int_equal(r.watermark, -1);
    events_done(&r);
    events_init(&r, 42);
    assert_int_equal(r.watermark, 42);
    events_done(&r);
}

static void settled_in_any_order_committed_in_one(void **state)
{
    (void)state;
    struct event_ring r;
    events_init(&r, 10);
    uint64_t a = events_add(&r, 10, 0), b = events_add(&r, 11, 0), c = events_add(&r, 12, 0);
    events_release(&r, c);
    assert_int_equal(r.watermark, 10);
    events_release(&r, a);
    assert_int_equal(r.watermark, 11);
    events_release(&r, b);
    assert_int_equal(r.watermark, 13);
    assert_int_equal(r.count, 0);
    events_done(&r);
}

static void an_event_waits_for_all_it_holds(void **state)
{
    (void)state;
    struct event_ring r;
    events_init(&r, 0);
    uint64_t a = events_add(&r, 0, 0);
    events_hold(&r, a);
    events_hold(&r, a);
    events_release(&r, a);
    events_release(&r, a);
    assert_int_equal(r.watermark, 0);
    events_release(&r, a);
    assert_int_equal(r.watermark, 1);
    events_done(&r);
}

/* Offsets where no record stands: only the next event tells that they are skipped. */
static void offsets_may_have_gaps(void **state)
{
    (void)state;
    struct event_ring r;
    events_init(&r, 5);
    uint64_t a = events_add(&r, 9, 0);
    assert_int_equal(r.watermark, 9);
    uint64_t b = events_add(&r, 20, 0);
    events_release(&r, a);
    assert_int_equal(r.watermark, 20);
    events_release(&r, b);
    assert_int_equal(r.watermark, 21);
    events_done(&r);
}

#define EVENTS 5000
#define WINDOW 700

/* Against the plain definition, growing and wrapping round: the first offset that is not settled. */
static void watermark_is_the_first_unsettled(void **state)
{
    (void)state;
    static bool settled[EVENTS];
    static uint64_t seqs[EVENTS];
    struct event_ring r;
    int added = 0, first = 0;
    unsigned random = 1;
    events_init(&r, 0);
    while (first < EVENTS) {
        random = random * 1103515245u + 12345u;
        if (added < EVENTS && added - first < WINDOW && (random >> 16) % 3 != 0) {
            seqs[added] = events_add(&r, added * 2, 0);
            added++;
        } else if (added > first) {
            int i = first + (int)((random >> 8) % (unsigned)(added - first));
            if (settled[i])
                i = first;
            settled[i] = true;
            events_release(&r, seqs[i]);
        }
        while (first < added && settled[first])
            first++;
        assert_int_equal(r.count, added - first);
        if (added > 0)
            assert_int_equal(r.watermark, first < added ? first * 2 : (added - 1) * 2 + 1);
    }
    events_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_read_leaves_the_committed_offset), cmocka_unit_test(settled_in_any_order_committed_in_one),
        cmocka_unit_test(an_event_waits_for_all_it_holds),          cmocka_unit_test(offsets_may_have_gaps),
        cmocka_unit_test(watermark_is_the_first_unsettled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
