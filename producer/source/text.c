#include "producer/source/text.h"

#include <string.h>

#include "model/address.h"
#include "util/clock.h"

bool text_number(struct slice s, int64_t *out)
{
    if (s.len == 0 || s.len > 18)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value = value * 10 + (s.p[i] - '0');
    }
    *out = value;
    return true;
}

bool text_is_address(struct slice s)
{
    struct address address;
    return address_parse(s, &address) == ERR_OK;
}

/* 1 .. 12; 0: no month. */
static int month_number(const char *p)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (memcmp(names + 3 * i, p, 3) == 0)
            return i + 1;
    }
    return 0;
}

/* Written as RFC 3339 has it, so that one parser knows the calendar. */
bool text_time(const char *year, const char *month, const char *day, const char *hms, const char *zone, int64_t *wall_ms)
{
    char text[] = "yyyy-mm-ddThh:mm:ss+hh:mm";
    int number = month_number(month);
    memcpy(text, year, 4);
    text[5] = (char)('0' + number / 10);
    text[6] = (char)('0' + number % 10);
    text[8] = day[0] == ' ' ? '0' : day[0];
    text[9] = day[1];
    memcpy(text + 11, hms, 8);
    if (zone) {
        memcpy(text + 19, zone, 3);
        memcpy(text + 23, zone + 3, 2);
    } else {
        memcpy(text + 19, "Z", 2);
    }
    return number > 0 && clock_parse_utc(slice_str(text), wall_ms) == ERR_OK;
}

bool text_take(struct slice *s, struct slice literal)
{
    if (s->len < literal.len || memcmp(s->p, literal.p, literal.len) != 0)
        return false;
    *s = slice_of(s->p + literal.len, s->len - literal.len);
    return true;
}

bool text_take_until(struct slice *s, char end, struct slice *out)
{
    const char *at = s->len > 0 ? memchr(s->p, end, s->len) : NULL;
    if (!at)
        return false;
    *out = slice_of(s->p, (size_t)(at - s->p));
    *s = slice_of(at + 1, s->len - out->len - 1);
    return true;
}

bool text_take_end(struct slice *s, struct slice literal)
{
    if (s->len < literal.len || memcmp(s->p + s->len - literal.len, literal.p, literal.len) != 0)
        return false;
    s->len -= literal.len;
    return true;
}

bool text_take_end_number(struct slice *s, int64_t *out)
{
    size_t from = s->len;
    while (from > 0 && s->p[from - 1] >= '0' && s->p[from - 1] <= '9')
        from--;
    if (!text_number(slice_of(s->p + from, s->len - from), out))
        return false;
    s->len = from;
    return true;
}

static bool is_clean(struct slice path)
{
    if (path.len > 1 && path.p[path.len - 1] == '/')
        return false;
    for (size_t i = 0; i + 1 < path.len; i++) {
        if (path.p[i] != '/')
            continue;
        struct slice rest = slice_of(path.p + i + 1, path.len - i - 1);
        if (rest.p[0] == '/' || (rest.p[0] == '.' && (rest.len == 1 || rest.p[1] == '/')) ||
            (rest.p[0] == '.' && rest.len > 1 && rest.p[1] == '.' && (rest.len == 2 || rest.p[2] == '/')))
            return false;
    }
    return true;
}

/* Appends one part of a path, or takes the last one back. */
static void put_part(struct buf *out, struct slice part)
{
    if (part.len == 0 || slice_eq(part, SLICE(".")))
        return;
    if (!slice_eq(part, SLICE(".."))) {
        buf_putc(out, '/');
        buf_put_slice(out, part);
        return;
    }
    size_t len = out->len;
    while (len > 0 && out->p[len - 1] != '/')
        len--;
    buf_truncate(out, len > 0 ? len - 1 : 0);
}

struct slice text_clean_path(struct buf *scratch, struct slice path)
{
    if (is_clean(path))
        return path;
    buf_reset(scratch);
    const char *from = path.p, *stop = path.p + path.len;
    while (from < stop) {
        const char *slash = memchr(from, '/', (size_t)(stop - from));
        const char *end = slash ? slash : stop;
        put_part(scratch, slice_of(from, (size_t)(end - from)));
        from = end + 1;
    }
    if (scratch->len == 0)
        buf_putc(scratch, '/');
    check(scratch->err == ERR_OK);
    return buf_slice(scratch);
}
