/* The event: what a frontend publishes to `<prefix>.events[.pool]` (ARCHITECTURE: "Event").
 *
 * Reading is on the worker's hot path: one scan, slices into the record, nothing allocated but the scratch buffer
 * that holds what must be unescaped. Writing is what producers do. Members we do not know are kept in `data`
 * and ignored at the top level. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/uuid.h"
#include "util/buf.h"

#define EVENT_MAX_BYTES (256 * 1024) /* a larger record is poison: ERR_TOO_BIG */

enum event_type {
    EVENT_FILE_UPLOADED,
    EVENT_FILE_DOWNLOADED,
    EVENT_FILE_DELETED,
    EVENT_DIR_CREATED,
    EVENT_DIR_DELETED,
    EVENT_FTP_USER_CREATED,
    EVENT_FILE_RENAMED, /* extension events, from here on: never matched by "*" */
    EVENT_FILE_MISSING,
    EVENT_WEBHOOK_DISABLED,
    EVENT_TYPE_COUNT,
};

const char *event_type_name(enum event_type type);
/* ERR_INVALID: no event of that name. */
MUST_CHECK enum err event_type_parse(struct slice name, enum event_type *type);
static inline bool event_type_is_extension(enum event_type type)
{
    return type >= EVENT_FILE_RENAMED;
}

enum event_reason { EVENT_REASON_NONE, EVENT_REASON_TEST, EVENT_REASON_REDELIVER, EVENT_REASON_PURGE };

/* Part of a command to one webhook; webhook_id is empty in an ordinary event. */
struct event_target {
    struct slice webhook_id;
    enum event_reason reason;
    int64_t generation;
    struct slice original_delivery_id;
};

struct event {
    struct uuid id;
    enum event_type type;
    struct slice timestamp; /* as written, for the body */
    int64_t time_wall_ms;
    struct slice account_id;
    struct slice data;     /* the exact JSON text of the object */
    struct slice path;     /* exact bytes (path_base64 where present); empty for ftp_user.created */
    struct slice username; /* decoded; may be empty */
    struct event_target target;
};

/* Reads one record. Slices point into json or into scratch (initialised by the caller, reset here), and live as long as both.
 * ERR_INVALID or ERR_TOO_BIG: poison; why names the member and what is wrong with it. Checks: all members of the contract
 * present and of their type (optional members may be null), event_id a UUID, event known, timestamp RFC 3339, account_id 1-128
 * bytes of [A-Za-z0-9_.-], path present and absolute for file.* and dir.*, username present for ftp_user.created. */
MUST_CHECK enum err event_parse(struct slice json, struct buf *scratch, struct event *out, struct errmsg *why);

/* What a producer knows. Empty slices and negative numbers mean "not told". path, username, renamed_from: raw bytes. */
struct event_fields {
    struct uuid id;
    enum event_type type;
    int64_t time_wall_ms;
    bool time_has_ms;
    struct slice account_id;
    struct slice path;
    int64_t size_bytes;
    struct slice username;
    struct slice client_ip;
    struct slice protocol; /* "ftp", "ftps", "sftp" */
    struct slice session_id;
    struct slice frontend; /* "proftpd", "vsftpd", ... */
    struct slice suspect;  /* why the transfer may be incomplete */
    struct slice renamed_from;
    struct slice home;
    bool path_lossy; /* the server could not tell the exact bytes */
};

/* Appends the canonical record: members in the order of ARCHITECTURE. Bytes that are not UTF-8 are replaced and the exact ones
 * added as path_base64, username_base64, renamed_from_base64. Look at out->err afterwards. */
void event_write(struct buf *out, const struct event_fields *f);

/* The Kafka record key, `account_id/path` (`account_id/username` for ftp_user.created), raw bytes. The slash is the path's own:
 * acc_1/incoming/order.csv. */
void event_key(struct buf *out, const struct event_fields *f);

#endif
