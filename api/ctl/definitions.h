/* A compacted topic of definitions as a table, read to its end; only trueftp-api writes it. Of the records of one key the first
 * whose version is greater than the one before counts. */
#ifndef CTL_DEFINITIONS_H
#define CTL_DEFINITIONS_H

#include "ctl/command.h"
#include "ctl/kafka_sync.h"
#include "util/uthash.h"

struct definition {
    char *key;
    char *json; /* NUL-terminated; NULL: deleted */
    size_t json_len;
    int64_t version;
    UT_hash_handle hh;
};

struct definitions {
    char topic[TOPIC_NAME_SIZE];
    struct definition *table;
};

/* Records that are no definitions are left out with a warning. definitions_free afterwards, also on failure. */
MUST_CHECK enum err definitions_read(struct definitions *d, const struct ctl *ctl, enum topic topic, struct errmsg *why);
void definitions_free(struct definitions *d);
/* NULL: not there, or deleted. */
const struct definition *definitions_find(const struct definitions *d, const char *key);

#endif
