/* Segments of a spool (producer/lib/spool_folder.h) that nobody needs any more. */
#ifndef PRODUCER_SPOOL_DROP_H
#define PRODUCER_SPOOL_DROP_H

#include "producer/checkpoint.h"

/* Makes the folder that holds path, for the group to write to (set-group-id, so that segments belong to that group whoever makes
 * them), where it is missing. ERR_IO. */
MUST_CHECK enum err spool_make_folder(const char *path, struct errmsg *why);
/* Deletes the renamed segments of the spool whose growing one is `path` that were read to their end and acknowledged as c says,
 * which must be on disk itself; deleted is told of each. What cannot be deleted is tried again next time. */
void spool_drop(const char *path, const struct checkpoint *c, void (*deleted)(void *ctx, uint64_t inode), void *ctx);

#endif
