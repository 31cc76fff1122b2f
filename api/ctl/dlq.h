/* Records of the dead-letter topic: what a worker could not understand, as received, with headers that say why and from where. */
#ifndef CTL_DLQ_H
#define CTL_DLQ_H

#include "ctl/command.h"
#include "ctl/kafka_sync.h"

struct dead_letter {
    struct slice code, reason;   /* empty: not told */
    struct slice trace;          /* the event's traceparent, or empty */
    char topic[TOPIC_NAME_SIZE]; /* where it was read; "": not told */
    int32_t partition;           /* there; -1: not told */
    int64_t offset;
};

/* Slices point into the message. */
void dead_letter_read(const rd_kafka_message_t *m, struct dead_letter *out);
static inline struct slice dead_letter_key(const rd_kafka_message_t *m)
{
    return slice_of(m->key, m->key_len);
}

#endif
