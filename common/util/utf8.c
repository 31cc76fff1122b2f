#include "util/utf8.h"

#include <stdint.h>

/* How the sequence that starts with a byte goes on: its length (0: none starts so) and what its second byte may
 * be. Further bytes are 80..BF. This is table 3-7 row by row. */
struct lead {
    unsigned len;
    unsigned char low, high;
};

static struct lead lead_of(unsigned char c)
{
    if (c < 0x80)
        return (struct lead){1, 0, 0};
    if (c < 0xc2 || c > 0xf4)
        return (struct lead){0, 0, 0};
    if (c < 0xe0)
        return (struct lead){2, 0x80, 0xbf};
    if (c < 0xf0)
        return (struct lead){3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
    return (struct lead){4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
}

/* Measures the sequence at s[0]: a valid one, or the maximal subpart of an ill-formed one (at least 1 byte). */
static bool measure(const unsigned char *s, size_t len, unsigned *length)
{
    struct lead lead = lead_of(s[0]);
    unsigned n = 1;
    if (lead.len > 1 && len > 1 && s[1] >= lead.low && s[1] <= lead.high) {
        n = 2;
        while (n < lead.len && n < len && (s[n] & 0xc0) == 0x80)
            n++;
    }
    *length = n;
    return n == lead.len;
}

unsigned utf8_sequence(const unsigned char *s, size_t len)
{
    unsigned n;
    return measure(s, len, &n) ? n : 0;
}

/* The number of ASCII bytes at the start, eight at a time. */
static size_t ascii_prefix(const unsigned char *s, size_t len)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= len; i += sizeof word) {
        memcpy(&word, s + i, sizeof word);
        if (word & 0x8080808080808080U)
            break;
    }
    while (i < len && s[i] < 0x80)
        i++;
    return i;
}

/* The number of valid bytes at the start. */
static size_t valid_prefix(const unsigned char *s, size_t len)
{
    size_t i = 0;
    while (i < len) {
        unsigned n = utf8_sequence(s + i, len - i);
        if (n == 0)
            break;
        i += n == 1 ? ascii_prefix(s + i, len - i) : n;
    }
    return i;
}

bool utf8_valid(struct slice s)
{
    return valid_prefix((const unsigned char *)s.p, s.len) == s.len;
}

void utf8_repair(struct buf *out, struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t left = s.len;
    while (left > 0) {
        size_t good = valid_prefix(p, left);
        buf_put(out, p, good);
        p += good;
        left -= good;
        if (left == 0)
            return;
        unsigned bad;
        (void)measure(p, left, &bad);
        buf_puts(out, "\xef\xbf\xbd");
        p += bad;
        left -= bad;
    }
}
