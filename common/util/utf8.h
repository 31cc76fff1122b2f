/* UTF-8 as Unicode 15, table 3-7 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include <stdbool.h>

#include "util/buf.h"

/* Length in bytes (1-4) of the valid sequence at s[0], or 0 where s[0] starts none. len >= 1. */
unsigned utf8_sequence(const unsigned char *s, size_t len);
bool utf8_valid(struct slice s);
/* Appends s with U+FFFD for each maximal subpart of an ill-formed sequence (the practice W3C and Unicode 3.9 recommend). */
void utf8_repair(struct buf *out, struct slice s);

#endif
