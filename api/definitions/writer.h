/* Records that a request waits for: acknowledged by all in-sync replicas, and, where it is asked for, read back, which says
 * whether they have won. Each carries a header with its number, by which it is known again, however often it was produced. */
#ifndef DEFINITIONS_WRITER_H
#define DEFINITIONS_WRITER_H

#include "io/kafka.h"

struct writer;

/* ERR_OK; ERR_EXISTS: read back, and lost against another record; ERR_AGAIN: Kafka has not answered within 10 s, the record may
 * be written or not; ERR_NOT_FOUND, ERR_REFUSED, ERR_TOO_BIG, ERR_INVALID: it never will be. In a later turn than the call. */
typedef void writer_done_fn(void *ctx, enum err err);

MUST_CHECK enum err writer_new(const struct kafka_options *k, struct writer **out, struct errmsg *why);
/* What is outstanding is told ERR_AGAIN. NULL is fine. */
void writer_free(struct writer *w);
unsigned writer_outstanding(const struct writer *w);

/* partition -1: by the key. value.p NULL: a tombstone. read_back: done when writer_saw was told of it. fn may be NULL. */
void writer_send(struct writer *w, const char *topic, int32_t partition, struct slice key, struct slice value, bool read_back,
                 writer_done_fn *fn, void *ctx);
/* A record of a topic that is written to was read. won: it counts, or says the same as what counts. True: it was one of ours. */
bool writer_saw(struct writer *w, const struct kafka_record *rec, bool won);

#endif
