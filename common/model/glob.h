/* Path patterns, matched on bytes. `*` any run without '/', `**` any run, `?` one byte but '/', `[a-z]` `[!a-z]` a byte of a set
 * (never '/'; a ']' that stands first belongs to it), `\x` the byte x, also in a set.
 * A pattern that starts with '/' is held against the whole path, another against any suffix that starts after a '/'. */
#ifndef MODEL_GLOB_H
#define MODEL_GLOB_H

#include <stdbool.h>

#include "util/buf.h"

/* Checks an entry of a list (below), with its '!' if it has one. ERR_INVALID: empty, longer than 1024 bytes, an unclosed '[' or a
 * trailing '\'. */
MUST_CHECK enum err glob_check(struct slice pattern, struct errmsg *why);
/* A pattern that glob_check refuses is not matched, or taken literally, but never read beyond. Linear in len(path) * len(pattern)
 * at worst; no recursion. */
bool glob_match(struct slice pattern, struct slice path);
/* A list: matches if any pattern without '!' does (or there is none of them) and the last one that matches is not a '!'. Empty
 * list: true. */
bool glob_list_match(const struct slice *patterns, size_t count, struct slice path);

#endif
