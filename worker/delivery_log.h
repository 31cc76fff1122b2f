/* The delivery log: the core's ports for appending to S[p] and reading it back, and the one producer of the worker with its
 * acknowledgements. */
#ifndef WORKER_DELIVERY_LOG_H
#define WORKER_DELIVERY_LOG_H

#include "core/partition.h"

struct worker;
struct dlq_letter;

/* Makes the worker's producer and log reader. */
MUST_CHECK enum err delivery_log_open(struct worker *w, struct errmsg *why);

bool delivery_log_append_claim(struct worker *w, struct partition *p, struct slice value);
bool delivery_log_append_record(struct worker *w, struct job *job);
bool delivery_log_append_repair(struct worker *w, struct partition *p, struct slice key, struct slice value);
void delivery_log_read(struct worker *w, struct partition *p, int64_t from);
void delivery_log_stop(struct worker *w, struct partition *p);

/* What a dead letter gives the producer to be known by. */
void *delivery_log_letter(struct dlq_letter *letter);

#endif
