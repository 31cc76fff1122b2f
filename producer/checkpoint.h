/* Where a restart reads on: per file of a log the lowest offset that is not yet acknowledged by Kafka. One small JSON file a
 * source, `<data dir>/<source>.checkpoint`, replaced durably; at most about a second old. What lies behind it after a crash is
 * read and published again, under the same event ids.
 *
 *   {"schema":"trueftp.checkpoint/1","log":"/var/log/...","files":[{"inode":1,"fingerprint":"..","offset":0,"size":0}]}
 *
 * Files that were read to their end stay listed while they exist, so that those which appeared meanwhile are known to be new. */
#ifndef PRODUCER_CHECKPOINT_H
#define PRODUCER_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "producer/event_id.h"
#include "util/buf.h"
#include "util/err.h"

#define CHECKPOINT_MAX_FILES 1024

struct checkpoint_file {
    uint64_t inode;
    char fingerprint[FINGERPRINT_SIZE]; /* "": it has no first record yet */
    int64_t offset;                     /* read from here */
    int64_t size;                       /* the file's when this was written: more than offset means unfinished */
};

struct checkpoint {
    bool existed; /* false: the first start with this source */
    struct checkpoint_file *files;
    size_t count;
};

void checkpoint_init(struct checkpoint *c);
void checkpoint_done(struct checkpoint *c);
/* Appends one; beyond CHECKPOINT_MAX_FILES false. */
bool checkpoint_add(struct checkpoint *c, const struct checkpoint_file *file);
void checkpoint_write(struct buf *out, const struct checkpoint *c, const char *log);

/* Fills an initialised c. No file: ERR_OK with existed false. ERR_INVALID: it cannot be trusted, or is another log's; why says
 * what. ERR_IO. */
MUST_CHECK enum err checkpoint_load(const char *path, const char *log, struct checkpoint *c, struct errmsg *why);

/* Takes the data folder for this process until it ends (flock on `<dir>/lock`), making the folder where it is missing. *fd stays
 * open. ERR_REFUSED: another process has it. ERR_IO. */
MUST_CHECK enum err checkpoint_lock(const char *dir, int *fd, struct errmsg *why);

#endif
