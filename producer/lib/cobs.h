/* Consistent overhead byte stuffing (Cheshire and Baker, 1999): bytes without a zero among them, so that zeros can stand between
 * records and nothing inside a record can look like a boundary. At most one byte in 254 more, and one. Pure. */
#ifndef PRODUCER_LIB_COBS_H
#define PRODUCER_LIB_COBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COBS_BOUND(len) ((len) + (len) / 254 + 1)

/* Writes to out, which has room for COBS_BOUND(len) bytes. Returns the length. */
size_t cobs_encode(const uint8_t *in, size_t len, uint8_t *out);
/* Writes to out, which has room for len bytes and may be in. False: in is not what cobs_encode gives. */
bool cobs_decode(const uint8_t *in, size_t len, uint8_t *out, size_t *out_len);

#endif
