/* Following one log: all the files that it is or was.
 *
 * A server's sessions each open the log themselves, so after a rotation by rename two files grow at once: every file called
 * `<log>` or `<log>.*`, `<log>-*` is followed by inode until it is at its end and has not grown for linger_ms; after that it is
 * only looked at now and then. What piled up is read oldest file first. inotify says when to look (the folder for names, each
 * file for writes); once a second everything is looked at anyway, for file systems that tell nothing. A missing log is waited
 * for. Compressed files are left alone.
 *
 * The loop's thread only. Facts come from inside follow_work. */
#ifndef PRODUCER_FOLLOW_H
#define PRODUCER_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "producer/checkpoint.h"
#include "producer/tail.h"

struct follow;

/* What an operator must hear of: records are or may be lost, or will not be read. */
enum follow_alarm {
    FOLLOW_TRUNCATED,   /* a file became shorter or other content (copytruncate?): what was not read is lost */
    FOLLOW_DISAPPEARED, /* a file of the checkpoint is gone and had not been read to its end */
    FOLLOW_UNREADABLE,  /* a file cannot be opened or read */
    FOLLOW_TOO_MANY,    /* more files than we follow or remember */
    FOLLOW_ALARM_COUNT,
};
const char *follow_alarm_name(enum follow_alarm alarm); /* "truncated", ... */

struct follow_options {
    struct loop *loop;
    const char *path; /* of the log, absolute; copied */
    struct tail_options tail;
    bool from_end; /* at the very first start skip what is in the log */
    int64_t linger_ms;
    int64_t scan_ms; /* how often everything is looked at, 1000 */
    /* Room for one more fact? While false nothing is framed; follow_work is called again when that changes. */
    bool (*credit)(void *ctx);
    /* missing_bytes: how much was not read, as far as it is known; 0: unknown. detail: for people. */
    void (*alarm)(void *ctx, enum follow_alarm alarm, const char *path, uint64_t inode, int64_t missing_bytes,
                  const char *detail);
    void *ctx;
};

/* The checkpoint is read during the call. Watching starts with the loop. ERR_IO: no inotify. */
MUST_CHECK enum err follow_new(const struct follow_options *o, const struct checkpoint *c, struct follow **out,
                               struct errmsg *why);
/* What is on its way must have ended or been forgotten (follow_forget). */
void follow_free(struct follow *f);

/* Reads what may be read, bounded. True: something is left and there is credit. Call it in every turn. */
bool follow_work(struct follow *f);
/* Nothing is read from now on (shutting down). */
void follow_stop(struct follow *f);
/* Appends what a restart needs to an initialised c. */
void follow_checkpoint(struct follow *f, struct checkpoint *c);

/* The caller deleted a file that was read to its end: its inode's next owner is another file. */
void follow_deleted(struct follow *f, uint64_t inode);

/* The log's folder is watched: what is written will be seen. */
bool follow_watching(const struct follow *f);
/* Bytes that were written and not handed over yet. */
int64_t follow_bytes_behind(const struct follow *f);
/* When the oldest record that is on its way was read, loop clock; INT64_MAX: none is. */
int64_t follow_oldest_ms(const struct follow *f);

#endif
