/* Pieces that the text of logs is made of: numbers, addresses, times, paths. Pure. */
#ifndef PRODUCER_SOURCE_TEXT_H
#define PRODUCER_SOURCE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

/* Decimal digits, 1 to 18 of them, and nothing else. */
bool text_number(struct slice s, int64_t *out);
/* An IPv4 or IPv6 address as text (model/address.h). */
bool text_is_address(struct slice s);
/* A time as logs write it, in pieces: four digits, "Jan" .. "Dec", two digits (or a blank and one), "hh:mm:ss", and the zone as
 * "+0200"; NULL: UTC. False: there is no such time. */
bool text_time(const char *year, const char *month, const char *day, const char *hms, const char *zone, int64_t *wall_ms);

/* A text that is read from its front: each call takes what it names off *s, or leaves it and returns false. */
bool text_take(struct slice *s, struct slice literal);
/* Up to the byte `end`, which goes too; *out does not have it. */
bool text_take_until(struct slice *s, char end, struct slice *out);
/* Takes the literal off the end. */
bool text_take_end(struct slice *s, struct slice literal);
/* Takes `digits` off the end: 1 to 18 of them. */
bool text_take_end_number(struct slice *s, int64_t *out);

/* An absolute path in the form that file systems mean: no empty parts, no `.`, `..` taken back by its text (a symbolic link
 * before it is not known here), no slash at the end. Most paths are returned as they are; else the result is in scratch, which is
 * emptied first. */
struct slice text_clean_path(struct buf *scratch, struct slice path);

#endif
