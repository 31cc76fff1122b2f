/* The index in Redis: the core's index ports as scripts (scripts/), and their replies as answers to the core. One call is one
 * command; commands of a turn leave together. Keys of partition 3 of topic trueftp.events: {trueftp.events:3}:m, :due, :inf, :pl,
 * :low, :tries, :held, :done:... */
#ifndef WORKER_INDEX_H
#define WORKER_INDEX_H

#include "core/partition.h"
#include "io/redis.h"

struct index_store;

#define INDEX_CLAIM_ARGS 8             /* arguments of a claim's script before the ids */
#define INDEX_SLOT_MS (12 * 3600000LL) /* idempotency keys live for two to three of these */

/* Due times are compared with the core's time. */
struct index_store *index_new(struct redis *r, struct core *core, const char *events_topic, int64_t slot_ms);
void index_free(struct index_store *ix);
/* Answers what was asked while Redis was down (the core is never answered from inside its own call). true: something was
 * answered. */
bool index_turn(struct index_store *ix);

void index_take(struct index_store *ix, struct partition *p, unsigned round);
void index_claim(struct index_store *ix, struct partition *p, unsigned round, struct job *const *jobs, int count, int room);
void index_due(struct index_store *ix, struct partition *p, unsigned round, int limit, int room);
void index_apply(struct index_store *ix, struct partition *p, unsigned round, int64_t ap_from, const struct index_record *records,
                 int count, int64_t ap_to);
void index_postpone(struct index_store *ix, struct partition *p, unsigned round, const struct index_postponed *postponed,
                    int count);
void index_sweep(struct index_store *ix, struct partition *p, unsigned round, struct slice webhook_id, uint64_t cursor, int step,
                 bool unhold);
void index_check(struct index_store *ix, struct partition *p, unsigned round, uint64_t held_cursor);
void index_release(struct index_store *ix, struct partition *p, unsigned round);

#endif
