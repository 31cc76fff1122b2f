/* Lines of the delivery log. */
#ifndef CTL_LOG_TAIL_H
#define CTL_LOG_TAIL_H

#include "ctl/command.h"
#include "ctl/kafka_sync.h"

struct delivery_filter {
    const char *webhook, *account, *status; /* NULL: all */
    bool json;
    struct buf scratch; /* for reading records; limits the largest */
};

/* Appends the record's line to out, without a newline, and returns true; false where it is none that is wanted: a tombstone,
 * one of the workers' own ('!' keys), one that the filter leaves out, or (with a warning) no delivery record. */
bool delivery_line(struct delivery_filter *f, const rd_kafka_message_t *m, struct buf *out);

/* Prints the newest limit lines of the topic, oldest first by the time of writing. */
MUST_CHECK enum err log_print_last(struct kafka_sync *k, const char *topic, struct delivery_filter *f, size_t limit,
                                   struct errmsg *why);

#endif
