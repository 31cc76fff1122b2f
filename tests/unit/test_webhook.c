/* Webhooks: their JSON, their rules, and which events they want. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/webhook.h"
#include "util/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LEAST "\"id\":\"wh_1\",\"account_id\":\"acc_1\",\"url\":\"https://example.com/\",\"events\":[\"*\"]"

static const char full[] =
    "{\"id\":\"wh_0123456789abcdef0123456789abcdef\",\"account_id\":\"acc_1\",\"url\":\"https://example.com/hook?a=1\","
    "\"events\":[\"*\",\"file.uploaded\",\"file.renamed\"],\"path_patterns\":[\"/in/**\",\"!*.tmp\"],"
    "\"description\":\"orders – \\\"new\\\"\",\"max_attempts\":20,"
    "\"timeout_ms\":20000,\"max_concurrency\":1024,\"rate_limit_per_second\":50,"
    "\"signature\":\"both\",\"enabled\":false,\"headers\":{\"X-Tenant\":\"a\\tb\","
    "\"Authorization\":{\"sealed\":\"v1.a.h.i\",\"sealed_version\":3}},\"disabled_reason\":\"410\",\"secrets\":[{\"sealed\":\"v1."
    "a.b.c\",\"sealed_version\":4,\"expires_at\":null},"
    "{\"sealed\":\"v1.a.d.e\",\"sealed_version\":2,\"expires_at\":\"2026-06-09T12:00:00.000Z\"}],"
    "\"tls\":{\"min_version\":\"1.3\",\"ca_certificates\":\"ca\",\"client_certificate\":\"cert\","
    "\"client_key\":{\"sealed\":\"v1.a.f.g\",\"sealed_version\":6},"
    "\"pinned_public_keys\":[\"sha256//MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"]},\"version\":7,"
    "\"created_at\":\"2026-06-08T12:00:00.000Z\",\"updated_at\":\"2026-06-08T12:00:00.123Z\"}";

static struct webhook *parsed(const char *json)
{
    struct webhook *wh = NULL;
    struct errmsg why = {""};
    if (webhook_parse(slice_str(json), &wh, &why) != ERR_OK)
        fail_msg("%s: %s", json, why.text);
    return wh;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct webhook *wh = parsed(full);
    struct buf b;
    buf_init(&b, 65536);
    webhook_write(&b, wh);
    assert_int_equal(b.err, ERR_OK);
    assert_string_equal(buf_cstr(&b), full);
    webhook_free(wh);
    buf_done(&b);
}

static void test_fields(void **state)
{
    (void)state;
    struct webhook *wh = parsed(full);
    assert_string_equal(wh->id, "wh_0123456789abcdef0123456789abcdef");
    assert_true(wh->all_events);
    assert_int_equal(wh->events, 1U << EVENT_FILE_UPLOADED | 1U << EVENT_FILE_RENAMED);
    assert_int_equal(wh->pattern_count, 2);
    assert_true(slice_eq(wh->patterns[1], SLICE("!*.tmp")));
    assert_string_equal(wh->description, "orders – \"new\"");
    assert_false(wh->enabled);
    assert_string_equal(wh->disabled_reason, "410");
    assert_int_equal(wh->header_count, 2);
    assert_string_equal(wh->headers[0].name, "X-Tenant");
    assert_string_equal(wh->headers[0].value, "a\tb");
    assert_string_equal(wh->headers[0].sealed, "");
    assert_string_equal(wh->headers[1].value, "");
    assert_string_equal(wh->headers[1].sealed, "v1.a.h.i");
    assert_int_equal(wh->headers[1].sealed_version, 3);
    assert_int_equal(wh->signature, WEBHOOK_SIGN_BOTH);
    assert_int_equal(wh->secret_count, 2);
    assert_int_equal(wh->secrets[0].sealed_version, 4);
    assert_int_equal(wh->secrets[0].expires_wall_ms, 0);
    assert_string_equal(wh->secrets[1].sealed, "v1.a.d.e");
    assert_int_equal(wh->secrets[1].expires_wall_ms, 1781006400000);
    assert_string_equal(wh->tls->ca_certificates, "ca");
    assert_string_equal(wh->tls->client_key, "v1.a.f.g");
    assert_int_equal(wh->tls->client_key_version, 6);
    assert_int_equal(wh->tls->pin_count, 1);
    assert_int_equal(wh->tls->min_version, WEBHOOK_TLS_1_3);
    assert_int_equal(wh->version, 7);
    assert_int_equal(wh->updated_wall_ms, 1780920000123);
    webhook_free(wh);
}

static void test_defaults(void **state)
{
    (void)state;
    struct webhook *wh = parsed("{" LEAST ",\"description\":null,\"someday\":[1]}");
    assert_true(wh->enabled);
    assert_string_equal(wh->description, "");
    assert_string_equal(wh->disabled_reason, "");
    assert_int_equal(wh->max_attempts, 3);
    assert_int_equal(wh->timeout_ms, 10000);
    assert_int_equal(wh->max_concurrency, 16);
    assert_int_equal(wh->rate_limit_per_second, 0);
    assert_int_equal(wh->signature, WEBHOOK_SIGN_TRUEFTP);
    assert_int_equal(wh->pattern_count + wh->header_count + wh->secret_count, 0);
    assert_int_equal(wh->version, 0);
    assert_null(wh->tls);
    webhook_free(wh);
    webhook_free(NULL);
}

#define SECURE "\"id\":\"w\",\"account_id\":\"a\",\"url\":\"https://x.example/\",\"events\":[\"*\"]"

static void test_tls(void **state)
{
    (void)state;
    static const struct {
        const char *tls, *why;
    } cases[] = {
        {"[]", "tls: must be an object"},
        {"{\"min_version\":\"1.1\"}", "tls.min_version: must be 1.2 or 1.3"},
        {"{\"client_certificate\":\"x\"}", "tls.client_key: is needed"},
        {"{\"client_key\":{\"sealed\":\"x\"}}", "tls.client_certificate: is needed"},
        {"{\"client_key\":\"x\"}", "tls.client_key: must be an object"},
        {"{\"pinned_public_keys\":[7]}", "tls.pinned_public_keys[0]: must be a string"},
        {"{\"pinned_public_keys\":[\"sha256//MDEy\"]}", "tls.pinned_public_keys[0]: must be sha256//"},
        {"{\"pinned_public_keys\":[\"sha1//MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"]}",
         "tls.pinned_public_keys[0]: must be"},
        {"{\"pinned_public_keys\":[1,2,3,4,5,6,7,8,9]}", "tls.pinned_public_keys: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct webhook *wh = NULL;
        struct errmsg why = {""};
        char json[512];
        (void)snprintf(json, sizeof json, "{" SECURE ",\"tls\":%s}", cases[i].tls);
        assert_int_equal(webhook_parse(slice_str(json), &wh, &why), ERR_INVALID);
        if (strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s", json, why.text);
    }
    struct webhook *plain = NULL;
    struct errmsg why;
    assert_int_equal(webhook_parse(SLICE("{\"id\":\"w\",\"account_id\":\"a\",\"url\":\"http://x.example/\",\"events\":[\"*\"],"
                                         "\"tls\":{\"min_version\":\"1.3\"}}"),
                                   &plain, &why),
                     ERR_INVALID);
    assert_string_equal(why.text, "tls: is for https:// URLs");
    struct webhook *wh = parsed("{" SECURE ",\"tls\":{\"someday\":1}}");
    assert_true(webhook_tls_is_default(wh->tls));
    webhook_free(wh);
}

static void test_unknown_events_are_left_out(void **state)
{
    (void)state;
    struct webhook *wh = parsed("{\"id\":\"w\",\"account_id\":\"a\",\"url\":\"u\",\"events\":[\"file.signed\",\"dir.created\"]}");
    assert_false(wh->all_events);
    assert_int_equal(wh->events, 1U << EVENT_DIR_CREATED);
    webhook_free(wh);
}

static void test_bad_documents(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "not JSON"},
        {"nonsense", "not JSON"},
        {"[]", "not a JSON object"},
        {"{" LEAST "} x", "not JSON"},
        {"{" LEAST ",\"url\":\"b\"}", "not JSON: duplicate object key"},
        {"{" LEAST ",\"description\":\"\xff\"}", "not JSON"},
        {"{" LEAST ",\"description\":\"a\\u0000b\"}", "not JSON"},
        {"{\"account_id\":\"a\",\"url\":\"u\",\"events\":[\"*\"]}", "id: must be 1-64"},
        {"{\"id\":7,\"account_id\":\"a\",\"url\":\"u\",\"events\":[\"*\"]}", "id: must be a string"},
        {"{\"id\":\"a.b\",\"account_id\":\"a\",\"url\":\"u\",\"events\":[\"*\"]}", "id: must be 1-64"},
        {"{\"id\":\"w\",\"url\":\"u\",\"events\":[\"*\"]}", "account_id: must be 1-128"},
        {"{\"id\":\"w\",\"account_id\":\"a\",\"events\":[\"*\"]}", "url: must be 1-2048"},
        {"{\"id\":\"w\",\"account_id\":\"a\",\"url\":\"u\"}", "events: must name at least one"},
        {"{\"id\":\"w\",\"account_id\":\"a\",\"url\":\"u\",\"events\":[]}", "events: must name at least one"},
        {"{\"id\":\"w\",\"account_id\":\"a\",\"url\":\"u\",\"events\":\"*\"}", "events: must be an array"},
        {"{\"id\":\"w\",\"account_id\":\"a\",\"url\":\"u\",\"events\":[\"*\",7]}", "events[1]: must be a string"},
        {"{" LEAST ",\"path_patterns\":{}}", "path_patterns: must be an array"},
        {"{" LEAST ",\"path_patterns\":[\"/a\",null]}", "path_patterns[1]: must be a string"},
        {"{" LEAST ",\"path_patterns\":[\"/a\",\"/[\"]}", "path_patterns[1]: '[' without its ']'"},
        {"{" LEAST ",\"path_patterns\":[\"\"]}", "path_patterns[0]: empty pattern"},
        {"{" LEAST ",\"enabled\":1}", "enabled: must be true or false"},
        {"{" LEAST ",\"max_attempts\":0}", "max_attempts: must be a whole number from 1 to 20"},
        {"{" LEAST ",\"max_attempts\":21}", "max_attempts: must be a whole number from 1 to 20"},
        {"{" LEAST ",\"max_attempts\":3.0}", "max_attempts: must be a whole number"},
        {"{" LEAST ",\"max_attempts\":\"3\"}", "max_attempts: must be a whole number"},
        {"{" LEAST ",\"max_attempts\":4294967299}", "max_attempts: must be a whole number"},
        {"{" LEAST ",\"timeout_ms\":999}", "timeout_ms: must be a whole number from 1000 to 20000"},
        {"{" LEAST ",\"timeout_ms\":20001}", "timeout_ms: must be"},
        {"{" LEAST ",\"max_concurrency\":0}", "max_concurrency: must be"},
        {"{" LEAST ",\"max_concurrency\":1025}", "max_concurrency: must be"},
        {"{" LEAST ",\"rate_limit_per_second\":-1}", "rate_limit_per_second: must be"},
        {"{" LEAST ",\"rate_limit_per_second\":1000001}", "rate_limit_per_second: must be"},
        {"{" LEAST ",\"version\":-1}", "version: must be"},
        {"{" LEAST ",\"headers\":[]}", "headers: must be an object"},
        {"{" LEAST ",\"headers\":{\"X-A\":7}}", "headers: the value of X-A must be a string"},
        {"{" LEAST ",\"headers\":{\"X-A\":null}}", "headers: the value of X-A must be a string"},
        {"{" LEAST ",\"headers\":{\"X-A\":{}}}", "headers.X-A.sealed: missing"},
        {"{" LEAST ",\"headers\":{\"X-A\":{\"sealed\":7}}}", "headers.X-A.sealed: must be a string"},
        {"{" LEAST ",\"headers\":{\"X-A\":{\"sealed\":\"x\",\"sealed_version\":-1}}}", "headers.X-A.sealed_version: must be"},
        {"{" LEAST ",\"headers\":{\"Host\":{\"sealed\":\"x\"}}}", "headers: Host is not yours to set"},
        {"{" LEAST ",\"headers\":{\"Host\":\"x\"}}", "headers: Host is not yours to set"},
        {"{" LEAST ",\"signature\":\"none\"}", "signature: must be trueftp, standard or both"},
        {"{" LEAST ",\"signature\":7}", "signature: must be a string"},
        {"{" LEAST ",\"secrets\":{}}", "secrets: must be an array"},
        {"{" LEAST ",\"secrets\":[{},{},{}]}", "secrets: more than 2"},
        {"{" LEAST ",\"secrets\":[7]}", "secrets[0]: must be an object"},
        {"{" LEAST ",\"secrets\":[{}]}", "secrets[0].sealed: missing"},
        {"{" LEAST ",\"secrets\":[{\"sealed\":7}]}", "secrets[0].sealed: must be a string"},
        {"{" LEAST ",\"secrets\":[{\"sealed\":\"x\",\"expires_at\":\"soon\"}]}", "secrets[0].expires_at: must be an RFC 3339"},
        {"{" LEAST ",\"secrets\":[{\"sealed\":\"x\",\"expires_at\":\"2026-06-09T12:00:00Z\"}]}", "secrets[0].expires_at: only"},
        {"{" LEAST ",\"secrets\":[{\"sealed\":\"x\"},{\"sealed\":\"y\"}]}", "secrets[1].expires_at: only the previous"},
        {"{" LEAST ",\"secrets\":[{\"sealed\":\"x\"},{\"sealed\":\"y\",\"sealed_version\":\"1\"}]}",
         "secrets[1].sealed_version: must be"},
        {"{" LEAST ",\"created_at\":7}", "created_at: must be an RFC 3339"},
        {"{" LEAST ",\"updated_at\":\"\"}", "updated_at: must be an RFC 3339"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct webhook *wh = NULL;
        struct errmsg why = {""};
        enum err err = webhook_parse(slice_str(cases[i].json), &wh, &why);
        if (err != ERR_INVALID || strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s, \"%s\" instead of \"%s\"", cases[i].json, err_name(err), why.text, cases[i].why);
        assert_null(wh);
    }
}

static void set(char **field, const char *value)
{
    free(*field);
    *field = mem_strdup(value);
}

static struct webhook *valid(void)
{
    struct webhook *wh = webhook_new();
    set(&wh->id, "wh_1");
    set(&wh->account_id, "acc_1");
    set(&wh->url, "https://example.com/");
    wh->all_events = true;
    return wh;
}

static void test_header_rules(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        const char *why; /* NULL: allowed */
    } cases[] = {
        {"X-Api-Key", "secret", NULL},
        {"authorization", "Bearer a.b-c~d+/=", NULL},
        {"!#$%&'*+-.^_`|~9", "x", NULL},
        {"X-A", "\t ~", NULL},
        {"Contentious", "x", NULL},
        {"X-True", "x", NULL},
        {"webhook", "x", NULL},
        {"", "x", "the name must be an HTTP token"},
        {"X A", "x", "the name must be an HTTP token"},
        {"X:A", "x", "the name must be an HTTP token"},
        {"X-A\r\nHost", "x", "the name must be an HTTP token"},
        {"X-\xc3\xa9", "x", "the name must be an HTTP token"},
        {"X-A", "", "must be printable ASCII and not blank"},
        {"X-A", " \t", "must be printable ASCII and not blank"},
        {"X-A", "a\r\nX-Evil: 1", "must be printable ASCII"},
        {"X-A", "a\n", "must be printable ASCII"},
        {"X-A", "a\x7f", "must be printable ASCII"},
        {"X-A", "\xc3\xa9", "must be printable ASCII"},
        {"Host", "x", "Host is not yours to set"},
        {"hOST", "x", "not yours to set"},
        {"Content-Type", "x", "not yours to set"},
        {"content-length", "1", "not yours to set"},
        {"Transfer-Encoding", "chunked", "not yours to set"},
        {"TE", "x", "not yours to set"},
        {"Connection", "close", "not yours to set"},
        {"Keep-Alive", "x", "not yours to set"},
        {"Upgrade", "h2c", "not yours to set"},
        {"Expect", "100-continue", "not yours to set"},
        {"Trailer", "x", "not yours to set"},
        {"Proxy-Authorization", "x", "not yours to set"},
        {"X-TrueFTP-Signature", "x", "not yours to set"},
        {"x-trueftp-anything", "x", "not yours to set"},
        {"webhook-id", "x", "not yours to set"},
        {"Webhook-Signature", "x", "not yours to set"},
        {"User-Agent", "x", "not yours to set"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct webhook *wh = valid();
        struct errmsg why = {""};
        webhook_add_header(wh, slice_str(cases[i].name), slice_str(cases[i].value));
        enum err err = webhook_validate(wh, &why);
        if (err != (cases[i].why ? ERR_INVALID : ERR_OK) || (cases[i].why && !strstr(why.text, cases[i].why)))
            fail_msg("%s: %s: \"%s\"", cases[i].name, cases[i].value, why.text);
        assert_true(!cases[i].why || strncmp(why.text, "headers: ", 9) == 0);
        webhook_free(wh);
    }
}

static void test_header_bounds(void **state)
{
    (void)state;
    struct webhook *wh = valid();
    struct errmsg why;
    char name[16], value[4097];

    memset(value, 'v', sizeof value);
    value[4096 - 3] = '\0';
    webhook_add_header(wh, slice_str("X-A"), slice_str(value));
    assert_int_equal(webhook_validate(wh, &why), ERR_OK);
    webhook_add_header(wh, slice_str("X"), slice_str("y"));
    assert_int_equal(webhook_validate(wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "headers: longer than 4096 bytes together");
    webhook_free(wh);

    wh = valid();
    for (int i = 0; i < WEBHOOK_MAX_HEADERS; i++) {
        snprintf(name, sizeof name, "X-%d", i);
        webhook_add_header(wh, slice_str(name), slice_str("v"));
    }
    assert_int_equal(webhook_validate(wh, &why), ERR_OK);
    set(&wh->headers[1].name, "x-19");
    assert_int_equal(webhook_validate(wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "headers: X-19 stands twice");
    webhook_free(wh);
}

/* 21 headers and 51 patterns do not even come into the struct. */
static void test_counts(void **state)
{
    (void)state;
    struct webhook *wh = NULL;
    struct errmsg why;
    json_t *o = json_loads("{" LEAST ",\"headers\":{},\"path_patterns\":[]}", 0, NULL);
    char name[16];
    for (int i = 0; i <= WEBHOOK_MAX_HEADERS; i++) {
        snprintf(name, sizeof name, "X-%d", i);
        json_object_set_new(json_object_get(o, "headers"), name, json_string("v"));
    }
    char *text = json_dumps(o, 0);
    assert_int_equal(webhook_parse(slice_str(text), &wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "headers: more than 20");
    free(text);
    json_object_clear(json_object_get(o, "headers"));
    for (int i = 0; i <= WEBHOOK_MAX_PATTERNS; i++)
        json_array_append_new(json_object_get(o, "path_patterns"), json_string("/a"));
    text = json_dumps(o, 0);
    assert_int_equal(webhook_parse(slice_str(text), &wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "path_patterns: more than 50");
    free(text);
    json_decref(o);
}

static void test_other_rules(void **state)
{
    (void)state;
    struct webhook *wh = valid();
    struct errmsg why;
    char text[2050];
    memset(text, 'a', sizeof text);

    text[2048] = '\0';
    set(&wh->url, text);
    assert_int_equal(webhook_validate(wh, &why), ERR_OK);
    text[1024] = '\0';
    set(&wh->description, text);
    text[64] = '\0';
    set(&wh->id, text);
    assert_int_equal(webhook_validate(wh, &why), ERR_OK);

    text[64] = 'a';
    text[65] = '\0';
    set(&wh->id, text);
    assert_int_equal(webhook_validate(wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "id: must be 1-64 of [A-Za-z0-9_-]");
    set(&wh->id, "w");

    memset(text, 'a', sizeof text);
    text[2049] = '\0';
    set(&wh->url, text);
    assert_int_equal(webhook_validate(wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "url: must be 1-2048 bytes");
    set(&wh->url, "u");

    text[1025] = '\0';
    set(&wh->description, text);
    assert_int_equal(webhook_validate(wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "description: longer than 1024 bytes");
    set(&wh->description, "");

    wh->patterns = mem_zalloc(sizeof *wh->patterns);
    wh->patterns[0] = slice_of(mem_dup("/\xe9", 2), 2);
    wh->pattern_count = 1;
    assert_int_equal(webhook_validate(wh, &why), ERR_INVALID);
    assert_string_equal(why.text, "path_patterns[0]: not UTF-8");
    webhook_free(wh);
}

static void test_wanting(void **state)
{
    (void)state;
    static const struct {
        const char *events, *patterns;
        enum event_type type;
        const char *path;
        bool wanted;
    } cases[] = {
        {"\"*\"", "", EVENT_FILE_UPLOADED, "/a", true},
        {"\"*\"", "", EVENT_FTP_USER_CREATED, "", true},
        {"\"*\"", "", EVENT_FILE_RENAMED, "/a", false},
        {"\"*\"", "", EVENT_FILE_MISSING, "/a", false},
        {"\"*\"", "", EVENT_WEBHOOK_DISABLED, "", false},
        {"\"*\",\"file.renamed\"", "", EVENT_FILE_RENAMED, "/a", true},
        {"\"webhook.disabled\"", "", EVENT_WEBHOOK_DISABLED, "", true},
        {"\"file.uploaded\"", "", EVENT_FILE_UPLOADED, "/a", true},
        {"\"file.uploaded\"", "", EVENT_FILE_DELETED, "/a", false},
        {"\"*\"", "\"/in/**\",\"!*.tmp\"", EVENT_FILE_UPLOADED, "/in/x/a.csv", true},
        {"\"*\"", "\"/in/**\",\"!*.tmp\"", EVENT_FILE_UPLOADED, "/in/x/a.tmp", false},
        {"\"*\"", "\"/in/**\",\"!*.tmp\"", EVENT_FILE_UPLOADED, "/out/a.csv", false},
        {"\"file.deleted\"", "\"/in/**\"", EVENT_FILE_UPLOADED, "/in/a", false},
        {"\"*\"", "\"/in/r?sum?.pdf\"", EVENT_FILE_UPLOADED, "/in/r\xe9sum\xe9.pdf", true},
        {"\"*\"", "\"/in/**\"", EVENT_FTP_USER_CREATED, "", true}, /* no path to hold a pattern against */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[512];
        snprintf(json, sizeof json, "{\"id\":\"w\",\"account_id\":\"a\",\"url\":\"u\",\"events\":[%s],\"path_patterns\":[%s]}",
                 cases[i].events, cases[i].patterns);
        struct webhook *wh = parsed(json);
        if (webhook_wants(wh, cases[i].type, slice_str(cases[i].path)) != cases[i].wanted)
            fail_msg("%s, %s %s", json, event_type_name(cases[i].type), cases[i].path);
        webhook_free(wh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_unknown_events_are_left_out),
        cmocka_unit_test(test_bad_documents),
        cmocka_unit_test(test_header_rules),
        cmocka_unit_test(test_header_bounds),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_other_rules),
        cmocka_unit_test(test_wanting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
