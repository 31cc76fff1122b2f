/* One event straight to Kafka, for `trueftp-producer emit --wait`. */
#ifndef PRODUCER_EMIT_KAFKA_H
#define PRODUCER_EMIT_KAFKA_H

#include "model/settings.h"
#include "producer/include/trueftp_producer.h"

/* event: one that trueftp_check takes. Prints its id when all replicas have it. Returns the exit status, as emit_main; says on
 * standard error what went wrong. */
int emit_kafka(const struct settings *settings, const struct trueftp_event *event, int wait_seconds);

#endif
