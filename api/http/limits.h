/* Token buckets by name: so many a second, so many at once. */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

#include <stdint.h>

struct limiter;

/* per_second > 0; burst >= 1. */
struct limiter *limiter_new(double per_second, double burst);
void limiter_free(struct limiter *l);
/* Takes one. 0: it was there; else after how many milliseconds there is one. now_ms: monotonic. */
int64_t limiter_take(struct limiter *l, const char *name, int64_t now_ms);

#endif
