/* Lines kept on disk until their events are acknowledged: an append-only log of our own, `<folder>/events.jsonl`, that is
 * followed like any other. When it is large it is renamed to events.jsonl.<number> and a new one begun; a renamed one is deleted
 * once the checkpoint says that all of it is acknowledged. Each file begins with a comment that no other has, so that a reused
 * inode is never taken for an old file. One writer, one process. */
#ifndef PRODUCER_LINE_SPOOL_H
#define PRODUCER_LINE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "producer/checkpoint.h"
#include "util/buf.h"

#define LINE_SPOOL_FILE "events.jsonl"

struct line_spool;

/* Makes the folder where it is missing. max_bytes bounds all files together. ERR_IO; why names path and reason. */
MUST_CHECK enum err line_spool_new(const char *folder, int64_t max_bytes, struct line_spool **out, struct errmsg *why);
/* What was put and not synced is forgotten. */
void line_spool_free(struct line_spool *sp);

/* No more should be put: it is at its bound, or enough is waiting. A little more is taken all the same. */
bool line_spool_full(const struct line_spool *sp);
/* Takes a line (without LF); it is on disk after the next sync that succeeds. */
void line_spool_put(struct line_spool *sp, struct slice line);
/* Something was put since the last sync. */
bool line_spool_waiting(const struct line_spool *sp);
/* Writes what was put and waits until it is on disk. ERR_IO: it may be there or not, and is forgotten here; why says what failed.
 */
MUST_CHECK enum err line_spool_sync(struct line_spool *sp, struct errmsg *why);
/* Deletes the renamed files that were read to their end and acknowledged as c says, which must be on disk itself. */
void line_spool_drop(struct line_spool *sp, const struct checkpoint *c);

#endif
