/* trueftpctl as a client of the API: requests out of options, tables, refusals, the event stream, and what `listen` signs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/calls.h"
#include "ctl/commands.h"
#include "ctl/forward.h"
#include "ctl/seen.h"
#include "ctl/sse.h"
#include "model/signature.h"
#include "util/file.h"

#define NOW_WALL_MS INT64_C(1780920000000) /* 2026-06-08T12:00:00Z */
#define WORDS_MAX 16
#define TEXT_MAX (1024UL * 1024)

/* -------- every call has a command -------- */

/* These are of the dashboard alone: a program that has a key needs no session. The stream has its commands, which do more. */
static bool is_elsewhere(const char *operation)
{
    static const char *const names[] = {"createSession", "getSession", "deleteSession", "streamDeliveries"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(names[i], operation) == 0) {
            return true;
        }
    }
    return false;
}

static const struct call *find_call(const char *operation)
{
    for (size_t i = 0; command_at(i); i++) {
        const struct call *call = command_at(i)->call;
        if (call && strcmp(call->operation, operation) == 0) {
            return call;
        }
    }
    return NULL;
}

/* The description's path, with {} for each parameter and without the base. */
static void check_path(const struct call *call, const char *path)
{
    struct buf plain;
    buf_init(&plain, 1024);
    const char *p = strstr(path, "/v1/") + 3;
    for (; *p; p++) {
        buf_putc(&plain, *p);
        if (*p == '{') {
            p += strcspn(p, "}");
            buf_putc(&plain, '}');
        }
    }
    assert_string_equal(call->path, buf_cstr(&plain));
    buf_done(&plain);
}

static json_t *read_description(void)
{
    struct buf text;
    struct errmsg why;
    buf_init(&text, 4 * TEXT_MAX);
    assert_int_equal(file_read(TEST_DATA_DIR "/../../../api/openapi.json", &text, &why), ERR_OK);
    json_t *root = json_loadb(text.p, text.len, 0, NULL);
    assert_non_null(root);
    buf_done(&text);
    return root;
}

static void test_every_operation_has_a_command(void **state)
{
    (void)state;
    json_t *root = read_description(), *methods = NULL, *operation = NULL;
    const char *path = NULL, *method = NULL;
    size_t found = 0, calls = 0;
    json_object_foreach(json_object_get(root, "paths"), path, methods)
    {
        json_object_foreach(methods, method, operation)
        {
            const char *id = json_string_value(json_object_get(operation, "operationId"));
            if (!id || is_elsewhere(id)) {
                continue;
            }
            const struct call *call = find_call(id);
            if (!call) {
                fail_msg("no command of trueftpctl makes the call %s (%s %s)", id, method, path);
                return;
            }
            check_path(call, path);
            assert_int_equal(strcasecmp(call->method, method), 0);
            found++;
        }
    }
    for (size_t i = 0; command_at(i); i++) {
        calls += command_at(i)->call != NULL;
    }
    assert_int_equal(found, calls);
    json_decref(root);
}

/* Members of the bodies that the description has, and the options that set them. */
static bool has_option(const struct call *call, const char *member)
{
    for (size_t i = 0; i < call->field_count; i++) {
        const char *name = call->fields[i].name;
        size_t len = strcspn(name, ".");
        if (call->fields[i].place == IN_BODY && strlen(member) == len && strncmp(name, member, len) == 0) {
            return true;
        }
    }
    return (call->argument && strcmp(call->argument, member) == 0) || strcmp(member, "disabled_reason") == 0;
}

static void test_every_member_has_an_option(void **state)
{
    (void)state;
    static const char *const bodies[][2] = {
        {"createWebhook", "WebhookCreate"}, {"updateWebhook", "WebhookPatch"},          {"rotateSecret", "RotateSecret"},
        {"testWebhook", "TestRequest"},     {"createExpectation", "ExpectationCreate"}, {"recover", "RecoverRequest"},
        {"createAccount", "AccountCreate"}, {"updateAccount", "AccountPatch"},          {"createKey", "KeyCreate"},
    };
    json_t *root = read_description(), *schemas = json_object_get(json_object_get(root, "components"), "schemas");
    for (size_t i = 0; i < COUNT(bodies); i++) {
        const char *member = NULL;
        json_t *value = NULL, *members = json_object_get(json_object_get(schemas, bodies[i][1]), "properties");
        assert_non_null(members);
        json_object_foreach(members, member, value)
        {
            if (!has_option(find_call(bodies[i][0]), member)) {
                fail_msg("no option of %s sets %s", bodies[i][0], member);
            }
        }
    }
    json_decref(root);
}

/* -------- requests -------- */

struct made {
    struct client_request request;
    struct errmsg why;
    enum err err;
};

/* A command with its words (ending with NULL) as the program would take them. */
static void make(struct made *m, const char *group, const char *name, const char *const *arguments, const char *const *words)
{
    const struct command *c = NULL;
    char *argv[WORDS_MAX + 2] = {(char *)(uintptr_t) "command"};
    struct shared_args shared = {0};
    struct opt_group groups[COMMAND_GROUPS_MAX];
    struct opt *own = NULL;
    int argc = 1;
    *m = (struct made){.err = ERR_INVALID};
    for (size_t i = 0; command_at(i); i++) {
        if (command_at(i)->group && strcmp(command_at(i)->group, group) == 0 && strcmp(command_at(i)->name, name) == 0) {
            c = command_at(i);
        }
    }
    if (!c) {
        fail_msg("there is no command %s %s", group, name);
        return;
    }
    for (; words[argc - 1]; argc++) {
        assert_true(argc <= WORDS_MAX);
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    }
    void *args = calloc(1, command_args_size(c));
    size_t count = command_options(c, args, &shared, &own, groups);
    assert_int_equal(options_parse(groups, count, &argc, argv, &m->why), ERR_OK);
    m->err = call_request(c->call, arguments, args, NOW_WALL_MS, &m->request, &m->why);
    options_free(groups, count);
    free(own);
    free(args);
}

static void assert_body(const struct made *m, const char *expected)
{
    assert_int_equal(m->err, ERR_OK);
    char *text = json_dumps(m->request.body, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
}

static void test_bodies(void **state)
{
    (void)state;
    static const char *const hook[] = {"wh/1", NULL}, *const account[] = {"acc_1", NULL};
    struct made m;
    make(&m, "webhooks", "create", NULL,
         (const char *const[]){"--url", "https://e.com/", "--events", "file.uploaded,*", "--path-pattern", "/a/**",
                               "--path-pattern", "/b", "--header", "X-A: b: c", "--rate-limit", "0", "--pause", NULL});
    assert_body(&m,
                "{\"enabled\":false,\"events\":[\"file.uploaded\",\"*\"],\"headers\":{\"X-A\":\"b: c\"},\"path_patterns\":[\"/"
                "a/**\",\"/b\"],\"rate_limit_per_second\":0,\"url\":\"https://e.com/\"}");
    assert_string_equal(buf_cstr(&m.request.target), "/webhooks");
    assert_int_equal(strlen(http_headers_find(&m.request.headers, "idempotency-key")), 36);
    assert_true(m.request.repeatable);
    client_request_done(&m.request);

    make(&m, "webhooks", "update", hook,
         (const char *const[]){"--disable", "why", "--path-pattern", "", "--header=", "--if-version", "7", NULL});
    assert_body(&m, "{\"disabled_reason\":\"why\",\"enabled\":false,\"headers\":{},\"path_patterns\":[]}");
    assert_string_equal(buf_cstr(&m.request.target), "/webhooks/wh%2F1");
    assert_string_equal(http_headers_find(&m.request.headers, "If-Match"), "\"7\"");
    assert_false(m.request.repeatable);
    client_request_done(&m.request);

    make(&m, "webhooks", "update", hook, (const char *const[]){"--pause", NULL});
    assert_body(&m, "{\"disabled_reason\":\"\",\"enabled\":false}");
    client_request_done(&m.request);
    make(&m, "webhooks", "update", hook, (const char *const[]){"--enable", NULL});
    assert_body(&m, "{\"enabled\":true}");
    client_request_done(&m.request);

    make(&m, "accounts", "create", account,
         (const char *const[]){"--plan", "pro", "--max-webhooks", "5", "--events-per-second", "9", NULL});
    assert_body(&m, "{\"id\":\"acc_1\",\"limits\":{\"events_per_second\":9,\"webhooks\":5},\"plan\":\"pro\"}");
    client_request_done(&m.request);
    make(&m, "keys", "create", account, (const char *const[]){"--expires", "1d", "--scopes", "read", NULL});
    assert_body(&m, "{\"expires_at\":\"2026-06-09T12:00:00.000Z\",\"scopes\":[\"read\"]}");
    client_request_done(&m.request);
    make(&m, "recoveries", "create", hook, (const char *const[]){"--since", "90m", NULL});
    assert_body(&m, "{\"since\":\"2026-06-08T10:30:00.000Z\"}");
    client_request_done(&m.request);
}

static void test_queries(void **state)
{
    (void)state;
    struct made m;
    make(&m, "events", "list", NULL,
         (const char *const[]){"--path-prefix", "/in & out/\xc3\xa9", "--since", "2026-06-08T14:00:00+02:00", "--limit", "3",
                               NULL});
    assert_int_equal(m.err, ERR_OK);
    assert_null(m.request.body);
    assert_string_equal(buf_cstr(&m.request.target),
                        "/events?path_prefix=%2Fin%20%26%20out%2F%C3%A9&since=2026-06-08T14%3A00%3A00%2B02%3A00");
    assert_true(m.request.repeatable);
    client_request_done(&m.request);
}

static void test_refused_options(void **state)
{
    (void)state;
    static const char *const hook[] = {"wh_1", NULL};
    static const struct {
        const char *group, *name, *words[6], *why;
    } cases[] = {
        {"webhooks", "create", {"--events", "*"}, "--url is missing (--help tells more)"},
        {"webhooks", "create", {"--url", "x", "--header", "no colon"}, "--header: expected 'Name: value'"},
        {"webhooks", "create", {"--url", "x", "--header", ": b"}, "--header: expected 'Name: value'"},
        {"webhooks", "create", {"--url", "\xff"}, "--url: is not UTF-8"},
        {"webhooks", "update", {"--header", "X-A: caf\xe9"}, "--header: is not UTF-8"},
        {"webhooks", "update", {"--path-pattern", "/caf\xe9"}, "--path-pattern: is not UTF-8"},
        {"webhooks", "update", {"--events", "file.uploaded,\xe9"}, "--events: is not UTF-8"},
        {"webhooks", "update", {"--disable", "caf\xe9"}, "--disable: is not UTF-8"},
        {"webhooks", "update", {"--enable", "--pause"}, "--enable, --disable and --pause exclude each other"},
        {"webhooks", "update", {"--disable", "x", "--enable"}, "--enable, --disable and --pause exclude each other"},
        {"webhooks", "update", {"--disable", ""}, "--disable: a reason is needed"},
        {"recoveries",
         "create",
         {"--since", "yesterday"},
         "--since: expected a time as 2026-06-08T12:00:00Z, or 90s, 15m, 2h, 7d, not \"yesterday\""},
        {"recoveries",
         "create",
         {"--since", "-5m"},
         "--since: expected a time as 2026-06-08T12:00:00Z, or 90s, 15m, 2h, 7d, not \"-5m\""},
        {"recoveries",
         "create",
         {"--since", "99999999d"},
         "--since: expected a time as 2026-06-08T12:00:00Z, or 90s, 15m, 2h, 7d, not \"99999999d\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct made m;
        make(&m, cases[i].group, cases[i].name, hook, cases[i].words);
        assert_int_equal(m.err, ERR_INVALID);
        assert_string_equal(m.why.text, cases[i].why);
        client_request_done(&m.request);
    }
}

/* -------- tables -------- */

static void test_table(void **state)
{
    (void)state;
    static const struct column columns[] = {
        {"ID", "id", NULL}, {"IN", "a.b", NULL}, {"LIST", "list", NULL}, {"PATH", "path", NULL}};
    json_t *rows = json_loads("[{\"id\":\"x\",\"a\":{\"b\":1.5},\"list\":[\"p\",\"q\"],\"path\":\"/\\u001b[2J\\u202egpj\\n\"},"
                              "{\"id\":\"\\u00e9\\u00e9\\u00e9\",\"a\":null,\"list\":[],\"path\":null}]",
                              0, NULL);
    struct table t = {.columns = columns, .count = COUNT(columns)};
    struct buf out;
    buf_init(&out, TEXT_MAX);
    table_put(&t, rows, &out);
    assert_string_equal(buf_cstr(&out), "ID   IN   LIST  PATH\n"
                                        "x    1.5  p,q   /\\x1b[2J\\u202egpj\\n\n"
                                        "\xc3\xa9\xc3\xa9\xc3\xa9  -    -     -\n");
    buf_reset(&out);
    table_put(&t, rows, &out);
    assert_non_null(strstr(buf_cstr(&out), "x    1.5"));
    assert_null(strstr(buf_cstr(&out), "PATH"));
    json_decref(rows);
    buf_done(&out);
}

static void test_item(void **state)
{
    (void)state;
    json_t *item =
        json_loads("{\"id\":\"x\",\"long_name\":true,\"none\":null,\"object\":{\"k\":\"\\u202e\"},\"status\":\"failed\","
                   "\"attempts\":[{\"n\":1,\"error\":\"tls\"},{\"n\":22,\"error\":null}]}",
                   0, NULL);
    struct buf out;
    buf_init(&out, TEXT_MAX);
    table_put_item(item, false, &out);
    assert_string_equal(buf_cstr(&out), "id         x\n"
                                        "long_name  yes\n"
                                        "none       -\n"
                                        "object     {\"k\":\"\\u202e\"}\n"
                                        "status     failed\n"
                                        "\nattempts:\n"
                                        "n   error\n"
                                        "1   tls\n"
                                        "22  -\n");
    buf_reset(&out);
    table_put_item(item, true, &out);
    assert_non_null(strstr(buf_cstr(&out), "status     \033[31mfailed\033[0m\n"));
    json_decref(item);
    buf_done(&out);
}

/* -------- refusals -------- */

static void test_problems(void **state)
{
    (void)state;
    static const struct field fields[] = {
        {"url", FIELD_TEXT, IN_BODY, "url", "U", "", 0, 0, true},
        {"events", FIELD_CSV, IN_BODY, "events", "E", "", 0, 0, false},
        {"max-webhooks", FIELD_INT, IN_BODY, "limits.webhooks", "N", "", 0, 0, false},
    };
    static const struct {
        int status;
        const char *body, *text;
        int exit_status;
    } cases[] = {
        {422,
         "{\"code\":\"validation_failed\",\"title\":\"Members are wrong\",\"request_id\":\"r1\",\"errors\":[{\"field\":\"url\","
         "\"message\":\"re\\u001bfused\"},{\"field\":\"events[2]\",\"message\":\"m\"},{\"field\":\"limits.webhooks\",\"message\":"
         "\"n\"},"
         "{\"field\":\"other\",\"message\":\"o\"},{\"field\":\"\",\"message\":\"p\"}]}",
         "Members are wrong (validation_failed)\n  --url: re\\x1bfused\n  --events[2]: m\n  --max-webhooks: n\n  other: o\n"
         "  the body: p\n  request r1",
         CTL_FAILED},
        {404, "{\"code\":\"not_found\",\"title\":\"T\",\"detail\":\"D\",\"request_id\":\"r\"}", "T (not_found): D\n  request r",
         CTL_NOT_FOUND},
        {412, "{\"code\":\"version_conflict\",\"title\":\"T\",\"request_id\":\"r\"}",
         "T (version_conflict)\n  it was changed since that version: look at what it is now (`get`), and give its version\n  "
         "request r",
         CTL_CONFLICT},
        {409, "{\"code\":\"c\",\"title\":\"T\",\"request_id\":\"r\"}", "T (c)\n  request r", CTL_CONFLICT},
        {403, "{\"code\":\"c\",\"title\":\"T\",\"request_id\":\"r\"}", "T (c)\n  request r", CTL_DENIED},
        {429, "{\"code\":\"c\",\"title\":\"T\",\"request_id\":\"r\"}", "T (c)\n  request r", CTL_UNAVAILABLE},
        {503, "<html>", "the answer was 503, and none of the API's: is that its address?", CTL_UNAVAILABLE},
        {404, "", "the answer was 404, and none of the API's: is that its address?", CTL_NOT_FOUND},
        {302, "[]", "the answer was 302, and none of the API's: is that its address?", CTL_FAILED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out;
        buf_init(&out, TEXT_MAX);
        assert_int_equal(problem_explain(cases[i].status, slice_str(cases[i].body), fields, COUNT(fields), &out),
                         cases[i].exit_status);
        assert_string_equal(buf_cstr(&out), cases[i].text);
        buf_done(&out);
    }
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"https://api.example.com", "http://127.0.0.1:8080", "http://localhost/", "http://[::1]:1",
                                       "https://host/prefix"};
    static const char *const bad[] = {"http://api.example.com",
                                      "http://127.0.0.1.example.com",
                                      "http://127.example",
                                      "ftp://127.0.0.1",
                                      "file:///etc/passwd",
                                      "api.example.com",
                                      "",
                                      "https://u:p@host",
                                      "https://host/?q=1",
                                      "http://10.0.0.1"};
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_null(client_refuses(good[i], false));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_non_null(client_refuses(bad[i], false));
    }
    assert_null(client_refuses("http://10.0.0.1", true));
    assert_non_null(client_refuses("file:///etc/passwd", true));
}

/* -------- the event stream -------- */

static void gather(void *ctx, const char *name, struct slice data)
{
    buf_printf(ctx, "%s=%.*s;", name, (int)data.len, data.p);
}

static void test_sse(void **state)
{
    (void)state;
    static const char text[] = ": a comment\nretry: 7\nid: i.0\n\n"
                               "event: delivery\r\nid: i.1\r\ndata: {\"a\":1}\r\n\r\n"
                               "data:x\rdata\rdata: y\r\r"
                               "event: reset\ndata: {}\n\nevent: none\n\nid: half\ndata: lost";
    for (size_t step = 1; step <= sizeof text; step++) { /* cut in every way */
        struct sse s;
        struct buf got;
        buf_init(&got, TEXT_MAX);
        sse_init(&s, 1000, gather, &got);
        for (size_t at = 0; at < sizeof text - 1; at += step) {
            size_t left = sizeof text - 1 - at;
            assert_int_equal(sse_feed(&s, slice_of(text + at, left < step ? left : step)), ERR_OK);
        }
        assert_string_equal(buf_cstr(&got), "delivery={\"a\":1};message=x\n\ny;reset={};");
        assert_string_equal(s.last_id, "i.1");
        assert_int_equal(s.retry_ms, 7);
        sse_restart(&s); /* the half event is forgotten, and so is its id */
        assert_int_equal(sse_feed(&s, SLICE("data: new\n\n")), ERR_OK);
        assert_string_equal(buf_cstr(&got) + strlen(buf_cstr(&got)) - 12, "message=new;");
        assert_string_equal(s.last_id, "i.1");
        sse_done(&s);
        buf_done(&got);
    }
}

static void test_sse_that_does_not_end(void **state)
{
    (void)state;
    static char much[65536];
    struct sse s;
    struct buf got;
    enum err err = ERR_OK;
    memset(much, 'x', sizeof much);
    buf_init(&got, TEXT_MAX);
    sse_init(&s, 1000, gather, &got);
    for (int i = 0; i < 32 && err == ERR_OK; i++) {
        err = sse_feed(&s, slice_of(much, sizeof much));
    }
    assert_int_equal(err, ERR_TOO_BIG);
    sse_done(&s);
    buf_done(&got);
}

static void test_seen(void **state)
{
    (void)state;
    struct seen *s = seen_new();
    char text[16];
    assert_false(seen_before(s, "a"));
    assert_true(seen_before(s, "a"));
    for (int i = 0; i < 8192; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_false(seen_before(s, text));
    }
    assert_true(seen_before(s, "8191"));
    assert_false(seen_before(s, "a")); /* the oldest was forgotten */
    seen_free(s);
}

/* -------- listen -------- */

static void test_forwarded_headers(void **state)
{
    (void)state;
    static const struct slice secret = {"whsec_c2VjcmV0LW9mLTMyLWJ5dGVzLS0tLS0tLS0tLS0tLS0=", 50}, body = {"{\"a\":1}", 7};
    json_t *delivery =
        json_loads("{\"delivery_id\":\"d-1\",\"attempt\":2,\"request_headers\":{\"Content-Type\":\"application/json\","
                   "\"X-TrueFTP-Delivery\":\"d-1\",\"X-Own\":\"o\"}}",
                   0, NULL);
    static const char *const schemes[] = {"trueftp", "standard", "both"};
    for (size_t i = 0; i < COUNT(schemes); i++) {
        struct forward_keys *keys = NULL;
        struct http_headers h = {0};
        struct errmsg why;
        struct signer *ours = signer_new_trueftp(secret), *standard = signer_new_standard(secret);
        assert_int_equal(forward_keys_new(secret, schemes[i], &keys, &why), ERR_OK);
        forward_headers(keys, delivery, body, 1780920000, &h);
        assert_string_equal(http_headers_find(&h, "x-own"), "o");
        assert_string_equal(http_headers_find(&h, "X-TrueFTP-Timestamp"), "1780920000");
        assert_string_equal(http_headers_find(&h, "X-TrueFTP-Attempt"), "2");
        const char *first = http_headers_find(&h, "X-TrueFTP-Signature"), *second = http_headers_find(&h, "webhook-signature");
        assert_int_equal(first != NULL, i != 1);
        assert_int_equal(second != NULL, i != 0);
        assert_true(!first || verify_trueftp(ours, 1780920000, body, slice_str(first)));
        assert_true(!second || verify_standard(standard, SLICE("d-1"), 1780920000, body, slice_str(second)));
        signer_free(ours);
        signer_free(standard);
        http_headers_free(&h);
        forward_keys_free(keys);
    }
    json_decref(delivery);
}

static void test_a_secret_must_fit(void **state)
{
    (void)state;
    struct forward_keys *keys = NULL;
    struct errmsg why;
    assert_int_equal(forward_keys_new(SLICE("no base64!"), "both", &keys, &why), ERR_INVALID);
    assert_int_equal(forward_keys_new(SLICE("no base64!"), "trueftp", &keys, &why), ERR_OK);
    forward_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operation_has_a_command),
        cmocka_unit_test(test_every_member_has_an_option),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_item),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_sse),
        cmocka_unit_test(test_sse_that_does_not_end),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_forwarded_headers),
        cmocka_unit_test(test_a_secret_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
