#include "http/limits.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/uthash.h"

#define SWEEP_COUNT 1024 /* with more buckets than these, full ones are dropped now and then */
#define SWEEP_MS 60000

struct bucket {
    char *name;
    double tokens;
    int64_t filled_ms;
    UT_hash_handle hh;
};

struct limiter {
    double per_ms, burst;
    struct bucket *buckets;
    int64_t swept_ms;
};

struct limiter *limiter_new(double per_second, double burst)
{
    struct limiter *l = mem_zalloc(sizeof *l);
    l->per_ms = per_second / 1000;
    l->burst = burst;
    return l;
}

static void drop(struct limiter *l, struct bucket *b)
{
    HASH_DEL(l->buckets, b);
    free(b->name);
    free(b);
}

void limiter_free(struct limiter *l)
{
    struct bucket *b, *next;
    if (!l)
        return;
    HASH_ITER(hh, l->buckets, b, next)
        drop(l, b);
    free(l);
}

static void fill(const struct limiter *l, struct bucket *b, int64_t now_ms)
{
    b->tokens += (double)(now_ms - b->filled_ms) * l->per_ms;
    if (b->tokens > l->burst)
        b->tokens = l->burst;
    b->filled_ms = now_ms;
}

/* A full bucket says nothing that a new one would not. */
static void sweep(struct limiter *l, int64_t now_ms)
{
    struct bucket *b, *next;
    if (HASH_COUNT(l->buckets) < SWEEP_COUNT || now_ms - l->swept_ms < SWEEP_MS)
        return;
    l->swept_ms = now_ms;
    HASH_ITER(hh, l->buckets, b, next) {
        fill(l, b, now_ms);
        if (b->tokens >= l->burst)
            drop(l, b);
    }
}

static struct bucket *bucket_of(struct limiter *l, const char *name, int64_t now_ms)
{
    struct bucket *b;
    HASH_FIND(hh, l->buckets, name, strlen(name), b);
    if (b)
        return b;
    sweep(l, now_ms);
    b = mem_zalloc(sizeof *b);
    b->name = mem_strdup(name);
    b->tokens = l->burst;
    b->filled_ms = now_ms;
    HASH_ADD_KEYPTR(hh, l->buckets, b->name, strlen(b->name), b);
    return b;
}

int64_t limiter_take(struct limiter *l, const char *name, int64_t now_ms)
{
    struct bucket *b = bucket_of(l, name, now_ms);
    fill(l, b, now_ms);
    if (b->tokens >= 1) {
        b->tokens -= 1;
        return 0;
    }
    return (int64_t)((1 - b->tokens) / l->per_ms) + 1;
}
