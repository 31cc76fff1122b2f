/* The spool's folder, as writers see it: append one record, from any thread of any process, without any state between calls but a
 * descriptor of the folder. That makes fork, threads and crashes ordinary: whoever appends opens the growing segment, locks it
 * (flock, which ends with the descriptor), looks that it still has its name, and writes. A lock file was rejected: a child would
 * inherit its descriptor, and with it the lock of a parent that was killed.
 *
 * A full segment is renamed to events.spool.<wall ms>.<inode>; the agent deletes it when all of it was acknowledged. Nothing is
 * ever taken back from a segment: its reader may have seen it. Half a record stays, and the next one begins with a boundary.
 *
 * Functions return enum trueftp_error. */
#ifndef PRODUCER_LIB_SPOOL_FOLDER_H
#define PRODUCER_LIB_SPOOL_FOLDER_H

#include "producer/include/trueftp_producer.h"
#include "util/buf.h"

struct spool_folder {
    int fd; /* of the folder */
    int64_t max_bytes, segment_bytes;
    int lock_timeout_ms;
    unsigned file_mode;
    enum trueftp_sync sync;
};

/* Appends a record (spool_record.h), as durably as f->sync says. FULL, BUSY, IO (errno). */
int spool_folder_append(const struct spool_folder *f, struct slice record);
/* Brings all that was appended to disk. IO. */
int spool_folder_sync(const struct spool_folder *f);

#endif
