/* JSON strings: out of their escapes, and into them. */
#include <endian.h>

#include "util/json.h"
#include "util/utf8.h"

static unsigned hex4(const char *p)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static void put_code_point(struct buf *out, unsigned c)
{
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0x00, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(lead[n - 1] | c);
    buf_put(out, bytes, n);
}

/* The \uXXXX at p, with the low surrogate that follows a high one; returns the number of bytes read. */
static size_t unescape_unicode(struct buf *out, const char *p, size_t len)
{
    unsigned c = hex4(p + 2);
    if (c >= 0xd800 && c <= 0xdbff && len >= 12 && p[6] == '\\' && p[7] == 'u') {
        unsigned low = hex4(p + 8);
        if (low >= 0xdc00 && low <= 0xdfff) {
            put_code_point(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
            return 12;
        }
    }
    put_code_point(out, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
    return 6;
}

static size_t unescape_one(struct buf *out, const char *p, size_t len)
{
    static const char names[] = "bfnrt";
    static const char values[] = "\b\f\n\r\t";
    if (p[1] == 'u')
        return unescape_unicode(out, p, len);
    const char *name = strchr(names, p[1]);
    buf_putc(out, name ? values[name - names] : p[1]);
    return 2;
}

void json_unescape(struct buf *out, struct slice value)
{
    check(value.len >= 2);
    const char *p = value.p + 1;
    const char *end = value.p + value.len - 1;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *stop = escape ? escape : end;
        buf_put(out, p, (size_t)(stop - p));
        p = escape ? escape + unescape_one(out, escape, (size_t)(end - escape)) : end;
    }
}

/* How an ASCII byte is written: 0 as it is, 'u' as \\u00XX, any other letter behind a backslash. */
static const char escapes[128] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',         'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

static char *put_escaped(char *p, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    *p++ = '\\';
    *p++ = escapes[c];
    if (escapes[c] != 'u')
        return p;
    *p++ = '0';
    *p++ = '0';
    *p++ = hex[c >> 4];
    *p++ = hex[c & 15];
    return p;
}

/* ASCII bytes, by way of a block on the stack: an append for each byte or short run would cost more than the bytes. */
static void put_ascii(struct buf *out, const unsigned char *p, const unsigned char *end)
{
    enum { ESCAPE_BYTES = 6 };
    char block[512] NOT_ZEROED;
    char *to = block;
    for (; p < end; p++) {
        if (to > block + sizeof block - ESCAPE_BYTES) {
            buf_put(out, block, (size_t)(to - block));
            to = block;
        }
        if (escapes[*p])
            to = put_escaped(to, *p);
        else
            *to++ = (char)*p;
    }
    buf_put(out, block, (size_t)(to - block));
}

/* Sets the top bit of each byte of the word that is written otherwise than as it is: below a blank, beyond ASCII, a quote or a
 * backslash. May mark more above the first, which is exact. (A byte is zero where subtracting one borrows: Bit Twiddling Hacks,
 * haszero and hasless.) */
static uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    uint64_t low = word - ones * 0x20, zero = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
    return (low | zero | word) & highs;
}

/* How many bytes at the beginning are written as they are. */
static size_t plain_length(struct slice s)
{
    size_t at = 0;
    uint64_t word;
    for (; at + sizeof(word) <= s.len; at += sizeof(word)) {
        memcpy(&word, s.p + at, sizeof(word));
        uint64_t special = special_bytes(le64toh(word));
        if (special)
            return at + (unsigned)__builtin_ctzll(special) / 8;
    }
    while (at < s.len && (unsigned char)s.p[at] < 0x80 && !escapes[(unsigned char)s.p[at]])
        at++;
    return at;
}

/* A run of bytes that are not ASCII is repaired on its own: no ill-formed sequence reaches over an ASCII byte. */
void json_put_string(struct buf *out, struct slice s)
{
    const unsigned char *p = (const unsigned char *)(s.p ? s.p : "");
    const unsigned char *end = p + s.len;
    buf_putc(out, '"');
    size_t plain = plain_length(s); /* most texts are that alone */
    buf_put(out, p, plain);
    p += plain;
    while (p < end) {
        const unsigned char *run = p;
        while (p < end && *p < 0x80)
            p++;
        put_ascii(out, run, p);
        run = p;
        while (p < end && *p >= 0x80)
            p++;
        utf8_repair(out, slice_of((const char *)run, (size_t)(p - run)));
    }
    buf_putc(out, '"');
}
