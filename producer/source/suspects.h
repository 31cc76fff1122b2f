/* Suspect uploads that are kept back for a while (suspect = hold): a client whose connection broke comes back and sends the file
 * again, and then only that one is worth announcing. Bounded: beyond SUSPECTS_MAX the one that waits longest is handed over. */
#ifndef PRODUCER_SOURCE_SUSPECTS_H
#define PRODUCER_SOURCE_SUSPECTS_H

#include <sys/queue.h>

#include "producer/source.h"

#define SUSPECTS_MAX 4096

struct suspect;
TAILQ_HEAD(suspect_list, suspect);

struct suspects {
    struct suspect_list list;
    size_t count;
    struct source_sink sink;
};

void suspects_init(struct suspects *t, const struct source_sink *sink);
/* Forgets them. */
void suspects_done(struct suspects *t);

/* Copies the upload; time_us is its time. */
void suspects_add(struct suspects *t, const struct source_fact *fact, int64_t time_us);
/* Something happens to this path: hands over what waits for it, before that. again: it is uploaded, so the one that waits is
 * superseded. */
void suspects_settle(struct suspects *t, struct slice path, bool again);
/* Hands over those older than hold_us at wall_us. Returns in how many microseconds to come again, -1: nothing waits. */
int64_t suspects_release(struct suspects *t, int64_t hold_us, int64_t wall_us);
void suspects_flush(struct suspects *t);
/* Lowest offset of those that wait; INT64_MAX: none. */
int64_t suspects_pending(const struct suspects *t);

#endif
