/* A job: one delivery in hand, from the moment its event was read or its retry became due until its record stands in the
 * delivery log and in the index. */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include "core/core.h"

/* Which list of the partition holds the job, and what ends the state. */
enum job_state {
    JOB_UNCLAIMED, /* from an event; ends when a CLAIM script takes it along */
    JOB_CLAIMING,  /* ends with the script's answer */
    JOB_SUSPECT,   /* not claimed: it may be poison; ends when there is room for one, or with a parked record */
    JOB_QUEUED,    /* at the endpoint's gate; ends with posting, park, cancel or withdraw */
    JOB_POSTING,   /* ends with the outcome */
    JOB_BURYING,   /* poison: its copy goes to the dead-letter topic; ends with the acknowledgement */
    JOB_RECORDING, /* its record is being produced; ends with the acknowledgement */
    JOB_RECORDED,  /* acknowledged at record_offset; ends when the record is sent to the index */
    JOB_APPLYING,  /* ends when the index has it */
    JOB_STATE_COUNT,
};

struct job {
    /* What leads from one list to the next, and what the index is told, stand together: a turn walks through hundreds of jobs. */
    struct partition *partition;
    enum job_state state;
    bool has_record;       /* a record of this delivery is acknowledged: the index knows it when it is due */
    bool produced;         /* RECORDING: handed to the producer */
    bool attempted;        /* the record tells of a new attempt */
    bool withdrawn;        /* the shell's */
    TAILQ_ENTRY(job) link; /* in partition->jobs[state], or core->free_jobs */
    int tries;             /* how many owners ended with it in hand */
    int weight;            /* as a suspect in hand */
    int64_t record_offset; /* RECORDED */
    unsigned acked_round;  /* RECORDED: the partition's round when the acknowledgement came */
    int64_t queued_ms;     /* when it came to the gate, or became a SUSPECT; monotonic */
    uint64_t *waiters;     /* events (their sequence numbers) that wait for this delivery's first record */
    size_t waiter_count, waiter_cap;

    /* The shell's: the endpoint's gate and the running request. */
    TAILQ_ENTRY(job) gate_link;
    void *gate;
    void *endpoint; /* POSTING: the definition that is used */
    void *request;
    int64_t posted_wall_ms;
    int32_t waited_ms; /* at the gate, before the POST started */

    struct buf store; /* what dl's slices point into */
    struct buf scratch;
    struct buf record;  /* the record's bytes while RECORDING and RECORDED */
    struct delivery dl; /* as the next record will say; last, since its end is seldom used */
};

/* A job of this delivery, empty but for what is given; in state JOB_UNCLAIMED, on no list. */
struct job *job_new(struct core *c, struct partition *p);
void job_free(struct core *c, struct job *job);

/* What is known of the webhook when a job is made of an event. */
struct job_webhook {
    struct slice id;
    int max_attempts;
};
/* Fills dl from an event at an offset of the partition: copies what it needs, builds the body. */
void job_from_event(struct job *job, const struct event *ev, const struct job_webhook *wh, struct slice trace_id, int64_t offset);
/* Fills dl from the record that the index kept. ERR_INVALID: why. */
MUST_CHECK enum err job_from_record(struct job *job, struct slice record, struct errmsg *why);

/* Changes dl by what came of an attempt, and writes job->record. false: nothing to record (our own failure). */
bool job_conclude(struct job *job, const struct outcome *o);
/* The broker finds the record too large: leaves out what can be spared, a step a call: responses; then an open delivery ends as
 * failed, for without its body it could not be sent again; then the body. false: nothing is left to spare. */
bool job_shrink(struct job *job);
/* The delivery waits until due: status parked, attempts unchanged. */
void job_park(struct job *job, int64_t due_wall_ms);
/* The delivery waits until its webhook is resumed: status parked, held since then; why in a sentence. It is looked at again when
 * it must be written again, or has been held for too long. */
void job_hold(struct job *job, const char *why);
/* The delivery ends without another attempt: status cancelled or failed; detail says why in a sentence. */
void job_end(struct job *job, enum delivery_status status, const char *detail);

void job_add_waiter(struct job *job, uint64_t event_seq);

#endif
