/* Accounts and their JSON. What is missing takes the value that allows least. */
#include "model/account.h"

#include <stdlib.h>
#include <string.h>

#include "model/json_members.h"
#include "model/topics.h"
#include "util/json.h"
#include "util/mem.h"

#define MAX_KEYS 100
#define WHERE_SIZE 32

bool account_id_valid(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.')) {
            return false;
        }
    }
    return id.len >= 1 && id.len <= 128;
}

bool account_is_paid(const struct account *a)
{
    return *a->plan != '\0' && strcmp(a->plan, "free") != 0;
}

struct account *account_new(void)
{
    struct account *a = mem_zalloc(sizeof *a);
    a->id = mem_strdup("");
    a->name = mem_strdup("");
    a->plan = mem_strdup("free");
    a->pool = mem_strdup("");
    a->max_webhooks = 100;
    return a;
}

void account_free(struct account *a)
{
    if (!a) {
        return;
    }
    for (size_t i = 0; i < a->key_count; i++) {
        free(a->keys[i].id);
        free(a->keys[i].sha256_hex);
        free(a->keys[i].scopes);
        free(a->keys[i].description);
    }
    free(a->keys);
    free(a->id);
    free(a->name);
    free(a->plan);
    free(a->pool);
    free(a);
}

static enum err read_limits(const json_t *o, struct account *a, struct errmsg *why)
{
    const json_t *limits = NULL;
    enum err err = json_member_object(o, "", "limits", &limits, why);
    if (err == ERR_OK) {
        err = json_member_int64(limits, "limits.", "webhooks", 0, INT64_MAX, &a->max_webhooks, why);
    }
    return err == ERR_OK ? json_member_int64(limits, "limits.", "events_per_second", 0, INT64_MAX, &a->events_per_second, why)
                         : err;
}

static enum err read_key(const json_t *o, const char *where, struct account_key *key, struct errmsg *why)
{
    if (!json_is_object(o)) {
        return errmsg_set(why, ERR_INVALID, "%.*s: must be an object", (int)strlen(where) - 1, where);
    }
    enum err err = json_member_string(o, where, "id", &key->id, why);
    if (err == ERR_OK) {
        err = json_member_string(o, where, "sha256", &key->sha256_hex, why);
    }
    if (err == ERR_OK) {
        err = json_member_string(o, where, "scopes", &key->scopes, why);
    }
    if (err == ERR_OK) {
        err = json_member_string(o, where, "description", &key->description, why);
    }
    if (err == ERR_OK) {
        err = json_member_time(o, where, "created_at", &key->created_wall_ms, why);
    }
    if (err == ERR_OK) {
        err = json_member_time(o, where, "expires_at", &key->expires_wall_ms, why);
    }
    if (err == ERR_OK && *key->id == '\0') {
        err = errmsg_set(why, ERR_INVALID, "%sid: missing", where);
    }
    if (err == ERR_OK && (strlen(key->sha256_hex) != 64 || strspn(key->sha256_hex, "0123456789abcdef") != 64)) {
        err = errmsg_set(why, ERR_INVALID, "%ssha256: must be 64 lower-case hexadecimal digits", where);
    }
    return err;
}

static enum err read_keys(const json_t *o, struct account *a, struct errmsg *why)
{
    const json_t *keys = NULL;
    enum err err = json_member_array(o, "", "keys", MAX_KEYS, &keys, why);
    size_t count = json_array_size(keys);

    if (err != ERR_OK || count == 0) {
        return err;
    }
    a->keys = mem_array(NULL, count, sizeof *a->keys);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        char where[WHERE_SIZE];
        (void)snprintf(where, sizeof where, "keys[%zu].", i);
        a->keys[i] = (struct account_key){mem_strdup(""), mem_strdup(""), mem_strdup(""), mem_strdup(""), 0, 0};
        a->key_count = i + 1;
        err = read_key(json_array_get(keys, i), where, &a->keys[i], why);
    }
    return err;
}

static enum err read_texts(const json_t *o, struct account *a, struct errmsg *why)
{
    enum err err = json_member_string(o, "", "id", &a->id, why);
    if (err == ERR_OK) {
        err = json_member_string(o, "", "name", &a->name, why);
    }
    if (err == ERR_OK) {
        err = json_member_string(o, "", "plan", &a->plan, why);
    }
    if (err == ERR_OK) {
        err = json_member_string(o, "", "pool", &a->pool, why);
    }
    if (err == ERR_OK && !account_id_valid(slice_str(a->id))) {
        err = errmsg_set(why, ERR_INVALID, "id: must be 1-128 of [A-Za-z0-9_.-]");
    }
    if (err == ERR_OK && *a->plan == '\0') {
        err = errmsg_set(why, ERR_INVALID, "plan: must not be empty");
    }
    if (err == ERR_OK && *a->pool != '\0' && !topic_pool_valid(a->pool)) {
        err = errmsg_set(why, ERR_INVALID, "pool: must be 1-32 of [a-z0-9-], and not \"dlq\"");
    }
    return err;
}

static enum err read_account(const json_t *o, struct account *a, struct errmsg *why)
{
    enum err err = read_texts(o, a, why);
    if (err == ERR_OK) {
        err = read_limits(o, a, why);
    }
    if (err == ERR_OK) {
        err = read_keys(o, a, why);
    }
    if (err == ERR_OK) {
        err = json_member_int64(o, "", "version", 0, INT64_MAX, &a->version, why);
    }
    if (err == ERR_OK) {
        err = json_member_time(o, "", "created_at", &a->created_wall_ms, why);
    }
    return err == ERR_OK ? json_member_time(o, "", "updated_at", &a->updated_wall_ms, why) : err;
}

enum err account_parse(struct slice json, struct account **out, struct errmsg *why)
{
    json_t *root = NULL;
    enum err err = json_members_load(json, &root, why);
    if (err != ERR_OK) {
        return err;
    }
    struct account *a = account_new();
    err = read_account(root, a, why);
    json_decref(root);
    if (err != ERR_OK) {
        account_free(a);
        return err;
    }
    *out = a;
    return ERR_OK;
}

static void write_keys(struct buf *out, const struct account *a)
{
    buf_puts(out, ",\"keys\":[");
    for (size_t i = 0; i < a->key_count; i++) {
        const struct account_key *key = &a->keys[i];
        buf_puts(out, i > 0 ? ",{\"id\":" : "{\"id\":");
        json_put_string(out, slice_str(key->id));
        json_put_member(out, "sha256", key->sha256_hex);
        json_put_member(out, "scopes", key->scopes);
        json_put_member(out, "description", key->description);
        json_put_member_time(out, "created_at", key->created_wall_ms);
        json_put_member_time(out, "expires_at", key->expires_wall_ms);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

void account_write(struct buf *out, const struct account *a)
{
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(a->id));
    json_put_member(out, "name", a->name);
    json_put_member(out, "plan", a->plan);
    json_put_member(out, "pool", a->pool);
    buf_printf(out, ",\"limits\":{\"webhooks\":%lld,\"events_per_second\":%lld}", (long long)a->max_webhooks,
               (long long)a->events_per_second);
    write_keys(out, a);
    json_put_member_int(out, "version", a->version);
    json_put_member_time(out, "created_at", a->created_wall_ms);
    json_put_member_time(out, "updated_at", a->updated_wall_ms);
    buf_putc(out, '}');
}
