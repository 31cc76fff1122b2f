/* Records that this worker writes besides the delivery log, and sees through until they are acknowledged:
 *
 * - dead letters: events that cannot be understood, as received, with headers that say why. The event is settled when the copy is
 * acknowledged.
 * - deliveries that are poison (core/partition_claim.c): a command that sends the delivery again, so that whoever has mended the
 * cause can reinject it. The delivery ends when the copy is acknowledged.
 *
 * - events of its own (health.c). Nothing waits for them. */
#ifndef WORKER_DLQ_H
#define WORKER_DLQ_H

#include "core/partition.h"
#include "io/kafka.h"

struct worker;
struct dlq;
struct dlq_letter;

struct dlq *dlq_new(struct worker *w);
void dlq_free(struct dlq *d);
/* Copies the record; its event is held until the copy stands in the topic. */
void dlq_send(struct dlq *d, struct partition *p, uint64_t event_seq, const struct kafka_record *rec, const char *code,
              const char *reason);
/* Writes the delivery's copy; partition_on_buried follows. */
void dlq_bury(struct dlq *d, struct job *job);
/* Publishes an event of the worker's own; copies key and value. topic must outlive d. */
void dlq_publish(struct dlq *d, const char *topic, int32_t partition, struct slice key, struct slice value);
/* Produces what had no room in the producer's queue. */
void dlq_turn(struct dlq *d);
/* The producer's answer for a letter. */
void dlq_on_ack(struct dlq *d, struct dlq_letter *letter, enum err err);

#endif
