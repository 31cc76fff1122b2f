/* How old the oldest event is that was read and is not settled. Of each partition the times of a few events are kept, a second
 * apart (more in a backlog of minutes), so the answer is up to that much too high, and costs next to nothing for each event. Pure
 * but for memory. */
#ifndef WORKER_AGE_H
#define WORKER_AGE_H

#include <stdint.h>

struct ages;

struct ages *ages_new(void);
void ages_free(struct ages *a);
/* An event was read: where it stands, and when it was written there. */
void ages_read(struct ages *a, int32_t partition, int64_t offset, int64_t written_wall_ms);
/* Everything below this offset is settled. */
void ages_settled(struct ages *a, int32_t partition, int64_t next_offset);
/* The partition is not ours any more. */
void ages_forget(struct ages *a, int32_t partition);
/* When the oldest unsettled event was written; 0: there is none. */
int64_t ages_oldest_wall_ms(const struct ages *a);

#endif
