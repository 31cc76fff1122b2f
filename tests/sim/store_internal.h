/* Between store.c, the data, and store_lua.c, the commands and the language. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <uthash.h>

#include "store.h"

/* A field of a hash, or a member of a sorted set. */
struct store_item {
    struct slice name; /* in this allocation */
    struct slice value;
    double score;
    UT_hash_handle hh;
};

struct store_key {
    bool sorted; /* a sorted set, else a hash */
    int64_t expires_ms;
    struct store_item *items;
    UT_hash_handle hh;
    struct slice name;
};

struct store {
    struct store_key *keys;
    int64_t now_ms;
    int scan_most;
};

/* NULL: there is none, or its time is over. */
struct store_key *store_find(struct store *st, struct slice key);
struct store_key *store_make(struct store *st, struct slice key, bool sorted);
void store_remove(struct store *st, struct store_key *k);
struct store_item *store_item(const struct store_key *k, struct slice name);
struct store_item *store_put(struct store_key *k, struct slice name, bool *fresh);
void store_put_value(struct store_item *item, struct slice value);
/* A key without items is none. */
void store_take_out(struct store *st, struct store_key *k, struct store_item *item);

#endif
