/* What of one log is on its way to Kafka: the offsets of records whose events were not acknowledged yet. Acknowledgements come
 * in any order; the lowest offset left is where a restart must read from. Offsets are begun nearly in order. */
#ifndef PRODUCER_TRACK_H
#define PRODUCER_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct track_mark {
    int64_t offset;
    int64_t since_ms; /* loop clock */
    TAILQ_ENTRY(track_mark) link;
};

TAILQ_HEAD(track_list, track_mark);

struct track {
    struct track_list marks; /* by offset */
    size_t count;
};

void track_init(struct track *t);
/* mark is the caller's memory, until track_end. */
void track_begin(struct track *t, struct track_mark *mark, int64_t offset, int64_t now_ms);
void track_end(struct track *t, struct track_mark *mark);
/* INT64_MAX: nothing is on its way. */
int64_t track_lowest(const struct track *t);

#endif
