/* The epoch of an owner: which of two owners of a partition is the later one (DELIVERY: "Steps of an owner").
 * Compared in the order life, generation, offset. In Redis it stands as fixed-width decimal text, so that comparing
 * strings compares epochs. The claim is the record in the delivery log that makes an epoch. */
#ifndef CORE_EPOCH_H
#define CORE_EPOCH_H

#include <stdint.h>

#include "util/buf.h"

struct epoch {
    int64_t life;       /* 0 as long as the group's generations only grow */
    int64_t generation; /* of the consumer group, when the partition was taken */
    int64_t offset;     /* of the claim in the delivery log */
};

#define EPOCH_TEXT_SIZE 48 /* "00000000.0000000000.0000000000000000000" */
#define EPOCH_LOG_SIZE 37  /* a log's id: a UUID's text */

/* < 0, 0, > 0 as a is earlier than, equal to, later than b */
int epoch_compare(const struct epoch *a, const struct epoch *b);
void epoch_format(const struct epoch *e, char out[EPOCH_TEXT_SIZE]);
MUST_CHECK enum err epoch_parse(struct slice text, struct epoch *out);

/* The smallest life with which a new claim of this generation is later than `seen`, given our life so far. */
int64_t epoch_next_life(int64_t life, int64_t generation, const struct epoch *seen);

#define CLAIM_KEY "!claim"

struct claim {
    char log[EPOCH_LOG_SIZE]; /* random id made with the first claim of a log, copied by later ones */
    int64_t life;
    int64_t generation;
    struct slice member;
};

void claim_write(struct buf *out, const struct claim *c);
/* member is not read. ERR_INVALID: not a claim record. */
MUST_CHECK enum err claim_parse(struct slice json, struct claim *out, struct errmsg *why);

/* The metadata of an offset commit: what the next owner wants to know before it has read anything. ASCII. */
struct commit_metadata {
    char log[EPOCH_LOG_SIZE]; /* "": none that we understand */
    int64_t low;              /* an emptied index is rebuilt from this offset of the log */
};

void commit_metadata_write(struct buf *out, const char *log, int64_t low);
void commit_metadata_parse(const char *metadata, struct commit_metadata *out);

#endif
