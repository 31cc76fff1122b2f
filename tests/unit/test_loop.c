#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop.h"
#include "spin.h"
#include "util/clock.h"
#include "util/err.h"

#define LIMIT_MS 5000

static struct loop *loop;
static char trace[64]; /* a letter for each handler that ran */

static void note(char c)
{
    size_t len = strlen(trace);
    assert_true(len + 1 < sizeof trace);
    trace[len] = c;
    trace[len + 1] = '\0';
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    trace[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop); /* asserts that no watcher is left */
    return 0;
}

static void block_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&ts, &ts) != 0)
        assert_int_equal(errno, EINTR);
}

/* -------- timers -------- */

struct ticker {
    struct loop_timer *timer;
    char letter;
    int64_t armed_at_ms, after_ms;
    int fired;
};

static void on_tick(void *ctx)
{
    struct ticker *t = ctx;
    assert_true(loop_now(loop) - t->armed_at_ms >= t->after_ms);
    assert_false(loop_timer_armed(t->timer));
    note(t->letter);
    t->fired++;
}

static void arm(struct ticker *t, int64_t after_ms)
{
    t->armed_at_ms = loop_now(loop);
    t->after_ms = after_ms;
    loop_timer_arm(t->timer, after_ms);
}

static void timers_fire_in_order_and_never_early(void **state)
{
    (void)state;
    struct ticker t[4];
    const int64_t after_ms[] = {45, 15, 30, 0};
    for (int i = 0; i < 4; i++) {
        t[i] = (struct ticker){.letter = (char)('a' + i)};
        t[i].timer = loop_timer_new(loop, on_tick, &t[i]);
        assert_false(loop_timer_armed(t[i].timer));
        arm(&t[i], after_ms[i]);
        assert_true(loop_timer_armed(t[i].timer));
    }
    assert_true(spin_until_count(loop, &t[0].fired, 1, LIMIT_MS));
    assert_string_equal(trace, "dbca");
    for (int i = 0; i < 4; i++)
        loop_timer_free(t[i].timer);
}

static void on_short_tick(void *ctx)
{
    struct ticker *t = ctx;
    assert_true(loop_now(loop) - t->armed_at_ms >= t->after_ms);
    if (++t->fired < 300)
        arm(t, t->after_ms);
}

/* Not by the part of a millisecond that two readings of the clock differ by, either. */
static void short_timers_are_not_early(void **state)
{
    (void)state;
    struct ticker t = {.letter = 't'};
    t.timer = loop_timer_new(loop, on_short_tick, &t);
    arm(&t, 1);
    assert_true(spin_until_count(loop, &t.fired, 300, LIMIT_MS));
    loop_timer_free(t.timer);
}

static void a_timer_can_be_moved_and_cancelled(void **state)
{
    (void)state;
    struct ticker moved = {.letter = 'm'}, cancelled = {.letter = 'c'}, last = {.letter = 'l'};
    moved.timer = loop_timer_new(loop, on_tick, &moved);
    cancelled.timer = loop_timer_new(loop, on_tick, &cancelled);
    last.timer = loop_timer_new(loop, on_tick, &last);
    arm(&moved, 5);
    arm(&moved, 40);
    arm(&cancelled, 5);
    loop_timer_cancel(cancelled.timer);
    arm(&last, 20);
    assert_true(spin_until_count(loop, &moved.fired, 1, LIMIT_MS));
    assert_string_equal(trace, "lm");
    loop_timer_free(moved.timer);
    loop_timer_free(cancelled.timer);
    loop_timer_free(last.timer);
    loop_timer_free(NULL);
}

struct periodic {
    struct loop_timer *timer;
    int fired;
    int64_t last_turn_ms;
};

/* Zero means the next turn, not this one: else it would never end. */
static void on_periodic(void *ctx)
{
    struct periodic *p = ctx;
    p->fired++;
    loop_timer_arm(p->timer, 0);
}

static bool count_turn(void *ctx)
{
    int *turns = ctx;
    ++*turns;
    return false;
}

static void a_timer_armed_from_its_handler_fires_once_a_turn(void **state)
{
    (void)state;
    struct periodic p = {0};
    int turns = 0;
    p.timer = loop_timer_new(loop, on_periodic, &p);
    struct loop_turn *turn = loop_turn_new(loop, LOOP_ORDER_WORK, count_turn, &turns);
    loop_timer_arm(p.timer, 0);
    assert_true(spin_until_count(loop, &p.fired, 50, LIMIT_MS));
    assert_true(turns >= 50);
    loop_timer_free(p.timer);
    loop_turn_free(turn);
}

static void on_self_free(void *ctx)
{
    struct ticker *t = ctx;
    loop_timer_free(t->timer);
    t->timer = NULL;
    t->fired++;
}

static void a_timer_may_free_itself(void **state)
{
    (void)state;
    struct ticker t = {.letter = 't'};
    t.timer = loop_timer_new(loop, on_self_free, &t);
    loop_timer_arm(t.timer, 1);
    assert_true(spin_until_count(loop, &t.fired, 1, LIMIT_MS));
    assert_null(t.timer);
}

/* -------- descriptors -------- */

struct reader {
    int fds[2];
    struct loop_io *io;
    struct reader *victim;  /* whose watcher is freed by the handler */
    struct reader *toggled; /* whose watcher is changed and changed back by the handler */
    char letter;
    int called;
    int events;
};

static void on_reader(void *ctx, int events)
{
    struct reader *r = ctx;
    char c;
    if (events & LOOP_READ)
        assert_int_equal(read(r->fds[0], &c, 1), 1);
    note(r->letter);
    r->called++;
    r->events = events;
    if (r->victim) {
        loop_io_free(r->victim->io);
        r->victim->io = NULL;
    }
    if (r->toggled) {
        loop_io_set(r->toggled->io, LOOP_READ | LOOP_WRITE);
        loop_io_set(r->toggled->io, LOOP_READ);
    }
}

static void reader_open(struct reader *r, char letter)
{
    *r = (struct reader){.letter = letter};
    assert_int_equal(pipe2(r->fds, O_NONBLOCK | O_CLOEXEC), 0);
    r->io = loop_io_new(loop, r->fds[0], LOOP_READ, on_reader, r);
}

static void reader_close(struct reader *r)
{
    loop_io_free(r->io);
    close(r->fds[0]);
    close(r->fds[1]);
}

static void feed(const struct reader *r)
{
    assert_int_equal(write(r->fds[1], "x", 1), 1);
}

static void a_readable_descriptor_is_reported(void **state)
{
    (void)state;
    struct reader r;
    reader_open(&r, 'r');
    spin_for(loop, 10);
    assert_int_equal(r.called, 0);
    feed(&r);
    assert_true(spin_until_count(loop, &r.called, 1, LIMIT_MS));
    assert_int_equal(r.events, LOOP_READ);
    loop_io_set(r.io, 0);
    feed(&r);
    spin_for(loop, 10);
    assert_int_equal(r.called, 1);
    loop_io_set(r.io, LOOP_READ);
    assert_true(spin_until_count(loop, &r.called, 2, LIMIT_MS));
    reader_close(&r);
    loop_io_free(NULL);
}

static void a_writable_descriptor_is_reported(void **state)
{
    (void)state;
    struct reader r;
    reader_open(&r, 'r');
    struct reader w = {.letter = 'w'};
    w.io = loop_io_new(loop, r.fds[1], LOOP_WRITE, on_reader, &w);
    assert_true(spin_until_count(loop, &w.called, 1, LIMIT_MS));
    assert_int_equal(w.events, LOOP_WRITE);
    loop_io_free(w.io);
    reader_close(&r);
}

/* Whichever runs first frees the other, whose event is pending. */
static void a_handler_may_free_another_that_is_pending(void **state)
{
    (void)state;
    struct reader a, b;
    reader_open(&a, 'a');
    reader_open(&b, 'b');
    a.victim = &b;
    b.victim = &a;
    feed(&a);
    feed(&b);
    spin_for(loop, 20);
    assert_int_equal(strlen(trace), 1);
    assert_int_equal(a.called + b.called, 1);
    reader_close(&a);
    reader_close(&b);
}

static void a_handler_may_free_itself(void **state)
{
    (void)state;
    struct reader a;
    reader_open(&a, 'a');
    a.victim = &a;
    feed(&a);
    assert_true(spin_until_count(loop, &a.called, 1, LIMIT_MS));
    assert_null(a.io);
    reader_close(&a);
}

static bool is_noted(void *ctx)
{
    (void)ctx;
    return trace[0] != '\0';
}

/* Changing what a pending watcher waits for must not cost it its event: both are called in the same turn. */
static void changing_a_pending_watcher_keeps_its_event(void **state)
{
    (void)state;
    struct reader a, b;
    reader_open(&a, 'a');
    reader_open(&b, 'b');
    a.toggled = &b;
    b.toggled = &a;
    feed(&a);
    feed(&b);
    assert_true(spin_until(loop, is_noted, NULL, LIMIT_MS));
    assert_int_equal(a.called, 1);
    assert_int_equal(b.called, 1);
    reader_close(&a);
    reader_close(&b);
}

static void a_descriptor_number_may_be_used_again(void **state)
{
    (void)state;
    struct reader a, b;
    reader_open(&a, 'a');
    spin_for(loop, 5);
    int number = a.fds[0];
    reader_close(&a);
    reader_open(&b, 'b');
    assert_int_equal(b.fds[0], number);
    feed(&b);
    assert_true(spin_until_count(loop, &b.called, 1, LIMIT_MS));
    reader_close(&b);
}

static void a_broken_pipe_is_an_error_of_the_write(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(fds[1]);
}

static void on_stall(void *ctx)
{
    const struct reader *r = ctx;
    feed(r);
    block_ms(60);
}

/* After a stall, what has arrived counts before the deadline that would have declared it missing. */
static void descriptors_come_before_timers_in_a_turn(void **state)
{
    (void)state;
    struct reader r;
    reader_open(&r, 'r');
    struct ticker t = {.letter = 't'};
    t.timer = loop_timer_new(loop, on_tick, &t);
    struct loop_timer *stall = loop_timer_new(loop, on_stall, &r);
    arm(&t, 20);
    loop_timer_arm(stall, 0);
    assert_true(spin_until_count(loop, &t.fired, 1, LIMIT_MS));
    assert_string_equal(trace, "rt");
    loop_timer_free(stall);
    loop_timer_free(t.timer);
    reader_close(&r);
}

/* -------- once a turn -------- */

struct worker {
    struct loop_turn *turn;
    struct worker *victim;
    struct worker *child; /* made by the first call */
    char letter;
    int left; /* calls that ask for another turn */
    int called;
};

static bool on_worker(void *ctx)
{
    struct worker *w = ctx;
    if (w->called++ == 0)
        note(w->letter);
    if (w->child && !w->child->turn)
        w->child->turn = loop_turn_new(loop, LOOP_ORDER_WORK, on_worker, w->child);
    if (w->victim) {
        loop_turn_free(w->victim->turn);
        w->victim->turn = NULL;
        w->victim = NULL;
    }
    return w->left > 0 && w->left-- > 0;
}

static void turn_work_runs_in_its_order(void **state)
{
    (void)state;
    struct worker w[4];
    const int orders[] = {LOOP_ORDER_DEAD, LOOP_ORDER_WORK, LOOP_ORDER_FLUSH, LOOP_ORDER_WORK};
    for (int i = 0; i < 4; i++) {
        w[i] = (struct worker){.letter = (char)('a' + i)};
        w[i].turn = loop_turn_new(loop, orders[i], on_worker, &w[i]);
    }
    spin_for(loop, 5);
    assert_string_equal(trace, "bdca");
    for (int i = 0; i < 4; i++)
        loop_turn_free(w[i].turn);
    loop_turn_free(NULL);
}

static void work_left_over_gets_another_turn_at_once(void **state)
{
    (void)state;
    struct worker w = {.letter = 'w', .left = 1000};
    w.turn = loop_turn_new(loop, LOOP_ORDER_WORK, on_worker, &w);
    int64_t began_ms = clock_mono_ms();
    assert_true(spin_until_count(loop, &w.called, 1001, LIMIT_MS));
    assert_true(clock_mono_ms() - began_ms < 900); /* waiting would take a second a turn */
    int called = w.called;
    spin_for(loop, 50);
    assert_true(w.called - called < 10); /* and now it waits again */
    loop_turn_free(w.turn);
}

static void turn_work_may_free_and_make_turn_work(void **state)
{
    (void)state;
    struct worker self = {.letter = 's'}, killer = {.letter = 'k'}, killed = {.letter = 'x'}, child = {.letter = 'c'};
    self.victim = &self;
    killer.victim = &killed;
    killer.child = &child;
    self.turn = loop_turn_new(loop, 1, on_worker, &self);
    killer.turn = loop_turn_new(loop, 2, on_worker, &killer);
    killed.turn = loop_turn_new(loop, 3, on_worker, &killed);
    assert_true(spin_until_count(loop, &killer.called, 1, LIMIT_MS));
    spin_for(loop, 5);
    assert_string_equal(trace, "skc");
    loop_turn_free(killer.turn);
    loop_turn_free(child.turn);
}

/* -------- running, time -------- */

static void on_stop(void *ctx)
{
    (void)ctx;
    loop_stop(loop);
}

static void stopping_finishes_the_turn(void **state)
{
    (void)state;
    struct worker w = {.letter = 'w'};
    struct loop_timer *stop = loop_timer_new(loop, on_stop, NULL);
    w.turn = loop_turn_new(loop, LOOP_ORDER_FLUSH, on_worker, &w);
    loop_timer_arm(stop, 10);
    loop_run(loop);
    int called = w.called;
    loop_timer_arm(stop, 0);
    loop_run(loop); /* again */
    assert_true(w.called > called);
    loop_timer_free(stop);
    loop_turn_free(w.turn);
}

static void stopping_before_running_returns_at_once(void **state)
{
    (void)state;
    loop_stop(loop);
    loop_run(loop);
    spin_for(loop, 5); /* and is forgotten then */
}

struct observed {
    int64_t now_ms, wall_ms, age_ms;
    int done;
};

static void on_observe(void *ctx)
{
    struct observed *o = ctx;
    o->now_ms = loop_now(loop);
    o->wall_ms = loop_wall(loop);
    block_ms(50);
    assert_int_equal(loop_now(loop), o->now_ms); /* read once a turn */
    assert_int_equal(loop_wall(loop), o->wall_ms);
    o->age_ms = loop_turn_age_ms(loop);
    o->done = 1;
}

static void time_stands_still_in_a_turn(void **state)
{
    (void)state;
    struct observed o = {0};
    struct loop_timer *t = loop_timer_new(loop, on_observe, &o);
    int64_t mono_ms = clock_mono_ms(), wall_ms = clock_wall_ms();
    loop_timer_arm(t, 20);
    assert_true(spin_until_count(loop, &o.done, 1, LIMIT_MS));
    assert_in_range(o.now_ms - mono_ms, 20, 1000);
    assert_in_range(o.wall_ms - wall_ms, 15, 1000);
    assert_in_range(o.age_ms, 50, 1000);
    assert_in_range(loop_take_longest_turn_ms(loop), 50, 1000);
    assert_int_equal(loop_take_longest_turn_ms(loop), 0);
    block_ms(20);
    assert_true(clock_mono_ms() - loop_now(loop) < 10); /* while it does not run, the clock itself */
    loop_timer_free(t);
}

/* Waiting is not a long turn, and an idle loop is seen to live. */
static void an_idle_loop_wakes_every_second(void **state)
{
    (void)state;
    int turns = 0;
    struct loop_turn *turn = loop_turn_new(loop, LOOP_ORDER_WORK, count_turn, &turns);
    assert_true(spin_until_count(loop, &turns, 3, 2500));
    assert_in_range(loop_turn_age_ms(loop), 0, 500);
    assert_in_range(loop_take_longest_turn_ms(loop), 0, 500);
    loop_turn_free(turn);
}

static void on_raise(void *ctx)
{
    (void)ctx;
    assert_int_equal(raise(SIGUSR1), 0);
}

static void on_usr1(void *ctx, int signo)
{
    int *seen = ctx;
    assert_int_equal(signo, SIGUSR1);
    ++*seen;
}

static void a_signal_is_handled_on_the_loop(void **state)
{
    (void)state;
    int seen = 0;
    loop_on_signal(loop, SIGUSR1, on_usr1, &seen);
    struct loop_timer *t = loop_timer_new(loop, on_raise, NULL);
    loop_timer_arm(t, 1);
    assert_true(spin_until_count(loop, &seen, 1, LIMIT_MS));
    assert_int_equal(seen, 1);
    loop_timer_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_fire_in_order_and_never_early),
        TEST(short_timers_are_not_early),
        TEST(a_timer_can_be_moved_and_cancelled),
        TEST(a_timer_armed_from_its_handler_fires_once_a_turn),
        TEST(a_timer_may_free_itself),
        TEST(a_readable_descriptor_is_reported),
        TEST(a_writable_descriptor_is_reported),
        TEST(a_handler_may_free_another_that_is_pending),
        TEST(a_handler_may_free_itself),
        TEST(changing_a_pending_watcher_keeps_its_event),
        TEST(a_descriptor_number_may_be_used_again),
        TEST(a_broken_pipe_is_an_error_of_the_write),
        TEST(descriptors_come_before_timers_in_a_turn),
        TEST(turn_work_runs_in_its_order),
        TEST(work_left_over_gets_another_turn_at_once),
        TEST(turn_work_may_free_and_make_turn_work),
        TEST(stopping_finishes_the_turn),
        TEST(stopping_before_running_returns_at_once),
        TEST(time_stands_still_in_a_turn),
        TEST(an_idle_loop_wakes_every_second),
        TEST(a_signal_is_handled_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
