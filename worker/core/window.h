/* An endpoint's concurrency with feedback, pure: starts low, grows while answers come well, shrinks when they do not, never above
 * the webhook's own limit. Additive increase, multiplicative decrease (as TCP's congestion avoidance, RFC 5681, 3.1), at most one
 * decrease per round trip's worth of answers, so that one bad moment of many requests in flight is counted once. */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

#include <stdbool.h>

#define WINDOW_START 4

struct window {
    double size; /* POSTs that may be in flight; >= 1 */
    int limit;   /* the webhook's share for this partition, >= 1 */
    int ignore;  /* answers of requests that were in flight at the last decrease: they do not shrink it again */
};

void window_init(struct window *w, int limit);
/* The limit has changed with the webhook's definition. */
void window_set_limit(struct window *w, int limit);
/* How many may be in flight now. */
int window_size(const struct window *w);
/* An answer came; in_flight counts what is still out. used: the window was the bound (it does not grow when it is not). */
void window_answer(struct window *w, bool good, bool used, int in_flight);
/* After an outage: begin with one and grow again. */
void window_restart(struct window *w);

#endif
