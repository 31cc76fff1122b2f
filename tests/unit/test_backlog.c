/* What is kept for endpoints that take nothing now: the partitions, the schedule and the intake are stand-ins that count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backlog.h"
#include "intake.h"
#include "model/event.h"
#include "ownership.h"
#include "schedule.h"
#include "table.h"
#include "worker.h"

#define PARTITIONS 4
#define ROOM ((size_t)64 * 1024 * 1024)
#define MANY 100000

struct partition {
    int32_t number;
    bool serving;
    int held;
};

static struct partition partitions[PARTITIONS];
static struct worker worker;
static struct backlog *backlog;
static enum gate_look look; /* of wh_1; wh_dead takes nothing */
static char dead;           /* where its endpoint would be */
static int owed_count;
static uint64_t owed[MANY];
static char owed_path[256], owed_webhook[64], owed_trace[64];

int32_t partition_number(const struct partition *p)
{
    return p->number;
}

bool partition_is_serving(const struct partition *p)
{
    return p->serving;
}

void partition_event_hold(struct partition *p, uint64_t event_seq)
{
    (void)event_seq;
    p->held++;
}

void partition_event_unhold(struct partition *p, uint64_t event_seq)
{
    (void)event_seq;
    p->held--;
}

struct endpoint *table_webhook(const struct table *t, struct slice webhook_id)
{
    (void)t;
    if (slice_eq(webhook_id, SLICE("wh_dead")))
        return (struct endpoint *)&dead;
    assert_true(webhook_id.len > 3 && memcmp(webhook_id.p, "wh_", 3) == 0);
    return NULL;
}

enum gate_look schedule_look(const struct schedule *s, const struct partition *p, const struct endpoint *ep)
{
    (void)s, (void)p;
    return ep == (struct endpoint *)&dead ? GATE_IS_DEAD : look;
}

int schedule_parking(const struct schedule *s)
{
    (void)s;
    return 0;
}

int ownership_under_way(const struct ownership *o)
{
    (void)o;
    return 0;
}

void intake_owe(struct worker *w, struct partition *p, uint64_t event_seq, const struct event *ev, const struct job_webhook *wh,
                const struct trace *trace, int64_t offset)
{
    (void)w;
    assert_true(p->held > 0); /* its event is held until this delivery holds it */
    assert_int_equal(offset, (int64_t)event_seq + 100);
    assert_true(owed_count < MANY);
    owed[owed_count++] = event_seq;
    (void)snprintf(owed_path, sizeof owed_path, "%.*s", (int)ev->path.len, ev->path.p);
    (void)snprintf(owed_webhook, sizeof owed_webhook, "%.*s/%d", (int)wh->id.len, wh->id.p, wh->max_attempts);
    (void)snprintf(owed_trace, sizeof owed_trace, "%.*s/%d", (int)trace->id.len, trace->id.p, trace->sampled);
}

static int set_up(void **state)
{
    (void)state;
    memset(&worker, 0, sizeof worker);
    buf_init(&worker.event_scratch, 2 * EVENT_MAX_BYTES);
    worker.core.now_ms = 1000;
    worker.core.max_jobs = 4096;
    for (int i = 0; i < PARTITIONS; i++)
        partitions[i] = (struct partition){.number = i, .serving = true};
    backlog = backlog_new(&worker, PARTITIONS);
    look = GATE_IS_DEAD;
    owed_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    backlog_free(backlog);
    buf_done(&worker.event_scratch);
    return 0;
}

static void keep_for(const char *webhook_id, int partition, uint64_t seq, size_t padding)
{
    char text[4096];
    int len = snprintf(text, sizeof text,
                       "{\"event_id\":\"018f6f8a-7b3c-7d2e-9a41-0123456789ab\",\"event\":\"file.uploaded\",\"timestamp\":\"2026-"
                       "06-08T12:00:00Z\","
                       "\"account_id\":\"acc_1\",\"data\":{\"path\":\"/%llu%0*d.csv\",\"size\":1}}",
                       (unsigned long long)seq, (int)padding, 0);
    assert_true(len > 0 && (size_t)len < sizeof text);
    struct kafka_record rec = {.offset = (int64_t)seq + 100, .value = slice_of(text, (size_t)len)};
    struct job_webhook wh = {slice_str(webhook_id), 7};
    struct trace trace = {SLICE("4bf92f3577b34da6a3ce929d0e0e4736"), true};
    backlog_add(backlog, &partitions[partition], seq, &rec, &wh, &trace);
}

static void keep(int partition, uint64_t seq, size_t padding)
{
    keep_for("wh_1", partition, seq, padding);
}

static void turns(int count, int64_t step_ms)
{
    for (int i = 0; i < count; i++) {
        worker.core.now_ms += step_ms;
        backlog_turn(backlog);
    }
}

static void it_comes_out_as_it_went_in_and_in_order(void **state)
{
    (void)state;
    for (uint64_t seq = 0; seq < 20; seq++)
        keep(1, seq, 1);
    assert_int_equal(partitions[1].held, 20);
    assert_int_equal(backlog_count(backlog), 20);
    assert_int_equal(backlog_came(backlog), 20);
    assert_true(backlog_idle_ms(backlog) > 0);
    look = GATE_TAKES;
    turns(20, 1);
    assert_int_equal(backlog_came(backlog), 0);
    assert_int_equal(owed_count, 20);
    for (uint64_t seq = 0; seq < 20; seq++)
        assert_int_equal(owed[seq], seq);
    assert_string_equal(owed_path, "/190.csv");
    assert_string_equal(owed_webhook, "wh_1/7");
    assert_string_equal(owed_trace, "4bf92f3577b34da6a3ce929d0e0e4736/1");
    assert_int_equal(partitions[1].held, 0);
    assert_int_equal(backlog_count(backlog), 0);
    assert_int_equal(backlog_idle_ms(backlog), -1);
}

static void parking_keeps_a_pace_while_there_is_room(void **state)
{
    (void)state;
    for (uint64_t seq = 0; seq < 20000; seq++)
        keep((int)(seq % PARTITIONS), seq, 1);
    turns(2000, 1);
    assert_in_range(owed_count, 980, 1020); /* one in two milliseconds, however many turns there are */
    int before = owed_count;
    for (int i = 0; i < 1000; i++)
        backlog_turn(backlog);
    assert_in_range(owed_count, before, before + 8); /* time, not turns */
    before = owed_count;
    turns(1, 60000);
    assert_true(owed_count - before <= 8); /* nothing is saved up for a burst */
}

/* It has a pace of its own, twice as fast. */
static void what_is_behind_does_not_wait_for_the_dead(void **state)
{
    int of_dead = 0;
    (void)state;
    for (uint64_t seq = 0; seq < 10000; seq++)
        keep_for("wh_dead", (int)(seq % PARTITIONS), seq, 1);
    for (uint64_t seq = 10000; seq < 20000; seq++)
        keep((int)(seq % PARTITIONS), seq, 1);
    look = GATE_IS_BEHIND;
    turns(2000, 1);
    for (int i = 0; i < owed_count; i++)
        of_dead += owed[i] < 10000;
    assert_in_range(of_dead, 980, 1020);
    assert_in_range(owed_count - of_dead, 1960, 2040);
}

static void no_partition_waits_for_the_others(void **state)
{
    int of[PARTITIONS] = {0};
    (void)state;
    for (uint64_t seq = 0; seq < 20000; seq++)
        keep((int)(seq % PARTITIONS), seq, 1);
    turns(400, 5);
    for (int i = 0; i < owed_count; i++)
        of[owed[i] % PARTITIONS]++;
    for (int i = 0; i < PARTITIONS; i++)
        assert_in_range(of[i], owed_count / PARTITIONS * 8 / 10, owed_count / PARTITIONS * 12 / 10);
}

static void a_webhook_does_not_wait_for_anothers_backlog(void **state)
{
    (void)state;
    for (uint64_t seq = 0; seq < 10000; seq++)
        keep_for("wh_dead", 0, seq, 1);
    for (uint64_t seq = 10000; seq < 10010; seq++)
        keep(0, seq, 1);
    look = GATE_TAKES;
    turns(2, 1);
    int found = 0;
    for (int i = 0; i < owed_count; i++)
        found += owed[i] >= 10000;
    assert_int_equal(found, 10);
    assert_in_range(owed_count, 10, 10 + 16);
}

/* More lists than are looked at in a turn. */
static void each_of_many_webhooks_gets_its_turn(void **state)
{
    char id[16];
    (void)state;
    for (uint64_t seq = 0; seq < 1000; seq++) {
        (void)snprintf(id, sizeof id, "wh_%d", (int)(seq % 500));
        keep_for(id, (int)(seq % PARTITIONS), seq, 1);
    }
    look = GATE_TAKES;
    turns(40, 1);
    assert_int_equal(owed_count, 1000);
    assert_int_equal(backlog_count(backlog), 0);
}

static void what_is_taken_is_not_paced(void **state)
{
    (void)state;
    for (uint64_t seq = 0; seq < 4000; seq++)
        keep((int)(seq % PARTITIONS), seq, 1);
    look = GATE_TAKES;
    turns(200, 1);
    assert_int_equal(owed_count, 4000);
}

static void a_room_that_is_half_full_is_emptied_as_fast_as_can_be(void **state)
{
    uint64_t seq = 0;
    (void)state;
    size_t before = 0;
    for (; before < ROOM / 2; before += 2000, seq++)
        keep((int)(seq % PARTITIONS), seq, 2000);
    turns(10, 1);
    assert_true(owed_count > 10 * 16);
}

static void a_gate_that_has_enough_is_waited_for_and_not_for_ever(void **state)
{
    (void)state;
    keep(0, 1, 1);
    look = GATE_HAS_ENOUGH;
    turns(GATE_PATIENCE_MS - 1, 1);
    assert_int_equal(owed_count, 0);
    turns(1, 1);
    assert_int_equal(owed_count, 1);

    /* Not all at once. */
    for (uint64_t seq = 2; seq < 1002; seq++)
        keep((int)(seq % PARTITIONS), seq, 1);
    turns(GATE_PATIENCE_MS, 1);
    int first = owed_count;
    assert_in_range(first, 1, 1 + 16);
    turns(500, 1);
    assert_in_range(owed_count - first, 480, 520);
}

static void a_busy_worker_gets_through_it_too(void **state)
{
    (void)state;
    for (uint64_t seq = 0; seq < 100; seq++)
        keep(0, seq, 1);
    worker.core.jobs = 4000; /* of 4,096 */
    turns(208, 1);
    assert_int_equal(owed_count, 100);
    worker.core.jobs = 4096;
    keep(0, 100, 1);
    turns(100, 1);
    assert_int_equal(owed_count, 100); /* but not beyond its credit */
}

static void a_worker_on_hold_or_a_partition_that_is_not_served_waits(void **state)
{
    (void)state;
    keep(0, 1, 1);
    keep(1, 2, 1);
    partitions[0].serving = false;
    worker.core.hold = true;
    turns(10, 1);
    assert_int_equal(owed_count, 0);
    worker.core.hold = false;
    turns(10, 1);
    assert_int_equal(owed_count, 1);
    assert_int_equal(owed[0], 2);
}

static void its_room_is_bounded_and_shared(void **state)
{
    uint64_t seq = 0;
    (void)state;
    assert_false(backlog_is_full(backlog, &partitions[0]));
    for (; !backlog_is_full(backlog, &partitions[0]); seq++) {
        assert_true(seq * 3000 < ROOM);
        keep(0, seq, 3000);
    }
    assert_true(seq * 3300 > ROOM / 2); /* as much as is left for all: half of it */
    assert_false(backlog_is_full(backlog, &partitions[1]));
    for (; !backlog_is_full(backlog, &partitions[1]); seq++) {
        assert_true(seq * 3000 < ROOM);
        keep(1, seq, 3000);
    }
    assert_true(backlog_is_full(backlog, &partitions[0]));
}

static void a_partition_that_goes_takes_what_is_kept_of_it_with_it(void **state)
{
    (void)state;
    for (uint64_t seq = 0; seq < 10; seq++)
        keep((int)(seq % 2), seq, 1);
    backlog_drop(backlog, &partitions[0]);
    assert_int_equal(partitions[0].held, 0);
    assert_int_equal(partitions[1].held, 5);
    assert_int_equal(backlog_count(backlog), 5);
    turns(20, 1);
    assert_int_equal(owed_count, 5);
    for (int i = 0; i < owed_count; i++)
        assert_int_equal(owed[i] % 2, 1);
    /* It comes again, as another partition of the same number: what is kept of that one is its own. */
    struct partition again = {.number = 0, .serving = true};
    keep(0, 50, 1);
    backlog_drop(backlog, &again);
    assert_int_equal(backlog_count(backlog), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_comes_out_as_it_went_in_and_in_order),
        CASE(parking_keeps_a_pace_while_there_is_room),
        CASE(what_is_behind_does_not_wait_for_the_dead),
        CASE(no_partition_waits_for_the_others),
        CASE(a_webhook_does_not_wait_for_anothers_backlog),
        CASE(each_of_many_webhooks_gets_its_turn),
        CASE(what_is_taken_is_not_paced),
        CASE(a_room_that_is_half_full_is_emptied_as_fast_as_can_be),
        CASE(a_gate_that_has_enough_is_waited_for_and_not_for_ever),
        CASE(a_busy_worker_gets_through_it_too),
        CASE(a_worker_on_hold_or_a_partition_that_is_not_served_waits),
        CASE(its_room_is_bounded_and_shared),
        CASE(a_partition_that_goes_takes_what_is_kept_of_it_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
