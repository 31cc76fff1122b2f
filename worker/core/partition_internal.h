/* The inside of a partition, shared by the files of this folder only. */
#ifndef CORE_PARTITION_INTERNAL_H
#define CORE_PARTITION_INTERNAL_H

#include "core/hand.h"
#include "core/partition.h"

enum partition_state {
    PARTITION_CLAIMING,  /* the claim is being appended; ends with its acknowledgement */
    PARTITION_TAKING,    /* the index is being taken; ends with the script's answer */
    PARTITION_REPLAYING, /* the log is read into the index; ends at the log's end */
    PARTITION_SERVING,   /* events and retries are delivered */
    PARTITION_FENCED,    /* a later claim was seen; a commit tells whether we are still the owner */
    PARTITION_DRAINING,  /* revoked: what runs may finish, then the last commit */
    PARTITION_GONE,      /* nothing more is done; freed when no answer is outstanding */
    PARTITION_STATE_COUNT,
};

/* An event that was read: the offset, how many things it waits for, and from where on in the log it can have a record. */
struct event_entry {
    int64_t offset, low;
    uint32_t left;
};

/* Events in the order read, from the first that is not settled. Sequence numbers grow by one. */
struct event_ring {
    struct event_entry *entries; /* capacity is a power of two */
    size_t capacity, head, count;
    uint64_t head_seq;
    int64_t watermark; /* the offset to commit; -1: not known yet */
};

/* From where on an emptied index must read the log (docs/decisions/0004-rebuild-bound.md). */
struct bound {
    int64_t low;      /* of the last commit that succeeded */
    int64_t sent;     /* of the commit that is out */
    int64_t hi;       /* the highest offset of an event that had a record when SERVING began; -1: none */
    int64_t answered; /* the index has answered for the log up to here */
    int64_t open_low; /* of the same answer: the lowest last record of an open delivery; INT64_MAX: none is open */
    bool checked;     /* a CHECK has been answered since SERVING began */
    int64_t ripening; /* a later bound, found at ripening_since_ms, which is kept back yet; -1: none */
    int64_t ripening_since_ms;
};

/* Records read from the log during a replay, in one block of memory, on their way into the index. */
#define REPLAY_BATCH_RECORDS 256
#define REPLAY_BATCH_BYTES (1024 * 1024)

struct replay_record {
    int64_t offset;
    size_t value_at, value_len; /* in the batch's bytes */
    struct delivery_rank rank;
    struct uuid id;
    int64_t due_wall_ms, updated_wall_ms, event_offset;
    size_t held_at, held_len; /* the webhook's id, in the batch's bytes; held_len 0: not held */
    bool skip;
};

struct replay_batch {
    STAILQ_ENTRY(replay_batch) link;
    int64_t ap_from, ap_to;
    struct replay_record records[REPLAY_BATCH_RECORDS];
    int count;
    struct buf bytes;
};

STAILQ_HEAD(replay_batches, replay_batch);

struct partition {
    struct core *core;
    void *shell;
    int32_t number;
    enum partition_state state;

    /* Ownership. */
    int64_t generation;
    char *member;
    char log[EPOCH_LOG_SIZE];
    bool log_is_new; /* no commit names it yet */
    int64_t life;
    struct epoch epoch;
    struct epoch seen; /* the later claim that fenced us */
    struct bound bound;
    bool must_append_claim; /* the port said "not now" */
    bool revoked, lost;

    /* Index. */
    unsigned round;           /* answers of an earlier round are void */
    int64_t ap;               /* the position that the next script finds: everything sent so far is counted */
    bool index_waiting;       /* TAKING: the script could not be sent or was not answered; wait for index_up */
    bool serving_once;        /* events were started */
    int64_t next_due_wall_ms; /* 0: none known */
    int64_t scheduled, due;   /* at the last check */
    int64_t held;             /* at the last check */
    bool due_asked;
    int due_limit;                     /* of the script that is out */
    int64_t due_from_ms;               /* the next one leaves then at the earliest */
    struct index_postponed *postponed; /* retries that go back to the schedule with the turn's batch */
    size_t postponed_count, postponed_cap;
    STAILQ_HEAD(, sweep) sweeps; /* webhooks whose schedule is being called in */
    struct sweep *sweep_asked;   /* whose step is out */
    int returns;                 /* of these, for endpoints that are back */
    int64_t return_from_ms;      /* the next step for one of those leaves then at the earliest */
    uint64_t held_cursor;        /* of the walk through the webhooks that have something held */
    bool suspects_asked;         /* the core's, by this partition */
    int due_room;                /* for suspects, in the script that due_asked tells of */
    int64_t apply_at_ms;         /* when acknowledged records go to the index; 0: none wait */
    bool apply_waits;            /* for the core's slow_apply */
    int64_t slow_to;             /* ap_to of the script that core->slow_apply tells of, when it is ours */

    /* Replay. */
    bool reading;
    bool tail_check;  /* SERVING: the reading is a check of the log's end */
    int64_t tail_end; /* its result; -1: none */
    struct replay_batch *filling;
    struct replay_batches applying; /* in the index's hands, oldest first */
    int applying_count;
    int64_t read_next;  /* the next offset the log will hand over, as far as known */
    int64_t log_high;   /* the highest offset that was acknowledged to us since our claim */
    int64_t replay_end; /* -1: the end has not been reached */
    struct buf repair;  /* a repair record that must be produced, or is being */
    struct uuid repair_id;
    int64_t repair_at; /* offset of the dominated record; -1: none */
    bool repair_produced;

    /* Events and jobs. */
    struct event_ring events;
    struct job_list jobs[JOB_STATE_COUNT];
    int job_counts[JOB_STATE_COUNT];
    int produced; /* of those in RECORDING: with the producer */
    struct hand hand;
    bool acked_lately; /* a record was acknowledged since the last second */

    /* Commits. */
    bool commit_out; /* one at a time */
    bool commit_again;
    bool final_commit;    /* DRAINING: the commit that is out is the last */
    bool fence_commit;    /* FENCED: the commit that is out was sent after the later claim was seen */
    unsigned commit_hold; /* core->hold_count when the commit that is out was sent */
    int64_t drain_deadline_ms;

    int answers_due; /* of ports: the partition lives until 0 */
    bool released;
};

/* partition.c */
void partition_change(struct partition *p, enum partition_state state, const char *why);
void partition_claim(struct partition *p);
void partition_take(struct partition *p, const char *why);
void partition_fence(struct partition *p, const struct epoch *seen, const char *why);
void partition_give_up(struct partition *p, const char *why);
void partition_maybe_release(struct partition *p);
/* The common part of index answers. true: OK and of this round. Otherwise the partition has been moved on. */
bool partition_index_ok(struct partition *p, unsigned round, const struct index_answer *a);

/* partition_replay.c */
void replay_begin(struct partition *p);
void replay_turn(struct partition *p);
void replay_drop(struct partition *p); /* stop reading, forget batches */
void replay_check_tail(struct partition *p);

/* partition_serve.c */
void serve_begin(struct partition *p);
void serve_turn(struct partition *p);
void serve_suspend(struct partition *p);      /* leaving SERVING: what is not posted yet must be claimed again */
void serve_drop(struct partition *p);         /* forget all jobs */
void serve_record_again(struct partition *p); /* the log was made anew: what it acknowledged is not in it */

/* partition_hand.c: the deliveries in hand */
void job_move(struct job *job, enum job_state state);
void job_admit(struct partition *p, struct job *job, enum job_state state);
void job_release(struct job *job); /* out of hand */
struct job *job_find(const struct partition *p, const struct uuid *id);
/* The events that wait for its first record wait no more. */
void job_settle(struct job *job);
void job_send(struct job *job);
/* Back to where it can be sent again. A retry is in the index's schedule; an event's first delivery is claimed again. */
void job_unsend(struct job *job);

/* partition_claim.c */
void claim_turn(struct partition *p);
/* It is in our hands, after so many others. */
void claim_weigh(struct job *job, int tries);
/* Every second: suspects that find no room are recorded as parked, so that their events do not wait for them. */
void claim_park_suspects(struct partition *p);
/* How much room for suspects a script that leaves now may use; the script is the only one of its kind until it is answered. */
int claim_room(struct partition *p);
void claim_room_answered(struct partition *p);
/* What came of a claim that succeeded: it is sent, or found to be poison. */
void claim_go_on(struct job *job, int tries);

/* partition_due.c */
void due_turn(struct partition *p);
void due_one(struct partition *p, struct slice record, int tries); /* a record that is in our hands now */
void partition_note_due(struct partition *p, int64_t due_wall_ms);

/* partition_record.c */
void postpone_forget(struct partition *p); /* TAKE returns them to the schedule */
void postpone_turn(
    struct partition *p); /* before the turn's other scripts: nothing asked later may find these still in our hands */
void apply_turn(struct partition *p);
void record_job(struct job *job);         /* its record has been written anew, and goes to the log */
void record_produce(struct partition *p); /* records that the producer's queue had no room for */
void record_applied(struct partition *p, int64_t ap_to);
void record_slow_answered(struct partition *p); /* its slow_apply is over */

/* partition_bound.c */
void bound_init(struct bound *b, int64_t low);
/* The log holds a record of an event at this offset (-1: of another partition's), as the index says or the replay reads. */
void bound_read(struct partition *p, int64_t event_offset);
void bound_serving(struct partition *p);
/* The index has answered: it is the log up to ap, and nothing that is open has its last record below open_low. */
void bound_checked(struct partition *p, int64_t ap, int64_t open_low);
void bound_log_made_anew(struct partition *p);
/* The bound that goes with the commit of the present watermark: once or twice core->bound_lag_ms old. */
int64_t bound_to_commit(struct partition *p);
/* Offset of the event that a record is about; -1 when that is none of this partition's. */
int64_t bound_event_offset(const struct partition *p, const struct delivery *dl);

/* partition_sweep.c */
void sweep_turn(struct partition *p);
/* In how many milliseconds the next step may leave; -1: none waits for time. */
int64_t sweep_idle_ms(const struct partition *p);
/* A change of a webhook is on its way through the schedule. */
bool sweep_of_change(const struct partition *p);
void sweep_suspend(struct partition *p);
void sweep_done(struct partition *p);
/* The check named webhooks that have something held: those that are not held any more are swept. */
void sweep_held(struct partition *p, const struct slice *webhook_ids, int count);

/* partition_commit.c */
void events_init(struct event_ring *r, int64_t committed);
void events_done(struct event_ring *r);
uint64_t events_add(struct event_ring *r, int64_t offset, int64_t low);
void events_hold(struct event_ring *r, uint64_t seq);
void events_release(struct event_ring *r, uint64_t seq);
void partition_commit(struct partition *p);

#endif
