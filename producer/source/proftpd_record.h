/* One record of ProFTPD's log in the framed format (the LogFormat `webhook` of deploy/ftp/proftpd.conf):
 *
 *   @WH1 TAB epoch.microseconds TAB pid TAB protocol TAB address TAB command TAB code TAB transfer-status TAB bytes
 *     TAB file-offset TAB file-size TAB file-modified TAB reason-of-exit TAB group TAB user TAB path // LF
 *
 * The server has no escaping, so the frame carries the safety: the path is last and canonical, hence never contains `//`, so no
 * name can forge the end; the first 15 TABs end fields that a client cannot write into. The server's buffer holds 4223 bytes: of
 * a longer record the end is lost and the next one follows without a gap. */
#ifndef PRODUCER_SOURCE_PROFTPD_RECORD_H
#define PRODUCER_SOURCE_PROFTPD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "producer/source.h"

#define PROFTPD_BUFFER_BYTES 4223
#define PROFTPD_MAX_FRAME_BYTES 16384

enum proftpd_command {
    PROFTPD_UPLOAD,
    PROFTPD_DOWNLOAD,
    PROFTPD_DELETE,
    PROFTPD_MKDIR,
    PROFTPD_RMDIR,
    PROFTPD_RNFR,
    PROFTPD_RNTO,
    PROFTPD_EXIT,
    PROFTPD_OTHER
};

/* Numbers are -1 where the server wrote `-`. Slices point into the frame. */
struct proftpd_record {
    int64_t time_us; /* since 1970 */
    uint64_t pid;
    struct slice pid_text, protocol, address;
    enum proftpd_command command;
    int code;            /* -1: none */
    struct slice status; /* "success", "failed", "cancelled", "timeout", "-" */
    int64_t bytes, file_offset, file_size;
    struct slice reason; /* of EXIT */
    struct slice group, user, path;
};

/* As source_format.frame. */
size_t proftpd_frame(struct slice bytes);
/* Reads one frame. False: *bad says why not, and *out is unspecified. */
bool proftpd_record_parse(struct slice frame, struct proftpd_record *out, enum source_reason *bad);

#endif
