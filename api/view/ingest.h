/* The topics, read into the store, on a thread with a loop and a connection of its own.
 *
 * A transaction goes on over several turns and ends when it has grown, or nothing more is there. The positions are in the same
 * transaction, so a crash at any moment loses what was not committed and it is read again. When the store fails (a full disk)
 * everything is rolled back, reading stops and begins again a second later; when it is damaged it is made anew from the topics.
 *
 * Why a thread, where the programs have one each: a commit of a view under load waits for the disk, up to half a second, and a
 * request must not wait with it. docs/decisions/0012-view-thread.md has the figures. The thread shares nothing with the loop but
 * a report (report.h), the log and counters. */
#ifndef VIEW_INGEST_H
#define VIEW_INGEST_H

#include "view/fold.h"
#include "view/report.h"

struct ingest;

/* Begins. The store is the thread's until ingest_stop; o->kafka.loop is not used. ERR_INVALID and others of Kafka's
 * configuration. */
MUST_CHECK enum err ingest_start(const struct view_options *o, struct store *s, struct report *report, struct ingest **out,
                                 struct errmsg *why);
/* Waits for the thread's turn to end. What is not committed stays so. NULL is fine. */
void ingest_stop(struct ingest *in);

#endif
