/* Whole files, read and replaced durably. */
#ifndef UTIL_FILE_H
#define UTIL_FILE_H

#include "util/buf.h"
#include "util/err.h"

/* Appends the whole file to out, whose limit applies. ERR_NOT_FOUND, ERR_TOO_BIG, ERR_IO; why names path and reason. */
MUST_CHECK enum err file_read(const char *path, struct buf *out, struct errmsg *why);

/* Replaces path so that after a crash either the old or the new content is there: temporary file in the same
 * folder, fsync, rename, fsync of the folder. mode as for open(2). ERR_NOT_FOUND (no such folder), ERR_IO; why names path and
 * reason. The temporary file is removed again, except by a crash. */
MUST_CHECK enum err file_replace(const char *path, struct slice content, unsigned mode, struct errmsg *why);

#endif
