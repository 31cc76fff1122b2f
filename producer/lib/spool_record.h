/* The bytes of a spool's segment file. Pure.
 *
 * A record is
 *
 *     0x00  COBS(payload, CRC-32C of payload)  0x00
 *
 * so a zero byte is always a boundary: no path can forge one, and after damaged or half-written bytes the next record is
 * found at the next zero. Numbers are little-endian. A payload is one of
 *
 *     0x01  u8 version (1)  16 random bytes  i64 wall ms        the segment's head: first in each file, unlike any other's
 *     0x02  u8 type  u8 flags  16 bytes event id  i64 wall ms  i64 size (-1: not told)  fields...
 *
 * where type is an enum trueftp_event_type, flag 1 says that the milliseconds are meant, and a field is u8 tag, u16 length, bytes
 * (tags: enum spool_field). Fields of unknown tags are passed over. */
#ifndef PRODUCER_LIB_SPOOL_RECORD_H
#define PRODUCER_LIB_SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/uuid.h"
#include "util/buf.h"

/* What an event within trueftp_producer.h's limits can be at most, with room for more fields. */
#define SPOOL_MAX_PAYLOAD_BYTES (32 * 1024)
#define SPOOL_MAX_RECORD_BYTES (33 * 1024)
#define SPOOL_HEAD_RECORD_BYTES 64 /* a head's record is smaller */

enum spool_field {
    SPOOL_ACCOUNT_ID,
    SPOOL_PATH,
    SPOOL_USERNAME,
    SPOOL_CLIENT_IP,
    SPOOL_HOME,
    SPOOL_PROTOCOL,
    SPOOL_SESSION_ID,
    SPOOL_FRONTEND,
    SPOOL_SUSPECT,
    SPOOL_RENAMED_FROM,
    SPOOL_TRACEPARENT,
    SPOOL_FIELD_COUNT,
};

struct spool_event {
    uint8_t type; /* enum trueftp_event_type */
    bool time_has_ms;
    struct uuid id;
    int64_t time_wall_ms;
    int64_t size_bytes; /* -1: not told */
    struct slice fields[SPOOL_FIELD_COUNT];
};

enum spool_kind {
    SPOOL_DAMAGED, /* not what was written */
    SPOOL_EMPTY,   /* zeros only */
    SPOOL_HEAD,
    SPOOL_EVENT,
    SPOOL_UNKNOWN, /* sound, but of a kind or version that is not known here */
};

/* Bytes that spool_put_event will append at most. */
size_t spool_event_bound(const struct spool_event *ev);
/* Appends a record. ERR_TOO_BIG (out's limit, or SPOOL_MAX_PAYLOAD_BYTES), ERR_NO_MEMORY: out is as it was. */
MUST_CHECK enum err spool_put_event(struct buf *out, const struct spool_event *ev);
/* Writes a head's record; returns its length. */
size_t spool_put_head(uint8_t out[SPOOL_HEAD_RECORD_BYTES], const uint8_t unique[16], int64_t time_wall_ms);

/* Length of the first record of bytes: leading zeros, what is not zero, and the zero behind it. 0: not complete yet;
 * SPOOL_MAX_RECORD_BYTES when none ends within so many, which is damage. */
size_t spool_frame(struct slice bytes);
/* Reads what spool_frame cut off. Slices of *out point into scratch, which has SPOOL_MAX_RECORD_BYTES. */
enum spool_kind spool_parse(struct slice frame, uint8_t *scratch, struct spool_event *out);

#endif
