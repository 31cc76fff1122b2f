/* What is kept of ProFTPD's sessions between records, by pid: the last upload (for the size of a file that is renamed
 * afterwards), whether it is still held back, and the first half of a rename. Bounded: beyond PROFTPD_MAX_SESSIONS the session
 * whose last record is oldest is let go, its upload handed over first. A session that was killed leaves no EXIT; that bound and
 * the waiting times end it. */
#ifndef PRODUCER_SOURCE_PROFTPD_SESSIONS_H
#define PRODUCER_SOURCE_PROFTPD_SESSIONS_H

#include <sys/queue.h>

#include "producer/hash.h"
#include "producer/source.h"

#define PROFTPD_MAX_SESSIONS 16384

struct proftpd_session {
    uint64_t pid;
    struct source_fact upload; /* the last one; its slices point into upload_bytes. offset -1: none yet */
    int64_t upload_us;         /* its time, microseconds since 1970 */
    char *upload_bytes;
    size_t upload_cap;
    bool held;         /* upload was not handed over yet: stands in `held` */
    char *rename_from; /* NULL: no rename is open; else stands in `renames` */
    size_t rename_len;
    int64_t rename_offset;
    int64_t rename_us;
    UT_hash_handle hh;
    TAILQ_ENTRY(proftpd_session) link, held_link, rename_link;
};

TAILQ_HEAD(proftpd_session_list, proftpd_session);

struct proftpd_sessions {
    struct proftpd_session *by_pid;
    struct proftpd_session_list order;   /* the one whose last record is oldest first */
    struct proftpd_session_list held;    /* in reading order, so by offset */
    struct proftpd_session_list renames; /* likewise */
    struct source_sink sink;
};

void proftpd_sessions_init(struct proftpd_sessions *t, const struct source_sink *sink);
void proftpd_sessions_done(struct proftpd_sessions *t);

/* NULL: nothing is kept of it. */
struct proftpd_session *proftpd_session_find(struct proftpd_sessions *t, uint64_t pid);
/* Makes it when it is not there. */
struct proftpd_session *proftpd_session_get(struct proftpd_sessions *t, uint64_t pid);
/* Forgets it; what it holds must have been handed over. */
void proftpd_session_end(struct proftpd_sessions *t, struct proftpd_session *s);

/* Copies the upload; hold: it will be handed over by proftpd_session_emit. */
void proftpd_session_upload(struct proftpd_sessions *t, struct proftpd_session *s, const struct source_fact *fact,
                            int64_t time_us, bool hold);
/* Hands over the upload if it is held. */
void proftpd_session_emit(struct proftpd_sessions *t, struct proftpd_session *s);

void proftpd_session_rename(struct proftpd_sessions *t, struct proftpd_session *s, struct slice from, int64_t offset,
                            int64_t time_us);
void proftpd_session_rename_end(struct proftpd_sessions *t, struct proftpd_session *s);

/* Hands over the held uploads whose time is before wall_us; stops at the first that is not. */
void proftpd_sessions_emit_before(struct proftpd_sessions *t, int64_t wall_us);
/* Forgets the renames that were begun before wall_us. */
void proftpd_sessions_forget_renames(struct proftpd_sessions *t, int64_t wall_us);
/* As source_format.pending_offset. */
int64_t proftpd_sessions_pending(const struct proftpd_sessions *t);

#endif
