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
    struct errmsg why = {"its key is none"};
    int64_t version = 0;
    if (!m->key || memchr(key.p, '\0', key.len) || (json.p && version_of(json, &version, &why) != ERR_OK)) {
        ctl_warn("%s: partition %" PRId32 ", offset %" PRId64 " holds no definition: %.200s", d->topic, m->partition, m->offset,
                 m->key ? why.text : "no key");
        return true;
    }
    struct definition *entry = entry_of(d, key);
    if (!json.p || !entry->json || version > entry->version) {
        put(entry, json, version);
    }
    return true;
}

enum err definitions_read(struct definitions *d, const struct ctl *ctl, enum topic topic, struct errmsg *why)
{
    struct kafka_sync_position *ends = NULL;
    int partitions = 0;
    *d = (struct definitions){0};
    if (!topic_prefix_valid(ctl->settings.common.topic_prefix)) {
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_TOPIC_PREFIX: not a topic prefix: %.64s", ctl->settings.common.topic_prefix);
    }
    topic_name(topic, ctl->settings.common.topic_prefix, NULL, d->topic);
    /* From 0, also where the log begins later: RD_KAFKA_OFFSET_BEGINNING costs a question whose repetition can take 500 ms. */
    enum err err = kafka_sync_positions(ctl->kafka, d->topic, 0, &ends, &partitions, why);
    err = err == ERR_OK ? kafka_sync_read(ctl->kafka, d->topic, ends, partitions, false, take, d, why) : err;
    free(ends);
    return err;
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
}

const struct definition *definitions_find(const struct definitions *d, const char *key)
{
    struct definition *entry = NULL;
    HASH_FIND(hh, d->table, key, strlen(key), entry);
    return entry && entry->json ? entry : NULL;
}
