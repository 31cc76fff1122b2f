#include "spin.h"

#include <stddef.h>

struct spin {
    struct loop *loop;
    bool (*is_true)(void *ctx);
    void *ctx;
    bool reached;
};

static bool look(void *ctx)
{
    struct spin *s = ctx;
    if (s->is_true && s->is_true(s->ctx)) {
        s->reached = true;
        loop_stop(s->loop);
    }
    return false;
}

static void on_limit(void *ctx)
{
    struct spin *s = ctx;
    loop_stop(s->loop);
}

bool spin_until(struct loop *l, bool (*is_true)(void *ctx), void *ctx, int64_t limit_ms)
{
    struct spin s = {.loop = l, .is_true = is_true, .ctx = ctx};
    struct loop_turn *turn = loop_turn_new(l, LOOP_ORDER_DEAD, look, &s);
    struct loop_timer *limit = loop_timer_new(l, on_limit, &s);
    loop_timer_arm(limit, limit_ms);
    loop_run(l);
    loop_timer_free(limit);
    loop_turn_free(turn);
    return s.reached;
}

struct count {
    const int *count;
    int n;
};

static bool is_counted(void *ctx)
{
    const struct count *c = ctx;
    return *c->count >= c->n;
}

bool spin_until_count(struct loop *l, const int *count, int n, int64_t limit_ms)
{
    struct count c = {count, n};
    return spin_until(l, is_counted, &c, limit_ms);
}

void spin_for(struct loop *l, int64_t ms)
{
    (void)spin_until(l, NULL, NULL, ms);
}
