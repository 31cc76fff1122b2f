/* Base64 (RFC 4648, section 4: standard alphabet, padded). */
#ifndef MODEL_BASE64_H
#define MODEL_BASE64_H

#include "util/buf.h"

void base64_put(struct buf *out, struct slice bytes);
/* Appends the decoded bytes. Strict: padding required, no white space, no stray bits. ERR_INVALID otherwise, with out
 * as it was. text may lie in out itself only where out already has the room. */
MUST_CHECK enum err base64_decode(struct buf *out, struct slice text);

#endif
