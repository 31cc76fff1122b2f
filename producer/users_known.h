/* The users of one file that were announced already, or were there at the first look: kept in `<data dir>/<source>.users`,
 * replaced durably. A text file: a line "trueftp.users/1 <file>", then a name a line. Names are added and never taken away: a
 * file that is short for a moment, or by mistake, must not announce everybody again. */
#ifndef PRODUCER_USERS_KNOWN_H
#define PRODUCER_USERS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"

struct users_known;

/* path: of the set; file: whose users they are. No such file yet: an empty set, and users_known_begun is false. ERR_INVALID: it
 * is another file's, or none of ours; ERR_IO; why says what. */
MUST_CHECK enum err users_known_load(const char *path, const char *file, struct users_known **out, struct errmsg *why);
/* A set that is kept nowhere. */
struct users_known *users_known_new(void);
void users_known_free(struct users_known *k);

/* There was a first look. */
bool users_known_begun(const struct users_known *k);
void users_known_begin(struct users_known *k);
bool users_known_has(const struct users_known *k, struct slice name);
void users_known_add(struct users_known *k, struct slice name);
size_t users_known_count(const struct users_known *k);

/* Writes the set, one that was loaded, where it changed since it was written last and there was a first look. ERR_IO. */
MUST_CHECK enum err users_known_save(struct users_known *k, struct errmsg *why);

#endif
