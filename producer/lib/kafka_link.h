/* Kafka mode: librdkafka, with its client per process. Functions return enum trueftp_error. */
#ifndef PRODUCER_LIB_KAFKA_LINK_H
#define PRODUCER_LIB_KAFKA_LINK_H

#include "producer/include/trueftp_producer.h"
#include "producer/lib/spool_record.h"

struct kafka_link;

/* config is read during the call. INVALID, NO_MEMORY: why holds a sentence. */
int kafka_link_new(const struct trueftp_config *config, struct kafka_link **out, char *why, size_t why_size);
/* What is outstanding in this process is answered with TRUEFTP_ERR_CLOSED. */
void kafka_link_free(struct kafka_link *k);

int kafka_link_publish(struct kafka_link *k, const struct spool_event *ev, void *opaque);
/* How many acknowledgements were handed over. */
int kafka_link_poll(struct kafka_link *k, int timeout_ms);
int kafka_link_flush(struct kafka_link *k, int timeout_ms);
int kafka_link_outstanding(struct kafka_link *k);

#endif
