/* The dashboard's session: sign in with a key, look, sign out (http/session.h). */
#include "http/session.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/auth.h"
#include "http/dispatch.h"
#include "http/response.h"
#include "http/sessions.h"
#include "model/json_members.h"
#include "routes/routes.h"
#include "routes/write.h"
#include "util/mem.h"

#define COOKIE_MAX 900 /* of its value */
#define ATTRIBUTES "Path=/; Secure; HttpOnly; SameSite=Strict"

static void write_session(struct request *rq, const struct session *s, const struct account *a, const struct account_key *key)
{
    struct buf *out = reply_body(rq);
    buf_puts(out, "{\"account\":");
    write_own_account(out, rq->api->definitions, a, key);
    json_put_member(out, "csrf_token", s->csrf);
    json_put_member_time(out, "expires_at", s->expires_wall_ms);
    buf_putc(out, '}');
}

/* The key in the body; NULL: the request has been answered. */
static const char *given_key(struct request *rq)
{
    struct field_errors errors = {0};
    const char *name;
    json_t *value;
    json_object_foreach(rq->json, name, value)
    {
        if (strcmp(name, "key") != 0)
            field_error(&errors, name, "unknown", "there is no such member");
    }
    const char *key = json_string_value(json_object_get(rq->json, "key"));
    if (!key)
        field_error(&errors, "key", "required", "must be given, as text");
    else if (strlen(key) > 256)
        field_error(&errors, "key", "too_long", "has 256 bytes at most");
    if (errors.count == 0)
        return key;
    reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    return NULL;
}

static void answer_opened(struct request *rq, const struct session *s, const struct account *a, const struct account_key *key)
{
    struct buf cookie;
    int64_t now = loop_wall(rq->api->loop);
    buf_init(&cookie, COOKIE_MAX);
    if (session_seal(rq->api->keyring, s, &cookie) != ERR_OK) {
        reply_problem(rq, PROBLEM_INTERNAL, "the session could not be sealed");
    } else {
        reply_header(rq, "Set-Cookie", SESSION_COOKIE "=%s; " ATTRIBUTES "; Max-Age=%lld", buf_cstr(&cookie),
                     (long long)(s->expires_wall_ms - now) / 1000);
        write_session(rq, s, a, key);
        reply_json(rq, 201);
    }
    buf_done(&cookie);
}

struct opening {
    struct request *rq;
    struct session session;
};

static void on_begun(void *ctx, enum err err)
{
    struct opening *o = ctx;
    const struct account *account;
    const struct account_key *key;
    if (err != ERR_OK)
        reply_unavailable(o->rq,
                          "Kafka has not answered in time, and nobody is signed in without a line in the trail: try again");
    else if (definitions_key(o->rq->api->definitions, o->session.key_id, &account, &key))
        answer_opened(o->rq, &o->session, account, key);
    else
        auth_refuse(o->rq); /* revoked at this moment */
    OPENSSL_cleanse(o, sizeof *o);
    free(o);
}

/* It is told before it is answered: what is not in the list of sessions could not be ended. */
static void open_session(struct request *rq, const struct account *a, const struct account_key *key)
{
    struct opening *o = mem_zalloc(sizeof *o);
    o->rq = rq;
    session_begin(&o->session, a, key, loop_wall(rq->api->loop));
    sessions_begin(rq->api->sessions, &o->session, request_header(rq, "User-Agent"), rq->id, on_begun, o);
}

/* A page of elsewhere could sign a visitor in with a key of its own, to see what they do: such a request has another Origin. */
static bool from_elsewhere(const struct request *rq)
{
    const char *origin = request_header(rq, "Origin");
    return origin && !session_origin_is_host(origin, request_header(rq, "Host"));
}

void session_create(struct request *rq)
{
    const struct account *account;
    const struct account_key *found;
    if (!definitions_complete(rq->api->definitions)) {
        reply_unavailable(rq, "this replica has not read all definitions yet");
        return;
    }
    if (from_elsewhere(rq)) {
        reply_problem(rq, PROBLEM_CSRF_FAILED, "the request's Origin is not its Host");
        return;
    }
    const char *key = given_key(rq);
    if (!key)
        return;
    if (!auth_key(rq->api, key, &account, &found)) {
        auth_refuse(rq);
        return;
    }
    auth_principal(&rq->principal, account, found);
    if (!dispatch_within_rate(rq))
        return;
    audit_key_used(definitions_audit(rq->api->definitions), account->id, found->id, loop_wall(rq->api->loop));
    open_session(rq, account, found);
}

void session_get(struct request *rq)
{
    struct session s;
    const struct account *account;
    const struct account_key *key;
    check(session_of(rq, &s, &account, &key)); /* this is what let it in */
    write_session(rq, &s, account, key);
    reply_json(rq, 200);
}

static void on_ended(void *ctx, enum err err)
{
    struct request *rq = ctx;
    if (err == ERR_OK)
        reply_empty(rq, 204);
    else
        reply_unavailable(
            rq, "the cookie is deleted; that the session has ended could not be told to Kafka, and a copy of it may go on");
}

/* The cookie goes in any case; the session, and with it every copy of the cookie, when Kafka has it. */
void session_delete(struct request *rq)
{
    struct session s;
    struct known_session ks = {0};
    const struct account *account;
    const struct account_key *key;
    char actor[80];
    check(session_of(rq, &s, &account, &key)); /* this is what let it in */
    memcpy(ks.id, s.id, sizeof ks.id);
    memcpy(ks.account_id, s.account_id, sizeof ks.account_id);
    memcpy(ks.key_id, s.key_id, sizeof ks.key_id);
    ks.expires_wall_ms = s.expires_wall_ms;
    request_actor(rq, actor);
    reply_header(rq, "Set-Cookie", SESSION_COOKIE "=; " ATTRIBUTES "; Max-Age=0");
    sessions_end(rq->api->sessions, &ks, actor, rq->id, on_ended, rq);
}
