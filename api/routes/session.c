/* The dashboard's session: sign in with a key, look, sign out (http/session.h). */
#include "http/session.h"

#include <string.h>

#include "api.h"
#include "http/auth.h"
#include "http/response.h"
#include "model/json_members.h"
#include "routes/routes.h"
#include "routes/write.h"

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

static void open_session(struct request *rq, const struct account *a, const struct account_key *key)
{
    struct session s;
    struct buf cookie;
    int64_t now = loop_wall(rq->api->loop);
    buf_init(&cookie, COOKIE_MAX);
    session_begin(&s, a, key, now);
    if (session_seal(rq->api->keyring, &s, &cookie) != ERR_OK) {
        reply_problem(rq, PROBLEM_INTERNAL, "the session could not be sealed");
    } else {
        reply_header(rq, "Set-Cookie", SESSION_COOKIE "=%s; " ATTRIBUTES "; Max-Age=%lld", buf_cstr(&cookie),
                     (long long)(s.expires_wall_ms - now) / 1000);
        write_session(rq, &s, a, key);
        reply_json(rq, 201);
    }
    buf_done(&cookie);
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

void session_delete(struct request *rq)
{
    reply_header(rq, "Set-Cookie", SESSION_COOKIE "=; " ATTRIBUTES "; Max-Age=0");
    reply_empty(rq, 204);
}
