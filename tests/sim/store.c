#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "store_internal.h"
#include "util/mem.h"

static void item_free(struct store_item *item)
{
    free((void *)item->value.p);
    free(item);
}

struct store *store_new(void)
{
    return mem_zalloc(sizeof(struct store));
}

void store_free(struct store *st)
{
    if (st)
        store_wipe(st);
    free(st);
}

void store_remove(struct store *st, struct store_key *k)
{
    struct store_item *item, *next;
    HASH_ITER(hh, k->items, item, next) {
        HASH_DEL(k->items, item);
        item_free(item);
    }
    HASH_DEL(st->keys, k);
    free(k);
}

void store_wipe(struct store *st)
{
    struct store_key *k, *next;
    HASH_ITER(hh, st->keys, k, next)
        store_remove(st, k);
}

void store_copy(struct store *to, const struct store *from)
{
    struct store_key *k, *next_key;
    struct store_item *item, *next_item;
    store_wipe(to);
    HASH_ITER(hh, from->keys, k, next_key) {
        struct store_key *copy = store_make(to, k->name, k->sorted);
        copy->expires_ms = k->expires_ms;
        HASH_ITER(hh, k->items, item, next_item) {
            bool fresh;
            struct store_item *one = store_put(copy, item->name, &fresh);
            one->score = item->score;
            store_put_value(one, item->value);
        }
    }
}

void store_set_time(struct store *st, int64_t now_wall_ms)
{
    st->now_ms = now_wall_ms;
}

void store_set_scan(struct store *st, int most)
{
    st->scan_most = most;
}

/* ---- keys and items ---- */

struct store_key *store_find(struct store *st, struct slice key)
{
    struct store_key *k;
    HASH_FIND(hh, st->keys, key.p, key.len, k);
    if (k && k->expires_ms > 0 && k->expires_ms <= st->now_ms) {
        store_remove(st, k);
        return NULL;
    }
    return k;
}

struct store_key *store_make(struct store *st, struct slice key, bool sorted)
{
    struct store_key *k = mem_alloc(sizeof *k + key.len);
    char *name = (char *)(k + 1);
    memcpy(name, key.p, key.len);
    *k = (struct store_key){.sorted = sorted, .name = slice_of(name, key.len)};
    HASH_ADD_KEYPTR(hh, st->keys, name, key.len, k);
    return k;
}

struct store_item *store_item(const struct store_key *k, struct slice name)
{
    struct store_item *item;
    HASH_FIND(hh, k->items, name.p, name.len, item);
    return item;
}

struct store_item *store_put(struct store_key *k, struct slice name, bool *fresh)
{
    struct store_item *item = store_item(k, name);
    *fresh = !item;
    if (item)
        return item;
    item = mem_alloc(sizeof *item + name.len);
    char *copy = (char *)(item + 1);
    memcpy(copy, name.p, name.len);
    *item = (struct store_item){.name = slice_of(copy, name.len)};
    HASH_ADD_KEYPTR(hh, k->items, copy, name.len, item);
    return item;
}

void store_put_value(struct store_item *item, struct slice value)
{
    char *copy = mem_dup(value.p ? value.p : "", value.len);
    free((void *)item->value.p);
    item->value = slice_of(copy, value.len);
}

void store_take_out(struct store *st, struct store_key *k, struct store_item *item)
{
    HASH_DEL(k->items, item);
    item_free(item);
    if (!k->items)
        store_remove(st, k);
}

/* ---- looking in ---- */

void store_delete(struct store *st, const char *key)
{
    struct store_key *k = store_find(st, slice_str(key));
    if (k)
        store_remove(st, k);
}

bool store_has(struct store *st, const char *key)
{
    return store_find(st, slice_str(key)) != NULL;
}

bool store_hget(struct store *st, const char *key, struct slice field, struct slice *value)
{
    struct store_key *k = store_find(st, slice_str(key));
    struct store_item *item = k ? store_item(k, field) : NULL;
    *value = item ? item->value : SLICE("");
    return item != NULL;
}

bool store_zscore(struct store *st, const char *key, struct slice member, double *score)
{
    struct store_key *k = store_find(st, slice_str(key));
    struct store_item *item = k ? store_item(k, member) : NULL;
    *score = item ? item->score : 0;
    return item != NULL;
}

void store_each(struct store *st, const char *prefix,
                void (*fn)(void *ctx, struct slice key, struct slice field, struct slice value), void *ctx)
{
    struct store_key *k, *next_key;
    struct store_item *item, *next_item;
    size_t len = strlen(prefix);
    HASH_ITER(hh, st->keys, k, next_key) {
        if (k->sorted || k->name.len < len || memcmp(k->name.p, prefix, len) != 0)
            continue;
        if (k->expires_ms > 0 && k->expires_ms <= st->now_ms)
            continue;
        HASH_ITER(hh, k->items, item, next_item)
            fn(ctx, k->name, item->name, item->value);
    }
}
