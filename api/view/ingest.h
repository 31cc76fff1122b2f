/* The topics, read into the store, on the program's loop.
 *
 * Records are taken a few milliseconds' worth a turn, so that requests are served in between; a transaction goes on over several
 * turns and ends when it has grown, or nothing more is there. The positions are in the same transaction, so a crash at any
 * moment loses what was not committed and it is read again. When the store fails (a full disk) everything is rolled back, reading
 * stops and begins again a second later; when it is damaged it is made anew from the topics. Decision 0012 has the figures. */
#ifndef VIEW_INGEST_H
#define VIEW_INGEST_H

#include "view/fold.h"
#include "view/sources.h"

struct ingest;

/* The store stays the caller's, who opens it before and closes it after. */
MUST_CHECK enum err ingest_new(const struct view_options *o, struct store *s, struct ingest **out, struct errmsg *why);
void ingest_free(struct ingest *in);
/* view_complete */
bool ingest_complete(const struct ingest *in);
struct fold *ingest_fold(struct ingest *in);

/* Whether the event at that place was settled by its worker (settled.h). */
enum ingest_settled { INGEST_NOT_SETTLED, INGEST_SETTLED };
enum ingest_settled ingest_settled(const struct ingest *in, int64_t source, int64_t offset);
/* Every event logged since then was read: the latest of the partitions' first records that were not their topic's very first. 0:
 * all that ever were. */
int64_t ingest_complete_since(const struct ingest *in);

#endif
