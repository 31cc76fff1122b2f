/* Which partitions the group has given to this worker, and the core's partitions for them: from the assignment over the committed
 * offsets to the partition's life in the core, and back when it is revoked. */
#ifndef WORKER_OWNERSHIP_H
#define WORKER_OWNERSHIP_H

#include "core/partition.h"

struct worker;
struct ownership;

/* Joins the group of the events topic. */
MUST_CHECK enum err ownership_new(struct worker *w, int32_t partitions, struct ownership **out, struct errmsg *why);
void ownership_free(struct ownership *o);

/* Partitions of the topic. */
int32_t ownership_partitions(const struct ownership *o);
/* The live partition of that number, or NULL. */
struct partition *ownership_partition(const struct ownership *o, int32_t number);

/* A webhook was closed: what is scheduled for it is called in. */
void ownership_sweep(struct ownership *o, struct slice webhook_id);

/* The core's ports. */
void ownership_start_events(struct ownership *o, struct partition *p, int64_t offset);
void ownership_commit(struct ownership *o, struct partition *p, int64_t offset, const char *metadata);
int64_t ownership_generation(struct ownership *o);
void ownership_gave_up(struct ownership *o, struct partition *p);
void ownership_released(struct ownership *o, struct partition *p);

/* Every turn: the core's turns, credit, the dead, revocations that are complete. */
void ownership_turn(struct ownership *o);
/* In how many milliseconds a turn is needed though nothing happens; -1: none is. */
int64_t ownership_idle_ms(const struct ownership *o);
/* Every second: the core's checks and commits; what waits for the index is asked again. */
void ownership_second(struct ownership *o);
void ownership_index_up(struct ownership *o);

/* Gives everything back; done when ownership_closed. */
void ownership_close(struct ownership *o);
bool ownership_closed(const struct ownership *o);
bool ownership_joined(const struct ownership *o);
/* Why the group's client is finished; "" while it is not. */
const char *ownership_fatal(const struct ownership *o);
/* When the group's coordinator last answered, loop_now clock. */
int64_t ownership_last_contact(const struct ownership *o);
int64_t ownership_session_timeout_ms(const struct ownership *o);

/* Partitions that live: 0 when nothing is sent, recorded or committed any more. */
int ownership_live(const struct ownership *o);
/* Partitions that were given up while an answer is still awaited: that Redis has taken back what was in hand, for one. */
int ownership_leaving(const struct ownership *o);
int ownership_owned(const struct ownership *o);
int ownership_serving(const struct ownership *o);
/* Events of the partitions that are read here, behind what was read, as of the last answer to a fetch. */
int64_t ownership_unread(const struct ownership *o);
int64_t ownership_unsettled(const struct ownership *o);
/* Deliveries whose records are on their way to the log or the index. */
int ownership_recording(const struct ownership *o);
/* Those, and what is being claimed: all that waits for Redis or Kafka, not for an endpoint. */
int ownership_under_way(const struct ownership *o);

#endif
