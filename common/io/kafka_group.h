/* The inside of a kafka_group, for kafka_group.c and kafka_group_commit.c. */
#ifndef IO_KAFKA_GROUP_H
#define IO_KAFKA_GROUP_H

#include <sys/queue.h>

#include "io/kafka_internal.h"

/* A commit that was not answered yet. */
struct commit_ticket {
    int32_t generation;
    int64_t sent_ms;
    LIST_ENTRY(commit_ticket) link;
};

/* A commit that was refused here, before librdkafka saw it; answered in the next turn. */
struct refusal {
    int32_t partition;
    int64_t offset;
    STAILQ_ENTRY(refusal) link;
};

struct kafka_group {
    struct kafka_client client;
    struct kafka_group_options options; /* the strings are ours */
    rd_kafka_queue_t *answers;          /* commits; everything while closing */
    struct kafka_part *parts;           /* the assignment */
    int part_count;
    int visit;    /* where the next turn begins to read */
    bool yielded; /* no more in this turn */
    bool joined;
    bool revoking; /* on_revoke was called, revoke_done not yet */
    bool closing;  /* kafka_group_close was called */
    bool leaving;  /* the handle was told to close; not before a revocation is answered */
    bool closed;
    int64_t contact_ms;
    int64_t polled_ms;
    int64_t session_timeout_ms;
    LIST_HEAD(, commit_ticket) tickets;
    STAILQ_HEAD(, refusal) refusals;
    char fatal[256];
};

void kafka_group_commits_init(struct kafka_group *g);
/* Commits that were not answered are forgotten; the handle is gone. */
void kafka_group_commits_done(struct kafka_group *g);
/* The answer to a commit came. */
void kafka_group_committed(struct kafka_group *g, rd_kafka_event_t *ev);
/* Answers the commits that were refused here. */
void kafka_group_answer_refusals(struct kafka_group *g);

#endif
