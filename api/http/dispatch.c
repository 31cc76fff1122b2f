#include "http/dispatch.h"

#include <string.h>
#include <strings.h>

#include "api.h"
#include "dashboard/dashboard.h"
#include "http/auth.h"
#include "http/response.h"
#include "http/router.h"
#include "model/json_members.h"
#include "routes/routes.h"
#include "util/json.h"

#define MEMBERS_MAX 64

static bool find_route(struct request *rq)
{
    unsigned allowed = 0;
    char methods[64];
    if (rq->uri_bad) {
        reply_problem(rq, PROBLEM_INVALID_PARAMETER, "%s", rq->uri_why.text);
        return false;
    }
    rq->route = router_find(routes, route_count, rq->method, &rq->uri, rq->params, &rq->param_count, &allowed);
    if (rq->route)
        return true;
    if (allowed == 0) {
        reply_problem(rq, PROBLEM_NOT_FOUND, "there is no such path");
    } else {
        router_allow(allowed, methods);
        reply_header(rq, "Allow", "%s", methods);
        reply_problem(rq, PROBLEM_METHOD_NOT_ALLOWED, "this path knows %s", methods);
    }
    return false;
}

static bool is_ready(struct request *rq)
{
    if (rq->route->scope == SCOPE_NONE || definitions_complete(rq->api->definitions))
        return true;
    reply_unavailable(rq, "this replica has not read all definitions yet");
    return false;
}

bool dispatch_within_rate(struct request *rq)
{
    struct api *api = rq->api;
    if (rq->principal.kind == PRINCIPAL_NOBODY)
        return true;
    const char *name = rq->principal.kind == PRINCIPAL_ADMIN ? "" : rq->principal.key_id;
    int64_t wait_ms = limiter_take(api->requests, name, loop_now(api->loop));
    if (wait_ms == 0)
        return true;
    ++*api->stats.rate_limited;
    reply_header(rq, "Retry-After", "%d", (int)((wait_ms + 999) / 1000));
    reply_problem(rq, PROBLEM_RATE_LIMITED, "more than %lld requests a second", (long long)api->settings.requests_per_second);
    return false;
}

/* -------- what the path names -------- */

static bool is_there(const struct request *rq, const struct request_param *p)
{
    const struct definitions *d = rq->api->definitions;
    if (slice_eq(p->name, SLICE("account_id")))
        return definitions_account(d, p->value) != NULL;
    if (slice_eq(p->name, SLICE("webhook_id"))) {
        const struct webhook *wh = definitions_webhook(d, p->value);
        return wh && strcmp(wh->account_id, rq->principal.account_id) == 0;
    }
    if (slice_eq(p->name, SLICE("expectation_id"))) {
        const struct expectation *ex = definitions_expectation(d, p->value);
        return ex && strcmp(ex->account_id, rq->principal.account_id) == 0 &&
               strcmp(ex->webhook_id, request_param(rq, "webhook_id")) == 0;
    }
    if (slice_eq(p->name, SLICE("session_id")))
        return sessions_find(rq->api->sessions, rq->principal.account_id, p->value) != NULL;
    return true; /* the handler's to look up */
}

static bool names_are_there(struct request *rq)
{
    for (size_t i = 0; i < rq->param_count; i++) {
        if (is_there(rq, &rq->params[i]))
            continue;
        reply_problem(rq, PROBLEM_NOT_FOUND, "there is no %.*s of that id", (int)rq->params[i].name.len - 3,
                      rq->params[i].name.p);
        return false;
    }
    return true;
}

/* -------- the body -------- */

static bool is_json_type(const char *type)
{
    size_t len = type ? strcspn(type, ";") : 0;
    while (len > 0 && type[len - 1] == ' ')
        len--;
    return len == strlen("application/json") && strncasecmp(type, "application/json", len) == 0;
}

/* Our own scanner bounds the nesting and is strict about UTF-8; jansson makes the tree. */
static enum err parse(struct slice text, json_t **out, struct errmsg *why)
{
    struct json_member members[MEMBERS_MAX];
    size_t count = 0;
    enum err err = json_split(text, members, MEMBERS_MAX, &count, why);
    return err == ERR_OK ? json_members_load(text, out, why) : err;
}

static bool read_body(struct request *rq)
{
    struct errmsg why;
    if (rq->route->body == BODY_NONE || (rq->route->body == BODY_OPTIONAL && rq->body.len == 0))
        return true;
    if (!is_json_type(request_header(rq, "Content-Type"))) {
        reply_problem(rq, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "the body must be application/json");
        return false;
    }
    if (parse(buf_slice(&rq->body), &rq->json, &why) == ERR_OK)
        return true;
    reply_problem(rq, PROBLEM_INVALID_JSON, "%.400s", why.text);
    return false;
}

void dispatch(struct request *rq)
{
    if (dashboard_answer(rq))
        return;
    if (find_route(rq) && is_ready(rq) && auth_check(rq) && dispatch_within_rate(rq) && names_are_there(rq) && read_body(rq))
        rq->route->handler(rq);
}
