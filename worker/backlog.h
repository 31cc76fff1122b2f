/* Events for endpoints that take nothing now, kept as bytes: not parsed into a delivery, not claimed, outside the credit of what
 * is in hand. So a partition is read on past a backlog for an endpoint that hangs, and what was written behind it goes out at
 * once. From here they are made into deliveries (and, as a rule, parked) a few a turn, while little else is under way. Each holds
 * its event: an offset is not committed before what is kept of it was recorded, and whoever owns the partition next reads it
 * again. */
#ifndef WORKER_BACKLOG_H
#define WORKER_BACKLOG_H

#include "core/partition.h"
#include "io/kafka.h"
#include "trace.h"

struct worker;
struct backlog;
struct job_webhook;

struct backlog *backlog_new(struct worker *w, int32_t partitions);
void backlog_free(struct backlog *b);

/* Keeps what the event owes to a webhook. */
void backlog_add(struct backlog *b, struct partition *p, uint64_t event_seq, const struct kafka_record *rec,
                 const struct job_webhook *wh, const struct trace *trace);
/* Nothing more of the partition may be read: it has its share of the room. */
bool backlog_is_full(const struct backlog *b, const struct partition *p);
/* The partition is given up: whoever has it next reads its events again. */
void backlog_drop(struct backlog *b, struct partition *p);

/* Makes deliveries of some, before the partitions' turn. */
void backlog_turn(struct backlog *b);
/* In how many milliseconds a turn is needed though nothing happens; -1: none is. */
int64_t backlog_idle_ms(const struct backlog *b);
int64_t backlog_count(const struct backlog *b);
/* How many came since the last turn. */
int64_t backlog_came(const struct backlog *b);

#endif
