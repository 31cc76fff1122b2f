/* UUIDs (RFC 9562) as 16 bytes. Text is lower case with dashes. */
#ifndef MODEL_UUID_H
#define MODEL_UUID_H

#include <stdint.h>

#include "util/buf.h"

#define UUID_TEXT_SIZE 37 /* 36 characters and a NUL */

struct uuid {
    uint8_t bytes[16];
};

/* Version 5: SHA-1 of namespace and name (RFC 9562, 5.5). */
struct uuid uuid_v5(const struct uuid *namespace_id, struct slice name);
/* Version 4: random, from the kernel. Never fails (aborts where the kernel has no randomness to give). */
struct uuid uuid_v4(void);
/* Version 7: wall_ms and random bits: sorts by time. */
struct uuid uuid_v7(int64_t wall_ms);
void uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE]);
/* 36 characters, either case, any version. ERR_INVALID otherwise. */
MUST_CHECK enum err uuid_parse(struct slice text, struct uuid *out);

#endif
