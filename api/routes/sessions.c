/* The account's sessions of the dashboard: which there are, and ending one, or all others: a stolen cookie is good no more then,
 * while the key that it began with goes on (http/sessions.h).
 *
 * A key that may write ends any of the account's. One that may only read ends those that began with it: whoever has it could sign
 * in anew, so nothing is taken from anybody else. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/page.h"
#include "http/response.h"
#include "http/sessions.h"
#include "model/json_members.h"
#include "routes/routes.h"
#include "routes/write.h"
#include "util/json.h"
#include "util/mem.h"

#define LISTED_MAX (2 * SESSIONS_OF_ACCOUNT) /* several replicas may begin some at one time */

/* -------- the list -------- */

struct collection {
    const struct request *rq;
    struct page_item items[LISTED_MAX];
    size_t count;
};

/* One whose key is gone opens nothing any more. */
static bool is_good(const struct request *rq, const struct known_session *ks)
{
    const struct account *account;
    const struct account_key *key;
    return definitions_key(rq->api->definitions, ks->key_id, &account, &key) && strcmp(account->id, ks->account_id) == 0;
}

/* The newest first. */
static void collect(void *ctx, const struct known_session *ks)
{
    struct collection *c = ctx;
    if (c->count < LISTED_MAX && is_good(c->rq, ks))
        c->items[c->count++] = (struct page_item){-ks->created_wall_ms, ks->id, ks};
}

static void write_one(struct request *rq, struct buf *out, const void *thing)
{
    const struct known_session *ks = thing;
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(ks->id));
    json_put_member(out, "key_id", ks->key_id);
    json_put_member_time(out, "created_at", ks->created_wall_ms);
    json_put_member_time(out, "last_used_at", ks->used_wall_ms);
    json_put_member_time(out, "expires_at", ks->expires_wall_ms);
    write_or_null(out, "user_agent", ks->user_agent);
    write_bool(out, "current", strcmp(ks->id, rq->principal.session_id) == 0);
    buf_putc(out, '}');
}

void sessions_list(struct request *rq)
{
    struct collection *c = mem_zalloc(sizeof *c);
    c->rq = rq;
    sessions_each(rq->api->sessions, rq->principal.account_id, collect, c);
    page_reply(rq, c->items, c->count, write_one);
    free(c);
}

/* -------- ending -------- */

static bool may_end(const struct request *rq, const struct known_session *ks)
{
    return rq->principal.may_write || strcmp(ks->key_id, rq->principal.key_id) == 0;
}

static void fail(struct request *rq)
{
    reply_unavailable(rq, "Kafka has not answered in time; what was to end may go on: look, or repeat it");
}

static void on_ended(void *ctx, enum err err)
{
    struct request *rq = ctx;
    if (err == ERR_OK)
        reply_empty(rq, 204);
    else
        fail(rq);
}

void sessions_end_one(struct request *rq)
{
    const struct known_session *ks = sessions_find(rq->api->sessions, rq->principal.account_id, request_param(rq, "session_id"));
    char actor[80];
    if (!may_end(rq, ks)) {
        reply_problem(rq, PROBLEM_SCOPE_REQUIRED, "it began with another key, and this one has no scope \"write\"");
        return;
    }
    request_actor(rq, actor);
    sessions_end(rq->api->sessions, ks, actor, rq->id, on_ended, rq);
}

/* All but the one that asks. */
struct others {
    struct request *rq;
    const struct known_session *sessions[LISTED_MAX];
    size_t count, open;
    bool failed;
};

static void find_others(void *ctx, const struct known_session *ks)
{
    struct others *o = ctx;
    if (o->count < LISTED_MAX && may_end(o->rq, ks) && strcmp(ks->id, o->rq->principal.session_id) != 0)
        o->sessions[o->count++] = ks;
}

static void settle(struct others *o)
{
    if (--o->open > 0)
        return;
    if (o->failed) {
        fail(o->rq);
    } else {
        buf_printf(reply_body(o->rq), "{\"ended\":%zu}", o->count);
        reply_json(o->rq, 200);
    }
    free(o);
}

static void on_other_ended(void *ctx, enum err err)
{
    struct others *o = ctx;
    o->failed = o->failed || err != ERR_OK;
    settle(o);
}

void sessions_end_others(struct request *rq)
{
    struct others *o = mem_zalloc(sizeof *o);
    char actor[80];
    o->rq = rq;
    request_actor(rq, actor);
    sessions_each(rq->api->sessions, rq->principal.account_id, find_others, o);
    o->open = o->count + 1;
    for (size_t i = 0; i < o->count; i++)
        sessions_end(rq->api->sessions, o->sessions[i], actor, rq->id, on_other_ended, o);
    settle(o);
}
