/* Packing a delivery record. Its JSON has some forty pieces that are the same in every record, twice as long as what stands
 * between them; each becomes one byte that JSON in UTF-8 never has: a control character, or one from F8 on. Not a general
 * compression: that needs a library, a dictionary of its own and ten times the time, and Redis' scripts look for a webhook's id
 * in what is stored. */
#include "model/delivery_packed.h"

#include <string.h>

#include "model/uuid.h"

#define VERBATIM '\xff' /* first byte: the rest is the record as it is */
#define WORD_LEAST 8
#define WORD(code, text, follows)                                                                                                \
    {                                                                                                                            \
        code, follows, sizeof(text) - 1, text                                                                                    \
    }
#define UUID_TEXT (UUID_TEXT_SIZE - 1)

enum follows {
    NOTHING,
    ID,      /* a UUID's sixteen bytes */
    FIRST_ID /* the first UUID again: nothing is written for it */
};

static const struct word {
    char code;
    enum follows follows;
    size_t len; /* WORD_LEAST or more */
    const char *text;
} words[] = {
    /* A longer one stands before what it begins with. */
    WORD('\x01', "{\"schema\":\"trueftp.delivery/1\",\"delivery_id\":\"", ID),
    WORD('\x02', "\",\"event_id\":\"", ID),
    WORD('\x03', "\",\"webhook_id\":\"", NOTHING),
    WORD('\x04', "\",\"account_id\":\"", NOTHING),
    WORD('\x05', "\",\"event\":\"file.uploaded\",\"path\":\"", NOTHING),
    WORD('\x06', "\",\"event\":\"", NOTHING),
    WORD('\x07', "\",\"path\":\"", NOTHING),
    WORD('\x08', "\",\"status\":\"retrying\",\"revision\":", NOTHING),
    WORD('\x09', "\",\"status\":\"parked\",\"revision\":", NOTHING),
    WORD('\x0a', ",\"attempt\":", NOTHING),
    WORD('\x0b', ",\"max_attempts\":", NOTHING),
    WORD('\x0c', ",\"http_status\":", NOTHING),
    WORD('\x0d', ",\"error\":\"http_status\"", NOTHING),
    WORD('\x0e', ",\"error\":null", NOTHING),
    WORD('\x0f', ",\"error\":\"", NOTHING),
    WORD('\x10', ",\"event_time\":\"", NOTHING),
    WORD('\x11', "\",\"created_at\":\"", NOTHING),
    WORD('\x12', "\",\"updated_at\":\"", NOTHING),
    WORD('\x13', "\",\"next_attempt_at\":\"", NOTHING),
    WORD('\x14', "\",\"attempts\":[{\"attempt\":", NOTHING),
    WORD('\x15', ",\"started_at\":\"", NOTHING),
    WORD('\x16', ",\"duration_ms\":", NOTHING),
    WORD('\x17', ",\"queued_ms\":", NOTHING),
    WORD('\x18', ",\"connect_ms\":", NOTHING),
    WORD('\x19', ",\"first_byte_ms\":", NOTHING),
    WORD('\x1a', ",\"response\":\"", NOTHING),
    WORD('\x1b', "}],\"generation\":0,\"event_ref\":{\"topic\":\"", NOTHING),
    WORD('\x1c', "\",\"partition\":", NOTHING),
    WORD('\x1d', ",\"offset\":", NOTHING),
    WORD('\x1e', "},\"body\":\"{\\\"event\\\":\\\"", NOTHING),
    WORD('\x1f', "\\\",\\\"delivery_id\\\":\\\"", FIRST_ID),
    WORD('\xf8', "\\\",\\\"timestamp\\\":\\\"", NOTHING),
    WORD('\xf9', "\\\",\\\"account_id\\\":\\\"", NOTHING),
    WORD('\xfa', "\\\",\\\"data\\\":{\\\"path\\\":\\\"", NOTHING),
    WORD('\xfb', "\\\",\\\"size\\\":", NOTHING),
    WORD('\xfc', ",\\\"username\\\":\\\"", NOTHING),
    WORD('\xfd', "\\\",\\\"client_ip\\\":\\\"", NOTHING),
    WORD('\xfe', "\"},{\"attempt\":", NOTHING), /* of the next attempt, after a response */
};
#define WORDS (sizeof words / sizeof words[0])

static bool is_code(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c >= 0xf8;
}

/* ---- packing ---- */

/* A UUID as uuid_format writes it, so that the same text comes back. */
static bool takes_id(struct slice text, struct uuid *id)
{
    char again[UUID_TEXT_SIZE];
    if (text.len < UUID_TEXT || uuid_parse(slice_of(text.p, UUID_TEXT), id) != ERR_OK)
        return false;
    uuid_format(id, again);
    return memcmp(text.p, again, UUID_TEXT) == 0;
}

static const struct word *word_at(struct slice rest)
{
    uint64_t begins, word_begins;
    if (rest.len < WORD_LEAST)
        return NULL;
    memcpy(&begins, rest.p, sizeof begins);
    for (size_t i = 0; i < WORDS; i++) {
        memcpy(&word_begins, words[i].text, sizeof word_begins);
        if (begins == word_begins && rest.len >= words[i].len && memcmp(rest.p, words[i].text, words[i].len) == 0)
            return &words[i];
    }
    return NULL;
}

static void pack_verbatim(struct buf *out, struct slice record)
{
    buf_putc(out, VERBATIM);
    buf_put_slice(out, record);
}

static bool may_begin(char c)
{
    return c == '"' || c == ',' || c == '\\' || c == '}' || c == '{';
}

/* Writes what is plain before it, the word that rest begins with, and what follows that; how many bytes of rest that is: 0 where
 * none fits, and nothing is written. */
static size_t pack_word(struct buf *out, struct slice before, struct slice rest, struct uuid *first, bool *any)
{
    struct uuid id;
    const struct word *w = word_at(rest);
    if (!w)
        return 0;
    struct slice text = slice_of(rest.p + w->len, rest.len - w->len);
    if (w->follows != NOTHING && !takes_id(text, &id))
        return 0;
    if (w->follows == FIRST_ID && (!*any || memcmp(&id, first, sizeof id) != 0))
        return 0;
    buf_put_slice(out, before);
    buf_putc(out, w->code);
    if (w->follows == NOTHING)
        return w->len;
    if (w->follows == ID)
        buf_put(out, id.bytes, sizeof id.bytes);
    if (!*any)
        *first = id;
    *any = true;
    return w->len + UUID_TEXT;
}

void delivery_pack(struct buf *out, struct slice record)
{
    struct uuid first;
    bool any = false;
    size_t begin = out->len, at = 0, plain = 0;
    while (at < record.len) {
        const char *p = record.p + at;
        if (is_code(*p)) {
            buf_truncate(out, begin);
            pack_verbatim(out, record);
            return;
        }
        size_t used = may_begin(*p)
                          ? pack_word(out, slice_of(record.p + plain, at - plain), slice_of(p, record.len - at), &first, &any)
                          : 0;
        at += used > 0 ? used : 1;
        plain = used > 0 ? at : plain;
    }
    buf_put(out, record.p + plain, at - plain);
}

/* ---- unpacking ---- */

static const struct word *word_of(char code)
{
    unsigned char c = (unsigned char)code;
    size_t i = c < 0x20 ? c - 1u : c - 0xf8u + 31u; /* the list has them in this order */
    return i < WORDS ? &words[i] : NULL;
}

static void unpack_id(struct buf *out, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    buf_put(out, text, UUID_TEXT);
}

void delivery_unpack(struct buf *out, struct slice packed)
{
    struct uuid id, first = {{0}};
    bool any = false;
    const char *p = packed.p, *end = packed.p + packed.len;
    if (p < end && *p == VERBATIM) {
        buf_put(out, p + 1, packed.len - 1);
        return;
    }
    while (p < end) {
        const char *plain = p;
        while (p < end && !is_code(*p))
            p++;
        buf_put(out, plain, (size_t)(p - plain));
        const struct word *w = p < end ? word_of(*p++) : NULL;
        if (!w)
            continue;
        buf_put(out, w->text, w->len);
        if (w->follows == FIRST_ID)
            unpack_id(out, &first);
        if (w->follows != ID || end - p < (ptrdiff_t)sizeof id.bytes)
            continue;
        memcpy(id.bytes, p, sizeof id.bytes);
        p += sizeof id.bytes;
        unpack_id(out, &id);
        if (!any)
            first = id;
        any = true;
    }
}

void delivery_packed_webhook(struct buf *out, struct slice webhook_id)
{
    buf_putc(out, '\x03');
    buf_put_slice(out, webhook_id);
    buf_putc(out, '\x04');
}
