/* API keys of an account, for the operator. A key is shown once; its hash is kept, in the account's record. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/auth.h"
#include "http/page.h"
#include "http/response.h"
#include "model/json_members.h"
#include "routes/change.h"
#include "routes/routes.h"
#include "routes/write.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/mem.h"
#include "webhooks/fields.h"

#define KEYS_MAX 100
#define DESCRIPTION_MAX 256
#define PATH "/api/admin/v1/accounts/%s/keys/%s"

static const struct account *named(const struct request *rq)
{
    return definitions_account(rq->api->definitions, request_param(rq, "account_id"));
}

static const struct account_key *find_key(const struct account *a, const char *id)
{
    for (size_t i = 0; i < a->key_count; i++)
        if (strcmp(a->keys[i].id, id) == 0)
            return &a->keys[i];
    return NULL;
}

/* Without the brace that ends it. */
static void write_members(struct request *rq, struct buf *out, const struct account_key *key)
{
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(key->id));
    write_scopes(out, key->scopes);
    json_put_member(out, "description", key->description);
    json_put_member_time(out, "created_at", key->created_wall_ms);
    json_put_member_time(out, "expires_at", key->expires_wall_ms);
    json_put_member_time(out, "last_used_at", audit_key_last_used(definitions_audit(rq->api->definitions), key->id));
}

static void write_key(struct request *rq, struct buf *out, const void *thing)
{
    write_members(rq, out, thing);
    buf_putc(out, '}');
}

void keys_list(struct request *rq)
{
    const struct account *a = named(rq);
    struct page_item items[KEYS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < a->key_count && count < KEYS_MAX; i++)
        items[count++] = (struct page_item){a->keys[i].created_wall_ms, a->keys[i].id, &a->keys[i]};
    page_reply(rq, items, count, write_key);
}

/* -------- create -------- */

static void apply_scopes(struct account_key *key, const json_t *value, struct field_errors *errors)
{
    bool read = false, write = false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *scope = json_string_value(json_array_get(value, i));
        if (scope && strcmp(scope, "read") == 0)
            read = true;
        else if (scope && strcmp(scope, "write") == 0)
            write = true;
        else
            field_error(errors, "scopes", "unknown", "scopes are read and write");
    }
    if (!json_is_array(value) || json_array_size(value) == 0 || json_array_size(value) > 2)
        field_error(errors, "scopes", "invalid", "must be an array of read, write, or both");
    free(key->scopes);
    key->scopes = mem_strdup(read && write ? "read write" : read ? "read" : "write");
}

static void apply(struct account_key *key, const json_t *body, int64_t now_wall_ms, struct field_errors *errors)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        const char *text = json_string_value(value);
        if (strcmp(name, "scopes") == 0) {
            apply_scopes(key, value, errors);
        } else if (strcmp(name, "description") == 0) {
            if (!text || strlen(text) > DESCRIPTION_MAX) {
                field_error(errors, name, "invalid", "must be a string of at most %d bytes", DESCRIPTION_MAX);
            } else {
                free(key->description);
                key->description = mem_strdup(text);
            }
        } else if (strcmp(name, "expires_at") == 0) {
            if (!text || clock_parse_utc(slice_str(text), &key->expires_wall_ms) != ERR_OK || key->expires_wall_ms <= now_wall_ms)
                field_error(errors, name, "invalid", "must be an RFC 3339 time in the future");
        } else {
            field_error(errors, name, "unknown", "there is no such member");
        }
    }
}

static void created(struct request *rq, struct change *c)
{
    const struct account *a = definitions_account(rq->api->definitions, c->key);
    const struct account_key *key = a ? find_key(a, c->audit_target) : NULL;
    if (!key) {
        reply_problem(rq, PROBLEM_NOT_FOUND, "the key was made, and revoked at once");
        return;
    }
    reply_header(rq, "Location", PATH, a->id, key->id);
    write_members(rq, reply_body(rq), key);
    json_put_member(reply_body(rq), "key", c->secret);
    buf_putc(reply_body(rq), '}');
    reply_json(rq, 201);
}

/* The change of an account's record that is about one key. */
static struct change *change_of(struct request *rq, const struct account *a, const char *action, const char *key_id)
{
    struct change *c = change_new(rq, definitions_accounts(rq->api->definitions), a->id, a->id, action);
    free(c->audit_target);
    c->audit_target = mem_strdup(key_id);
    return c;
}

void keys_create(struct request *rq)
{
    const struct account *a = named(rq);
    struct field_errors errors = {0};
    char text[AUTH_KEY_SIZE], id[24], hash[AUTH_HASH_SIZE];
    int64_t now_wall_ms = loop_wall(rq->api->loop);
    if (a->key_count >= KEYS_MAX) {
        reply_problem(rq, PROBLEM_ALREADY_EXISTS, "the account has %d keys: revoke one first", KEYS_MAX);
        return;
    }
    auth_new_key(text, id, hash);
    struct account *next = account_next(a, now_wall_ms);
    next->keys = mem_array(next->keys, next->key_count + 1, sizeof *next->keys);
    struct account_key *key = &next->keys[next->key_count++];
    *key = (struct account_key){mem_strdup(id), mem_strdup(hash), mem_strdup("read write"), mem_strdup(""), now_wall_ms, 0};
    apply(key, rq->json, now_wall_ms, &errors);
    if (errors.count > 0) {
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    } else {
        struct change *c = change_of(rq, a, "key.create", id);
        c->answer = created;
        memcpy(c->secret, text, sizeof text);
        change_fields(c, json_member_names(rq->json));
        change_write(c, next, next->version);
    }
    OPENSSL_cleanse(text, sizeof text);
    account_free(next);
}

/* -------- revoke -------- */

static void revoked(struct request *rq, struct change *c)
{
    (void)c;
    reply_empty(rq, 204);
}

static void remove_key(struct account *a, const char *id)
{
    for (size_t i = 0; i < a->key_count; i++) {
        struct account_key *key = &a->keys[i];
        if (strcmp(key->id, id) != 0)
            continue;
        free(key->id);
        free(key->sha256_hex);
        free(key->scopes);
        free(key->description);
        *key = a->keys[--a->key_count];
        return;
    }
}

void keys_revoke(struct request *rq)
{
    const struct account *a = named(rq);
    const char *id = request_param(rq, "key_id");
    if (!find_key(a, id)) {
        reply_problem(rq, PROBLEM_NOT_FOUND, "there is no key of that id");
        return;
    }
    struct account *next = account_next(a, loop_wall(rq->api->loop));
    struct change *c = change_of(rq, a, "key.revoke", id);
    remove_key(next, id);
    c->answer = revoked;
    change_write(c, next, next->version);
    account_free(next);
}
