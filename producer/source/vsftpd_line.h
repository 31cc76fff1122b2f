/* One line of vsftpd's own log (xferlog_std_format=NO):
 *
 *   Mon Nov 23 20:40:24 2026 [pid N] [user] OK UPLOAD: Client "address", "/path", 1234 bytes, 25.47Kbyte/sec
 *
 * OK or FAIL; UPLOAD, DOWNLOAD, DELETE, MKDIR, RMDIR, RENAME and more. Nothing is escaped, but all that is not printable ASCII
 * was replaced by `?`, so a line is a record. A client chooses the user's name before it is known to anybody, and the path. So
 * the safety is in this: a line has exactly one `] OK UPLOAD: Client "` (or another action), which the server wrote; where a
 * second one stands, somebody wrote it, or half a record has another behind it, and the whole line is put aside. */
#ifndef PRODUCER_SOURCE_VSFTPD_LINE_H
#define PRODUCER_SOURCE_VSFTPD_LINE_H

#include "producer/source.h"

enum vsftpd_action {
    VSFTPD_UPLOAD,
    VSFTPD_DOWNLOAD,
    VSFTPD_DELETE,
    VSFTPD_MKDIR,
    VSFTPD_RMDIR,
    VSFTPD_RENAME,
    VSFTPD_OTHER /* also whatever failed */
};

struct vsftpd_line {
    int64_t time_wall_ms;
    uint64_t pid;
    struct slice pid_text, user, address;
    enum vsftpd_action action;
    struct slice path;  /* of VSFTPD_RENAME: both, `/from /to` */
    int64_t size_bytes; /* of this transfer; -1 where it is none */
};

/* Reads one line, without its LF. False: *bad says why not, and *out is unspecified. With VSFTPD_OTHER only time and pid are set.
 */
bool vsftpd_line_parse(struct slice line, struct vsftpd_line *out, enum source_reason *bad);

#endif
