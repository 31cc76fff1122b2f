/* The one event loop of a program: one thread, three steps. Wait until a descriptor is ready or a timer is due;
 * run handlers; then the once-per-turn work (flush Redis commands, records, commits; free the dead). Time is read
 * once per turn. libev does the waiting; its header appears in loop.c alone. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;
struct loop_turn;

enum loop_event { LOOP_READ = 1, LOOP_WRITE = 2 };

/* Also ignores SIGPIPE: a peer that is gone is an error of the write, for every socket of the program. */
struct loop *loop_new(void);
/* All watchers must be gone. */
void loop_free(struct loop *l);
/* Runs until loop_stop; the turn in which that was called is finished, its once-per-turn work included. May be run again. */
void loop_run(struct loop *l);
/* Before loop_run: the run returns at once. */
void loop_stop(struct loop *l);

/* CLOCK_MONOTONIC milliseconds, read once at the start of this turn; while the loop does not run, the clock itself. */
int64_t loop_now(const struct loop *l);
/* Wall clock of this turn, milliseconds since 1970; likewise. */
int64_t loop_wall(const struct loop *l);
/* Age of the present turn: how long ago the loop last woke, by the real clock; it wakes once a second at least. Safe from any
 * thread; for /livez. */
int64_t loop_turn_age_ms(const struct loop *l);
/* Length of the longest turn since the last call, ms (a gauge); and it starts over. */
int64_t loop_take_longest_turn_ms(struct loop *l);

/* Descriptors. events: LOOP_READ | LOOP_WRITE. The handler may free its own watcher. Free it before the descriptor is closed. */
typedef void loop_io_fn(void *ctx, int events);
struct loop_io *loop_io_new(struct loop *l, int fd, int events, loop_io_fn *fn, void *ctx);
void loop_io_set(struct loop_io *io, int events); /* 0: none for now; the descriptor stays known */
void loop_io_free(struct loop_io *io);            /* NULL is fine */

/* Timers. One-shot; arm again from the handler for a period. In a turn, handlers of descriptors run before those of timers; at
 * expiry loop_now has advanced by after_ms at least. */
typedef void loop_timer_fn(void *ctx);
struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn *fn, void *ctx); /* not armed */
void loop_timer_arm(struct loop_timer *t, int64_t after_ms);                     /* from now; 0: next turn; re-arming moves it */
void loop_timer_cancel(struct loop_timer *t);
bool loop_timer_armed(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* Work at the end of every turn, before the loop waits again, in order of `order` (lower first). Returning true asks for
 * another turn at once (something is left over its bound). fn may free any of them, its own too. */
typedef bool loop_turn_fn(void *ctx);
enum loop_order { LOOP_ORDER_WORK = 0, LOOP_ORDER_FLUSH = 100, LOOP_ORDER_DEAD = 200 };
struct loop_turn *loop_turn_new(struct loop *l, int order, loop_turn_fn *fn, void *ctx);
void loop_turn_free(struct loop_turn *t);

/* Calls fn at the start of every turn, when the time has been read and before any handler. One for the life of the loop. */
void loop_on_wake(struct loop *l, void (*fn)(void *ctx), void *ctx);

/* Calls fn on the loop when the signal arrives. One handler per signal, for the life of the loop. */
void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx);

#endif
