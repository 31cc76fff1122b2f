#include "definitions/audit.h"

#include <stdlib.h>
#include <string.h>

#include "model/json_members.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/uthash.h"

#define ENTRY_MAX 8192
#define DAY_MS 86400000LL
#define KEY_USED "key.used"

struct key_use {
    char *key_id;
    int64_t wall_ms;
    UT_hash_handle hh;
};

struct audit {
    struct writer *writer;
    char *topic;
    struct key_use *uses;
    struct {
        void (*fn)(void *ctx, const json_t *entry);
        void *ctx;
    } followers[AUDIT_FOLLOWERS];
    size_t follower_count;
};

struct audit *audit_new(struct writer *w, const char *topic)
{
    struct audit *a = mem_zalloc(sizeof *a);
    a->writer = w;
    a->topic = mem_strdup(topic);
    return a;
}

void audit_free(struct audit *a)
{
    struct key_use *use, *next_use;
    if (!a)
        return;
    HASH_ITER(hh, a->uses, use, next_use) {
        HASH_DEL(a->uses, use);
        free(use->key_id);
        free(use);
    }
    free(a->topic);
    free(a);
}

const char *audit_topic(const struct audit *a)
{
    return a->topic;
}

/* -------- reading -------- */

static struct key_use *use_of(struct audit *a, const char *key_id)
{
    struct key_use *use;
    HASH_FIND(hh, a->uses, key_id, strlen(key_id), use);
    if (use)
        return use;
    use = mem_zalloc(sizeof *use);
    use->key_id = mem_strdup(key_id);
    HASH_ADD_KEYPTR(hh, a->uses, use->key_id, strlen(use->key_id), use);
    return use;
}

static void take(struct audit *a, const json_t *o)
{
    const char *account_id = json_string_value(json_object_get(o, "account_id"));
    const char *action = json_string_value(json_object_get(o, "action"));
    const char *target = json_string_value(json_object_get(o, "target"));
    int64_t wall_ms = 0;
    struct errmsg why;
    if (!account_id || !action || !target || json_member_time(o, "", "time", &wall_ms, &why) != ERR_OK)
        return;
    for (size_t i = 0; i < a->follower_count; i++)
        a->followers[i].fn(a->followers[i].ctx, o);
    if (strcmp(action, KEY_USED) != 0)
        return;
    struct key_use *use = use_of(a, target);
    if (wall_ms > use->wall_ms)
        use->wall_ms = wall_ms;
}

void audit_record(struct audit *a, const struct kafka_record *rec)
{
    json_t *root = NULL;
    struct errmsg why;
    if (rec->tombstone || json_members_load(rec->value, &root, &why) != ERR_OK)
        return;
    take(a, root);
    json_decref(root);
}

void audit_follow(struct audit *a, void (*fn)(void *ctx, const json_t *entry), void *ctx)
{
    check(a->follower_count < AUDIT_FOLLOWERS);
    a->followers[a->follower_count].fn = fn;
    a->followers[a->follower_count++].ctx = ctx;
}

/* -------- writing -------- */

static void write_fields(struct buf *out, const char *names)
{
    const char *comma = "";
    buf_puts(out, ",\"fields\":[");
    while (*names) {
        size_t len = strcspn(names, " ");
        buf_puts(out, comma);
        json_put_string(out, slice_of(names, len));
        comma = ",";
        names += len + strspn(names + len, " ");
    }
    buf_putc(out, ']');
}

static void write_entry(struct buf *out, const struct audit_entry *entry)
{
    buf_puts(out, "{\"account_id\":");
    json_put_string(out, slice_str(entry->account_id));
    json_put_member_time(out, "time", entry->wall_ms);
    json_put_member(out, "actor", entry->actor);
    json_put_member(out, "action", entry->action);
    json_put_member(out, "target", entry->target);
    if (entry->version > 0)
        json_put_member_int(out, "version", entry->version);
    else
        buf_puts(out, ",\"version\":null");
    if (entry->request_id)
        json_put_member(out, "request_id", entry->request_id);
    else
        buf_puts(out, ",\"request_id\":null");
    write_fields(out, entry->fields);
    if (entry->details)
        buf_printf(out, ",\"details\":%s", entry->details);
    if (entry->quiet)
        buf_puts(out, ",\"quiet\":true");
    buf_putc(out, '}');
}

void audit_append(struct audit *a, const struct audit_entry *entry, writer_done_fn *fn, void *ctx)
{
    struct buf value;
    buf_init(&value, ENTRY_MAX);
    write_entry(&value, entry);
    check(value.err == ERR_OK);
    writer_send(a->writer, a->topic, -1, slice_str(entry->account_id), buf_slice(&value), false, fn, ctx);
    buf_done(&value);
}

void audit_key_used(struct audit *a, const char *account_id, const char *key_id, int64_t wall_ms)
{
    struct key_use *use = use_of(a, key_id);
    bool first = wall_ms / DAY_MS > use->wall_ms / DAY_MS;
    if (wall_ms > use->wall_ms)
        use->wall_ms = wall_ms;
    if (!first)
        return;
    struct audit_entry entry = {.wall_ms = wall_ms,
                                .account_id = account_id,
                                .actor = "system",
                                .action = KEY_USED,
                                .target = key_id,
                                .fields = "",
                                .quiet = true};
    audit_append(a, &entry, NULL, NULL);
}

int64_t audit_key_last_used(const struct audit *a, const char *key_id)
{
    struct key_use *use;
    HASH_FIND(hh, a->uses, key_id, strlen(key_id), use);
    return use ? use->wall_ms : 0;
}
