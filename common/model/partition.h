/* The events' partitioner (ARCHITECTURE: "Topics"): an account owns four partitions by rendezvous hashing, the path picks one. */
#ifndef MODEL_PARTITION_H
#define MODEL_PARTITION_H

#include <stdint.h>

#include "util/buf.h"

#define PARTITION_SHARES 4

/* The partitions an account owns, greatest weight first; count of them = min(4, partitions). Equal weights: lower partition
 * first. */
unsigned partition_owned(struct slice account_id, int32_t partitions, int32_t out[PARTITION_SHARES]);
/* The one of an account's partitions (as partition_owned gave them, count >= 1) that the path picks: SHA-256 of its bytes, as one
 * big-endian number, mod count. For a caller that keeps an account's partitions: finding them takes a hash for each partition
 * there is. */
int32_t partition_pick(const int32_t *owned, unsigned count, struct slice path_bytes);
/* Both together. path_bytes: the path's raw bytes, or "/username" for ftp_user.created. partitions >= 1. */
int32_t partition_of(struct slice account_id, struct slice path_bytes, int32_t partitions);
/* The same for code that must not end its process. ERR_INVALID: partitions < 1; ERR_NO_MEMORY. */
MUST_CHECK enum err partition_find(struct slice account_id, struct slice path_bytes, int32_t partitions, int32_t *out);

#endif
