/* The scanner. A cursor runs over the text once; each scan_ function expects its construct at the cursor, leaves the
 * cursor behind it, and returns false with the reason set when it is not there. Nested values go through the same
 * functions, only without being kept, so what a member's value points at has been validated in full. The
 * recursion of scan_value is bounded by JSON_MAX_DEPTH. Strings are most of the bytes: they are skipped eight bytes
 * at a time. */
#include "util/json.h"

#include <endian.h>
#include <stdio.h>

#include "util/utf8.h"

struct scan {
    const unsigned char *start, *p, *end;
    const char *what; /* why it stopped */
    enum err err;
    struct json_member *members; /* of the outermost object */
    size_t max, count;
};

static bool fail(struct scan *s, const char *what)
{
    s->err = ERR_INVALID;
    s->what = what;
    return false;
}

/* The byte at the cursor, or NUL at the end: no construct starts with NUL. */
static inline unsigned char peek(const struct scan *s)
{
    return s->p < s->end ? *s->p : 0;
}

static inline void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

#define EACH_BYTE(c) ((uint64_t)(c)*0x0101010101010101U)

/* Sets the top bit of each byte of word that is no plain string character: a quote, a backslash, a control character or not
 * ASCII. May mark more above the first, which is exact. */
static inline uint64_t special_bytes(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"');
    uint64_t backslash = word ^ EACH_BYTE('\\');
    uint64_t below = (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) | (word - EACH_BYTE(0x20));
    return (below | word) & EACH_BYTE(0x80);
}

/* The first byte from p on that ends a run of plain string characters. */
static inline const unsigned char *skip_plain(const unsigned char *p, const unsigned char *end)
{
    uint64_t word;
    while ((size_t)(end - p) >= sizeof word) {
        memcpy(&word, p, sizeof word);
        uint64_t special = special_bytes(le64toh(word));
        if (special)
            return p + (unsigned)__builtin_ctzll(special) / 8;
        p += sizeof word;
    }
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* At a backslash. */
static bool scan_escape(struct scan *s)
{
    s->p++;
    switch (peek(s)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        s->p++;
        return true;
    case 'u':
        s->p++;
        for (int i = 0; i < 4; i++, s->p++)
            if (hex_digit(peek(s)) < 0)
                return fail(s, "expected four hexadecimal digits after \\u");
        return true;
    default:
        return fail(s, "unknown escape");
    }
}

static bool scan_string(struct scan *s)
{
    s->p++;
    for (;;) {
        s->p = skip_plain(s->p, s->end);
        if (s->p == s->end)
            return fail(s, "string without its closing quote");
        if (*s->p == '"') {
            s->p++;
            return true;
        }
        if (*s->p == '\\') {
            if (!scan_escape(s))
                return false;
        } else if (*s->p < 0x20) {
            return fail(s, "control character in a string");
        } else {
            unsigned n = utf8_sequence(s->p, (size_t)(s->end - s->p));
            if (n == 0)
                return fail(s, "bytes that are not UTF-8");
            s->p += n;
        }
    }
}

static inline bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool scan_digits(struct scan *s)
{
    if (!is_digit(peek(s)))
        return fail(s, "expected a digit");
    while (is_digit(peek(s)))
        s->p++;
    return true;
}

static bool scan_number(struct scan *s)
{
    if (peek(s) == '-')
        s->p++;
    if (peek(s) == '0') {
        s->p++;
        if (is_digit(peek(s)))
            return fail(s, "number with a leading zero");
    } else if (!scan_digits(s)) {
        return false;
    }
    if (peek(s) == '.') {
        s->p++;
        if (!scan_digits(s))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->p++;
        if (peek(s) == '+' || peek(s) == '-')
            s->p++;
        return scan_digits(s);
    }
    return true;
}

static bool scan_word(struct scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return fail(s, "expected a value");
    s->p += len;
    return true;
}

static bool scan_object(struct scan *s, unsigned depth);
static bool scan_array(struct scan *s, unsigned depth);

/* depth: how many objects and arrays the value stands in. */
static bool scan_value(struct scan *s, unsigned depth, enum json_kind *kind)
{
    switch (peek(s)) {
    case '"':
        *kind = JSON_KIND_STRING;
        return scan_string(s);
    case '{':
        *kind = JSON_KIND_OBJECT;
        return scan_object(s, depth + 1);
    case '[':
        *kind = JSON_KIND_ARRAY;
        return scan_array(s, depth + 1);
    case 't':
        *kind = JSON_KIND_TRUE;
        return scan_word(s, "true", 4);
    case 'f':
        *kind = JSON_KIND_FALSE;
        return scan_word(s, "false", 5);
    case 'n':
        *kind = JSON_KIND_NULL;
        return scan_word(s, "null", 4);
    default:
        *kind = JSON_KIND_NUMBER;
        if (peek(s) != '-' && !is_digit(peek(s)))
            return fail(s, "expected a value");
        return scan_number(s);
    }
}

/* Behind an element: true with *more when a comma follows, false with *more when the closing character did. */
static bool scan_separator(struct scan *s, unsigned char closing, bool *more)
{
    skip_space(s);
    unsigned char c = peek(s);
    if (c != ',' && c != closing)
        return fail(s, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    s->p++;
    *more = c == ',';
    return true;
}

/* At the opening character: steps over it and tells whether the closing one follows at once (and steps over that). */
static bool scan_opening(struct scan *s, unsigned depth, unsigned char closing, bool *more)
{
    if (depth > JSON_MAX_DEPTH)
        return fail(s, "nested too deeply");
    s->p++;
    skip_space(s);
    *more = peek(s) != closing;
    if (!*more)
        s->p++;
    return true;
}

static bool scan_array(struct scan *s, unsigned depth)
{
    bool more;
    enum json_kind kind;
    if (!scan_opening(s, depth, ']', &more))
        return false;
    while (more) {
        skip_space(s);
        if (!scan_value(s, depth, &kind) || !scan_separator(s, ']', &more))
            return false;
    }
    return true;
}

static bool keep_member(struct scan *s, const struct json_member *m)
{
    for (size_t i = 0; i < s->count; i++)
        if (slice_eq(s->members[i].key, m->key)) {
            s->p = (const unsigned char *)m->key.p;
            return fail(s, "a name for the second time");
        }
    if (s->count == s->max) {
        s->p = (const unsigned char *)m->key.p;
        (void)fail(s, "too many members");
        s->err = ERR_TOO_BIG;
        return false;
    }
    s->members[s->count++] = *m;
    return true;
}

static inline struct slice between(const unsigned char *from, const unsigned char *to)
{
    return slice_of((const char *)from, (size_t)(to - from));
}

static bool scan_member(struct scan *s, unsigned depth)
{
    struct json_member m;
    skip_space(s);
    const unsigned char *key = s->p;
    if (peek(s) != '"')
        return fail(s, "expected a name in quotes");
    if (!scan_string(s))
        return false;
    m.key = between(key + 1, s->p - 1);
    skip_space(s);
    if (peek(s) != ':')
        return fail(s, "expected ':'");
    s->p++;
    skip_space(s);
    const unsigned char *value = s->p;
    if (!scan_value(s, depth, &m.kind))
        return false;
    m.value = between(value, s->p);
    return depth > 1 || keep_member(s, &m);
}

static bool scan_object(struct scan *s, unsigned depth)
{
    bool more;
    if (!scan_opening(s, depth, '}', &more))
        return false;
    while (more)
        if (!scan_member(s, depth) || !scan_separator(s, '}', &more))
            return false;
    return true;
}

static bool scan_text(struct scan *s)
{
    skip_space(s);
    if (peek(s) != '{')
        return fail(s, "expected an object");
    if (!scan_object(s, 1))
        return false;
    skip_space(s);
    return s->p == s->end || fail(s, "something after the object");
}

enum err json_split(struct slice text, struct json_member *members, size_t max, size_t *count, struct errmsg *why)
{
    const unsigned char *start = (const unsigned char *)(text.p ? text.p : "");
    struct scan s = {.start = start, .p = start, .end = start + text.len, .members = members, .max = max};
    if (!scan_text(&s))
        return errmsg_set(why, s.err, "%s at byte %zu", s.what, (size_t)(s.p - s.start));
    *count = s.count;
    return ERR_OK;
}

const struct json_member *json_find(const struct json_member *members, size_t count, const char *name)
{
    struct slice key = slice_str(name);
    for (size_t i = 0; i < count; i++)
        if (slice_eq(members[i].key, key))
            return &members[i];
    return NULL;
}

enum err json_int(struct slice value, int64_t *out)
{
    bool negative = value.len > 0 && value.p[0] == '-';
    size_t i = negative;
    int64_t sum = 0; /* counted downwards: INT64_MIN has no positive */
    if (i == value.len || (value.p[i] == '0' && i + 1 < value.len))
        return ERR_INVALID;
    for (; i < value.len; i++) {
        int digit = value.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, digit, &sum))
            return ERR_INVALID;
    }
    if (!negative && sum == INT64_MIN)
        return ERR_INVALID;
    *out = negative ? sum : -sum;
    return ERR_OK;
}
