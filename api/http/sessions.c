#include "http/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "model/json_members.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/uthash.h"

#define BEGIN "session.begin"
#define USED "session.used"
#define END "session.end"
#define PREFIX "session."
#define HOUR_MS 3600000LL
#define MINUTE_MS 60000LL
#define DETAILS_MAX 4096

struct entry {
    struct known_session ks; /* first: what is handed out */
    bool ended;
    UT_hash_handle hh;
};

struct sessions {
    struct api *api;
    struct entry *entries;
    int64_t swept_wall_ms;
};

struct sessions *sessions_new(struct api *api)
{
    struct sessions *ss = mem_zalloc(sizeof *ss);
    ss->api = api;
    return ss;
}

static void drop(struct sessions *ss, struct entry *e)
{
    HASH_DEL(ss->entries, e);
    free(e);
}

void sessions_free(struct sessions *ss)
{
    struct entry *e, *next;
    if (!ss)
        return;
    HASH_ITER(hh, ss->entries, e, next)
        drop(ss, e);
    free(ss);
}

void sessions_sweep(struct sessions *ss, int64_t now_wall_ms)
{
    struct entry *e, *next;
    if (now_wall_ms - ss->swept_wall_ms < MINUTE_MS)
        return;
    ss->swept_wall_ms = now_wall_ms;
    HASH_ITER(hh, ss->entries, e, next)
        if (e->ks.expires_wall_ms <= now_wall_ms)
            drop(ss, e);
}

static struct entry *find(const struct sessions *ss, const char *id)
{
    struct entry *e;
    HASH_FIND(hh, ss->entries, id, strlen(id), e);
    return e;
}

static struct entry *entry_of(struct sessions *ss, const char *account_id, const char *id, int64_t expires_wall_ms)
{
    struct entry *e = find(ss, id);
    if (e)
        return e;
    e = mem_zalloc(sizeof *e);
    (void)snprintf(e->ks.id, sizeof e->ks.id, "%s", id);
    (void)snprintf(e->ks.account_id, sizeof e->ks.account_id, "%s", account_id);
    e->ks.expires_wall_ms = expires_wall_ms;
    HASH_ADD_KEYPTR(hh, ss->entries, e->ks.id, strlen(e->ks.id), e);
    return e;
}

/* -------- heard -------- */

static void take_begin(struct entry *e, const json_t *details, int64_t wall_ms)
{
    e->ks.created_wall_ms = wall_ms;
    json_take_text(e->ks.key_id, sizeof e->ks.key_id, details, "key_id");
    json_take_text(e->ks.user_agent, sizeof e->ks.user_agent, details, "user_agent");
}

/* What is told of a session whose time is over is passed over: a year of them is read at each start. */
static void on_entry(void *ctx, const json_t *o)
{
    struct sessions *ss = ctx;
    const char *action = json_string_value(json_object_get(o, "action"));
    const char *id = json_string_value(json_object_get(o, "target"));
    const char *account_id = json_string_value(json_object_get(o, "account_id"));
    const json_t *details = json_object_get(o, "details");
    int64_t wall_ms = json_take_time(o, "time"), expires_wall_ms = json_take_time(details, "expires_at");
    if (!action || strncmp(action, PREFIX, strlen(PREFIX)) != 0 || !id || !account_id || strlen(id) >= SESSION_ID_SIZE ||
        expires_wall_ms <= loop_wall(ss->api->loop))
        return;
    struct entry *e = entry_of(ss, account_id, id, expires_wall_ms);
    if (strcmp(e->ks.account_id, account_id) != 0)
        return;
    if (wall_ms > e->ks.used_wall_ms)
        e->ks.used_wall_ms = wall_ms;
    if (strcmp(action, BEGIN) == 0)
        take_begin(e, details, wall_ms);
    else if (strcmp(action, END) == 0)
        e->ended = true;
}

void sessions_follow(struct sessions *ss)
{
    audit_follow(definitions_audit(ss->api->definitions), on_entry, ss);
}

/* -------- told -------- */

struct telling {
    struct sessions *sessions;
    struct known_session ks;
    const char *action;
    writer_done_fn *fn;
    void *ctx;
};

/* It is in the topic: known here before it is read back. */
static void keep(const struct telling *t)
{
    struct entry *e = entry_of(t->sessions, t->ks.account_id, t->ks.id, t->ks.expires_wall_ms);
    if (strcmp(t->action, BEGIN) == 0)
        e->ks = t->ks;
    else if (strcmp(t->action, END) == 0)
        e->ended = true;
}

static void on_told(void *ctx, enum err err)
{
    struct telling *t = ctx;
    if (err == ERR_OK)
        keep(t);
    if (t->fn)
        t->fn(t->ctx, err);
    free(t);
}

static void tell(struct sessions *ss, const struct known_session *ks, const struct audit_entry *what, writer_done_fn *fn,
                 void *ctx)
{
    struct audit_entry entry = *what;
    struct buf details;
    struct telling *t = mem_zalloc(sizeof *t);
    *t = (struct telling){.sessions = ss, .ks = *ks, .action = what->action, .fn = fn, .ctx = ctx};
    buf_init(&details, DETAILS_MAX);
    buf_puts(&details, "{\"key_id\":");
    json_put_string(&details, slice_str(ks->key_id));
    json_put_member_time(&details, "expires_at", ks->expires_wall_ms);
    if (*ks->user_agent)
        json_put_member(&details, "user_agent", ks->user_agent);
    buf_putc(&details, '}');
    mem_appended(&details);
    entry.wall_ms = loop_wall(ss->api->loop);
    entry.account_id = ks->account_id;
    entry.target = ks->id;
    entry.fields = "";
    entry.details = buf_cstr(&details);
    audit_append(definitions_audit(ss->api->definitions), &entry, on_told, t);
    buf_done(&details);
}

struct oldest {
    const struct known_session *ks;
    size_t count;
};

static void look_for_oldest(void *ctx, const struct known_session *ks)
{
    struct oldest *o = ctx;
    o->count++;
    if (!o->ks || ks->created_wall_ms < o->ks->created_wall_ms)
        o->ks = ks;
}

void sessions_begin(struct sessions *ss, const struct session *s, const char *user_agent, const char *request_id,
                    writer_done_fn *fn, void *ctx)
{
    int64_t now_wall_ms = loop_wall(ss->api->loop);
    struct known_session ks = {
        .created_wall_ms = now_wall_ms, .expires_wall_ms = s->expires_wall_ms, .used_wall_ms = now_wall_ms};
    struct oldest oldest = {0};
    char actor[80];
    (void)snprintf(actor, sizeof actor, "key:%s", s->key_id);
    (void)snprintf(ks.id, sizeof ks.id, "%s", s->id);
    (void)snprintf(ks.account_id, sizeof ks.account_id, "%s", s->account_id);
    (void)snprintf(ks.key_id, sizeof ks.key_id, "%s", s->key_id);
    (void)snprintf(ks.user_agent, sizeof ks.user_agent, "%s", user_agent ? user_agent : "");
    sessions_each(ss, s->account_id, look_for_oldest, &oldest);
    if (oldest.count >= SESSIONS_OF_ACCOUNT)
        sessions_end(ss, oldest.ks, "system", request_id, NULL, NULL);
    tell(ss, &ks, &(struct audit_entry){.actor = actor, .action = BEGIN, .request_id = request_id}, fn, ctx);
}

void sessions_end(struct sessions *ss, const struct known_session *ks, const char *actor, const char *request_id,
                  writer_done_fn *fn, void *ctx)
{
    tell(ss, ks, &(struct audit_entry){.actor = actor, .action = END, .request_id = request_id}, fn, ctx);
}

void sessions_used(struct sessions *ss, const struct session *s, int64_t now_wall_ms)
{
    struct entry *e = find(ss, s->id);
    if (!e || e->ended)
        return;
    bool first = now_wall_ms / HOUR_MS > e->ks.used_wall_ms / HOUR_MS;
    if (now_wall_ms > e->ks.used_wall_ms)
        e->ks.used_wall_ms = now_wall_ms;
    if (first)
        tell(ss, &e->ks, &(struct audit_entry){.actor = "system", .action = USED, .quiet = true}, NULL, NULL);
}

/* -------- asked -------- */

bool sessions_has_ended(const struct sessions *ss, const char *id)
{
    const struct entry *e = ss && *id ? find(ss, id) : NULL;
    return e && e->ended;
}

const struct known_session *sessions_find(const struct sessions *ss, const char *account_id, const char *id)
{
    const struct entry *e = find(ss, id);
    return e && !e->ended && e->ks.created_wall_ms > 0 && strcmp(e->ks.account_id, account_id) == 0 ? &e->ks : NULL;
}

void sessions_each(const struct sessions *ss, const char *account_id, void (*fn)(void *ctx, const struct known_session *ks),
                   void *ctx)
{
    int64_t now_wall_ms = loop_wall(ss->api->loop);
    for (const struct entry *e = ss->entries; e; e = e->hh.next)
        if (!e->ended && e->ks.created_wall_ms > 0 && e->ks.expires_wall_ms > now_wall_ms &&
            strcmp(e->ks.account_id, account_id) == 0)
            fn(ctx, &e->ks);
}
