#include "core/bucket.h"

static double depth(const struct bucket *b)
{
    return b->rate < 1 ? 1 : b->rate;
}

static void refill(struct bucket *b, int64_t now_ms)
{
    if (now_ms > b->at_ms)
        b->tokens += (double)(now_ms - b->at_ms) * b->rate / 1000;
    if (b->tokens > depth(b))
        b->tokens = depth(b);
    b->at_ms = now_ms;
}

void bucket_init(struct bucket *b, double rate_per_second, int64_t now_ms)
{
    b->rate = rate_per_second;
    b->tokens = depth(b);
    b->at_ms = now_ms;
}

void bucket_set_rate(struct bucket *b, double rate_per_second, int64_t now_ms)
{
    refill(b, now_ms);
    b->rate = rate_per_second;
    if (b->tokens > depth(b))
        b->tokens = depth(b);
}

bool bucket_take(struct bucket *b, int64_t now_ms)
{
    if (b->rate <= 0)
        return true;
    refill(b, now_ms);
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}

int64_t bucket_wait_ms(struct bucket *b, int64_t now_ms)
{
    if (b->rate <= 0)
        return 0;
    refill(b, now_ms);
    if (b->tokens >= 1)
        return 0;
    /* Rounded up: at that moment there is one. */
    return (int64_t)((1 - b->tokens) * 1000 / b->rate) + 1;
}
