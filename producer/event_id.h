/* Ids of events and of log files: derived, so that reading a log twice gives the same events.
 *
 * fingerprint: the first 16 bytes, in hex, of SHA-256(inode in decimal, NUL, the first frame's bytes). The first frame tells a
 * reused inode number from the old file; the inode tells two files that begin alike.
 *
 * event_id: UUIDv5 with namespace 6f1c2f0e-9d53-5c51-8a39-3f0f6f2f7b11 and the name
 *
 *     host NUL log NUL fingerprint NUL offset in decimal NUL event name
 *
 * or, of a user found in a file of users,
 *
 *     host NUL file NUL "user" NUL username
 *
 * where host, file and log are those of the sources file (log: the configured path, not the name after a rotation), and offset is
 * where the record starts in its file. One record gives at most one event of a name. */
#ifndef PRODUCER_EVENT_ID_H
#define PRODUCER_EVENT_ID_H

#include <stdint.h>

#include "model/event.h"
#include "model/uuid.h"
#include "util/buf.h"

#define FINGERPRINT_SIZE 33 /* 32 hex digits and a NUL */

void fingerprint_make(uint64_t inode, struct slice first_frame, char out[FINGERPRINT_SIZE]);

/* scratch: initialised by the caller, reset here; its limit must have room for the name. */
struct uuid event_id_make(struct buf *scratch, struct slice host, struct slice log, const char *fingerprint, int64_t offset,
                          enum event_type type);

struct uuid event_id_of_user(struct buf *scratch, struct slice host, struct slice file, struct slice username);

#endif
