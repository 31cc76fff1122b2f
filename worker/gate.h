/* A gate: one webhook's queue in one partition, and when its next POST may start. An account owns four partitions, so each gate
 * has a quarter of the webhook's concurrency and of its rate (at least 1). Which gate's turn it is: schedule.h. */
#ifndef WORKER_GATE_H
#define WORKER_GATE_H

#include "core/breaker.h"
#include "core/bucket.h"
#include "core/job.h"
#include "core/window.h"
#include "model/webhook.h"
#include "util/hash.h"
#include "util/uthash.h"

struct endpoint;
struct tenant;

#define GATE_PATIENCE_MS 2000 /* what cannot be sent within this time is parked */

/* What the gate waits for; the list that holds it follows from it. */
enum gate_state {
    GATE_IDLE,    /* nothing is queued */
    GATE_READY,   /* its first job may be sent now */
    GATE_FULL,    /* as many in flight as may be; ends with an answer */
    GATE_WAITING, /* the rate limit: not before wake_ms */
};

struct gate {
    char *key; /* the partition's number, webhook id */
    struct tenant *tenant;
    struct endpoint
        *endpoint; /* the webhook as it was last found, with a reference of the schedule's; NULL: not looked for yet */
    enum gate_state state;
    TAILQ_ENTRY(gate) link;
    struct job_list queue;
    int queued, in_flight;
    struct window window;
    struct bucket bucket;
    struct breaker breaker;
    int64_t wake_ms;              /* WAITING */
    int64_t idle_since_ms;        /* IDLE */
    int64_t parked_until_wall_ms; /* the latest due time given to a parked job: new ones queue behind it */
    int64_t parked_last_wall_ms;  /* the one given last */
    int64_t moved_ms;             /* when a POST last started or ended */
    double duration_ms;           /* of an answer, smoothed; 0: none has come */
    bool was_dead;                /* something is parked since it took nothing, and it has taken nothing since */
    bool starved;                 /* what it had was parked since it got no slot, and it has got none since */
    UT_hash_handle hh;
};

/* What a gate says to a new delivery that could be made for it. */
enum gate_look {
    GATE_TAKES,
    GATE_HAS_ENOUGH, /* it moves, or may begin to: soon; or its account waits for slots, and the partition is crowded */
    GATE_IS_BEHIND,  /* it would be parked, behind others: more comes than it takes */
    GATE_IS_DEAD,    /* it would be parked: it takes nothing */
};

/* How an attempt went, for the endpoint's health. */
enum gate_answer {
    GATE_GOOD,    /* it answers, and is not overloaded */
    GATE_BAD,     /* it does not answer, or says that it is in trouble */
    GATE_NOTHING, /* the attempt says nothing about it: ours, or withdrawn */
};

/* rate_per_second: of the webhook, in all partitions; 0: no limit. */
struct gate *gate_new(const char *key, size_t key_len, struct tenant *tenant, const struct webhook *wh, int64_t rate_per_second,
                      int64_t now_ms);
void gate_free(struct gate *gate);
/* The webhook's limits may have changed. */
void gate_follow(struct gate *gate, const struct webhook *wh, int64_t rate_per_second, int64_t now_ms);

/* The state that its queue, window, bucket and breaker mean now; *wait_ms for WAITING. */
enum gate_state gate_judge(struct gate *gate, int64_t now_ms, int64_t *wait_ms);
/* A job must not be queued here now: the breaker is open, others are parked before it, or it would lose patience: at the pace
 * last seen, those that are queued already take longer. So neither an endpoint that does not answer nor an account that gets no
 * more slots fills memory and credit. */
bool gate_must_park(const struct gate *gate, const struct job *job, int64_t now_ms, int64_t now_wall_ms);
/* What to do with an event for it. on_the_way: deliveries of its partition that may yet come to it; crowded: the partition has
 * a quarter of what it may have in hand. As long as no answer tells its pace, it takes only a few, and in a crowded
 * partition one at a time: it would keep others' events from being read. */
enum gate_look gate_look(const struct gate *gate, int on_the_way, bool crowded, int64_t now_ms, int64_t now_wall_ms);
/* When a job that is parked now shall be due: after the one parked before it, at the pace last seen. What comes too late so
 * begins anew, at a random place of the first step: a schedule of so many is gone through once in 4 ms for each of them, in 128
 * ms while the endpoint takes nothing. So due times are spread evenly, an endpoint that answers gets what it can take (up to 250
 * a second in each partition), and one that does not costs its neighbours little. When it is back, what waits for such a time is
 * called in. */
int64_t gate_park_until(struct gate *gate, int64_t scheduled, int64_t now_ms, int64_t now_wall_ms, uint32_t random);

/* What has waited too long is taken out of its queue, to be parked. */
void gate_lost_patience(struct gate *gate);
void gate_started(struct gate *gate, int64_t now_ms);
/* true: it was dead, and is back. What was parked for it may be called in. */
bool gate_ended(struct gate *gate, enum gate_answer answer, int64_t duration_ms, int64_t now_ms, uint32_t random);
/* Whether it takes more of what is parked for it, before its time. scheduled: deliveries in its partition's schedule. */
enum call_in gate_calls_in(const struct gate *gate, int64_t scheduled, int64_t now_ms, int64_t now_wall_ms);
/* All of it came. What was parked again since the endpoint is back is what new deliveries are behind. */
void gate_called_in(struct gate *gate);

#endif
