/* A circuit breaker, pure. CLOSED: everything goes. After BREAKER_TRIP failures in a row it is OPEN: nothing goes until a time
 * that doubles with each further failure. Then HALF_OPEN: one probe; its success closes the breaker, its failure opens it again,
 * for longer. */
#ifndef CORE_BREAKER_H
#define CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_TRIP 20
#define BREAKER_FIRST_MS 5000
#define BREAKER_LONGEST_MS 60000

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    int failures;     /* in a row */
    int64_t open_ms;  /* how long it is open this time */
    int64_t until_ms; /* OPEN: until then */
    bool probing;     /* HALF_OPEN: the probe is out */
    bool overtaken;   /* and since it left the endpoint was seen to answer: its failure says nothing about now */
};

void breaker_init(struct breaker *b);
/* Whether a request may go now; OPEN becomes HALF_OPEN when its time has come. */
bool breaker_allows(struct breaker *b, int64_t now_ms);
/* A request that breaker_allows let through starts. */
void breaker_started(struct breaker *b);
/* How long nothing can go: > 0 while OPEN, 0 otherwise. */
int64_t breaker_wait_ms(const struct breaker *b, int64_t now_ms);
/* A request ended. Returns true when that closed the breaker after an outage (a ramp is due). random: spreads the end of the
 * outage, +-20 %. */
bool breaker_answer(struct breaker *b, bool good, int64_t now_ms, uint32_t random);
/* The endpoint was seen to answer elsewhere: a probe may go now, or as soon as the one that is out fails. */
void breaker_probe_now(struct breaker *b, int64_t now_ms);
/* A request was given up without an answer. */
void breaker_withdrawn(struct breaker *b);

#endif
