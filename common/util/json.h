/* JSON on the hot path: a scanner that validates RFC 8259 text in one pass and points into it, without
 * allocating, and the writer's primitives. Everything that is not the hot path uses jansson. */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

#define JSON_MAX_DEPTH 32

enum json_kind {
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_STRING,
    JSON_KIND_NUMBER,
    JSON_KIND_TRUE,
    JSON_KIND_FALSE,
    JSON_KIND_NULL
};

struct json_member {
    struct slice key;   /* as written between the quotes; keys with escapes compare unequal to plain names */
    struct slice value; /* the value's exact text: quotes, braces and all */
    enum json_kind kind;
};

/* Splits the object that is the whole of text (white space around it allowed) into its top-level members, in order.
 * Validates all of it: syntax, UTF-8, nesting <= JSON_MAX_DEPTH, no control characters in strings, no key twice at the top
 * level. ERR_INVALID; ERR_TOO_BIG with more than max members. why says what and at which byte, from 0. */
MUST_CHECK enum err json_split(struct slice text, struct json_member *members, size_t max, size_t *count, struct errmsg *why);
/* The member of that name, or NULL. */
const struct json_member *json_find(const struct json_member *members, size_t count, const char *name);

/* Decodes a string value (with its quotes) that json_split has validated, appending its UTF-8 bytes. A lone surrogate
 * (\udcXX) becomes U+FFFD; \u0000 becomes a NUL byte. */
void json_unescape(struct buf *out, struct slice value);
/* An integer value without fraction or exponent that fits; ERR_INVALID otherwise. */
MUST_CHECK enum err json_int(struct slice value, int64_t *out);

/* Appends a quoted JSON string. Bytes that are not UTF-8 become U+FFFD; control characters are escaped. */
void json_put_string(struct buf *out, struct slice s);

#endif
