#include "util/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_CAP = 64 };

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void buf_done(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->err = ERR_OK;
    buf_truncate(b, 0);
}

void buf_reset_to(struct buf *b, size_t most_bytes)
{
    if (b->cap > most_bytes)
        buf_done(b);
    else
        buf_reset(b);
}

void buf_truncate(struct buf *b, size_t len)
{
    check(len <= b->len);
    b->len = len;
    if (b->p)
        b->p[len] = '\0';
}

void buf_drop(struct buf *b, size_t n)
{
    check(n <= b->len);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->len - n);
    buf_truncate(b, b->len - n);
}

/* Doubles, but never past the limit, so that a buffer of a known limit wastes nothing. */
static size_t next_cap(const struct buf *b, size_t need)
{
    size_t cap = b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2;
    if (cap < BUF_FIRST_CAP)
        cap = BUF_FIRST_CAP;
    if (cap < need)
        cap = need;
    return cap > b->max + 1 ? b->max + 1 : cap;
}

static bool grow(struct buf *b, size_t len)
{
    if (b->err)
        return false;
    if (len > b->max - b->len) {
        b->err = ERR_TOO_BIG;
        return false;
    }
    size_t need = b->len + len + 1;
    if (need <= b->cap)
        return true;
    size_t cap = next_cap(b, need);
    char *p = realloc(b->p, cap);
    if (!p) {
        b->err = ERR_NO_MEMORY;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

char *buf_reserve(struct buf *b, size_t len)
{
    if ((b->err || len >= b->cap - b->len) && !grow(b, len))
        return NULL;
    b->p[b->len] = '\0';
    return b->p + b->len;
}

void buf_grew(struct buf *b, size_t len)
{
    check(b->len + len < b->cap || (len == 0 && !b->p));
    b->len += len;
    if (b->p)
        b->p[b->len] = '\0';
}

void buf_put_growing(struct buf *b, const void *p, size_t len)
{
    if (len == 0 || !grow(b, len))
        return;
    memcpy(b->p + b->len, p, len);
    b->len += len;
    b->p[b->len] = '\0';
}

void buf_put_i64(struct buf *b, long long value)
{
    if (value >= 0 && value <= 9) { /* most numbers of a record */
        buf_putc(b, (char)('0' + value));
        return;
    }
    char digits[24];
    char *p = digits + sizeof digits;
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--p = '-';
    buf_put(b, p, (size_t)(digits + sizeof digits - p));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

/* Formats into the room there is; a second time only when that was too little. */
void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = b->err ? -1 : vsnprintf(room ? b->p + b->len : NULL, room, fmt, ap);
    if (n >= 0 && (size_t)n < room) {
        b->len += (size_t)n;
    } else if (n > 0 && grow(b, (size_t)n)) {
        (void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else if (b->p) {
        b->p[b->len] = '\0';
    }
    va_end(again);
}
