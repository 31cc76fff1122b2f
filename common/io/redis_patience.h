/* How long a Redis that says nothing is waited for. Whoever gives up asks for everything again, which is more work for a server
 * that was slow because of too much work: so after each time the next wait is twice as long, up to eight times the first; and
 * what answers late, but answers, is not given up at all, since the wait begins anew with each answer. A minute of quick answers
 * brings the first one back. */
#ifndef IO_REDIS_PATIENCE_H
#define IO_REDIS_PATIENCE_H

#include <stdint.h>

#define REDIS_PATIENCE_TIMES 8
#define REDIS_PATIENCE_CALM_MS 60000

struct redis_patience {
    int64_t least_ms, wait_ms;
    int64_t slow_at_ms; /* when it last answered late, or not */
};

static inline void redis_patience_init(struct redis_patience *p, int64_t least_ms)
{
    *p = (struct redis_patience){.least_ms = least_ms, .wait_ms = least_ms};
}

/* An answer came, so long after its question was sent. */
static inline void redis_patience_answered(struct redis_patience *p, int64_t took_ms, int64_t now_ms)
{
    if (took_ms >= p->least_ms)
        p->slow_at_ms = now_ms;
    else if (now_ms - p->slow_at_ms >= REDIS_PATIENCE_CALM_MS)
        p->wait_ms = p->least_ms;
}

static inline void redis_patience_lost(struct redis_patience *p, int64_t now_ms)
{
    p->slow_at_ms = now_ms;
    p->wait_ms = 2 * p->wait_ms < REDIS_PATIENCE_TIMES * p->least_ms ? 2 * p->wait_ms : REDIS_PATIENCE_TIMES * p->least_ms;
}

#endif
