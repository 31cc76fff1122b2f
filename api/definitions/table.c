#include "definitions/table.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/uthash.h"

#define RECORD_MAX (1024UL * 1024)
#define REPAIR_AFTER_MS 1000               /* others': the loser itself is there first, as a rule */
#define GRAVE_MS (int64_t)(2 * 86400000LL) /* longer than the topic keeps a tombstone */

struct entry {
    char *key;
    struct fold fold;
    void *value;      /* NULL: gone */
    uint64_t print;   /* of the value's bytes */
    int64_t since_ms; /* that it is shadowed, or gone */
    UT_hash_handle hh;
};

struct table {
    const struct table_kind *kind;
    struct writer *writer;
    char *topic;
    table_changed_fn *changed;
    void *ctx;
    struct entry *entries;
    size_t count;
    size_t shadowed; /* entries that may be; counted up when one becomes so, looked at and set right by the repair */
    int64_t now_ms, swept_ms;
    uint64_t lost;
};

struct table *table_new(const struct table_kind *kind, struct writer *w, const char *topic, table_changed_fn *changed, void *ctx)
{
    struct table *t = mem_zalloc(sizeof *t);
    t->kind = kind;
    t->writer = w;
    t->topic = mem_strdup(topic);
    t->changed = changed;
    t->ctx = ctx;
    return t;
}

static void drop(struct table *t, struct entry *e)
{
    HASH_DEL(t->entries, e);
    if (e->value)
        t->kind->free(e->value);
    free(e->key);
    free(e);
}

void table_free(struct table *t)
{
    struct entry *e, *next;
    if (!t)
        return;
    HASH_ITER(hh, t->entries, e, next)
        drop(t, e);
    free(t->topic);
    free(t);
}

const char *table_topic(const struct table *t)
{
    return t->topic;
}

/* -------- reading -------- */

static uint64_t print_of(struct slice bytes)
{
    uint64_t h = 14695981039346656037U; /* FNV-1a */
    for (size_t i = 0; i < bytes.len; i++)
        h = (h ^ (unsigned char)bytes.p[i]) * 1099511628211U;
    return h;
}

static struct entry *entry_of(struct table *t, struct slice key)
{
    struct entry *e;
    HASH_FIND(hh, t->entries, key.p, key.len, e);
    if (e)
        return e;
    e = mem_zalloc(sizeof *e);
    e->key = mem_dup(key.p, key.len);
    HASH_ADD_KEYPTR(hh, t->entries, e->key, key.len, e);
    return e;
}

/* Takes value, which may be NULL. */
static void put(struct table *t, struct entry *e, void *value, uint64_t print)
{
    void *before = e->value;
    t->count += (value != NULL) - (size_t)(before != NULL);
    e->value = value;
    e->print = print;
    if (before || value)
        t->changed(t->ctx, e->key, before, value);
    if (before)
        t->kind->free(before);
}

static void take_tombstone(struct table *t, const struct kafka_record *rec)
{
    struct entry *e = entry_of(t, rec->key);
    (void)fold_tombstone(&e->fold);
    e->since_ms = t->now_ms;
    put(t, e, NULL, 0);
    (void)writer_saw(t->writer, rec, true);
}

static void take_value(struct table *t, const struct kafka_record *rec, void *value)
{
    struct entry *e = entry_of(t, rec->key);
    uint64_t print = print_of(rec->value);
    enum fold_verdict verdict = fold_record(&e->fold, t->kind->version(value), e->value && print == e->print);
    if (verdict == FOLD_TAKEN) {
        put(t, e, value, print);
    } else {
        t->kind->free(value);
    }
    if (verdict == FOLD_LOST) {
        t->lost++;
        t->shadowed++;
        e->since_ms = t->now_ms;
    }
    if (writer_saw(t->writer, rec, verdict != FOLD_LOST) && verdict == FOLD_LOST)
        e->since_ms = t->now_ms - REPAIR_AFTER_MS;
}

enum err table_record(struct table *t, const struct kafka_record *rec, struct errmsg *why)
{
    void *value = NULL;
    if (rec->key.len == 0 || memchr(rec->key.p, '\0', rec->key.len))
        return errmsg_set(why, ERR_INVALID, "no key, or one with a NUL byte");
    if (rec->tombstone) {
        take_tombstone(t, rec);
        return ERR_OK;
    }
    enum err err = t->kind->parse(rec->value, &value, why);
    if (err == ERR_OK)
        take_value(t, rec, value);
    return err;
}

/* -------- looking -------- */

static struct entry *find(const struct table *t, const char *key)
{
    struct entry *e;
    HASH_FIND(hh, t->entries, key, strlen(key), e);
    return e;
}

const void *table_find(const struct table *t, const char *key)
{
    struct entry *e = find(t, key);
    return e ? e->value : NULL;
}

bool table_was_deleted(const struct table *t, const char *key)
{
    struct entry *e = find(t, key);
    return e && e->fold.gone;
}

size_t table_count(const struct table *t)
{
    return t->count;
}

void table_each(const struct table *t, void (*fn)(void *ctx, const void *value), void *ctx)
{
    for (const struct entry *e = t->entries; e; e = e->hh.next)
        if (e->value)
            fn(ctx, e->value);
}

uint64_t table_lost(const struct table *t)
{
    return t->lost;
}

/* -------- writing -------- */

static void append(struct table *t, const char *key, const void *value, int64_t version, writer_done_fn *fn, void *ctx)
{
    struct buf record;
    buf_init(&record, RECORD_MAX);
    t->kind->write(&record, value, version);
    check(record.err == ERR_OK);
    writer_send(t->writer, t->topic, -1, slice_str(key), buf_slice(&record), true, fn, ctx);
    buf_done(&record);
}

void table_write(struct table *t, const char *key, const void *value, writer_done_fn *fn, void *ctx)
{
    append(t, key, value, t->kind->version(value), fn, ctx);
}

void table_delete(struct table *t, const char *key, writer_done_fn *fn, void *ctx)
{
    writer_send(t->writer, t->topic, -1, slice_str(key), (struct slice){0}, true, fn, ctx);
}

static void repair(struct table *t, struct entry *e)
{
    e->since_ms = t->now_ms; /* it has so long to arrive */
    if (e->fold.gone)
        table_delete(t, e->key, NULL, NULL);
    else
        append(t, e->key, e->value, e->fold.version + 1, NULL, NULL);
}

void table_repair(struct table *t, int64_t now_ms)
{
    struct entry *e, *next;
    bool sweep = now_ms - t->swept_ms > 3600000;
    t->now_ms = now_ms;
    if (t->shadowed == 0 && !sweep)
        return;
    t->shadowed = 0;
    if (sweep)
        t->swept_ms = now_ms;
    HASH_ITER(hh, t->entries, e, next) {
        if (e->fold.shadowed) {
            t->shadowed++;
            if (now_ms - e->since_ms >= REPAIR_AFTER_MS)
                repair(t, e);
        } else if (e->fold.gone && now_ms - e->since_ms > GRAVE_MS) {
            drop(t, e);
        }
    }
}
