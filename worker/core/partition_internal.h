/* The inside of a partition, shared by the files of this folder only. */
#ifndef CORE_PARTITION_INTERNAL_H
#define CORE_PARTITION_INTERNAL_H

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

/* An event that was read: the offset, and how many things it waits for. */
struct event_entry {
    int64_t offset;
    uint32_t left;
};

/* Events in the order read, from the first that is not settled. Sequence numbers grow by one. */
struct event_ring {
    struct event_entry *entries; /* capacity is a power of two */
    size_t capacity, head, count;
    uint64_t head_seq;
    int64_t watermark; /* the offset to commit; -1: not known yet */
};

/* Records read from the log during a replay, in one block of memory, on their way into the index. */
#define REPLAY_BATCH_RECORDS 256
#define REPLAY_BATCH_BYTES (1024 * 1024)

struct replay_record {
    int64_t offset;
    size_t value_at, value_len; /* in the batch's bytes */
    struct delivery_rank rank;
    struct uuid id;
    int64_t due_wall_ms, updated_wall_ms;
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
    int64_t life;
    struct epoch epoch;
    struct epoch seen;      /* the later claim that fenced us */
    bool must_append_claim; /* the port said "not now" */
    bool revoked, lost;

    /* Index. */
    unsigned round;           /* answers of an earlier round are void */
    int64_t ap;               /* the position that the next script finds: everything sent so far is counted */
    bool index_waiting;       /* TAKING: the script could not be sent or was not answered; wait for index_up */
    bool serving_once;        /* events were started */
    int64_t next_due_wall_ms; /* 0: none known */
    int64_t scheduled, due;   /* at the last check */
    bool due_asked;
    struct index_postponed *postponed; /* retries that go back to the schedule with the turn's batch */
    size_t postponed_count, postponed_cap;
    STAILQ_HEAD(, sweep) sweeps; /* webhooks whose schedule is being called in */
    bool sweep_asked;
    int64_t apply_at_ms; /* when acknowledged records go to the index; 0: none wait */

    /* Replay. */
    bool reading;
    bool tail_check;  /* SERVING: the reading is a check of the log's end */
    int64_t tail_end; /* its result; -1: none */
    struct replay_batch *filling;
    struct replay_batches applying; /* in the index's hands, oldest first */
    int applying_count;
    int64_t read_next;  /* the next offset the log will hand over, as far as known */
    int64_t replay_end; /* -1: the end has not been reached */
    struct buf repair;  /* a repair record that must be produced, or is being */
    struct uuid repair_id;
    int64_t repair_at; /* offset of the dominated record; -1: none */
    bool repair_produced;

    /* Events and jobs. */
    struct event_ring events;
    struct job_list jobs[JOB_STATE_COUNT];
    int job_counts[JOB_STATE_COUNT];
    struct job *in_hand; /* uthash by delivery id */
    bool acked_lately;   /* a record was acknowledged since the last second */

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
void serve_produce(struct partition *p);      /* records that the producer's queue had no room for */
void serve_record_again(struct partition *p); /* the log was made anew: what it acknowledged is not in it */
void serve_applied(struct partition *p, int64_t ap_to);
void serve_due(struct partition *p, struct slice record);
void job_move(struct job *job, enum job_state state);

/* partition_sweep.c */
void sweep_turn(struct partition *p);
void sweep_suspend(struct partition *p);
void sweep_done(struct partition *p);

/* partition_commit.c */
void events_init(struct event_ring *r, int64_t committed);
void events_done(struct event_ring *r);
uint64_t events_add(struct event_ring *r, int64_t offset);
void events_hold(struct event_ring *r, uint64_t seq);
void events_release(struct event_ring *r, uint64_t seq);
void partition_commit(struct partition *p);

#endif
