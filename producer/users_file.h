/* Files that list an FTP server's users. Pure.
 *
 *   proftpd   AuthUserFile: name:password:uid:gid:gecos:home:shell
 *   pureftpd  pureftpd.passwd: name:password:uid:gid:gecos:home[/./]:...
 *   vsftpd    a user list: one name a line
 *   passwd    as /etc/passwd; only users whose uid is within bounds
 *
 * Empty lines and lines that begin with # say nothing. */
#ifndef PRODUCER_USERS_FILE_H
#define PRODUCER_USERS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define USERS_NAME_MAX 512 /* bytes of a name */

enum users_format { USERS_NONE, USERS_PROFTPD, USERS_PUREFTPD, USERS_VSFTPD, USERS_PASSWD, USERS_FORMAT_COUNT };

/* What an operator must hear of: newcomers may go unseen. */
enum users_alarm {
    USERS_EMPTY,      /* the file is empty */
    USERS_UNREADABLE, /* it, or the file of the groups, is gone or cannot be read */
    USERS_MALFORMED,  /* it has lines that are not understood */
    USERS_ALARM_COUNT,
};
const char *users_alarm_name(enum users_alarm alarm); /* "empty", ... */

/* "proftpd", ...; USERS_NONE: no format of that name. */
enum users_format users_format_find(const char *name);
const char *users_format_name(enum users_format format);

struct users_entry {
    struct slice name, home, gid; /* home and gid: empty where the format has none */
};

/* Takes the next user off *rest. False: there is none; *rest is empty then. Lines that are not understood are passed over and
 * added to *malformed. */
bool users_file_next(enum users_format format, int64_t uid_min, int64_t uid_max, struct slice *rest, struct users_entry *out,
                     size_t *malformed);

/* The name of the group with that gid in a file like /etc/group (name:password:gid:members); empty: there is none. */
struct slice users_file_group(struct slice groups, struct slice gid);

#endif
