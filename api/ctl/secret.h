/* Secrets and files that commands are given. */
#ifndef CTL_SECRET_H
#define CTL_SECRET_H

#include "ctl/command.h"
#include "model/sealed.h"
#include "util/buf.h"

/* The secret: of the command line, or of a file, whose final newline is dropped; "-" is standard input. Both NULL, or both given,
 * or empty: ERR_INVALID. The caller ends it with secret_done. */
MUST_CHECK enum err secret_read(const char *secret, const char *file, struct buf *out, struct errmsg *why);
/* Wipes and frees. */
void secret_done(struct buf *secret);
/* Appends a whole file; "-" is standard input. */
MUST_CHECK enum err read_input(const char *path, struct buf *out, struct errmsg *why);

#endif
