/* One file of a log, by inode: read forward in bounded steps, framed, handed to its format's state. It follows the open
 * descriptor, whatever the file is called by now. Memory is bounded: what is not read yet stays in the file. */
#ifndef PRODUCER_TAIL_H
#define PRODUCER_TAIL_H

#include <sys/queue.h>
#include <sys/stat.h>

#include "producer/checkpoint.h"
#include "producer/source.h"
#include "producer/track.h"

struct tail {
    int fd;
    int watch; /* inotify's number; -1: none */
    dev_t device;
    uint64_t inode;
    char *name;                         /* the name it was last seen under, without folder; "" when it has none any more */
    char fingerprint[FINGERPRINT_SIZE]; /* "" until its first frame is complete */
    struct buf bytes;                   /* read and not framed yet */
    int64_t offset;                     /* of bytes.p[0] in the file */
    int64_t size;                       /* as last seen */
    int64_t checked_size;               /* when its beginning was last compared */
    int64_t grown_ms;                   /* when it last grew, loop clock */
    bool dirty;                         /* may have more to read */
    bool lost; /* its content was cut off or exchanged: no more is read, and it goes when nothing is on its way */
    const struct source_format *format;
    struct source_state *state;
    struct track track; /* of what it gave to Kafka */
    void *owner;        /* whoever made it: facts find their way by it */
    void (*quarantine)(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason);
    TAILQ_ENTRY(tail) link;
};

TAILQ_HEAD(tail_list, tail);

struct tail_options {
    const struct source_format *format;
    struct source_options source;
    /* What the file's records say; ctx is the tail. */
    void (*fact)(void *ctx, const struct source_fact *fact);
    void (*quarantine)(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason);
    void *owner;
};

/* fd: open and given. Reading starts at offset 0; set t->offset before the first read to start elsewhere, at a frame. */
struct tail *tail_new(int fd, const struct stat *st, const char *name, const struct tail_options *options);
/* Nothing may be on its way. Closes the descriptor. */
void tail_free(struct tail *t);

/* The fingerprint of the file behind fd; "" while its first frame is not complete. ERR_IO. */
MUST_CHECK enum err tail_fingerprint(int fd, uint64_t inode, const struct source_format *format, char out[FINGERPRINT_SIZE]);

/* Reads one bounded step and hands over its frames while more(ctx) says so. Clears dirty at the end of the file. ERR_IO: errno
 * says why. */
MUST_CHECK enum err tail_read(struct tail *t, bool (*more)(void *ctx), void *ctx);
/* All bytes that were written so far have been framed, but maybe a part of a record. */
bool tail_at_end(const struct tail *t);
/* Puts aside a part of a record that nobody will complete. */
void tail_give_up_rest(struct tail *t);
/* Where a restart must read from. */
int64_t tail_restart_offset(const struct tail *t);

#endif
