/* One owned partition: DELIVERY's "Steps of an owner".
 *
 *     assigned -> CLAIMING -> TAKING -> REPLAYING -> SERVING -> DRAINING -> GONE
 *                    ^          ^___________|___________|          (revoked)
 *                    |__ FENCED ____________|           (any mismatch: TAKE again)
 *
 * Inputs are the functions below; the core's ports are its outputs (core.h). In each turn of the loop, after the inputs,
 * partition_turn is called once: that is where batches leave. */
#ifndef CORE_PARTITION_H
#define CORE_PARTITION_H

#include "core/core.h"
#include "core/job.h"

/* ---- life ---- */

/* committed: the group's offset, -1 for none; metadata: of the same commit. shell: the owner's own pointer. */
struct partition *partition_new(struct core *c, int32_t number, int64_t generation, const char *member, int64_t committed,
                                const struct commit_metadata *metadata, void *shell);
/* Give up in order: no new POST; what runs may finish until the deadline (monotonic ms); records, commit, gave_up. */
void partition_revoke(struct partition *p, int64_t deadline_ms);
/* The membership is gone: give up at once, without a commit. */
void partition_lose(struct partition *p);
/* Only from (or after) the port `released`. */
void partition_free(struct partition *p);

int32_t partition_number(const struct partition *p);
void *partition_shell(const struct partition *p);
const char *partition_state_name(const struct partition *p);
bool partition_is_serving(const struct partition *p);
bool partition_is_gone(const struct partition *p);
/* For the index: what every script carries. */
const struct epoch *partition_epoch(const struct partition *p);
int64_t partition_applied(const struct partition *p); /* the position that the next script must find */
const char *partition_log(const struct partition *p);
int64_t partition_low(const struct partition *p); /* an emptied index is rebuilt from here */
/* Jobs in a state (gauges). */
int partition_job_count(const struct partition *p, enum job_state state);

/* ---- every turn, and every second ---- */

void partition_turn(struct partition *p);
void partition_second(struct partition *p);
/* In how many milliseconds a turn is needed though no input comes; -1: whenever one does. */
int64_t partition_idle_ms(const struct partition *p);

/* ---- events ---- */

/* The next record of the events topic. Returns its sequence number: add jobs (partition_add_job), then partition_event_done. */
uint64_t partition_event(struct partition *p, int64_t offset);
/* A delivery that is owed for it. The job belongs to the partition afterwards, or is freed where the delivery is in hand or
 * recorded already. */
void partition_add_job(struct partition *p, uint64_t event_seq, struct job *job);
/* Something else the event waits for (its copy to the dead-letter topic), and that it came; the partition lives until then. */
void partition_event_hold(struct partition *p, uint64_t event_seq);
void partition_event_unhold(struct partition *p, uint64_t event_seq);
/* The reader of the record is done with it. */
void partition_event_done(struct partition *p, uint64_t event_seq);
/* What is scheduled for a webhook comes to the gate now, though it is not due: the webhook was closed, paused or resumed, and the
 * gate ends it, holds it or sends it. */
void partition_sweep(struct partition *p, struct slice webhook_id);
/* The webhook's endpoint is back: what is scheduled for it comes to the gate as that takes it (calls_in). */
void partition_call_in(struct partition *p, struct slice webhook_id);
/* Of the index's schedule, as the last check told it: how many deliveries, and how many of them are due. 0 when not serving. */
int64_t partition_scheduled(const struct partition *p);
int64_t partition_held(const struct partition *p);
int64_t partition_due(const struct partition *p);
/* The earliest due time known; 0: none. */
int64_t partition_next_due_wall_ms(const struct partition *p);
/* Events read but not settled. */
int64_t partition_unsettled(const struct partition *p);
/* Deliveries in hand; and those of them whose records are on their way to the log or the index. */
int partition_in_hand(const struct partition *p);
int partition_recording(const struct partition *p);
/* Those that wait for the log or the index, not for an endpoint. */
int partition_under_way(const struct partition *p);

/* ---- answers: delivery log ---- */

void partition_on_claim_ack(struct partition *p, enum err err, int64_t offset);
void partition_on_record_ack(struct job *job, enum err err, int64_t offset);
void partition_on_repair_ack(struct partition *p, enum err err, int64_t offset);
/* value.p NULL: a tombstone */
void partition_on_log_record(struct partition *p, int64_t offset, struct slice key, struct slice value);
void partition_on_log_end(struct partition *p, int64_t end);

/* ---- answers: index ---- */

enum index_status {
    INDEX_OK,
    INDEX_DOWN,       /* no answer, or an error: nothing is known */
    INDEX_MOVED,      /* another epoch or position is stored: TAKE again */
    INDEX_INCOMPLETE, /* one of its keys was lost by itself: TAKE again, which builds it anew */
    INDEX_FENCED,     /* a later owner's epoch is stored */
    INDEX_DOMINATED,  /* apply only: the record at `at` is worth less than what is known; those before it were applied */
};

struct index_answer {
    enum index_status status;
    struct epoch epoch;         /* FENCED: the stored one */
    int64_t ap;                 /* take and check, OK: the stored position, -1 for none */
    int64_t hi;                 /* take, OK: the highest offset of an event that has a record; -1: none */
    int64_t open_low;           /* check, OK: the lowest offset of an open delivery's last record; INT64_MAX: none is open */
    uint64_t held_cursor;       /* check, OK: of the next step; 0 at the end */
    int64_t next_due_wall_ms;   /* check and due, OK: the earliest due time that is left, 0 for none */
    int64_t scheduled, due;     /* check, OK: deliveries in the schedule, and those of them that are due */
    int64_t held;               /* check, OK: deliveries that are held */
    int64_t at;                 /* DOMINATED: offset of that record */
    struct delivery_rank known; /* DOMINATED */
    struct slice known_record;  /* DOMINATED by an open state: its record */
};

void partition_on_take(struct partition *p, unsigned round, const struct index_answer *a);
/* What a claim found: how many owners ended with the delivery in hand (0 or more, and it is ours now), or one of these. */
enum { CLAIM_RECORDED = -1, CLAIM_LEFT_ALONE = -2 };
/* room: as it was asked. tries: for each job; read when status is OK. */
void partition_on_claim(struct partition *p, unsigned round, const struct index_answer *a, struct job *const *jobs, int count,
                        int room, const int *tries);
void partition_on_due(struct partition *p, unsigned round, const struct index_answer *a, const struct slice *records,
                      const int *tries, int count);
/* ap_to: as it was asked. */
void partition_on_apply(struct partition *p, unsigned round, const struct index_answer *a, int64_t ap_to);
void partition_on_postpone(struct partition *p, unsigned round, const struct index_answer *a);
/* cursor: of the next step, 0 at the end. records: what was scheduled, now in our hands. */
void partition_on_sweep(struct partition *p, unsigned round, const struct index_answer *a, uint64_t cursor,
                        const struct slice *records, int count);
/* held: webhooks of which something is, or was, held. */
void partition_on_check(struct partition *p, unsigned round, const struct index_answer *a, const struct slice *held, int count);
void partition_on_release(struct partition *p);
/* The index can be asked (again). */
void partition_on_index_up(struct partition *p);

/* ---- answers: group and deliveries ---- */

void partition_on_commit(struct partition *p, enum err err);
void partition_on_posting(struct job *job);
void partition_on_outcome(struct job *job, const struct outcome *o);
/* It cannot be sent now. A new delivery is recorded as parked; a retry goes back to the schedule, without a record. */
void partition_on_park(struct job *job, int64_t due_wall_ms);
/* Its webhook is paused, for the reason given. */
void partition_on_hold(struct job *job, const char *why);
void partition_on_cancel(struct job *job, const char *detail);
void partition_on_buried(struct job *job);

#endif
