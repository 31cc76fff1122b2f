/* The files of one log (part of follow): which there are, which of them are open, and what is remembered of the others.
 *
 * A file is told by device, inode and fingerprint. What the checkpoint lists but the folder does not have (yet) stays remembered
 * until the first scan has settled it. At the very first start, files beside the log itself count as read. */
#ifndef PRODUCER_FOLLOW_FILES_H
#define PRODUCER_FOLLOW_FILES_H

#include "producer/follow.h"

#define FILES_MAX_OPEN 128

/* A file that is not open: read to `offset`. */
struct known_file {
    struct checkpoint_file at;
    int missed; /* scans in a row that did not see it: a rename may hide a file from one */
};

struct files {
    const struct follow_options *o; /* path is not to be used: see below */
    char *path, *folder, *base;
    struct tail_list tails; /* oldest file first, as far as can be told */
    int open_count;         /* lost ones not counted */
    struct known_file *known;
    size_t known_count;
    bool first_scan;
    bool first_start; /* there was no checkpoint */
};

void files_init(struct files *fs, const struct follow_options *o, const struct checkpoint *c);
/* Forgets what is on its way. */
void files_done(struct files *fs);

/* Looks through the folder: opens what is new or grew, sounds the alarm for what is gone. */
void files_scan(struct files *fs, int64_t now_ms);
/* Looks at the open files: growth, truncation, exchange of content; closes those that have nothing more to say. inotify: their
 * watches end there. */
void files_check(struct files *fs, int64_t now_ms, int inotify);
void files_all_dirty(struct files *fs);
/* Nothing is remembered of a closed file of that inode any more. */
void files_deleted(struct files *fs, uint64_t inode);
void files_checkpoint(const struct files *fs, struct checkpoint *c);

#endif
