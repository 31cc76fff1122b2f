/* Targets, routes, cursors and rates: the parts of the HTTP layer that need no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "http/limits.h"
#include "http/page.h"
#include "http/router.h"
#include "http/uri.h"
#include "routes/routes.h"

extern const char openapi_text[];

/* -------- targets -------- */

static void a_target_is_taken_apart(void **state)
{
    struct uri u = {0};
    struct errmsg why;
    (void)state;
    assert_int_equal(uri_parse("/api/a%2Fb/%C3%BC?x=1+2&empty=&flag&k%3d=%26", &u, &why), ERR_OK);
    assert_int_equal(u.segment_count, 3);
    assert_string_equal(u.segments[1], "a/b");
    assert_string_equal(u.segments[2], "\xc3\xbc");
    assert_string_equal(uri_query(&u, "x"), "1 2");
    assert_string_equal(uri_query(&u, "empty"), "");
    assert_string_equal(uri_query(&u, "flag"), "");
    assert_string_equal(uri_query(&u, "k="), "&");
    assert_null(uri_query(&u, "y"));
    uri_done(&u);
    assert_int_equal(uri_parse("/", &u, &why), ERR_OK);
    assert_int_equal(u.segment_count, 0);
    uri_done(&u);
}

static void bad_targets_are_refused(void **state)
{
    static const char *const bad[] = {
        "",       "*", "http://x/", "/%", "/%4", "/%zz", "/a%00b", "/?a=%", "/%ff", "/?a=1&a=2", "/1/2/3/4/5/6/7/8/9/10/11/12/13",
        "/?%00=1"};
    char many[512] = "/?";
    struct uri u;
    struct errmsg why;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (uri_parse(bad[i], &u, &why) == ERR_OK)
            fail_msg("'%s' was taken", bad[i]);
    for (int i = 0; i < 30; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), "p%d=1&", i);
    assert_int_equal(uri_parse(many, &u, &why), ERR_TOO_BIG);
}

/* -------- routes -------- */

static void nothing(struct request *rq)
{
    (void)rq;
}

static const struct route sample[] = {
    {METHOD_GET, "/", SCOPE_NONE, BODY_NONE, nothing},
    {METHOD_GET, "/a/{id}", SCOPE_NONE, BODY_NONE, nothing},
    {METHOD_DELETE, "/a/{id}", SCOPE_NONE, BODY_NONE, nothing},
    {METHOD_GET, "/a/stream", SCOPE_NONE, BODY_NONE, nothing},
    {METHOD_POST, "/a/{id}/b/{other_id}", SCOPE_NONE, BODY_NONE, nothing},
};

static const struct route *find(const char *method, const char *target, struct request_param *params, size_t *count,
                                unsigned *allowed)
{
    static struct uri u;
    struct errmsg why;
    uri_done(&u); /* the one before: its parameters have been looked at */
    assert_int_equal(uri_parse(target, &u, &why), ERR_OK);
    const struct route *r =
        router_find(sample, sizeof sample / sizeof sample[0], method_parse(method), &u, params, count, allowed);
    if (!target[0])
        uri_done(&u);
    return r;
}

static void routes_are_found(void **state)
{
    struct request_param params[REQUEST_PARAMS_MAX];
    size_t count;
    unsigned allowed;
    char text[64];
    (void)state;
    assert_ptr_equal(find("GET", "/", params, &count, &allowed), &sample[0]);
    assert_ptr_equal(find("HEAD", "/a/7", params, &count, &allowed), &sample[1]);
    assert_int_equal(count, 1);
    assert_string_equal(params[0].value, "7");
    assert_true(slice_eq(params[0].name, SLICE("id")));
    assert_ptr_equal(find("GET", "/a/stream", params, &count, &allowed), &sample[3]); /* a word before a parameter */
    assert_ptr_equal(find("DELETE", "/a/stream", params, &count, &allowed), &sample[2]);
    assert_ptr_equal(find("POST", "/a/x/b/y", params, &count, &allowed), &sample[4]);
    assert_string_equal(params[1].value, "y");
    assert_null(find("PATCH", "/a/7", params, &count, &allowed));
    router_allow(allowed, text);
    assert_string_equal(text, "GET, HEAD, DELETE");
    static const char *const unknown[] = {"/a", "/a/", "/a/7/", "/a//b/y", "/a/7/b", "/A/7", "/a/7/b/y/z"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_null(find("GET", unknown[i], params, &count, &allowed));
        if (allowed != 0)
            fail_msg("%s was found", unknown[i]);
    }
    (void)find("GET", "/", params, &count, &allowed);
}

static const char *method_name(enum method m)
{
    return m == METHOD_GET ? "get" : m == METHOD_POST ? "post" : m == METHOD_PATCH ? "patch" : "delete";
}

/* Each route of the interface is described, with the body rule and the kind of key that it has. */
static void the_table_is_as_described(void **state)
{
    json_t *doc = json_loads(openapi_text, 0, NULL);
    (void)state;
    assert_non_null(doc);
    for (size_t i = 0; i < route_count; i++) {
        const struct route *r = &routes[i];
        if (strncmp(r->pattern, "/api/", 5) != 0)
            continue;
        const json_t *op = json_object_get(json_object_get(json_object_get(doc, "paths"), r->pattern), method_name(r->method));
        if (!op)
            fail_msg("%s %s is not described", method_name(r->method), r->pattern);
        const json_t *body = json_object_get(op, "requestBody");
        enum body_rule rule = !body ? BODY_NONE : json_is_true(json_object_get(body, "required")) ? BODY_REQUIRED : BODY_OPTIONAL;
        if (rule != r->body)
            fail_msg("%s %s: the body is described otherwise", method_name(r->method), r->pattern);
        const char *scope = json_string_value(json_object_get(op, "x-scope"));
        bool read = scope && strcmp(scope, "read") == 0, write = scope && strcmp(scope, "write") == 0;
        if (read != (r->scope == SCOPE_READ) || write != (r->scope == SCOPE_WRITE))
            fail_msg("%s %s: the scope is described otherwise", method_name(r->method), r->pattern);
    }
    json_decref(doc);
}

/* A tenant's things stand below one of its webhooks, or are its sessions: looked up by the key's account before any handler runs.
 */
static void every_route_of_a_tenant_is_held_against_its_account(void **state)
{
    static const char *const own[] = {"{webhook_id}", "{account_id}", "{session_id}"};
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct route *r = &routes[i];
        bool ext = strncmp(r->pattern, "/api/ext/v1", 11) == 0, admin = strncmp(r->pattern, "/api/admin/v1", 13) == 0;
        const char *param = strchr(r->pattern, '{');
        if (admin && r->scope != SCOPE_ADMIN)
            fail_msg("%s is not the operator's alone", r->pattern);
        if (ext && param && strncmp(param, own[0], strlen(own[0])) != 0 && strncmp(param, own[2], strlen(own[2])) != 0)
            fail_msg("%s names something that is neither below a webhook nor a session", r->pattern);
        if (ext && param && r->scope != SCOPE_READ && r->scope != SCOPE_WRITE && r->scope != SCOPE_OWN)
            fail_msg("%s can be asked without a key", r->pattern);
        if ((r->scope == SCOPE_READ) != (r->method == METHOD_GET) && (r->scope == SCOPE_READ || r->scope == SCOPE_WRITE))
            fail_msg("%s %s: GET needs read, the rest write", method_name(r->method), r->pattern);
        if (admin && param && strncmp(param, own[1], strlen(own[1])) != 0)
            fail_msg("%s names something that is not below an account", r->pattern);
    }
}

/* -------- cursors -------- */

static void cursors_come_back(void **state)
{
    static const struct {
        int64_t number;
        const char *text;
    } cases[] = {{0, ""}, {-1, "a"}, {1780000000000, "wh_0123"}, {INT64_MAX, "x.y.z"}, {INT64_MIN, "\xc3\xbc"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        int64_t number = 7;
        char text[64];
        buf_init(&out, 1024);
        cursor_write(&out, cases[i].number, cases[i].text);
        assert_int_equal(strspn(out.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), out.len);
        assert_true(cursor_parse(out.p, &number, text, sizeof text));
        assert_true(number == cases[i].number);
        assert_string_equal(text, cases[i].text);
        buf_done(&out);
    }
}

static void foreign_cursors_are_known(void **state)
{
    static const char *const bad[] = {"", "x", "====", "AAAA", "MQ", "Lg", "YS5i", "MS4A", "\xff\xff", "MTIz", "!!!!"};
    int64_t number;
    char text[8];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (cursor_parse(bad[i], &number, text, sizeof text))
            fail_msg("'%s' was taken", bad[i]);
    assert_false(cursor_parse("MS4xMjM0NTY3ODk", &number, text, sizeof text)); /* "1.123456789": no room */
}

/* -------- rates -------- */

static void a_bucket_empties_and_fills(void **state)
{
    struct limiter *l = limiter_new(2, 3);
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(limiter_take(l, "a", 1000), 0);
    assert_in_range(limiter_take(l, "a", 1000), 500, 501);
    assert_int_equal(limiter_take(l, "b", 1000), 0); /* another's */
    assert_int_equal(limiter_take(l, "a", 1500), 0);
    assert_true(limiter_take(l, "a", 1500) > 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(limiter_take(l, "a", 100000), 0); /* never more than its size */
    assert_true(limiter_take(l, "a", 100000) > 0);
    limiter_free(l);
}

static void full_buckets_are_forgotten(void **state)
{
    struct limiter *l = limiter_new(1000, 1);
    char name[16];
    (void)state;
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        assert_int_equal(limiter_take(l, name, 100000 + i), 0);
    }
    assert_int_equal(limiter_take(l, "0", 300000), 0);
    limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_taken_apart),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(routes_are_found),
        cmocka_unit_test(the_table_is_as_described),
        cmocka_unit_test(every_route_of_a_tenant_is_held_against_its_account),
        cmocka_unit_test(cursors_come_back),
        cmocka_unit_test(foreign_cursors_are_known),
        cmocka_unit_test(a_bucket_empties_and_fills),
        cmocka_unit_test(full_buckets_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
