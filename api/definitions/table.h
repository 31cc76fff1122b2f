/* One compacted topic in memory: definitions by key, as the version rule has them (fold.h). Records that lost and stand last are
 * shadowing the winner: it is appended again, at once by who lost, within 2 s by any replica that sees it. */
#ifndef DEFINITIONS_TABLE_H
#define DEFINITIONS_TABLE_H

#include "definitions/fold.h"
#include "definitions/writer.h"
#include "model/topics.h"

struct table;

/* What it holds. */
struct table_kind {
    enum topic topic;
    enum err (*parse)(struct slice json, void **out, struct errmsg *why);
    void (*free)(void *value);
    int64_t (*version)(const void *value);
    /* Appends the value's JSON as that version. */
    void (*write)(struct buf *out, const void *value, int64_t version);
};

/* A definition came, changed or went: before, now may be NULL; before is freed after the call. */
typedef void table_changed_fn(void *ctx, const char *key, const void *before, const void *now);

struct table *table_new(const struct table_kind *kind, struct writer *w, const char *topic, table_changed_fn *changed, void *ctx);
void table_free(struct table *t);
const char *table_topic(const struct table *t);

/* A record of the topic. ERR_INVALID: it holds no definition, why says more; it is passed over. */
MUST_CHECK enum err table_record(struct table *t, const struct kafka_record *rec, struct errmsg *why);
/* Repairs what is shadowed; once a second, as soon as the topic was read to its end. */
void table_repair(struct table *t, int64_t now_ms);

const void *table_find(const struct table *t, const char *key);
/* A definition of that key was deleted not long ago: a new one would not count. */
bool table_was_deleted(const struct table *t, const char *key);
size_t table_count(const struct table *t);
/* Calls fn with each definition; it must not change the table. */
void table_each(const struct table *t, void (*fn)(void *ctx, const void *value), void *ctx);
uint64_t table_lost(const struct table *t); /* records that lost, so far */

/* Appends the value with the version after the one it has now (value's own: version + 1 has been set by the caller). ERR_EXISTS
 * to fn: another change came first. */
void table_write(struct table *t, const char *key, const void *value, writer_done_fn *fn, void *ctx);
void table_delete(struct table *t, const char *key, writer_done_fn *fn, void *ctx);

#endif
