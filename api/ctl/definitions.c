#include "ctl/definitions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/json_members.h"
#include "util/mem.h"

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
    enum err err = kafka_sync_positions(d->kafka, d->topic, 0, &d->ends, &d->partitions, why);
    return err == ERR_OK ? kafka_sync_read(d->kafka, d->topic, d->ends, d->partitions, false, take, d, why) : err;
}

void definitions_free(struct definitions *d)
{
    struct definition *entry = NULL, *next = NULL;
    HASH_ITER (hh, d->table, entry, next) {
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

static enum err append(struct definitions *d, const char *key, int32_t partition, struct slice json, struct kafka_sync_ack *ack,
                       struct errmsg *why)
{
    enum err err = kafka_sync_send(d->kafka, d->topic, partition, slice_str(key), json, ack, why);
    return err == ERR_OK ? kafka_sync_flush(d->kafka, why) : err;
}

/* What stands in the log between what was read and what was written. */
struct readback {
    struct definitions *d;
    struct slice key, json;
    int64_t version; /* that ours was made from; -1: there was none */
    bool mine;       /* our record was met */
    bool other;      /* one of another writer that counts stands before it */
};

static bool look(void *ctx, const rd_kafka_message_t *m)
{
    struct readback *r = ctx;
    struct slice json = slice_of(m->payload, m->len);
    if (!slice_eq(slice_of(m->key, m->key_len), r->key)) {
        return true;
    }
    r->mine = !json.p == !r->json.p && slice_eq(json, r->json);
    if (!r->mine) {
        (void)take(r->d, m);
        const struct definition *entry = entry_of(r->d, r->key);
        r->other = !entry->json || entry->version > r->version;
    }
    return !r->mine;
}

static enum err lost(struct definitions *d, const char *key, int32_t partition, struct errmsg *why)
{
    const struct definition *winner = definitions_find(d, key);
    struct kafka_sync_ack ack;
    enum err err = append(d, key, partition, winner ? slice_of(winner->json, winner->json_len) : (struct slice){0}, &ack, why);
    return err == ERR_OK ? errmsg_set(why, ERR_EXISTS, "%s was changed by another writer at the same time: nothing was changed, try again",
                                      key)
                         : err;
}

enum err definitions_write(struct definitions *d, const char *key, struct slice json, struct errmsg *why)
{
    struct definition *entry = NULL;
    struct kafka_sync_ack ack;
    HASH_FIND(hh, d->table, key, strlen(key), entry);
    enum err err = append(d, key, entry ? entry->partition : RD_KAFKA_PARTITION_UA, json, &ack, why);
    if (err != ERR_OK) {
        return err;
    }
    struct readback r = {.d = d, .key = slice_str(key), .json = json, .version = entry && entry->json ? entry->version : -1};
    struct kafka_sync_position *from = &d->ends[ack.partition];
    check(ack.partition >= 0 && ack.partition < d->partitions && from->partition == ack.partition);
    err = kafka_sync_read(d->kafka, d->topic, from, 1, false, look, &r, why);
    if (err == ERR_OK && !r.mine) {
        return errmsg_set(why, ERR_IO, "%s: the record that was acknowledged cannot be read back", d->topic);
    }
    /* A deletion counts whatever stands before it. */
    return err == ERR_OK && r.other && json.p ? lost(d, key, ack.partition, why) : err;
}
