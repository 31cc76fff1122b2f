#include "ctl/definitions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/json_members.h"
#include "util/mem.h"

#define REPEATS_MAX 20 /* more would be a storm of writers, not a race */

static struct definition *entry_of(struct definitions *d, struct slice key)
{
    struct definition *entry = NULL;
    HASH_FIND(hh, d->table, key.p, key.len, entry);
    if (!entry) {
        entry = mem_zalloc(sizeof *entry);
        entry->key = mem_dup(key.p, key.len);
        HASH_ADD_KEYPTR(hh, d->table, entry->key, key.len, entry);
    }
    return entry;
}

static enum err version_of(struct slice json, int64_t *version, struct errmsg *why)
{
    json_t *root = NULL;
    enum err err = json_members_load(json, &root, why);
    if (err == ERR_OK) {
        err = json_member_int64(root, "", "version", 0, INT64_MAX, version, why);
        json_decref(root);
    }
    return err;
}

static void put(struct definition *entry, struct slice json, int64_t version)
{
    free(entry->json);
    entry->json = json.p ? mem_dup(json.p, json.len) : NULL;
    entry->json_len = json.len;
    entry->version = version;
    entry->changes++;
}

static bool take(void *ctx, const rd_kafka_message_t *m)
{
    struct definitions *d = ctx;
    struct slice key = slice_of(m->key, m->key_len), json = slice_of(m->payload, m->len);
    struct errmsg why;
    int64_t version = 0;
    if (!m->key || memchr(key.p, '\0', key.len) || (json.p && version_of(json, &version, &why) != ERR_OK)) {
        ctl_warn("%s: partition %" PRId32 ", offset %" PRId64 " holds no definition: %.200s", d->topic, m->partition, m->offset,
                 m->key ? why.text : "no key");
        return true;
    }
    struct definition *entry = entry_of(d, key);
    entry->partition = m->partition;
    if (!json.p || !entry->json || version > entry->version) {
        put(entry, json, version);
    }
    return true;
}

enum err definitions_read(struct definitions *d, const struct ctl *ctl, enum topic topic, struct errmsg *why)
{
    *d = (struct definitions){.kafka = ctl->kafka};
    if (!topic_prefix_valid(ctl->settings.topic_prefix)) {
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_TOPIC_PREFIX: not a topic prefix: %.64s", ctl->settings.topic_prefix);
    }
    topic_name(topic, ctl->settings.topic_prefix, NULL, d->topic);
    /* From 0, also where the log begins later: RD_KAFKA_OFFSET_BEGINNING costs a question whose repetition can take 500 ms. */
    enum err err = kafka_sync_positions(d->kafka, d->topic, 0, &d->ends, &d->partitions, why);
    return err == ERR_OK ? kafka_sync_read(d->kafka, d->topic, d->ends, d->partitions, false, take, d, why) : err;
}

void definitions_free(struct definitions *d)
{
    struct definition *entry = NULL, *next = NULL;
    HASH_ITER(hh, d->table, entry, next) {
        HASH_DEL(d->table, entry);
        free(entry->key);
        free(entry->json);
        free(entry);
    }
    free(d->ends);
}

const struct definition *definitions_find(const struct definitions *d, const char *key)
{
    struct definition *entry = NULL;
    HASH_FIND(hh, d->table, key, strlen(key), entry);
    return entry && entry->json ? entry : NULL;
}

/* Looking for a record that was written, past what others wrote meanwhile. */
struct readback {
    struct definitions *d;
    struct slice key, json;
    int64_t offset; /* of our record; -1: not known, so it is known by its content */
    bool mine;      /* it was met */
};

static bool same_json(struct slice a, struct slice b)
{
    return a.p && b.p ? slice_eq(a, b) : !a.p && !b.p;
}

static bool look(void *ctx, const rd_kafka_message_t *m)
{
    struct readback *r = ctx;
    struct slice json = slice_of(m->payload, m->len);
    if (r->offset >= 0) {
        r->mine = m->offset == r->offset;
    } else {
        r->mine = slice_eq(slice_of(m->key, m->key_len), r->key) && same_json(json, r->json);
    }
    return r->mine ? false : take(r->d, m);
}

/* *changed: records of other writers that stand before ours have changed the definition. */
static enum err append(struct definitions *d, struct definition *entry, struct slice json, bool *changed, struct errmsg *why)
{
    struct kafka_sync_ack ack;
    unsigned changes = entry->changes;
    enum err err = kafka_sync_send(d->kafka, d->topic, entry->partition, slice_str(entry->key), json, &ack, why);
    if (err == ERR_OK) {
        err = kafka_sync_flush(d->kafka, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    check(ack.partition >= 0 && ack.partition < d->partitions);
    entry->partition = ack.partition;
    struct readback r = {.d = d, .key = slice_str(entry->key), .json = json, .offset = ack.offset};
    err = kafka_sync_read(d->kafka, d->topic, &d->ends[ack.partition], 1, false, look, &r, why);
    if (err == ERR_OK && !r.mine) {
        return errmsg_set(why, ERR_IO, "%s: the record that was acknowledged cannot be read back", d->topic);
    }
    *changed = entry->changes != changes;
    return err;
}

/* Again as long as a still newer record came before the one that is repeated. */
static enum err repeat_winner(struct definitions *d, struct definition *entry, struct errmsg *why)
{
    enum err err = ERR_OK;
    bool changed = true;
    for (int i = 0; i < REPEATS_MAX && changed && err == ERR_OK; i++) {
        char *json = entry->json ? mem_dup(entry->json, entry->json_len) : NULL; /* the original goes when a newer one comes */
        err = append(d, entry, slice_of(json, json ? entry->json_len : 0), &changed, why);
        free(json);
    }
    if (err == ERR_OK && changed) {
        return errmsg_set(why, ERR_IO, "%s: too many writers change it at once; look at what it is now", entry->key);
    }
    return err;
}

enum err definitions_write(struct definitions *d, const char *key, struct slice json, struct errmsg *why)
{
    struct definition *entry = NULL;
    bool changed = false;
    HASH_FIND(hh, d->table, key, strlen(key), entry);
    if (!entry) {
        entry = entry_of(d, slice_str(key));
        entry->partition = RD_KAFKA_PARTITION_UA;
    }
    enum err err = append(d, entry, json, &changed, why);
    if (err != ERR_OK || !changed || !json.p) { /* a deletion counts whatever stands before it */
        return err;
    }
    err = repeat_winner(d, entry, why);
    return err == ERR_OK ? errmsg_set(why, ERR_EXISTS,
                                      "%s was changed by another writer at the same time: nothing was changed, try again", key)
                         : err;
}
