/* One line of JSON lines, the format for any program that is not one of the FTP servers we know:
 *
 *   {"event":"file.uploaded","timestamp":"2026-06-08T12:00:00.123Z","path":"/in/a.csv","size":20480,"username":"pipeline",
 *    "client_ip":"203.0.113.5","protocol":"sftp","session_id":"4711"}
 *
 * An object, flat, its members named as in the event:
 *
 *   event        file.uploaded file.downloaded file.deleted dir.created dir.deleted ftp_user.created file.renamed
 *   timestamp    RFC 3339, any zone
 *   path         absolute, as the customer sees it; not with ftp_user.created. Or path_base64: its exact bytes
 *   renamed_from the old path, needed with file.renamed; or renamed_from_base64
 *   size         bytes, from 0
 *   username     needed with ftp_user.created; or username_base64
 *   client_ip    an IPv4 or IPv6 address
 *   account_id   only of use with `account = record` (account_rule.h); it must not contradict any other rule
 *   home, protocol, session_id, frontend, suspect   texts
 *   path_lossy   true: the path's bytes were not all known
 *   traceparent  W3C trace context, version 00
 *
 * event, timestamp and what is called needed must be there; null stands for absent. Members of other names are ignored. Empty
 * lines and lines that begin with # say nothing. */
#ifndef PRODUCER_SOURCE_JSONL_RECORD_H
#define PRODUCER_SOURCE_JSONL_RECORD_H

#include "producer/source.h"

#define JSONL_MAX_LINE_BYTES (64 * 1024) /* with the LF */

/* An empty line or a comment. */
bool jsonl_is_blank(struct slice line);
/* Reads one line, without its LF. Slices point into line or scratch (initialised by the caller with a limit of at least
 * 2 * JSONL_MAX_LINE_BYTES, emptied here). False: *bad is SOURCE_JSON or SOURCE_MEMBER, why says what is wrong, with the member.
 */
bool jsonl_record_parse(struct slice line, struct buf *scratch, struct source_fact *out, enum source_reason *bad,
                        struct errmsg *why);

#endif
