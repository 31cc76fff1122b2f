/* Byte slices and growing buffers.
 *
 * A buf names its limit when it is initialised. Appending never fails loudly: the first failure (limit passed,
 * no memory) sticks in b->err and later appends do nothing, so a writer appends freely and looks once at the
 * end. The bytes are always followed by a NUL that is not counted, once anything was appended or reserved. */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "util/err.h"

/* Bytes owned by somebody else. p may be NULL when len is 0. Not NUL-terminated. */
struct slice {
    const char *p;
    size_t len;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

static inline struct slice slice_of(const char *p, size_t len)
{
    return (struct slice){p, len};
}
static inline struct slice slice_str(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}
static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

struct buf {
    char *p;
    size_t len;
    size_t cap;
    size_t max;
    enum err err; /* ERR_OK, ERR_TOO_BIG or ERR_NO_MEMORY; sticky until buf_reset */
};

/* Starts empty; nothing is allocated before the first append. max_bytes bounds len. */
void buf_init(struct buf *b, size_t max_bytes);
/* Frees the bytes; b can be initialised again. */
void buf_done(struct buf *b);
/* Empties it and clears the error, keeping the memory. */
void buf_reset(struct buf *b);
/* The same, but more memory than most_bytes is given back. */
void buf_reset_to(struct buf *b, size_t most_bytes);
/* Forgets all but the first len bytes (len <= b->len). */
void buf_truncate(struct buf *b, size_t len);
/* Forgets the first n bytes (n <= b->len), moving the rest down. */
void buf_drop(struct buf *b, size_t n);

/* For buf_put: what there is no room for yet. */
void buf_put_growing(struct buf *b, const void *p, size_t len);
/* Inline: records, requests and commands are made of short pieces, whose lengths the compiler mostly knows. */
static inline void buf_put(struct buf *b, const void *p, size_t len)
{
    if (b->err != ERR_OK || len >= b->cap - b->len) {
        buf_put_growing(b, p, len);
    } else if (len > 0) {
        memcpy(b->p + b->len, p, len);
        b->len += len;
        b->p[b->len] = '\0';
    }
}
static inline void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}
static inline void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}
static inline void buf_put_slice(struct buf *b, struct slice s)
{
    buf_put(b, s.p, s.len);
}
void buf_put_i64(struct buf *b, long long value); /* decimal, without printf's cost */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Room for len more bytes at b->p + b->len, to be filled by the caller, who then calls buf_grew; NULL on failure. */
char *buf_reserve(struct buf *b, size_t len);
void buf_grew(struct buf *b, size_t len);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p, b->len};
}
/* The bytes as a C string ("" when nothing was appended). */
static inline const char *buf_cstr(const struct buf *b)
{
    return b->p ? b->p : "";
}

#endif
