/* A compacted topic of definitions (accounts, webhooks) as a table: read to its end, changed one record at a time.
 *
 * Of the records of one key the first whose version is greater than the one before counts, so of two writers that made
 * the same version from the same state the first in the log wins, and both see which. */
#ifndef CTL_DEFINITIONS_H
#define CTL_DEFINITIONS_H

#define HASH_FUNCTION HASH_OAT /* the default one falls through cases without saying so to clang */
#include <uthash.h>

#include "ctl/command.h"
#include "ctl/kafka_sync.h"

struct definition {
    char *key;
    char *json; /* NUL-terminated; NULL: deleted */
    size_t json_len;
    int64_t version;
    unsigned changes; /* records that counted so far */
    int32_t partition;
    UT_hash_handle hh;
};

struct definitions {
    struct kafka_sync *kafka;
    char topic[TOPIC_NAME_SIZE];
    struct kafka_sync_position *ends; /* where reading stopped */
    int partitions;
    struct definition *table;
};

/* Records that are no definitions are left out with a warning. definitions_free afterwards, also on failure. */
MUST_CHECK enum err definitions_read(struct definitions *d, const struct ctl *ctl, enum topic topic, struct errmsg *why);
void definitions_free(struct definitions *d);
/* NULL: not there, or deleted. */
const struct definition *definitions_find(const struct definitions *d, const char *key);
/* Appends a record (json.p NULL: the definition is deleted), waits until all in-sync replicas have it, and reads on to see
 * that it counts. ERR_EXISTS: another writer was faster; nothing has changed. Then the winner's record is appended again, so that
 * compaction, which keeps the last record, keeps that one. */
MUST_CHECK enum err definitions_write(struct definitions *d, const char *key, struct slice json, struct errmsg *why);

#endif
