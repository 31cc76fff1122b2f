/* The core of the worker: DELIVERY's protocol as a step function. It does no I/O and reads no clock; what it wants done it asks
 * of its ports, every one of them asynchronous, and what came of it is told to it by the partition_on_... functions. The worker's
 * shell is thin around it, and a simulator can stand in for the shell.
 *
 * Rules for whoever implements the ports: no partition_on_... function is called from inside a port; the core's time is set
 * (core_set_time) before each round of inputs; every call that asks for an answer gets exactly one. */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/epoch.h"
#include "core/retry.h"
#include "model/delivery.h"

struct partition;
struct job;

TAILQ_HEAD(job_list, job);

/* One record on its way into the index. */
struct index_record {
    int64_t offset;
    struct uuid id;
    struct delivery_rank rank;
    int64_t due_wall_ms;     /* while open */
    int64_t updated_wall_ms; /* decides when an idempotency key expires */
    int64_t event_offset;    /* of the event it is about; -1: none of this partition's */
    struct slice payload;    /* the record itself, while open */
    struct slice held_by;    /* held: the webhook's id */
    bool skip; /* no delivery record, or a dominated one that a later one in the log makes good: only the position moves */
};

/* What the gate of an endpoint that is back says to what is scheduled for it, before its time. */
enum call_in {
    CALL_IN_ENDS,  /* it is gone again, or has nothing parked */
    CALL_IN_WAITS, /* it has enough for now */
    CALL_IN_MORE,
};

/* A retry that goes back to the schedule. */
struct index_postponed {
    struct uuid id;
    int64_t due_wall_ms;
    char *held_by; /* held: the webhook's id; NULL */
};

/* Tries: how many owners ended with a delivery in their hands, without giving it back. From SUSPECT_TRIES on only a few such are
 * in hand at a time; the last time before POISON_TRIES it is the only one. So what kills its owners is found out, and what was in
 * hand beside it is not blamed. */
#define SUSPECT_TRIES 3
#define POISON_TRIES 5
#define SUSPECT_WINDOW 8

static inline int suspect_weight(int tries)
{
    return tries < SUSPECT_TRIES ? 0 : tries == SUSPECT_TRIES ? 1 : SUSPECT_WINDOW;
}

struct core_ports {
    /* Delivery log. Answers: partition_on_claim_ack, partition_on_record_ack, partition_on_repair_ack. false: not now, the core
     * asks again next turn (no answer comes). */
    bool (*append_claim)(void *ctx, struct partition *p, struct slice value);
    bool (*append_record)(void *ctx, struct job *job);
    bool (*append_repair)(void *ctx, struct partition *p, struct slice key, struct slice value);
    /* Read from an offset; partition_on_log_record for each record and partition_on_log_end at the end, until stop_log. */
    void (*read_log)(void *ctx, struct partition *p, int64_t from);
    void (*stop_log)(void *ctx, struct partition *p);

    /* Index. `round` comes back with the answer: partition_on_take, _claim, _due, _apply, _check, _postpone, _sweep, _release. */
    void (*index_take)(void *ctx, struct partition *p, unsigned round);
    /* room: for suspects, by their weight; the others are left alone. */
    void (*index_claim)(void *ctx, struct partition *p, unsigned round, struct job *const *jobs, int count, int room);
    void (*index_due)(void *ctx, struct partition *p, unsigned round, int limit, int room);
    /* Records with consecutive offsets from the index's position on, then the position moves to ap_to. */
    void (*index_apply)(void *ctx, struct partition *p, unsigned round, int64_t ap_from, const struct index_record *records,
                        int count, int64_t ap_to);
    /* held_cursor: of the walk through the webhooks that have something held; 0 begins. */
    void (*index_check)(void *ctx, struct partition *p, unsigned round, uint64_t held_cursor);
    void (*index_postpone)(void *ctx, struct partition *p, unsigned round, const struct index_postponed *postponed, int count);
    /* One step through the schedule for what belongs to a webhook, about so many entries; cursor 0 begins. unhold: nothing of it
     * is held any more, and a complete walk takes it off the list of webhooks that have something held. */
    void (*index_sweep)(void *ctx, struct partition *p, unsigned round, struct slice webhook_id, uint64_t cursor, int step,
                        bool unhold);
    /* What is in hand goes back to the schedule: this owner gives it back in order. */
    void (*index_release)(void *ctx, struct partition *p, unsigned round);

    /* Group. */
    void (*start_events)(void *ctx, struct partition *p, int64_t offset);                 /* once; -1: the earliest */
    void (*commit)(void *ctx, struct partition *p, int64_t offset, const char *metadata); /* answer: partition_on_commit */
    int64_t (*generation)(void *ctx);                                                     /* the membership's now; -1: none */

    /* Deliveries. send: to the endpoint's gate; partition_on_posting when the POST starts, then partition_on_outcome; or
     * partition_on_park, partition_on_hold, partition_on_cancel. */
    void (*send)(void *ctx, struct job *job);
    /* Forget a queued job; end a running POST without an outcome. */
    void (*withdraw)(void *ctx, struct job *job);
    /* Its copy goes to the dead-letter topic; partition_on_buried when it stands there. */
    void (*bury)(void *ctx, struct job *job);
    /* Whether deliveries to a webhook are held now. */
    bool (*is_held)(void *ctx, struct slice webhook_id);
    /* Of a webhook that partition_call_in named. */
    enum call_in (*calls_in)(void *ctx, struct partition *p, struct slice webhook_id);
    /* All that was scheduled for it when partition_call_in named it has come to its gate. */
    void (*called_in)(void *ctx, struct partition *p, struct slice webhook_id);

    /* A partition's end: gave_up when nothing more will be sent or committed; then free_partition when no answer is outstanding.
     */
    void (*gave_up)(void *ctx, struct partition *p);
    void (*released)(void *ctx, struct partition *p);

    /* A job's record is in the log: counting and logging. */
    void (*recorded)(void *ctx, const struct job *job);
    void (*state_changed)(void *ctx, struct partition *p, const char *from, const char *to, const char *why);
};

struct core {
    struct core_ports ports;
    void *ctx;
    struct retry_policy retry;
    int64_t write_again_ms; /* an open record this old is written again, before retention takes it */
    int64_t hold_max_ms;    /* held for so long, a delivery is cancelled */
    int64_t bound_lag_ms;   /* a rebuild reads at least so much of the log that needs no rebuilding: zombies are known by it */
    const char *events_topic;
    int64_t now_ms; /* monotonic */
    int64_t now_wall_ms;
    uint64_t random_state;
    int jobs;                     /* in hand, of all partitions */
    int max_jobs;                 /* credit */
    int suspects;                 /* weight of those in hand, of all partitions, since it is the process that dies of them */
    bool suspects_asked;          /* a script that may bring some is out */
    int returning;                /* partitions that walk through their schedule for an endpoint that is back */
    struct partition *slow_apply; /* whose records of deliveries that only wait are on their way to the index; NULL: nobody's */
    struct job_list free_jobs;
    bool hold;           /* self-fenced: start no POST before a commit that was sent since has succeeded */
    unsigned hold_count; /* how often it was set */
};

void core_init(struct core *c, const struct core_ports *ports, void *ctx, uint64_t seed);
/* All partitions must have been released. */
void core_done(struct core *c);
static inline void core_set_time(struct core *c, int64_t now_ms, int64_t now_wall_ms)
{
    c->now_ms = now_ms;
    c->now_wall_ms = now_wall_ms;
}
/* SELF-FENCE: this process stood still, or has not heard of the group for too long. */
static inline void core_hold(struct core *c)
{
    c->hold = true;
    c->hold_count++;
}
/* Uniform 32 bits (SplitMix64): jitter only. */
uint32_t core_random(struct core *c);
static inline int core_credit(const struct core *c)
{
    return c->max_jobs > c->jobs ? c->max_jobs - c->jobs : 0;
}

#endif
