/* libtrueftp-producer: a program that serves files says what happened to them, and TrueFTP Webhooks delivers it.
 *
 * Two ways, chosen by the configuration:
 *
 * - spool mode: trueftp_publish appends the event to a folder of checksummed segment files and returns when it is there (and on
 *   disk, unless `sync` says otherwise). The agent, trueftp-producer, follows the folder and ships it to Kafka. Publishing needs
 *   no broker, no thread and no memory of its own between calls. This is the way for servers.
 * - Kafka mode: trueftp_publish hands the event to librdkafka and returns; `acknowledged` is called, from trueftp_poll, when all
 *   replicas have it. What was not acknowledged when the process ends is lost to everybody but the caller.
 *
 * In your process the library: never ends it or writes to standard output or standard error; keeps no descriptor but that of the
 * spool's folder; starts no thread in spool mode; leaves signals, locale and environment alone. librdkafka (Kafka mode only) has
 * threads, and ends the process when there is no memory.
 *
 * Threads: trueftp_publish, trueftp_poll, trueftp_flush and trueftp_outstanding may run at once on one handle, on any threads.
 * trueftp_open and trueftp_close of one handle may not run beside anything else of it. Nothing may be called from a signal
 * handler.
 *
 * fork: a handle works in the child as well. In spool mode parent and child simply both append. In Kafka mode the child notices
 * that it is another process and makes a client of its own at its next call; what the parent had not been acknowledged stays the
 * parent's. A server that forks for every session should use the spool.
 *
 * chroot after trueftp_open is fine in spool mode: the folder is held open; the process must still be allowed to write there.
 *
 * Texts are NUL-terminated bytes; NULL or "" means not told. Paths and names need not be UTF-8: their exact bytes are kept. What
 * is passed in stays the caller's and is not used after the call returns, but for `ctx` and `opaque`.
 *
 * Functions that can fail return TRUEFTP_OK (0) or one of the negative codes below. */
#ifndef TRUEFTP_PRODUCER_H
#define TRUEFTP_PRODUCER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRUEFTP_ID_SIZE 37                /* a UUID as text, with its NUL */
#define TRUEFTP_ACCOUNT_MAX 128           /* bytes of account_id, each of A-Z a-z 0-9 _ . - */
#define TRUEFTP_PATH_MAX 8192             /* bytes of path and renamed_from */
#define TRUEFTP_TEXT_MAX 1024             /* bytes of every other text */
#define TRUEFTP_SPOOL_FILE "events.spool" /* the segment that grows; full ones are called events.spool.<number>.<number> */

enum trueftp_error {
    TRUEFTP_OK = 0,
    TRUEFTP_ERR_INVALID = -1,   /* the configuration or the event: it will never be taken. trueftp_check names the member */
    TRUEFTP_ERR_NO_MEMORY = -2, /* nothing happened; try again later */
    TRUEFTP_ERR_FULL = -3,      /* no room: the spool is at its bound or its disk is full, or too many events wait for Kafka. The
                                   event was not taken; try again later */
    TRUEFTP_ERR_BUSY = -4,      /* spool: another process held the lock for lock_timeout_ms. The event was not taken */
    TRUEFTP_ERR_IO = -5,        /* the system said no; errno holds the reason. The event may have been written: publish it again
                                   under the same event_id */
    TRUEFTP_ERR_TIMEOUT = -6,   /* trueftp_flush: not all was acknowledged in time */
    TRUEFTP_ERR_REFUSED = -7,   /* Kafka will not take this event (rights, size, no such topic) */
    TRUEFTP_ERR_CLOSED = -8,    /* given up by trueftp_close, or by a Kafka client that failed; it may have been written */
};

/* What a code means, in English, for logs. Never NULL; a constant. */
const char *trueftp_strerror(int error);

/* The library's version, "0.1.0"; a constant. */
const char *trueftp_version(void);

enum trueftp_event_type {
    TRUEFTP_FILE_UPLOADED = 1,   /* path */
    TRUEFTP_FILE_DOWNLOADED = 2, /* path */
    TRUEFTP_FILE_DELETED = 3,    /* path */
    TRUEFTP_DIR_CREATED = 4,     /* path */
    TRUEFTP_DIR_DELETED = 5,     /* path */
    TRUEFTP_USER_CREATED = 6,    /* username; no path */
    TRUEFTP_FILE_RENAMED = 7,    /* path and renamed_from */
};

/* One event. Always begin with TRUEFTP_EVENT_INIT: members may be added at the end in later versions. */
struct trueftp_event {
    size_t struct_size; /* sizeof(struct trueftp_event), which tells the library what the caller knows of */
    enum trueftp_event_type type;
    int64_t size_bytes;     /* of the file; -1: not told. Only with file events */
    int64_t time_ms;        /* when it happened, milliseconds since 1970 UTC, up to year 9999; 0: now */
    const char *account_id; /* whose webhooks hear of it; needed */
    const char *path;       /* absolute, as the customer sees it */
    const char *username;   /* who did it; of TRUEFTP_USER_CREATED the new user */
    const char *client_ip;  /* IPv4 or IPv6 address */
    const char *home;       /* of TRUEFTP_USER_CREATED, where known */
    const char *protocol;   /* "ftp", "ftps", "sftp", ... */
    const char *session_id;
    const char *frontend;     /* name of the server, "proftpd", ... */
    const char *suspect;      /* why the transfer may be incomplete, in a word */
    const char *renamed_from; /* the old path: of a rename, or of an upload under a temporary name */
    const char *traceparent;  /* W3C trace context; 55 characters */
    const char *event_id; /* a UUID. NULL: a new one. Whoever may publish the same event twice (after TRUEFTP_ERR_IO, or after a
                             crash) should pass the same one again: webhooks then get one delivery */
};
/* clang-format off */
#define TRUEFTP_EVENT_INIT {.struct_size = sizeof(struct trueftp_event), .size_bytes = -1}
/* clang-format on */

/* Looks at an event as trueftp_publish would. TRUEFTP_OK, or TRUEFTP_ERR_INVALID with *member (unless member is NULL) set to the
 * name of the member that is missing or wrong, a constant. Any thread. */
int trueftp_check(const struct trueftp_event *event, const char **member);

/* When a spooled event is safe. */
enum trueftp_sync {
    TRUEFTP_SYNC_ALWAYS = 0, /* on disk before trueftp_publish returns: survives a crash of the machine */
    TRUEFTP_SYNC_FLUSH = 1,  /* on disk when trueftp_flush returns, or when its segment is full; until then it survives the
                                process, not the machine */
    TRUEFTP_SYNC_NEVER = 2,  /* the system writes when it likes */
};

/* Always begin with TRUEFTP_CONFIG_INIT. Exactly one of spool_dir and brokers is given. 0 and NULL mean the default. */
struct trueftp_config {
    size_t struct_size; /* as in struct trueftp_event */

    /* Spool mode */
    const char *spool_dir;       /* the agent's spool folder, /var/lib/trueftp/spool unless it was configured otherwise. The agent
                                    makes it; this library does not. The process needs the right to write there (its group) */
    enum trueftp_sync sync;      /* TRUEFTP_SYNC_ALWAYS */
    int64_t spool_max_bytes;     /* 256 MiB: all segments together never take more; must be at least two segments */
    int64_t spool_segment_bytes; /* 8 MiB; at least 64 KiB */
    int lock_timeout_ms;         /* 1000: how long to wait for other processes' appends */
    unsigned file_mode;          /* 0660: of new segments, whatever the umask */

    /* Kafka mode */
    const char *brokers;                 /* "host:port,host:port" */
    const char *topic_prefix;            /* "trueftp" */
    const char *pool;                    /* of the accounts this program serves; NULL: the shared one. (The agent knows each
                                            account's pool; in Kafka mode the caller has to.) */
    const char *const *kafka_properties; /* librdkafka's, as name, value, name, value, ..., NULL; e.g. for TLS and SASL. Those
                                            that durability rests on (acks, enable.idempotence, message.timeout.ms, partitioner)
                                            are refused */
    int max_outstanding;                 /* 10000: events that may wait for their acknowledgement */
    /* An event's fate: error is TRUEFTP_OK when all replicas have it, else TRUEFTP_ERR_REFUSED or TRUEFTP_ERR_CLOSED. event_id is
     * its UUID as text, valid during the call; opaque is trueftp_publish's. Called from trueftp_poll, trueftp_flush and
     * trueftp_close, on their thread; it may call trueftp_publish, but none of these three. May be NULL. */
    void (*acknowledged)(void *ctx, void *opaque, const char *event_id, int error);
    /* librdkafka's log lines (level: syslog's, 0 to 7), from its own threads. NULL: they are dropped. */
    void (*log)(void *ctx, int level, const char *line);
    void *ctx; /* for both */
};
#define TRUEFTP_CONFIG_INIT                                                                                                      \
    {                                                                                                                            \
        .struct_size = sizeof(struct trueftp_config)                                                                             \
    }

struct trueftp; /* a handle */

/* Makes a handle: *out, to be closed by trueftp_close. config and all it points to are not needed afterwards (but ctx). Spool
 * mode opens the folder; Kafka mode connects in the background. On failure *out is NULL and why, unless it is NULL, holds a
 * sentence of at most why_size - 1 bytes. TRUEFTP_ERR_INVALID, TRUEFTP_ERR_NO_MEMORY, TRUEFTP_ERR_IO (errno). */
int trueftp_open(const struct trueftp_config *config, struct trueftp **out, char *why, size_t why_size);

/* Publishes one event. opaque is for `acknowledged`. event_id, unless it is NULL, gets the event's UUID as text, also when the
 * call fails after the event was found valid.
 *
 * Spool mode: TRUEFTP_OK means that it is in the spool, as durably as `sync` says; `acknowledged` is not called. Takes the time
 * of a write and, with TRUEFTP_SYNC_ALWAYS, of an fdatasync; waits at most lock_timeout_ms for others.
 *
 * Kafka mode: TRUEFTP_OK means that `acknowledged` will be called once, if trueftp_poll is. Never waits.
 *
 * Errors: INVALID, NO_MEMORY, FULL, BUSY, IO, REFUSED (size, or the name of a topic), CLOSED (the Kafka client has failed for
 * good, or could not be made after a fork: close the handle and open another). */
int trueftp_publish(struct trueftp *handle, const struct trueftp_event *event, void *opaque, char event_id[TRUEFTP_ID_SIZE]);

/* Kafka mode: calls `acknowledged` for what was acknowledged, waiting up to timeout_ms (0: not at all) for the first. Call it
 * often, at least once a second while events are outstanding. Returns how many events it was called for. Spool mode: returns 0 at
 * once. */
int trueftp_poll(struct trueftp *handle, int timeout_ms);

/* Waits until everything published before is safe. Kafka mode: acknowledged or refused, polling meanwhile; TRUEFTP_ERR_TIMEOUT
 * after timeout_ms (-1: no limit). Spool mode: on disk, unless `sync` is TRUEFTP_SYNC_NEVER; TRUEFTP_ERR_IO. timeout_ms is not
 * looked at there. */
int trueftp_flush(struct trueftp *handle, int timeout_ms);

/* How many events wait for Kafka's acknowledgement, in this process. 0 in spool mode. */
int trueftp_outstanding(struct trueftp *handle);

/* Closes the handle, NULL too. Does not wait (call trueftp_flush before): in Kafka mode `acknowledged` is called with
 * TRUEFTP_ERR_CLOSED for what is outstanding in this process. In a child that never used the handle nothing of the parent's is
 * touched. */
void trueftp_close(struct trueftp *handle);

#ifdef __cplusplus
}
#endif

#endif
