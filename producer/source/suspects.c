#include "producer/source/suspects.h"

#include <stdlib.h>

#include "producer/source/fact.h"
#include "util/mem.h"

struct suspect {
    struct source_fact fact; /* its slices point into bytes */
    char *bytes;
    size_t cap;
    int64_t time_us;
    TAILQ_ENTRY(suspect) link;
};

void suspects_init(struct suspects *t, const struct source_sink *sink)
{
    TAILQ_INIT(&t->list);
    t->count = 0;
    t->sink = *sink;
}

static void forget(struct suspects *t, struct suspect *s)
{
    TAILQ_REMOVE(&t->list, s, link);
    t->count--;
    free(s->bytes);
    free(s);
}

void suspects_done(struct suspects *t)
{
    struct suspect *s, *next;
    for (s = TAILQ_FIRST(&t->list); s; s = next) {
        next = TAILQ_NEXT(s, link);
        forget(t, s);
    }
}

static void hand_over(struct suspects *t, struct suspect *s)
{
    t->sink.fact(t->sink.ctx, &s->fact);
    forget(t, s);
}

void suspects_add(struct suspects *t, const struct source_fact *fact, int64_t time_us)
{
    if (t->count == SUSPECTS_MAX)
        hand_over(t, TAILQ_FIRST(&t->list));
    struct suspect *s = mem_zalloc(sizeof(*s));
    fact_keep(fact, &s->fact, &s->bytes, &s->cap);
    s->time_us = time_us;
    TAILQ_INSERT_TAIL(&t->list, s, link);
    t->count++;
}

void suspects_settle(struct suspects *t, struct slice path, bool again)
{
    struct suspect *s, *next;
    for (s = TAILQ_FIRST(&t->list); s; s = next) {
        next = TAILQ_NEXT(s, link);
        if (slice_eq(s->fact.path, path)) {
            s->fact.superseded = again;
            hand_over(t, s);
        }
    }
}

int64_t suspects_release(struct suspects *t, int64_t hold_us, int64_t wall_us)
{
    int64_t wait_us = -1;
    struct suspect *s, *next;
    for (s = TAILQ_FIRST(&t->list); s; s = next) {
        next = TAILQ_NEXT(s, link);
        int64_t left_us = s->time_us + hold_us - wall_us;
        if (left_us <= 0 || left_us > hold_us) /* the second: the clock was set back, or the log is another machine's */
            hand_over(t, s);
        else if (wait_us < 0 || left_us < wait_us)
            wait_us = left_us;
    }
    return wait_us;
}

void suspects_flush(struct suspects *t)
{
    while (!TAILQ_EMPTY(&t->list))
        hand_over(t, TAILQ_FIRST(&t->list));
}

int64_t suspects_pending(const struct suspects *t)
{
    int64_t lowest = INT64_MAX;
    const struct suspect *s;
    TAILQ_FOREACH(s, &t->list, link) {
        if (s->fact.offset < lowest)
            lowest = s->fact.offset;
    }
    return lowest;
}
