/* A timer wheel. A slot holds the requests of one tick; a deadline beyond the last slot waits in that and enters again. The timer
 * ticks only while a request is in the wheel. */
#include "http_internal.h"

void http_wheel_drop(struct http_wheel *w, struct http_request *rq)
{
    if (rq->slot < 0)
        return;
    TAILQ_REMOVE(&w->slots[rq->slot], rq, slot_link);
    rq->slot = -1;
    w->count--;
}

void http_wheel_put(struct http_wheel *w, struct http_request *rq)
{
    http_wheel_drop(w, rq);
    if (w->count == 0 && !w->ticking)
        w->tick = loop_now(w->loop) / HTTP_WHEEL_MS;
    int64_t tick = rq->deadline_ms / HTTP_WHEEL_MS + 1;
    if (tick <= w->tick)
        tick = w->tick + 1;
    if (tick >= w->tick + HTTP_WHEEL_SLOTS)
        tick = w->tick + HTTP_WHEEL_SLOTS - 1;
    rq->slot = (int)(tick % HTTP_WHEEL_SLOTS);
    TAILQ_INSERT_TAIL(&w->slots[rq->slot], rq, slot_link);
    w->count++;
    if (!loop_timer_armed(w->timer))
        loop_timer_arm(w->timer, HTTP_WHEEL_MS);
}

static void look_at_slot(struct http_wheel *w, int64_t now_ms)
{
    struct http_requests *slot = &w->slots[w->tick % HTTP_WHEEL_SLOTS];
    struct http_request *rq;
    while ((rq = TAILQ_FIRST(slot)) != NULL) { /* one that enters meanwhile has another slot */
        http_wheel_drop(w, rq);
        if (rq->deadline_ms > now_ms)
            http_wheel_put(w, rq);
        else
            http_request_late(rq);
    }
}

static void on_tick(void *ctx)
{
    struct http_wheel *w = ctx;
    int64_t now_ms = loop_now(w->loop), last = now_ms / HTTP_WHEEL_MS;
    w->ticking = true;
    while (w->tick < last && w->count > 0) {
        w->tick++;
        look_at_slot(w, now_ms);
    }
    w->ticking = false;
    if (w->count > 0)
        loop_timer_arm(w->timer, HTTP_WHEEL_MS);
}

void http_wheel_init(struct http_wheel *w, struct loop *l)
{
    w->loop = l;
    for (int i = 0; i < HTTP_WHEEL_SLOTS; i++)
        TAILQ_INIT(&w->slots[i]);
    w->timer = loop_timer_new(l, on_tick, w);
}

void http_wheel_done(struct http_wheel *w)
{
    loop_timer_free(w->timer);
}
