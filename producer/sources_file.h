/* The sources file (TRUEFTP_SOURCES): which logs are followed and what is made of them. One section a log:
 *
 *   [main]                               name: 1-32 of a-z 0-9 - ; names the checkpoint, so do not change it
 *   format = proftpd                     or vsftpd, pureftpd, jsonl, spool (docs/FTP_SERVERS.md)
 *   path = /var/log/proftpd/webhook.log  the live log; rotated ones beside it are found
 *   account = group                      see account_rule.h
 *   host = ftp1.example.net              stands in the event ids; default: the machine's name
 *   start = beginning                    or `end`: at the very first start skip what is in the log
 *   path_prefix = /srv/ftp/{user}        taken off paths that begin with it; {user} and {group} are filled in
 *   root = /srv/ftp/{user}               where the virtual / is, to see if a directory is gone where the log cannot tell
 *   temporary_suffixes = .part .tmp      separated by blanks; a rename away from one announces the final name as uploaded
 *   announce_temporary = 1               0: no event for the upload under the temporary name itself
 *   announce_renames = 0                 1: other renames are announced as file.renamed
 *   suspect = flag                       or `emit`: do not look for what could make a transfer suspect; or `hold`, see below
 *   suspect_window_ms = 2                how long an upload waits for that (1-10000)
 *   suspect_hold_ms = 60000              with hold: how long a suspect upload is kept back (1000-86400000). Uploaded again
 *                                        meanwhile, it is not announced
 *   suspect_hold_end = emit              what becomes of it then: `emit` it marked as suspect, or `drop` it
 *   socket = /run/trueftp/events.sock    instead of path, with format = jsonl: lines come from a Unix socket and are spooled
 *   socket_type = stream                 or datagram
 *   socket_mode = 0660                   of the socket's file
 *   spool_max_bytes = 1073741824         bound of the spool (1048576 or more); when it is reached, writers wait
 *
 * A section can also name a file that lists a server's users, who are announced as ftp_user.created when they are new there
 * (users.h):
 *
 *   [accounts]
 *   format = users
 *   users_format = proftpd               or pureftpd, vsftpd, passwd (users_file.h)
 *   path = /etc/proftpd/ftpd.passwd      the file
 *   account = user:{account}             likewise; `group` needs group_file
 *   group_file = /etc/proftpd/ftpd.group the groups' names, as /etc/group has them
 *   uid_min = 1000                       with passwd: only users from this uid
 *   uid_max = 59999                      up to this one
 *   host = ...                           likewise
 *
 * One section is there without being written: [spool], which follows the folder where libtrueftp-producer and `trueftp-producer
 * emit` put events, `<data dir>/spool`. A section of that name replaces it.
 *
 * Lines starting with # or ; are comments. Unknown keys, missing ones and sections of one name or one path stop the start. */
#ifndef PRODUCER_SOURCES_FILE_H
#define PRODUCER_SOURCES_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/account_rule.h"
#include "producer/source.h"
#include "producer/users_file.h"

#define SOURCE_NAME_MAX 32
#define SOURCE_MAX_SUFFIXES 32
#define SOURCES_MAX 64

struct source_config {
    char *name;
    const struct source_format *format;
    char *path;
    struct account_rule *account;
    char *host;
    bool from_end;
    char *path_prefix; /* NULL: none */
    char *root;        /* NULL: none */
    char *suffixes[SOURCE_MAX_SUFFIXES];
    size_t suffix_count;
    bool announce_temporary;
    bool announce_renames;
    bool suspect; /* false: policy `emit` */
    int64_t suspect_window_ms;
    bool hold; /* policy `hold` */
    int64_t hold_ms;
    bool hold_drops;
    char *socket; /* NULL: a log */
    bool socket_datagram;
    unsigned socket_mode;
    int64_t spool_max_bytes;
    bool is_users;           /* format = users: then format is NULL */
    enum users_format users; /* USERS_NONE: a log */
    char *group_file;        /* NULL: none */
    int64_t uid_min, uid_max;
};

struct sources {
    struct source_config *list[SOURCES_MAX];
    size_t count;
};

/* One source with the defaults; account, format and path are the caller's to set. */
struct source_config *source_config_new(const char *name);
void source_config_free(struct source_config *c);

/* What its format has to know of it. */
struct source_options source_config_options(const struct source_config *c);

/* Fills *out, which sources_done empties. ERR_INVALID: why names file, line and reason; ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK enum err sources_load(const char *path, struct sources *out, struct errmsg *why);
/* The same from text; path stands in messages. */
MUST_CHECK enum err sources_parse(const char *path, struct slice text, struct sources *out, struct errmsg *why);
/* Sets the path of each source with a socket: its spool's, `<data_dir>/<name>.spool/events.jsonl`. */
void sources_place_spools(struct sources *s, const char *data_dir);
/* Adds the section [spool], unless there is one of that name. */
void sources_add_spool(struct sources *s, const char *data_dir);
void sources_done(struct sources *s);

#endif
