/* Webhooks: create, change, delete, rotate the secret. */
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/response.h"
#include "model/json_members.h"
#include "model/uuid.h"
#include "routes/change.h"
#include "routes/routes.h"
#include "routes/write.h"
#include "util/json.h"
#include "util/mem.h"
#include "webhooks/fields.h"
#include "webhooks/secrets.h"

#define PATH "/api/ext/v1/webhooks/"
#define ID_SIZE 36 /* "wh_", 32 digits and a NUL */
#define ID_STEM 27 /* of an id that comes from an Idempotency-Key: the part that comes from the key alone */
#define OVERLAP_DEFAULT_S 86400
#define OVERLAP_MAX_S (30 * 86400)

static const struct webhook *named(const struct request *rq)
{
    return definitions_webhook(rq->api->definitions, request_param(rq, "webhook_id"));
}

static void answer_with(struct request *rq, const struct webhook *wh, unsigned status, const char *secret)
{
    reply_etag(rq, wh->version);
    write_webhook_public(rq, reply_body(rq), wh, secret);
    reply_json(rq, status);
}

static void apply(struct request *rq, bool creating, struct webhook *wh, struct field_errors *errors)
{
    const struct webhook_rules rules = {&rq->api->policy, rq->api->keyring, loop_wall(rq->api->loop)};
    webhook_fields_apply(rq->json, creating, &rules, wh, errors);
}

/* -------- create -------- */

static void put_hex(char *out, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* The id of a request that may be repeated: 24 digits from account and key, so that a repeat finds what the first one made, on
 * any replica; 8 from the body, so that another request under the same key is told from a repeat. */
static void id_from_key(const char *account_id, const char *key, const json_t *body, char out[ID_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char *text = json_dumps(body, JSON_SORT_KEYS | JSON_COMPACT);
    struct buf name;
    check(text != NULL);
    buf_init(&name, 1024);
    buf_printf(&name, "webhook/%s/%s", account_id, key);
    memcpy(out, "wh_", 4);
    SHA256((const unsigned char *)name.p, name.len, digest);
    put_hex(out + 3, digest, 12);
    SHA256((const unsigned char *)text, strlen(text), digest);
    put_hex(out + ID_STEM, digest, 4);
    buf_done(&name);
    free(text);
}

static void random_id(char out[ID_SIZE])
{
    struct uuid id = uuid_v4();
    memcpy(out, "wh_", 4);
    put_hex(out + 3, id.bytes, sizeof id.bytes);
}

static bool choose_id(struct request *rq, char out[ID_SIZE])
{
    const char *key = request_header(rq, "Idempotency-Key");
    size_t len = key ? strlen(key) : 0;
    if (!key) {
        random_id(out);
        return true;
    }
    bool good = len >= 1 && len <= 255;
    for (size_t i = 0; i < len && good; i++)
        good = key[i] >= 0x20 && key[i] <= 0x7e;
    if (!good) {
        struct field_errors errors = {0};
        field_error(&errors, "Idempotency-Key", "invalid", "must be 1 to 255 printable ASCII characters");
        reply_fields(rq, PROBLEM_INVALID_PARAMETER, &errors);
        return false;
    }
    id_from_key(rq->principal.account_id, key, rq->json, out);
    return true;
}

static void answer_replay(struct request *rq, const struct webhook *wh)
{
    reply_header(rq, "Idempotent-Replayed", "true");
    reply_header(rq, "Location", PATH "%s", wh->id);
    answer_with(rq, wh, 200, NULL);
}

/* True: the request is a repeat, and has been answered. */
static bool is_repeat(struct request *rq, const char *id)
{
    const struct webhook *const *webhooks;
    const struct definitions *d = rq->api->definitions;
    size_t count = definitions_webhooks_of(d, rq->principal.account_id, &webhooks);
    if (!request_header(rq, "Idempotency-Key"))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(webhooks[i]->id, id) == 0) {
            answer_replay(rq, webhooks[i]);
            return true;
        }
        if (strncmp(webhooks[i]->id, id, ID_STEM) == 0) {
            reply_problem(rq, PROBLEM_IDEMPOTENCY_CONFLICT, "the key made webhook %s from another body", webhooks[i]->id);
            return true;
        }
    }
    if (!table_was_deleted(definitions_webhooks(d), id))
        return false;
    reply_problem(rq, PROBLEM_IDEMPOTENCY_CONFLICT, "the webhook that the key made has been deleted");
    return true;
}

static bool may_create(struct request *rq)
{
    const struct webhook *const *webhooks;
    const struct definitions *d = rq->api->definitions;
    const struct account *a = definitions_account(d, rq->principal.account_id);
    if (!a || !account_is_paid(a)) {
        reply_problem(rq, PROBLEM_PLAN_REQUIRED, "webhooks are for paid plans");
        return false;
    }
    if ((int64_t)definitions_webhooks_of(d, a->id, &webhooks) < a->max_webhooks)
        return true;
    reply_problem(rq, PROBLEM_WEBHOOK_LIMIT, "the account may have %lld webhooks", (long long)a->max_webhooks);
    return false;
}

static void created(struct request *rq, struct change *c)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, c->key);
    if (!wh) {
        reply_problem(rq, PROBLEM_NOT_FOUND, "the webhook was made, and deleted at once");
        return;
    }
    reply_header(rq, "Location", PATH "%s", wh->id);
    answer_with(rq, wh, 201, c->secret);
}

/* Another replica was told the same at the same time. */
static void created_elsewhere(struct request *rq, struct change *c)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, c->key);
    if (wh)
        answer_replay(rq, wh);
    else
        reply_problem(rq, PROBLEM_IDEMPOTENCY_CONFLICT, "the webhook that the key made has been deleted");
}

static struct webhook *new_webhook(const struct request *rq, const char *id)
{
    struct webhook *wh = webhook_new();
    free(wh->id);
    free(wh->account_id);
    wh->id = mem_strdup(id);
    wh->account_id = mem_strdup(rq->principal.account_id);
    wh->all_events = true;
    wh->version = 1;
    wh->created_wall_ms = wh->updated_wall_ms = loop_wall(rq->api->loop);
    return wh;
}

static void create(struct request *rq, struct webhook *wh)
{
    struct table *table = definitions_webhooks(rq->api->definitions);
    struct change *c = change_new(rq, table, wh->id, wh->account_id, "webhook.create");
    c->answer = created;
    c->lost = created_elsewhere;
    change_fields(c, json_member_names(rq->json));
    check(webhook_new_secret(rq->api->keyring, wh, 0, c->secret) == ERR_OK);
    change_write(c, wh, wh->version);
}

void webhooks_create(struct request *rq)
{
    struct field_errors errors = {0};
    char id[ID_SIZE];
    if (!choose_id(rq, id) || is_repeat(rq, id) || !may_create(rq))
        return;
    struct webhook *wh = new_webhook(rq, id);
    apply(rq, true, wh, &errors);
    if (errors.count > 0)
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    else
        create(rq, wh);
    webhook_free(wh);
}

/* -------- change -------- */

static void changed(struct request *rq, struct change *c)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, c->key);
    if (wh)
        answer_with(rq, wh, 200, NULL);
    else
        reply_problem(rq, PROBLEM_NOT_FOUND, "the webhook was deleted meanwhile");
}

/* A copy as its next version. */
static struct webhook *next_version(const struct request *rq, const struct webhook *wh)
{
    struct webhook *next = webhook_copy(wh);
    next->version++;
    next->updated_wall_ms = loop_wall(rq->api->loop);
    return next;
}

static struct change *change_of(struct request *rq, const struct webhook *wh, const char *action)
{
    return change_new(rq, definitions_webhooks(rq->api->definitions), wh->id, wh->account_id, action);
}

void webhooks_update(struct request *rq)
{
    const struct webhook *wh = named(rq);
    struct field_errors errors = {0};
    if (!change_if_match(rq, wh->version))
        return;
    struct webhook *next = next_version(rq, wh);
    apply(rq, false, next, &errors);
    const char *misfit = next->signature != wh->signature ? webhook_secret_misfit(rq->api->keyring, next) : NULL;
    if (misfit)
        field_error(&errors, "signature", "refused", "%s", misfit);
    if (errors.count > 0) {
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    } else {
        struct change *c = change_of(rq, wh, "webhook.update");
        c->answer = changed;
        change_fields(c, json_member_names(rq->json));
        change_write(c, next, next->version);
    }
    webhook_free(next);
}

/* -------- delete -------- */

static void deleted(struct request *rq, struct change *c)
{
    (void)c;
    reply_empty(rq, 204);
}

/* A tombstone has no version: so the deletion is first a change like any other, which may lose, and the tombstone follows it. */
void webhooks_delete(struct request *rq)
{
    const struct webhook *wh = named(rq);
    if (!change_if_match(rq, wh->version))
        return;
    struct webhook *next = next_version(rq, wh);
    next->enabled = false;
    free(next->disabled_reason);
    next->disabled_reason = mem_strdup(WEBHOOK_DELETED);
    struct change *c = change_of(rq, wh, "webhook.delete");
    c->answer = deleted;
    c->then_delete = true;
    change_write(c, next, next->version);
    webhook_free(next);
}

/* -------- rotate -------- */

static void rotated(struct request *rq, struct change *c)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, c->key);
    struct buf *out = reply_body(rq);
    reply_etag(rq, c->version);
    buf_puts(out, "{\"secret\":");
    json_put_string(out, slice_str(c->secret));
    json_put_member_int(out, "version", c->version);
    json_put_member_time(out, "previous_expires_at", wh && wh->secret_count > 1 ? wh->secrets[1].expires_wall_ms : 0);
    buf_putc(out, '}');
    reply_json(rq, 200);
}

static bool read_overlap(struct request *rq, int64_t *overlap_s)
{
    struct field_errors errors = {0};
    const char *name = NULL;
    json_t *value = NULL;
    *overlap_s = OVERLAP_DEFAULT_S;
    json_object_foreach(rq->json, name, value)
    {
        if (strcmp(name, "overlap_s") != 0)
            field_error(&errors, name, "unknown", "there is no such member");
        else if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > OVERLAP_MAX_S)
            field_error(&errors, name, "out_of_range", "must be a whole number from 0 to %d", OVERLAP_MAX_S);
        else
            *overlap_s = json_integer_value(value);
    }
    if (errors.count > 0)
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    return errors.count == 0;
}

void webhooks_rotate(struct request *rq)
{
    const struct webhook *wh = named(rq);
    int64_t overlap_s;
    if (!read_overlap(rq, &overlap_s) || !change_if_match(rq, wh->version))
        return;
    struct webhook *next = next_version(rq, wh);
    struct change *c = change_of(rq, wh, "webhook.rotate_secret");
    c->answer = rotated;
    int64_t until = overlap_s > 0 ? loop_wall(rq->api->loop) + overlap_s * 1000 : 0;
    check(webhook_new_secret(rq->api->keyring, next, until, c->secret) == ERR_OK);
    change_write(c, next, next->version);
    webhook_free(next);
}
