#include "producer/routes.h"

#include <stdlib.h>

#include "model/partition.h"
#include "model/topics.h"
#include "util/mem.h"
#include "util/uthash.h"

#define MAX_CACHED_ACCOUNTS 4096 /* of each topic */

/* The partitions an account owns: hashing all of them for each event would cost more than all the rest. */
struct owned {
    int32_t partitions[PARTITION_SHARES];
    unsigned count;
    UT_hash_handle hh;
    char account[];
};

struct destination {
    char topic[TOPIC_NAME_SIZE];
    int32_t partitions;
    bool answered;
    struct owned *owned;
};

/* An account with a pool. */
struct member {
    size_t destination;
    UT_hash_handle hh;
    char account[];
};

struct routes {
    char *prefix;
    struct destination **list; /* the shared one first */
    size_t count;
    struct member *members;
};

static void forget_owned(struct destination *d)
{
    struct owned *o, *next;
    HASH_ITER(hh, d->owned, o, next) {
        HASH_DEL(d->owned, o);
        free(o);
    }
}

static size_t find_destination(struct routes *r, const char *pool)
{
    char topic[TOPIC_NAME_SIZE];
    topic_name(TOPIC_EVENTS, r->prefix, pool, topic);
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->list[i]->topic, topic) == 0)
            return i;
    }
    r->list = mem_array(r->list, r->count + 1, sizeof(*r->list));
    r->list[r->count] = mem_zalloc(sizeof(**r->list));
    memcpy(r->list[r->count]->topic, topic, sizeof(topic));
    return r->count++;
}

struct routes *routes_new(const char *topic_prefix)
{
    struct routes *r = mem_zalloc(sizeof(*r));
    r->prefix = mem_strdup(topic_prefix);
    (void)find_destination(r, "");
    return r;
}

void routes_free(struct routes *r)
{
    struct member *m, *next;
    if (!r)
        return;
    HASH_ITER(hh, r->members, m, next) {
        HASH_DEL(r->members, m);
        free(m);
    }
    for (size_t i = 0; i < r->count; i++) {
        forget_owned(r->list[i]);
        free(r->list[i]);
    }
    free(r->list);
    free(r->prefix);
    free(r);
}

bool routes_set_pool(struct routes *r, struct slice account_id, const char *pool)
{
    struct member *m;
    size_t before = r->count;
    HASH_FIND(hh, r->members, account_id.p, account_id.len, m);
    if (pool[0] == '\0') {
        if (m)
            HASH_DEL(r->members, m);
        free(m);
        return false;
    }
    if (!m) {
        m = mem_zalloc(sizeof(*m) + account_id.len);
        memcpy(m->account, account_id.p, account_id.len);
        HASH_ADD_KEYPTR(hh, r->members, m->account, account_id.len, m);
    }
    m->destination = find_destination(r, pool);
    return r->count > before;
}

void routes_set_partitions(struct routes *r, const char *topic, int32_t count)
{
    for (size_t i = 0; i < r->count; i++) {
        struct destination *d = r->list[i];
        if (strcmp(d->topic, topic) != 0)
            continue;
        if (d->partitions != count)
            forget_owned(d);
        d->partitions = count;
        d->answered = true;
    }
}

static struct destination *destination_of(struct routes *r, struct slice account_id)
{
    struct member *m = NULL;
    if (r->members)
        HASH_FIND(hh, r->members, account_id.p, account_id.len, m);
    struct destination *d = r->list[m ? m->destination : 0];
    return d->answered && d->partitions == 0 ? r->list[0] : d;
}

static const struct owned *owned_of(struct destination *d, struct slice account_id)
{
    struct owned *o;
    HASH_FIND(hh, d->owned, account_id.p, account_id.len, o);
    if (o)
        return o;
    if (HASH_COUNT(d->owned) >= MAX_CACHED_ACCOUNTS)
        forget_owned(d);
    o = mem_alloc(sizeof(*o) + account_id.len);
    memcpy(o->account, account_id.p, account_id.len);
    o->count = partition_owned(account_id, d->partitions, o->partitions);
    HASH_ADD_KEYPTR(hh, d->owned, o->account, account_id.len, o);
    return o;
}

bool routes_find(struct routes *r, struct slice key, const char **topic, int32_t *partition)
{
    const char *slash = memchr(key.p, '/', key.len); /* an account id has none */
    check(slash != NULL);
    struct slice account_id = slice_of(key.p, (size_t)(slash - key.p));
    struct destination *d = destination_of(r, account_id);
    if (d->partitions == 0)
        return false;
    const struct owned *o = owned_of(d, account_id);
    *topic = d->topic;
    *partition = partition_pick(o->partitions, o->count, slice_of(slash, key.len - account_id.len));
    return true;
}

const char *routes_topic(const struct routes *r, size_t index)
{
    return index < r->count ? r->list[index]->topic : NULL;
}

int32_t routes_partitions(const struct routes *r, size_t index)
{
    return r->list[index]->partitions;
}

bool routes_answered(const struct routes *r, size_t index)
{
    return r->list[index]->answered;
}
