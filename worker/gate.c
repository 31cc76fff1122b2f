#include "gate.h"

#include <stdlib.h>

#include "util/mem.h"

#define QUEUE_MAX 1024
#define UNPROVEN_MAX 128 /* before its first answer */
#define CROWDED_MAX 4    /* on the way to any gate of a crowded partition, when another unproven one gets its first */
#define SHARES 4         /* partitions of an account */
#define PARK_MS 2000     /* parked at least so long */
#define PARK_LOOK_MS 4   /* a partition's schedule is looked at so often: 250 a second, of 1,000 an account */
#define DEAD_LOOK_MS 128 /* the same for an endpoint that takes nothing: each look costs its neighbours */
#define CALL_IN_MS 250   /* what is queued for an endpoint that is back ends sooner: more is called in */
#define PARK_SPREAD_MOST_MS 1800000
#define PACE_SLOWEST_MS 1000
#define STARVED_MS 500 /* without a slot for so long, a gate that could send is taken for one that is slow */

static int share_of(int64_t limit)
{
    return limit / SHARES > 0 ? (int)(limit / SHARES) : 1;
}

static double share_of_rate(int64_t rate_per_second)
{
    return (double)rate_per_second / SHARES;
}

struct gate *gate_new(const char *key, size_t key_len, struct tenant *tenant, const struct webhook *wh, int64_t rate_per_second,
                      int64_t now_ms)
{
    struct gate *gate = mem_zalloc(sizeof *gate);
    gate->key = mem_dup(key, key_len);
    gate->tenant = tenant;
    gate->idle_since_ms = now_ms;
    TAILQ_INIT(&gate->queue);
    window_init(&gate->window, share_of(wh->max_concurrency));
    bucket_init(&gate->bucket, share_of_rate(rate_per_second), now_ms);
    breaker_init(&gate->breaker);
    return gate;
}

void gate_free(struct gate *gate)
{
    free(gate->key);
    free(gate);
}

void gate_follow(struct gate *gate, const struct webhook *wh, int64_t rate_per_second, int64_t now_ms)
{
    double rate = share_of_rate(rate_per_second);
    if (gate->window.limit != share_of(wh->max_concurrency))
        window_set_limit(&gate->window, share_of(wh->max_concurrency));
    if (gate->bucket.rate < rate || gate->bucket.rate > rate)
        bucket_set_rate(&gate->bucket, rate, now_ms);
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

/* How long it has been silent though it had something to send: its window is full, or it gets no slot. */
static int64_t silence_of(const struct gate *gate, int64_t now_ms)
{
    const struct job *first = TAILQ_FIRST(&gate->queue);
    int64_t silent_ms = now_ms - gate->moved_ms, waited_ms = first ? now_ms - first->queued_ms : 0;
    if (gate->in_flight >= window_size(&gate->window))
        return silent_ms;
    if (gate->state != GATE_READY)
        return 0;
    if (gate->starved || waited_ms > silent_ms)
        return silent_ms;
    return waited_ms >= STARVED_MS ? waited_ms : 0;
}

/* Milliseconds from one POST to the next one, as last seen; no less than its silence says. */
static double pace_of(const struct gate *gate, int64_t now_ms)
{
    int size = window_size(&gate->window);
    double duration_ms = gate->duration_ms, silent_ms = (double)silence_of(gate, now_ms);
    if (duration_ms < silent_ms)
        duration_ms = silent_ms;
    double pace = duration_ms / size, limit = gate->bucket.rate > 0 ? 1000 / gate->bucket.rate : 0;
    return pace < limit ? limit : pace;
}

static bool is_dead(const struct gate *gate, int64_t now_ms)
{
    return gate->breaker.state != BREAKER_CLOSED || pace_of(gate, now_ms) >= PACE_SLOWEST_MS;
}

static bool is_jammed(const struct gate *gate, int64_t now_ms)
{
    return breaker_wait_ms(&gate->breaker, now_ms) > 0 || gate->queued >= QUEUE_MAX ||
           gate->queued * pace_of(gate, now_ms) > GATE_PATIENCE_MS;
}

bool gate_must_park(const struct gate *gate, const struct job *job, int64_t now_ms, int64_t now_wall_ms)
{
    return is_jammed(gate, now_ms) || (!job->has_record && now_wall_ms < gate->parked_until_wall_ms);
}

enum gate_look gate_look(const struct gate *gate, int on_the_way, bool crowded, int64_t now_ms, int64_t now_wall_ms)
{
    if (gate && (is_jammed(gate, now_ms) || now_wall_ms < gate->parked_until_wall_ms))
        return is_dead(gate, now_ms) ? GATE_IS_DEAD : GATE_IS_BEHIND;
    if (gate && gate->duration_ms > 0)
        return GATE_TAKES;
    int queued = gate ? gate->queued : 0;
    bool has_one = gate && gate->queued + gate->in_flight > 0;
    bool enough = crowded ? has_one || on_the_way >= CROWDED_MAX : queued + on_the_way >= UNPROVEN_MAX;
    return enough ? GATE_HAS_ENOUGH : GATE_TAKES;
}

int64_t gate_park_until(struct gate *gate, int64_t scheduled, int64_t now_ms, int64_t now_wall_ms, uint32_t random)
{
    int64_t wait_ms = breaker_wait_ms(&gate->breaker, now_ms);
    int64_t first = now_wall_ms + (wait_ms > PARK_MS ? wait_ms : PARK_MS);
    double pace = pace_of(gate, now_ms);
    bool dead = is_dead(gate, now_ms);
    int64_t spread_ms = scheduled * (dead ? DEAD_LOOK_MS : PARK_LOOK_MS);
    int64_t step_ms = pace < 1 ? 1 : pace > PACE_SLOWEST_MS ? PACE_SLOWEST_MS : (int64_t)pace;
    int64_t until = gate->parked_last_wall_ms + step_ms;
    if (spread_ms < PARK_MS)
        spread_ms = PARK_MS;
    if (spread_ms > PARK_SPREAD_MOST_MS)
        spread_ms = PARK_SPREAD_MOST_MS;
    if (until < first || until > first + spread_ms)
        until = first + random % step_ms;
    gate->was_dead = gate->was_dead || dead;
    gate->parked_last_wall_ms = until;
    if (gate->parked_until_wall_ms < until)
        gate->parked_until_wall_ms = until;
    return until;
}

void gate_lost_patience(struct gate *gate)
{
    gate->starved = gate->state == GATE_READY;
}

void gate_started(struct gate *gate, int64_t now_ms)
{
    breaker_started(&gate->breaker);
    bucket_take(&gate->bucket, now_ms);
    gate->in_flight++;
    gate->moved_ms = now_ms;
    gate->starved = false;
}

enum call_in gate_calls_in(const struct gate *gate, int64_t scheduled, int64_t now_ms, int64_t now_wall_ms)
{
    bool known = gate->parked_until_wall_ms > 0; /* and not to a former owner */
    bool all_due_soon = scheduled == 0 || (known && gate->parked_until_wall_ms - now_wall_ms <= PARK_MS);
    if (all_due_soon || is_dead(gate, now_ms))
        return CALL_IN_ENDS;
    return gate->queued * pace_of(gate, now_ms) > CALL_IN_MS ? CALL_IN_WAITS : CALL_IN_MORE;
}

void gate_called_in(struct gate *gate)
{
    gate->parked_until_wall_ms = gate->parked_last_wall_ms;
}

static bool is_back(struct gate *gate, int64_t now_ms)
{
    if (!gate->was_dead || is_dead(gate, now_ms))
        return false;
    gate->was_dead = false;
    gate->parked_last_wall_ms = 0; /* what was given while it was dead is nothing to queue behind */
    return true;
}

bool gate_ended(struct gate *gate, enum gate_answer answer, int64_t duration_ms, int64_t now_ms, uint32_t random)
{
    bool used = gate->in_flight >= window_size(&gate->window);
    gate->in_flight--;
    gate->moved_ms = now_ms;
    if (answer == GATE_NOTHING) {
        breaker_withdrawn(&gate->breaker);
        return false;
    }
    gate->duration_ms += ((double)duration_ms - gate->duration_ms) / (gate->duration_ms > 0 ? 8 : 1);
    window_answer(&gate->window, answer == GATE_GOOD, used, gate->in_flight);
    if (breaker_answer(&gate->breaker, answer == GATE_GOOD, now_ms, random)) {
        /* It is back: what was seen of it before says nothing any more. */
        window_restart(&gate->window);
        gate->duration_ms = (double)duration_ms;
    }
    return answer == GATE_GOOD && is_back(gate, now_ms);
}
