#include "view/bookmark.h"

#define BOOKMARK_BYTES (4 + 8 + 16)
#define BOOKMARK_TEXT (2 * BOOKMARK_BYTES) /* hexadecimal: nothing of it is to be escaped in a URL */

/* FNV-1a */
uint32_t bookmark_mark(uint32_t mark, struct slice bytes)
{
    uint32_t h = mark ^ 2166136261U;
    for (size_t i = 0; i < bytes.len; i++) {
        h = (h ^ (uint8_t)bytes.p[i]) * 16777619U;
    }
    return (h ^ (uint32_t)bytes.len) * 16777619U;
}

uint32_t bookmark_mark_int(uint32_t mark, int64_t value)
{
    return bookmark_mark(mark, slice_of((const char *)&value, sizeof value));
}

static void put_bytes(uint8_t *out, uint64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (uint8_t)value;
        value >>= 8U;
    }
}

static uint64_t get_bytes(const uint8_t *in, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) {
        value = value << 8U | in[i];
    }
    return value;
}

void bookmark_write(const struct bookmark *c, uint32_t mark, char out[VIEW_CURSOR_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[BOOKMARK_BYTES];
    put_bytes(bytes, mark, 4);
    put_bytes(bytes + 4, (uint64_t)c->wall_ms, 8);
    memcpy(bytes + 12, c->id.bytes, sizeof c->id.bytes);
    for (int i = 0; i < BOOKMARK_BYTES; i++) {
        out[2 * i] = digits[bytes[i] >> 4U];
        out[2 * i + 1] = digits[bytes[i] & 15U];
    }
    out[BOOKMARK_TEXT] = '\0';
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err bookmark_read(struct slice text, uint32_t mark, struct bookmark *out, struct errmsg *why)
{
    uint8_t bytes[BOOKMARK_BYTES];
    bool good = text.len == BOOKMARK_TEXT;
    for (int i = 0; i < BOOKMARK_BYTES && good; i++) {
        int high = digit(text.p[2 * i]), low = digit(text.p[2 * i + 1]);
        good = high >= 0 && low >= 0;
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    if (!good || get_bytes(bytes, 4) != mark) {
        return errmsg_set(why, ERR_INVALID, "cursor: none that this list has given");
    }
    out->wall_ms = (int64_t)get_bytes(bytes + 4, 8);
    memcpy(out->id.bytes, bytes + 12, sizeof out->id.bytes);
    return ERR_OK;
}

/* ids are 16 bytes: an empty one stands before all of them */
void bookmark_bind(sqlite3_stmt *st, int index, const struct bookmark *from, int64_t begin_wall_ms)
{
    sql_bind_int(st, index, from ? from->wall_ms : begin_wall_ms);
    if (from) {
        sql_bind_uuid(st, index + 1, &from->id);
    } else {
        sql_bind_blob(st, index + 1, SLICE(""));
    }
}

struct bookmark bookmark_of(sqlite3_stmt *st)
{
    struct bookmark at = {.wall_ms = sqlite3_column_int64(st, 0)};
    struct slice id = sql_blob(st, 1);
    memcpy(at.id.bytes, id.p, id.len < sizeof at.id.bytes ? id.len : sizeof at.id.bytes); /* of a damaged file it may be short */
    return at;
}
