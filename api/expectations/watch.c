#include "expectations/watch.h"

#include <stdlib.h>
#include <string.h>

#include "expectations/schedule.h"
#include "util/mem.h"
#include "util/uthash.h"

#define LOOK_BACK_MS (24 * 3600000LL)
#define HOUR_MS 3600000LL
#define YEARS_BACK 6

struct watched {
    char *id;
    int64_t due_wall_ms; /* the next to be judged; -1: none */
    struct watch_last last;
    bool seen; /* in this turn */
    UT_hash_handle hh;
};

struct watch {
    struct watch_ports ports;
    int64_t settle_ms;
    struct watched *all;
};

struct watch *watch_new(const struct watch_ports *ports, int64_t settle_ms)
{
    struct watch *w = mem_zalloc(sizeof *w);
    w->ports = *ports;
    w->settle_ms = settle_ms;
    return w;
}

static void drop(struct watch *w, struct watched *x)
{
    HASH_DEL(w->all, x);
    free(x->id);
    free(x);
}

void watch_free(struct watch *w)
{
    struct watched *x, *next;
    if (!w)
        return;
    HASH_ITER(hh, w->all, x, next)
        drop(w, x);
    free(w);
}

/* -------- due times -------- */

int64_t watch_due_after(const struct expectation *ex, int64_t wall_ms)
{
    struct schedule s;
    struct errmsg why;
    if (schedule_parse(ex->schedule, &s, &why) != ERR_OK)
        return -1;
    return schedule_next(&s, ex->time_zone, wall_ms);
}

/* The due time before one; -1: none in years. */
static int64_t due_before(const struct expectation *ex, int64_t due_wall_ms)
{
    int64_t back = HOUR_MS, first = due_wall_ms;
    while (first >= due_wall_ms && back < YEARS_BACK * 366 * 24 * HOUR_MS) {
        first = watch_due_after(ex, due_wall_ms - back);
        back *= 2;
    }
    if (first >= due_wall_ms || first < 0)
        return -1;
    for (int64_t next = first; next < due_wall_ms && next >= 0; next = watch_due_after(ex, next))
        first = next;
    return first;
}

void watch_window(const struct expectation *ex, int64_t due_wall_ms, int64_t *from_wall_ms, int64_t *until_wall_ms)
{
    int64_t grace_ms = ex->grace_s * 1000;
    *until_wall_ms = due_wall_ms + grace_ms;
    if (ex->window_s > 0) {
        *from_wall_ms = due_wall_ms - ex->window_s * 1000;
        return;
    }
    int64_t before = due_before(ex, due_wall_ms);
    *from_wall_ms = before < 0 ? 0 : before + grace_ms;
}

/* -------- judging -------- */

static struct watched *watched_of(struct watch *w, const struct expectation *ex, int64_t now_wall_ms)
{
    struct watched *x;
    HASH_FIND(hh, w->all, ex->id, strlen(ex->id), x);
    if (x)
        return x;
    int64_t from = now_wall_ms - LOOK_BACK_MS;
    x = mem_zalloc(sizeof *x);
    x->id = mem_strdup(ex->id);
    x->due_wall_ms = watch_due_after(ex, from > ex->created_wall_ms ? from : ex->created_wall_ms);
    HASH_ADD_KEYPTR(hh, w->all, x->id, strlen(x->id), x);
    return x;
}

static enum err judge(struct watch *w, const struct expectation *ex, int64_t due_wall_ms, struct watch_last *out)
{
    int64_t from, until, arrival = 0;
    watch_window(ex, due_wall_ms, &from, &until);
    enum err err = w->ports.arrival(w->ports.ctx, ex, from, until, &arrival);
    if (err == ERR_OK && arrival == 0)
        err = w->ports.missing(w->ports.ctx, ex, due_wall_ms);
    if (err == ERR_OK)
        *out = (struct watch_last){due_wall_ms, arrival > 0 ? ARRIVAL_ARRIVED : ARRIVAL_MISSING, arrival};
    return err;
}

void watch_turn(struct watch *w, const struct expectation *ex, int64_t now_wall_ms)
{
    struct watched *x = watched_of(w, ex, now_wall_ms);
    x->seen = true;
    if (x->due_wall_ms < 0 || now_wall_ms < x->due_wall_ms)
        return;
    if (now_wall_ms < x->due_wall_ms + ex->grace_s * 1000 + w->settle_ms) {
        x->last = (struct watch_last){x->due_wall_ms, ARRIVAL_WAITING, 0};
        return;
    }
    if (judge(w, ex, x->due_wall_ms, &x->last) == ERR_OK)
        x->due_wall_ms = watch_due_after(ex, x->due_wall_ms);
}

void watch_turn_end(struct watch *w)
{
    struct watched *x, *next;
    HASH_ITER(hh, w->all, x, next) {
        if (!x->seen)
            drop(w, x);
        else
            x->seen = false;
    }
}

struct watch_last watch_last_of(const struct watch *w, const char *expectation_id)
{
    struct watched *x;
    HASH_FIND(hh, w->all, expectation_id, strlen(expectation_id), x);
    return x ? x->last : (struct watch_last){0};
}
