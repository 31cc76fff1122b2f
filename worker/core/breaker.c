#include "core/breaker.h"

void breaker_init(struct breaker *b)
{
    *b = (struct breaker){.state = BREAKER_CLOSED};
}

bool breaker_allows(struct breaker *b, int64_t now_ms)
{
    if (b->state == BREAKER_OPEN && now_ms >= b->until_ms)
        b->state = BREAKER_HALF_OPEN;
    return b->state == BREAKER_CLOSED || (b->state == BREAKER_HALF_OPEN && !b->probing);
}

void breaker_started(struct breaker *b)
{
    b->probing = b->state == BREAKER_HALF_OPEN;
}

int64_t breaker_wait_ms(const struct breaker *b, int64_t now_ms)
{
    return b->state == BREAKER_OPEN && b->until_ms > now_ms ? b->until_ms - now_ms : 0;
}

static void open(struct breaker *b, int64_t now_ms, uint32_t random)
{
    b->open_ms = b->open_ms == 0 ? BREAKER_FIRST_MS : b->open_ms * 2;
    if (b->open_ms > BREAKER_LONGEST_MS)
        b->open_ms = BREAKER_LONGEST_MS;
    b->state = BREAKER_OPEN;
    b->probing = false;
    b->until_ms = now_ms + b->open_ms * 4 / 5 + (int64_t)((double)b->open_ms * 2 / 5 * ((double)random / (double)UINT32_MAX));
}

bool breaker_answer(struct breaker *b, bool good, int64_t now_ms, uint32_t random)
{
    bool was_out = b->state != BREAKER_CLOSED;
    if (good) {
        breaker_init(b);
        return was_out;
    }
    b->failures++;
    /* What was in flight when it opened does not open it for longer. */
    if (b->state == BREAKER_HALF_OPEN || (b->state == BREAKER_CLOSED && b->failures >= BREAKER_TRIP))
        open(b, now_ms, random);
    if (b->overtaken)
        breaker_probe_now(b, now_ms);
    b->overtaken = false;
    return false;
}

void breaker_probe_now(struct breaker *b, int64_t now_ms)
{
    if (b->state == BREAKER_OPEN && b->until_ms > now_ms)
        b->until_ms = now_ms;
    b->overtaken = b->probing;
}

void breaker_withdrawn(struct breaker *b)
{
    b->probing = b->overtaken = false;
}
