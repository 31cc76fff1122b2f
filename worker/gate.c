#include "gate.h"

#include <stdlib.h>

#include "util/mem.h"

#define QUEUE_MAX 1024
#define SHARES 4              /* partitions of an account */
#define PARK_MS 2000          /* parked at least so long */
#define PARK_LONGEST_MS 60000 /* and at most: then it is looked at again */
#define PACE_SLOWEST_MS 1000

static int share_of(int64_t limit)
{
    return limit / SHARES > 0 ? (int)(limit / SHARES) : 1;
}

static double rate_of(const struct webhook *wh)
{
    return (double)wh->rate_limit_per_second / SHARES;
}

struct gate *gate_new(const char *key, size_t key_len, struct tenant *tenant, const struct webhook *wh, int64_t now_ms)
{
    struct gate *gate = mem_zalloc(sizeof *gate);
    gate->key = mem_dup(key, key_len);
    gate->tenant = tenant;
    gate->idle_since_ms = now_ms;
    TAILQ_INIT(&gate->queue);
    window_init(&gate->window, share_of(wh->max_concurrency));
    bucket_init(&gate->bucket, rate_of(wh), now_ms);
    breaker_init(&gate->breaker);
    return gate;
}

void gate_free(struct gate *gate)
{
    free(gate->key);
    free(gate);
}

void gate_follow(struct gate *gate, const struct webhook *wh, int64_t now_ms)
{
    if (gate->window.limit != share_of(wh->max_concurrency))
        window_set_limit(&gate->window, share_of(wh->max_concurrency));
    if (gate->bucket.rate < rate_of(wh) || gate->bucket.rate > rate_of(wh))
        bucket_set_rate(&gate->bucket, rate_of(wh), now_ms);
}

enum gate_state gate_judge(struct gate *gate, int64_t now_ms, int64_t *wait_ms)
{
    if (gate->queued == 0)
        return GATE_IDLE;
    if (!breaker_allows(&gate->breaker, now_ms) || gate->in_flight >= window_size(&gate->window))
        return GATE_FULL;
    *wait_ms = bucket_wait_ms(&gate->bucket, now_ms);
    return *wait_ms > 0 ? GATE_WAITING : GATE_READY;
}

bool gate_must_park(struct gate *gate, const struct job *job, int64_t now_ms, int64_t now_wall_ms)
{
    bool behind = !job->has_record && now_wall_ms < gate->parked_until_wall_ms;
    return behind || gate->queued >= QUEUE_MAX || breaker_wait_ms(&gate->breaker, now_ms) > 0;
}

/* Milliseconds from one POST's start to the next one's, at the pace last seen. */
static int64_t pace_ms(const struct gate *gate)
{
    double pace = gate->duration_ms / window_size(&gate->window);
    double limit = gate->bucket.rate > 0 ? 1000 / gate->bucket.rate : 0;
    if (pace < limit)
        pace = limit;
    return pace < 1 ? 1 : pace > PACE_SLOWEST_MS ? PACE_SLOWEST_MS : (int64_t)pace;
}

int64_t gate_park_until(struct gate *gate, int64_t now_ms, int64_t now_wall_ms)
{
    int64_t wait_ms = breaker_wait_ms(&gate->breaker, now_ms);
    int64_t until = now_wall_ms + (wait_ms > PARK_MS ? wait_ms : PARK_MS);
    int64_t behind = gate->parked_until_wall_ms + pace_ms(gate);
    if (until < behind)
        until = behind;
    if (until > now_wall_ms + PARK_LONGEST_MS)
        until = now_wall_ms + PARK_LONGEST_MS;
    gate->parked_until_wall_ms = until;
    return until;
}

void gate_started(struct gate *gate, int64_t now_ms)
{
    breaker_started(&gate->breaker);
    bucket_take(&gate->bucket, now_ms);
    gate->in_flight++;
}

void gate_ended(struct gate *gate, enum gate_answer answer, int64_t duration_ms, int64_t now_ms, uint32_t random)
{
    bool used = gate->in_flight >= window_size(&gate->window);
    gate->in_flight--;
    if (answer == GATE_NOTHING) {
        breaker_withdrawn(&gate->breaker);
        return;
    }
    gate->duration_ms += ((double)duration_ms - gate->duration_ms) / 8;
    window_answer(&gate->window, answer == GATE_GOOD, used, gate->in_flight);
    if (breaker_answer(&gate->breaker, answer == GATE_GOOD, now_ms, random))
        window_restart(&gate->window);
}
