/* The loop on libev.
 *
 * libev runs: prepare watchers, wait, check watchers, handlers. So the check watcher, of the highest priority, is the
 * start of a turn (it reads the time) and the prepare watcher is its end (it runs the once-per-turn work). When
 * that work leaves something over, an idle watcher keeps libev from waiting.
 *
 * Handlers of descriptors run before those of timers: after a stall of our own, an answer that has arrived counts before the
 * deadline that would have declared it missing. A heartbeat wakes the loop once a second, so that an idle loop and a hung one
 * look different from outside.
 *
 * Watchers are stopped before they are freed and libev does not touch one after calling it, so a handler may free anything. */
#include "io/loop.h"

#include <ev.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/clock.h"
#include "util/err.h"
#include "util/mem.h"

#define HEARTBEAT_S 1.0

struct loop_signal {
    ev_signal ev;
    void (*fn)(void *ctx, int signo);
    void *ctx;
    LIST_ENTRY(loop_signal) link;
};

struct loop {
    struct ev_loop *ev;
    ev_check turn_begins;
    ev_prepare turn_ends;
    ev_idle no_wait; /* active while turn work is left over */
    ev_timer heartbeat;
    bool running;
    bool stop;
    bool in_turn_work;
    void (*on_wake)(void *ctx);
    void *on_wake_ctx;
    int64_t now_ms;
    int64_t wall_ms;
    int64_t longest_turn_ms;
    _Atomic int64_t woke_ms;
    int watchers;                  /* of others; zero when the loop is freed */
    TAILQ_HEAD(, loop_turn) turns; /* sorted by order */
    LIST_HEAD(, loop_signal) signals;
};

struct loop_io {
    ev_io ev;
    struct loop *loop;
    loop_io_fn *fn;
    void *ctx;
};

struct loop_timer {
    ev_timer ev;
    struct loop *loop;
    loop_timer_fn *fn;
    void *ctx;
};

struct loop_turn {
    struct loop *loop;
    loop_turn_fn *fn; /* NULL: freed while turn work was running */
    void *ctx;
    int order;
    TAILQ_ENTRY(loop_turn) link;
};

static void read_clocks(struct loop *l)
{
    l->now_ms = clock_mono_ms();
    l->wall_ms = clock_wall_ms();
    atomic_store_explicit(&l->woke_ms, l->now_ms, memory_order_relaxed);
}

static void free_dead_turns(struct loop *l)
{
    struct loop_turn *t = TAILQ_FIRST(&l->turns);
    while (t) {
        struct loop_turn *next = TAILQ_NEXT(t, link);
        if (!t->fn) {
            TAILQ_REMOVE(&l->turns, t, link);
            free(t);
        }
        t = next;
    }
}

static bool run_turn_work(struct loop *l)
{
    bool more = false;
    l->in_turn_work = true;
    for (struct loop_turn *t = TAILQ_FIRST(&l->turns); t; t = TAILQ_NEXT(t, link)) {
        if (t->fn && t->fn(t->ctx))
            more = true;
    }
    l->in_turn_work = false;
    free_dead_turns(l);
    return more;
}

static void on_turn_begins(struct ev_loop *ev, ev_check *w, int revents)
{
    (void)ev;
    (void)revents;
    struct loop *l = w->data;
    read_clocks(l);
    if (l->on_wake)
        l->on_wake(l->on_wake_ctx);
}

static void on_turn_ends(struct ev_loop *ev, ev_prepare *w, int revents)
{
    (void)revents;
    struct loop *l = w->data;
    if (run_turn_work(l))
        ev_idle_start(ev, &l->no_wait);
    else
        ev_idle_stop(ev, &l->no_wait);
    int64_t took_ms = clock_mono_ms() - l->now_ms;
    if (took_ms > l->longest_turn_ms)
        l->longest_turn_ms = took_ms;
}

/* Being active is all that it is for. */
static void on_no_wait(struct ev_loop *ev, ev_idle *w, int revents)
{
    (void)ev;
    (void)w;
    (void)revents;
}

/* Waking is all that it is for. */
static void on_heartbeat(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev;
    (void)w;
    (void)revents;
}

struct loop *loop_new(void)
{
    struct loop *l = mem_zalloc(sizeof *l);
    TAILQ_INIT(&l->turns);
    LIST_INIT(&l->signals);
    l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    check(l->ev != NULL);
    signal(SIGPIPE, SIG_IGN);
    read_clocks(l);

    ev_check_init(&l->turn_begins, on_turn_begins);
    ev_set_priority(&l->turn_begins, EV_MAXPRI);
    l->turn_begins.data = l;
    ev_check_start(l->ev, &l->turn_begins);

    ev_prepare_init(&l->turn_ends, on_turn_ends);
    l->turn_ends.data = l;
    ev_prepare_start(l->ev, &l->turn_ends);

    ev_idle_init(&l->no_wait, on_no_wait);

    ev_timer_init(&l->heartbeat, on_heartbeat, HEARTBEAT_S, HEARTBEAT_S);
    ev_timer_start(l->ev, &l->heartbeat);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    check(l->watchers == 0);
    struct loop_signal *s;
    while ((s = LIST_FIRST(&l->signals))) {
        ev_signal_stop(l->ev, &s->ev);
        LIST_REMOVE(s, link);
        free(s);
    }
    ev_check_stop(l->ev, &l->turn_begins);
    ev_prepare_stop(l->ev, &l->turn_ends);
    ev_idle_stop(l->ev, &l->no_wait);
    ev_timer_stop(l->ev, &l->heartbeat);
    ev_loop_destroy(l->ev);
    free(l);
}

void loop_run(struct loop *l)
{
    check(!l->running);
    l->running = true;
    read_clocks(l);
    while (!l->stop)
        ev_run(l->ev, 0);
    run_turn_work(l); /* libev leaves before the end of the turn in which it was stopped */
    l->stop = false;
    l->running = false;
}

void loop_stop(struct loop *l)
{
    l->stop = true;
    ev_break(l->ev, EVBREAK_ONE);
}

int64_t loop_now(const struct loop *l)
{
    return l->running ? l->now_ms : clock_mono_ms();
}

int64_t loop_wall(const struct loop *l)
{
    return l->running ? l->wall_ms : clock_wall_ms();
}

int64_t loop_turn_age_ms(const struct loop *l)
{
    return clock_mono_ms() - atomic_load_explicit(&l->woke_ms, memory_order_relaxed);
}

int64_t loop_take_longest_turn_ms(struct loop *l)
{
    int64_t longest_ms = l->longest_turn_ms;
    l->longest_turn_ms = 0;
    return longest_ms;
}

/* -------- descriptors -------- */

static int to_ev(int events)
{
    return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

static void on_io(struct ev_loop *ev, ev_io *w, int revents)
{
    (void)ev;
    struct loop_io *io = w->data;
    int events = (revents & EV_READ ? LOOP_READ : 0) | (revents & EV_WRITE ? LOOP_WRITE : 0);
    io->fn(io->ctx, events);
}

struct loop_io *loop_io_new(struct loop *l, int fd, int events, loop_io_fn *fn, void *ctx)
{
    struct loop_io *io = mem_zalloc(sizeof *io);
    io->loop = l;
    io->fn = fn;
    io->ctx = ctx;
    ev_io_init(&io->ev, on_io, fd, to_ev(events));
    io->ev.data = io;
    l->watchers++;
    if (events)
        ev_io_start(l->ev, &io->ev);
    return io;
}

void loop_io_set(struct loop_io *io, int events)
{
    int wanted = to_ev(events);
    int present = ev_is_active(&io->ev) ? io->ev.events & (EV_READ | EV_WRITE) : 0;
    if (wanted == present)
        return;
    struct ev_loop *ev = io->loop->ev;
    int pending = ev_clear_pending(ev, &io->ev) & wanted;
    ev_io_stop(ev, &io->ev);
    ev_io_modify(&io->ev, wanted); /* no system call when the old set is back before the loop waits */
    if (wanted)
        ev_io_start(ev, &io->ev);
    if (pending)
        ev_feed_event(ev, &io->ev, pending); /* seen in this turn and still wanted: stopping must not lose it */
}

void loop_io_free(struct loop_io *io)
{
    if (!io)
        return;
    ev_io_stop(io->loop->ev, &io->ev);
    io->loop->watchers--;
    free(io);
}

/* -------- timers -------- */

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev;
    (void)revents;
    struct loop_timer *t = w->data;
    t->fn(t->ctx);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn *fn, void *ctx)
{
    struct loop_timer *t = mem_zalloc(sizeof *t);
    t->loop = l;
    t->fn = fn;
    t->ctx = ctx;
    ev_timer_init(&t->ev, on_timer, 0., 0.);
    ev_set_priority(&t->ev, -1); /* after descriptors */
    t->ev.data = t;
    l->watchers++;
    return t;
}

/* libev reads its clock a moment before we read ours; the added millisecond makes sure that at expiry loop_now has advanced by
 * after_ms at least, so that no handler finds itself early. */
void loop_timer_arm(struct loop_timer *t, int64_t after_ms)
{
    struct ev_loop *ev = t->loop->ev;
    if (!t->loop->running)
        ev_now_update(ev);
    ev_timer_stop(ev, &t->ev);
    ev_timer_set(&t->ev, after_ms > 0 ? (double)(after_ms + 1) / 1000. : 0., 0.);
    ev_timer_start(ev, &t->ev);
}

void loop_timer_cancel(struct loop_timer *t)
{
    ev_timer_stop(t->loop->ev, &t->ev);
}

bool loop_timer_armed(const struct loop_timer *t)
{
    return ev_is_active(&t->ev) || ev_is_pending(&t->ev);
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    ev_timer_stop(t->loop->ev, &t->ev);
    t->loop->watchers--;
    free(t);
}

/* -------- once a turn -------- */

struct loop_turn *loop_turn_new(struct loop *l, int order, loop_turn_fn *fn, void *ctx)
{
    struct loop_turn *t = mem_zalloc(sizeof *t);
    t->loop = l;
    t->fn = fn;
    t->ctx = ctx;
    t->order = order;
    l->watchers++;
    struct loop_turn *after = TAILQ_FIRST(&l->turns);
    while (after && after->order <= order)
        after = TAILQ_NEXT(after, link);
    if (after)
        TAILQ_INSERT_BEFORE(after, t, link);
    else
        TAILQ_INSERT_TAIL(&l->turns, t, link);
    return t;
}

void loop_turn_free(struct loop_turn *t)
{
    if (!t)
        return;
    struct loop *l = t->loop;
    l->watchers--;
    if (l->in_turn_work) {
        t->fn = NULL;
        return;
    }
    TAILQ_REMOVE(&l->turns, t, link);
    free(t);
}

/* -------- signals -------- */

static void on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
    (void)ev;
    (void)revents;
    struct loop_signal *s = w->data;
    s->fn(s->ctx, w->signum);
}

void loop_on_wake(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    l->on_wake = fn;
    l->on_wake_ctx = ctx;
}

void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx)
{
    struct loop_signal *s = mem_zalloc(sizeof *s);
    s->fn = fn;
    s->ctx = ctx;
    ev_signal_init(&s->ev, on_signal, signo);
    s->ev.data = s;
    ev_signal_start(l->ev, &s->ev);
    LIST_INSERT_HEAD(&l->signals, s, link);
}
