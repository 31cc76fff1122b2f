/* A header line to be sent: nothing in it may end it early. */
#include "io/http_client.h"

static bool is_token(struct slice s)
{
    static const char symbols[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && !memchr(symbols, c, sizeof symbols - 1))
            return false;
    }
    return s.len > 0;
}

static bool is_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < 0x20 ? s.p[i] != '\t' : s.p[i] == 0x7f)
            return false;
    return true;
}

enum err http_header_put(struct buf *lines, struct slice name, struct slice value)
{
    if (!is_token(name) || !is_value(value))
        return ERR_INVALID;
    buf_put_slice(lines, name);
    buf_put(lines, value.len > 0 ? ": " : ":", value.len > 0 ? 2 : 1);
    buf_put_slice(lines, value);
    buf_put(lines, "\r\n", 2);
    return lines->err;
}
