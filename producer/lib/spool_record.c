#include "producer/lib/spool_record.h"

#include <stdlib.h>

#include "producer/lib/cobs.h"
#include "producer/lib/crc32c.h"

enum { KIND_HEAD = 1, KIND_EVENT = 2, VERSION = 1, FLAG_MS = 1, CRC_BYTES = 4, FIELD_HEAD_BYTES = 3 };
enum { HEAD_BYTES = 2 + 16 + 8, EVENT_FIXED_BYTES = 3 + 16 + 8 + 8 };

static uint8_t *put_number(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, value >>= 8)
        *p++ = (uint8_t)value;
    return p;
}

static uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(p, bytes, len);
    return p + len;
}

static uint64_t number(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

/* payload has room for the CRC behind len. out has room for COBS_BOUND(len + CRC_BYTES) + 2. */
static size_t seal(uint8_t *payload, size_t len, uint8_t *out)
{
    uint8_t *end = put_number(payload + len, crc32c(payload, len), CRC_BYTES);
    size_t encoded = cobs_encode(payload, (size_t)(end - payload), out + 1);
    out[0] = out[encoded + 1] = 0;
    return encoded + 2;
}

size_t spool_put_head(uint8_t out[SPOOL_HEAD_RECORD_BYTES], const uint8_t unique[16], int64_t time_wall_ms)
{
    uint8_t payload[HEAD_BYTES + CRC_BYTES] = {KIND_HEAD, VERSION};
    put_number(put_bytes(payload + 2, unique, 16), (uint64_t)time_wall_ms, 8);
    return seal(payload, HEAD_BYTES, out);
}

static size_t payload_size(const struct spool_event *ev)
{
    size_t size = EVENT_FIXED_BYTES;
    for (int i = 0; i < SPOOL_FIELD_COUNT; i++)
        size += ev->fields[i].len > 0 ? FIELD_HEAD_BYTES + ev->fields[i].len : 0;
    return size;
}

size_t spool_event_bound(const struct spool_event *ev)
{
    return COBS_BOUND(payload_size(ev) + CRC_BYTES) + 2;
}

static void fill(uint8_t *p, const struct spool_event *ev)
{
    *p++ = KIND_EVENT;
    *p++ = ev->type;
    *p++ = ev->time_has_ms ? FLAG_MS : 0;
    p = put_bytes(p, ev->id.bytes, sizeof ev->id.bytes);
    p = put_number(p, (uint64_t)ev->time_wall_ms, 8);
    p = put_number(p, (uint64_t)ev->size_bytes, 8);
    for (int i = 0; i < SPOOL_FIELD_COUNT; i++) {
        struct slice field = ev->fields[i];
        if (field.len == 0)
            continue;
        *p++ = (uint8_t)i;
        p = put_number(p, field.len, 2);
        p = put_bytes(p, field.p, field.len);
    }
}

enum err spool_put_event(struct buf *out, const struct spool_event *ev)
{
    size_t size = payload_size(ev);
    if (size > SPOOL_MAX_PAYLOAD_BYTES)
        return ERR_TOO_BIG;
    char *to = buf_reserve(out, spool_event_bound(ev));
    if (!to)
        return out->err;
    uint8_t *payload = malloc(size + CRC_BYTES);
    if (!payload)
        return ERR_NO_MEMORY;
    fill(payload, ev);
    out->len += seal(payload, size, (uint8_t *)to);
    out->p[out->len] = '\0';
    free(payload);
    return ERR_OK;
}

size_t spool_frame(struct slice bytes)
{
    size_t len = bytes.len < SPOOL_MAX_RECORD_BYTES ? bytes.len : SPOOL_MAX_RECORD_BYTES;
    size_t start = 0;
    while (start < len && bytes.p[start] == '\0')
        start++;
    const char *end = start < len ? memchr(bytes.p + start, '\0', len - start) : NULL;
    if (end)
        return (size_t)(end - bytes.p) + 1;
    return len == SPOOL_MAX_RECORD_BYTES ? len : 0;
}

static bool parse_fields(const uint8_t *p, const uint8_t *end, struct slice fields[SPOOL_FIELD_COUNT])
{
    while (p < end) {
        if (end - p < FIELD_HEAD_BYTES)
            return false;
        uint8_t tag = p[0];
        size_t len = (size_t)number(p + 1, 2);
        p += FIELD_HEAD_BYTES;
        if (len > (size_t)(end - p))
            return false;
        if (tag < SPOOL_FIELD_COUNT)
            fields[tag] = slice_of((const char *)p, len);
        p += len;
    }
    return true;
}

static enum spool_kind parse_event(const uint8_t *p, size_t len, struct spool_event *out)
{
    *out = (struct spool_event){0};
    if (len < EVENT_FIXED_BYTES)
        return SPOOL_UNKNOWN;
    out->type = p[1];
    out->time_has_ms = (p[2] & FLAG_MS) != 0;
    memcpy(out->id.bytes, p + 3, sizeof out->id.bytes);
    out->time_wall_ms = (int64_t)number(p + 19, 8);
    out->size_bytes = (int64_t)number(p + 27, 8);
    return parse_fields(p + EVENT_FIXED_BYTES, p + len, out->fields) ? SPOOL_EVENT : SPOOL_UNKNOWN;
}

enum spool_kind spool_parse(struct slice frame, uint8_t *scratch, struct spool_event *out)
{
    size_t len;
    while (frame.len > 0 && frame.p[0] == '\0')
        frame = slice_of(frame.p + 1, frame.len - 1);
    if (frame.len == 0)
        return SPOOL_EMPTY;
    if (frame.p[frame.len - 1] != '\0' || !cobs_decode((const uint8_t *)frame.p, frame.len - 1, scratch, &len) ||
        len <= CRC_BYTES)
        return SPOOL_DAMAGED;
    len -= CRC_BYTES;
    if (number(scratch + len, CRC_BYTES) != crc32c(scratch, len))
        return SPOOL_DAMAGED;
    if (scratch[0] == KIND_HEAD && len >= 2 && scratch[1] == VERSION)
        return SPOOL_HEAD;
    return scratch[0] == KIND_EVENT ? parse_event(scratch, len, out) : SPOOL_UNKNOWN;
}
