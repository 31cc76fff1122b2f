/* An event from the topic: read once, matched with the account's webhooks, made into jobs. What cannot be understood goes to the
 * dead-letter topic. */
#ifndef WORKER_INTAKE_H
#define WORKER_INTAKE_H

#include "core/partition.h"
#include "io/kafka.h"

struct worker;

void intake_event(struct worker *w, struct partition *p, const struct kafka_record *rec);

#endif
