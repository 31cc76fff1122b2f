#include "routes/change.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/response.h"
#include "util/log.h"
#include "util/mem.h"

struct change *change_new(struct request *rq, struct table *table, const char *key, const char *account_id, const char *action)
{
    struct change *c = mem_zalloc(sizeof *c);
    c->rq = rq;
    c->table = table;
    c->key = mem_strdup(key);
    c->account_id = mem_strdup(account_id);
    c->action = action;
    c->audit_target = mem_strdup(key);
    c->fields = mem_strdup("");
    return c;
}

void change_fields(struct change *c, char *fields)
{
    free(c->fields);
    c->fields = fields;
}

static void free_change(struct change *c)
{
    OPENSSL_cleanse(c->secret, sizeof c->secret);
    free(c->key);
    free(c->account_id);
    free(c->audit_target);
    free(c->fields);
    free(c);
}

static void answer(struct change *c)
{
    c->answer(c->rq, c);
    free_change(c);
}

/* The change stands, whatever became of the entry. */
static void on_audited(void *ctx, enum err err)
{
    struct change *c = ctx;
    if (err != ERR_OK)
        log_error("audit_not_written", LOG_STR("request_id", c->rq->id), LOG_STR("action", c->action),
                  LOG_STR("target", c->audit_target), LOG_STR("error", err_name(err)));
    answer(c);
}

static void audit(struct change *c)
{
    char actor[80];
    struct audit_entry entry = {.wall_ms = loop_wall(c->rq->api->loop),
                                .account_id = c->account_id,
                                .actor = actor,
                                .action = c->action,
                                .target = c->audit_target,
                                .version = c->version,
                                .request_id = c->rq->id,
                                .fields = c->fields};
    request_actor(c->rq, actor);
    audit_append(definitions_audit(c->rq->api->definitions), &entry, on_audited, c);
}

static void fail(struct change *c, enum err err)
{
    struct request *rq = c->rq;
    if (err == ERR_EXISTS && c->lost) {
        c->lost(rq, c);
    } else if (err == ERR_EXISTS) {
        ++*rq->api->stats.conflicts;
        reply_problem(rq, PROBLEM_VERSION_CONFLICT, "it was changed at the same time; nothing of this request was done");
    } else if (err == ERR_AGAIN) {
        reply_unavailable(rq, "Kafka has not answered in time; the change may be made or not: look, or repeat it");
    } else {
        log_error("change_failed", LOG_STR("request_id", rq->id), LOG_STR("topic", table_topic(c->table)), LOG_STR("key", c->key),
                  LOG_STR("error", err_name(err)));
        reply_problem(rq, PROBLEM_INTERNAL, "the change could not be written");
    }
    free_change(c);
}

static void on_written(void *ctx, enum err err)
{
    struct change *c = ctx;
    if (err != ERR_OK) {
        fail(c, err);
    } else if (c->then_delete) {
        c->then_delete = false;
        table_delete(c->table, c->key, on_written, c);
    } else {
        audit(c);
    }
}

void change_write(struct change *c, const void *value, int64_t version)
{
    c->version = version;
    table_write(c->table, c->key, value, on_written, c);
}

void change_delete(struct change *c)
{
    table_delete(c->table, c->key, on_written, c);
}

/* "3", W/"3", several with commas, or *. */
static bool names_version(const char *header, int64_t version)
{
    char tag[32];
    (void)snprintf(tag, sizeof tag, "\"%" PRId64 "\"", version);
    return strcmp(header, "*") == 0 || strstr(header, tag) != NULL;
}

bool change_if_match(struct request *rq, int64_t version)
{
    const char *header = request_header(rq, "If-Match");
    if (!header || names_version(header, version))
        return true;
    ++*rq->api->stats.conflicts;
    reply_etag(rq, version);
    reply_problem(rq, PROBLEM_VERSION_CONFLICT, "it is version %" PRId64 " now", version);
    return false;
}
