/* What is kept of a server's sessions between records, by pid: the last upload (for the size of a file that is renamed
 * afterwards), whether it is still held back, and the first half of a rename. Bounded: beyond SESSIONS_MAX the session whose last
 * record is oldest is let go, its upload handed over first. A session may leave no record of its end; that bound and the waiting
 * times end it.
 *
 * A rename takes the size of the file from the upload before it. So a restart reads from that upload on, where it is not too far
 * back (SESSIONS_BACK_BYTES): else from the rename's first half, and the event has no size when it is sent again. */
#ifndef PRODUCER_SOURCE_SESSIONS_H
#define PRODUCER_SOURCE_SESSIONS_H

#include <sys/queue.h>

#include "producer/source.h"
#include "util/uthash.h"

#define SESSIONS_MAX 16384
#define SESSIONS_BACK_BYTES (1024 * 1024)

struct session {
    uint64_t pid;
    struct source_fact upload; /* the last one; its slices point into upload_bytes. offset -1: none yet */
    int64_t upload_us;         /* its time, microseconds since 1970 */
    char *upload_bytes;
    size_t upload_cap;
    bool held;         /* upload was not handed over yet: stands in `held` */
    char *rename_from; /* NULL: no rename is open; else stands in `renames` */
    size_t rename_len;
    int64_t rename_offset; /* where a restart must read from to find the rename */
    int64_t rename_us;
    UT_hash_handle hh, held_hh;
    TAILQ_ENTRY(session) link, held_link, rename_link;
};

TAILQ_HEAD(session_list, session);

struct sessions {
    struct session *by_pid, *held_by_path; /* a path is held once at most: what comes later sends what came before */
    struct session_list order;             /* the one whose last record is oldest first */
    struct session_list held;              /* in reading order, so by offset */
    struct session_list renames;           /* in reading order */
    struct source_sink sink;
};

void sessions_init(struct sessions *t, const struct source_sink *sink);
void sessions_done(struct sessions *t);

/* NULL: nothing is kept of it. */
struct session *session_find(struct sessions *t, uint64_t pid);
/* Makes it when it is not there. */
struct session *session_get(struct sessions *t, uint64_t pid);
/* Forgets it; what it holds must have been handed over. */
void session_end(struct sessions *t, struct session *s);

/* Copies the upload; hold: it will be handed over by session_emit. */
void session_upload(struct sessions *t, struct session *s, const struct source_fact *fact, int64_t time_us, bool hold);
/* The upload is held no more, and the caller's to hand over. False: it was not held. */
bool session_release(struct sessions *t, struct session *s);
/* Hands over the upload if it is held. */
void session_emit(struct sessions *t, struct session *s);
/* Hands over the upload of that path if one is held: what happened to a path is told in its order. */
void sessions_emit_path(struct sessions *t, struct slice path);

/* How far before offset the session's upload is, where a restart reads it again for what happens to `path` there; else 0. The
 * upload's path may have a prefix: some modules of a server log the real one. */
int64_t session_back_bytes(const struct session *s, struct slice path, int64_t offset);

void session_rename(struct sessions *t, struct session *s, struct slice from, int64_t offset, int64_t time_us);
void session_rename_end(struct sessions *t, struct session *s);

/* Hands over the held uploads whose time is before wall_us; stops at the first that is not. */
void sessions_emit_before(struct sessions *t, int64_t wall_us);
/* Forgets the renames that were begun before wall_us. */
void sessions_forget_renames(struct sessions *t, int64_t wall_us);
/* As source_format.pending_offset. */
int64_t sessions_pending(const struct sessions *t);

#endif
