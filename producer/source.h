/* A log format: the small interface that each FTP server's log implements (source/<name>.c). A format cuts bytes into frames
 * and turns a frame into facts: what happened, before any policy of ours (accounts, renames, prefixes). It is pure: bytes and the
 * time go in, facts and quarantined bytes come out through a sink; no file, no clock, no Kafka.
 *
 * A state belongs to one followed file, because a session writes all its records to the file it opened. It holds what one record
 * alone does not say: the first half of a rename, an upload whose end may still be doubted. Whatever it holds back stands in
 * pending_offset, so that the checkpoint stays before it. */
#ifndef PRODUCER_SOURCE_H
#define PRODUCER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "util/buf.h"

/* Something that happened. Slices live until the sink returns. */
struct source_fact {
    int64_t offset;       /* where its record starts in the log; event ids are made of it */
    int64_t back_bytes;   /* so many bytes before offset the reading must begin to find it again; 0: at its record */
    enum event_type type; /* EVENT_FILE_RENAMED for a rename, whatever becomes of it */
    int64_t time_wall_ms;
    bool time_has_ms;
    struct slice path; /* raw bytes, as the server wrote it */
    struct slice renamed_from;
    int64_t size_bytes; /* -1: not told */
    struct slice
        uploaded_path; /* of a rename: what its session uploaded last, as the server wrote it then (maybe in another form) */
    int64_t uploaded_size_bytes;
    struct slice username, group, client_ip, protocol, session_id;
    struct slice account_id, frontend, home; /* where a record can name them itself; else empty */
    struct slice suspect;                    /* why a transfer may be incomplete; empty: nothing speaks against it */
    struct slice traceparent;                /* W3C trace context, where the source has one */
    struct uuid event_id;                    /* where a record brings its own; else it is derived from the offset */
    bool has_event_id;
    bool path_lossy;  /* the server could not write the exact bytes */
    bool superseded;  /* a held upload whose file was uploaded again: not to be announced */
    bool unconfirmed; /* the record is the same for success and failure: look at the file system */
};

/* Why bytes of a log were not understood. */
enum source_reason {
    SOURCE_NO_MARKER,     /* a frame that does not start as frames do: half a record, or not our format */
    SOURCE_OVERLONG,      /* longer than the server's buffer: its end was cut off */
    SOURCE_FIELDS,        /* too few fields */
    SOURCE_TIME,          /* a time that is none */
    SOURCE_NUMBER,        /* a pid or a size that is no number */
    SOURCE_ADDRESS,       /* no IP address */
    SOURCE_PATH,          /* a success without an absolute path, or with a second record inside */
    SOURCE_RENAME,        /* a rename whose first half was not seen, or whose two names cannot be told apart */
    SOURCE_FORGED,        /* a record inside a record: a name made to look like one, or half a record with another behind it */
    SOURCE_JSON,          /* no JSON object; the format's why says more */
    SOURCE_MEMBER,        /* a member that is missing or wrong; likewise */
    SOURCE_INCOMPLETE,    /* the file ended inside a record and nobody writes to it any more */
    SOURCE_NO_ACCOUNT,    /* no rule gives this user an account (policy, not format) */
    SOURCE_UNPUBLISHABLE, /* Kafka will never take it (size) */
    SOURCE_REASON_COUNT,
};
/* "no_marker", ...: the metric's label */
const char *source_reason_name(enum source_reason reason);

/* Where a state's findings go. Called only from inside record, release and flush. */
struct source_sink {
    void (*fact)(void *ctx, const struct source_fact *fact);
    void (*quarantine)(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason);
    void *ctx;
};

struct source_options {
    int64_t suspect_window_ms; /* how long an upload waits for the record that would make it suspect; 0: it does not wait */
    int64_t hold_ms;           /* how long a suspect upload is kept back; 0: it is not */
};

struct source_state; /* each format's own */

struct source_format {
    const char *name;       /* "proftpd": format= in the sources file, data.frontend in events */
    size_t max_frame_bytes; /* frame never returns more, and never 0 for as many bytes */
    bool can_hold;          /* some uploads are suspect and others are not, so hold_ms means something */

    /* options and sink are copied. */
    struct source_state *(*state_new)(const struct source_options *options, const struct source_sink *sink);
    void (*state_free)(struct source_state *st);
    /* Length of the first frame of bytes, which start where a frame starts; 0: not complete yet. */
    size_t (*frame)(struct slice bytes);
    /* Takes one frame, at that offset of its file. */
    void (*record)(struct source_state *st, int64_t offset, struct slice frame);
    /* The file is at its end: hands over what has waited long enough at wall_us (microseconds since 1970). Returns in how many
     * microseconds to come again, -1: nothing waits. */
    int64_t (*release)(struct source_state *st, int64_t wall_us);
    /* Hands over all that waits (a dry run's end). */
    void (*flush)(struct source_state *st);
    /* Lowest offset that must be read again after a restart; INT64_MAX: none. */
    int64_t (*pending_offset)(const struct source_state *st);
    /* What was wrong with the frame that was quarantined last, for people; NULL (the function, too): the reason says it all. Only
     * inside the quarantine it is about. */
    const char *(*why)(const struct source_state *st);
};

extern const struct source_format source_proftpd, source_vsftpd, source_pureftpd, source_jsonl, source_spool;

/* The format of that name, or NULL. */
const struct source_format *source_find(const char *name);
/* "proftpd, vsftpd, ..." for messages. */
const char *source_names(void);

#endif
