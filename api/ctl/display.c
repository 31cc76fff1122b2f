#include "ctl/display.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/utf8.h"

#define MAX_BYTES (64UL * 1024 * 1024)

static uint32_t decode(const unsigned char *s, unsigned len)
{
    uint32_t c = len == 1 ? s[0] : s[0] & (0x7fU >> len);
    for (unsigned i = 1; i < len; i++) {
        c = c << 6 | (s[i] & 0x3fU);
    }
    return c;
}

/* Unicode's bidirectional controls, line and paragraph separators, and characters of no width. */
static bool is_formatting(uint32_t c)
{
    return c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb);
}

static void put_control(struct buf *out, unsigned char c)
{
    switch (c) {
    case '\n':
        buf_puts(out, "\\n");
        break;
    case '\r':
        buf_puts(out, "\\r");
        break;
    case '\t':
        buf_puts(out, "\\t");
        break;
    default:
        buf_printf(out, "\\x%02x", c);
    }
}

static void put(struct buf *out, struct slice s, bool json)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.len;) {
        unsigned len = utf8_sequence(p + i, s.len - i);
        uint32_t c = len > 0 ? decode(p + i, len) : 0;
        if (len == 0) {
            buf_printf(out, "\\x%02x", p[i]);
        } else if (json && (c == '\n' || c == '\\')) {
            buf_putc(out, (char)c);
        } else if (c < 0x20) {
            put_control(out, p[i]);
        } else if (c == '\\') {
            buf_puts(out, "\\\\");
        } else if ((c >= 0x7f && c <= 0x9f) || is_formatting(c)) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_put(out, p + i, len);
        }
        i += len > 0 ? len : 1;
    }
}

void display_put(struct buf *out, struct slice s)
{
    put(out, s, false);
}

void display_put_json(struct buf *out, struct slice s)
{
    put(out, s, true);
}

void display_print_json(const json_t *value, bool compact)
{
    struct buf out;
    char *text = json_dumps(value, compact ? JSON_COMPACT : JSON_INDENT(2));
    check(text != NULL);
    buf_init(&out, MAX_BYTES);
    display_put_json(&out, slice_str(text));
    (void)puts(buf_cstr(&out));
    buf_done(&out);
    free(text);
}
