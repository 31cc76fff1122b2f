/* An event from the topic: read once, matched with the account's webhooks, made into jobs. What cannot be understood goes to the
 * dead-letter topic. */
#ifndef WORKER_INTAKE_H
#define WORKER_INTAKE_H

#include "core/job.h"
#include "core/partition.h"
#include "io/kafka.h"
#include "trace.h"

struct worker;

void intake_event(struct worker *w, struct partition *p, const struct kafka_record *rec);
/* What an event of this offset owes to a webhook becomes a delivery in hand. */
void intake_owe(struct worker *w, struct partition *p, uint64_t event_seq, const struct event *ev, const struct job_webhook *wh,
                const struct trace *trace, int64_t offset);

#endif
