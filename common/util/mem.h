/* Memory for programs. Running out of memory is an environment failure: one line on standard error and exit
 * status 71 (EX_OSERR); whatever was in flight is redone after the restart, as after any crash. So none of
 * these returns NULL. Code that lives in other people's processes (libtrueftp-producer) does not use them. */
#ifndef UTIL_MEM_H
#define UTIL_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

void *mem_alloc(size_t size);                        /* not initialised */
void *mem_zalloc(size_t size);                       /* zeroed */
void *mem_realloc(void *p, size_t size);             /* as realloc(3); p may be NULL */
void *mem_array(void *p, size_t count, size_t size); /* as reallocarray(3): checks count * size */
char *mem_strdup(const char *s);
void *mem_dup(const void *p, size_t len); /* copies len bytes and appends a NUL that is not counted */

/* Room as of buf_reserve, in a buffer whose limit is known to suffice. */
char *mem_reserve(struct buf *b, size_t len);
/* What was appended has found memory. A limit that was passed stays the caller's to see. */
void mem_appended(const struct buf *b);
/* Ends the process so: for what allocates by itself and says that it could not. */
void mem_exhausted(void) __attribute__((noreturn));
/* The same unless `done`: for what has no other failure. */
void mem_need(bool done);

#endif
