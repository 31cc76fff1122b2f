/* Judges expected arrivals when they are due, and says what is missing. The windows in which a file may arrive follow one another
 * without a gap: from the end of the one before to the due time and its grace; or, with window_s, from so long before the due
 * time.
 *
 * Every replica judges and fires: the event's id, time and data come from the expectation and its due time, so that all make the
 * same one. Each waits a moment of its own and looks whether it is there already. After a start, what fell due in the last 24
 * hours is judged too. */
#ifndef EXPECTATIONS_WATCH_H
#define EXPECTATIONS_WATCH_H

#include "definitions/expectation.h"

struct watch;

enum arrival_state { ARRIVAL_UNKNOWN, ARRIVAL_WAITING, ARRIVAL_ARRIVED, ARRIVAL_MISSING };

/* What became of the last due time. */
struct watch_last {
    int64_t due_wall_ms; /* 0: none yet */
    enum arrival_state state;
    int64_t arrival_wall_ms; /* 0: none */
};

struct watch_ports {
    /* When the last file came that counts, from < time <= until; 0: none did. ERR_AGAIN: not known yet; in particular, none is
     * known, and not everything that was in the topics then has been read. */
    enum err (*arrival)(void *ctx, const struct expectation *ex, int64_t from_wall_ms, int64_t until_wall_ms, int64_t *wall_ms);
    /* It is missing: the event is to be sent, unless that was done. ERR_AGAIN: not now. */
    enum err (*missing)(void *ctx, const struct expectation *ex, int64_t due_wall_ms);
    void *ctx;
};

struct watch *watch_new(const struct watch_ports *ports, int64_t settle_ms);
void watch_free(struct watch *w); /* NULL is fine */
/* Called with each expectation there is, once a second; forgets those that it was not called with when watch_turn_end comes. */
void watch_turn(struct watch *w, const struct expectation *ex, int64_t now_wall_ms);
void watch_turn_end(struct watch *w);
/* All zero for one that has not been judged. */
struct watch_last watch_last_of(const struct watch *w, const char *expectation_id);

/* The window of a due time. */
void watch_window(const struct expectation *ex, int64_t due_wall_ms, int64_t *from_wall_ms, int64_t *until_wall_ms);
/* The next due time after an instant; -1: never. */
int64_t watch_due_after(const struct expectation *ex, int64_t wall_ms);

#endif
