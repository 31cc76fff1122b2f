/* Base64, strict in what it reads: two texts never decode to the same bytes, so an encoded value can be compared as text. */
#include "model/base64.h"

#include <stdint.h>

static const char digits[64] = {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
                                'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
                                'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
                                'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

void base64_put(struct buf *out, struct slice bytes)
{
    const unsigned char *in = (const unsigned char *)bytes.p;
    size_t len = bytes.len;
    size_t text_len = (len + 2) / 3 * 4;
    char *to = text_len > 0 ? buf_reserve(out, text_len) : NULL;

    if (!to) {
        return;
    }
    for (; len >= 3; in += 3, len -= 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = digits[bits >> 6 & 63];
        *to++ = digits[bits & 63];
    }
    if (len > 0) {
        uint32_t bits = (uint32_t)in[0] << 16 | (len > 1 ? (uint32_t)in[1] << 8 : 0);
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = len > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = '=';
    }
    out->len +=
        text_len; /* not by buf_grew: libtrueftp-producer writes base64 too, and has no check() that could end a process */
    out->p[out->len] = '\0';
}

/* 0-63, or -1 */
static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes the first count (2-4) characters of a quantum to count - 1 bytes; false: a foreign character or stray bits. */
static bool decode_quantum(const char *text, size_t count, char *to)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < count ? digit_value(text[i]) : 0;
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
    }
    if ((count == 2 && (bits & 0xffff) != 0) || (count == 3 && (bits & 0xff) != 0)) {
        return false;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        to[i] = (char)(bits >> (16 - 8 * i) & 0xff);
    }
    return true;
}

enum err base64_decode(struct buf *out, struct slice text)
{
    if (text.len % 4 != 0) {
        return ERR_INVALID;
    }
    if (text.len == 0) {
        return ERR_OK;
    }
    size_t padding = text.p[text.len - 1] != '=' ? 0 : text.p[text.len - 2] != '=' ? 1 : 2;
    size_t len = text.len / 4 * 3 - padding;
    char *to = buf_reserve(out, len);
    if (!to) {
        return out->err;
    }
    for (size_t at = 0; at < text.len; at += 4) {
        size_t count = at + 4 == text.len ? 4 - padding : 4;
        if (!decode_quantum(text.p + at, count, to)) {
            buf_truncate(out, out->len); /* puts back the NUL that was written over */
            return ERR_INVALID;
        }
        to += count - 1;
    }
    buf_grew(out, len);
    return ERR_OK;
}
