/* The retry policy, pure: what an attempt's outcome means and when the next attempt is due
 * (ARCHITECTURE: "The delivery"). No clock, no I/O; randomness is an argument. */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/delivery.h"
#include "util/buf.h"

struct retry_policy {
    int64_t base_ms; /* 10,000 */
    int64_t factor;  /* 6 */
    int64_t max_ms;  /* 6 h */
};

/* What came of one POST. */
struct outcome {
    int http_status;           /* 0: none was received */
    enum delivery_error error; /* of the transport; NONE when a response head arrived */
    enum delivery_reason reason;
    bool ours;                /* our own failure: no attempt was used up */
    struct slice retry_after; /* field value, or empty */
    struct slice response;
    int64_t started_wall_ms;
    int32_t duration_ms, queued_ms, dns_ms, connect_ms, tls_ms, first_byte_ms;
};

enum verdict {
    VERDICT_DELIVERED,
    VERDICT_RETRY, /* if attempts are left */
    VERDICT_GONE,  /* 410: no more attempts, and the webhook is to be disabled */
    VERDICT_AGAIN, /* ours: the same attempt again, soon */
};

/* Only 2xx succeeds. error: the class that the record names. */
enum verdict retry_classify(const struct outcome *o, enum delivery_error *error);

/* The endpoint does not answer, or says that it is overloaded or down: fewer requests are better for it. An answer of its own,
 * even a 404 or a 500, is none of that. */
bool retry_strained(const struct outcome *o);

/* Delay after the n-th attempt (n >= 1): min(max, base * factor^(n-1)), then +-20 % by random (uniform over all of uint32). */
int64_t retry_delay_ms(const struct retry_policy *p, int attempt, uint32_t random);

/* Retry-After: delay-seconds or an HTTP-date (RFC 9110, 10.2.3; the three date forms of 5.6.7). false for anything else. A date
 * in the past is 0. */
bool retry_after_parse(struct slice value, int64_t now_wall_ms, int64_t *delay_ms);

/* The delay to use: retry_delay_ms, or what a 429 or 503 asked for, held within [that, max]. */
int64_t retry_next_ms(const struct retry_policy *p, const struct outcome *o, int attempt, int64_t now_wall_ms, uint32_t random);

#endif
