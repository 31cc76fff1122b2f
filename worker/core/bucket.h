/* A token bucket, pure: so many per second, with a burst of one second's worth (at least 1). */
#ifndef CORE_BUCKET_H
#define CORE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    double rate; /* tokens a second; 0: no limit */
    double tokens;
    int64_t at_ms; /* when tokens was right */
};

/* Starts full. */
void bucket_init(struct bucket *b, double rate_per_second, int64_t now_ms);
void bucket_set_rate(struct bucket *b, double rate_per_second, int64_t now_ms);
/* Takes a token, if there is one. */
bool bucket_take(struct bucket *b, int64_t now_ms);
/* In how many milliseconds there will be one; 0: now. */
int64_t bucket_wait_ms(struct bucket *b, int64_t now_ms);

#endif
