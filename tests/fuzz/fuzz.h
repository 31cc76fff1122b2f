/* What fuzz targets share: a check that says what went wrong where, and input in memory of its exact size, so that
 * AddressSanitizer sees a read beyond it. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Once before all inputs, where a target has it. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* The bytes as a C string that ends at the first NUL among them; to be freed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    check(text != NULL);
    return text;
}

static inline struct slice fuzz_slice(const uint8_t *data, size_t size)
{
    return slice_of((const char *)data, size);
}

/* Takes what stands before the first `separator` off *rest; all of it when there is none. */
static inline struct slice fuzz_cut(struct slice *rest, char separator)
{
    const char *at = rest->len > 0 ? memchr(rest->p, separator, rest->len) : NULL;
    struct slice part = at ? slice_of(rest->p, (size_t)(at - rest->p)) : *rest;
    *rest = at ? slice_of(at + 1, rest->len - part.len - 1) : slice_of(rest->p, 0);
    return part;
}

#endif
