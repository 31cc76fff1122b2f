/* A delivery record, packed for an index: what all records have in common stands for one byte, its ids for sixteen. About half of
 * the JSON, at the price of a scan. What cannot be packed is kept as it is. */
#ifndef MODEL_DELIVERY_PACKED_H
#define MODEL_DELIVERY_PACKED_H

#include "util/buf.h"

/* The words are part of what is stored: with another list this is another number. */
#define DELIVERY_PACKED_FORMAT 2

/* Appends it; never more than record.len + 1 bytes. */
void delivery_pack(struct buf *out, struct slice record);
/* Appends the record, byte for byte. Bytes that delivery_pack did not write give some record or other, or none. */
void delivery_unpack(struct buf *out, struct slice packed);
/* Appends what stands in a packed record of this webhook, and in no other's. */
void delivery_packed_webhook(struct buf *out, struct slice webhook_id);

#endif
