/* Accounts: their JSON, and what missing members mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "model/account.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char full[] =
    "{\"id\":\"acc_1\",\"name\":\"Acme \\\"EU\\\"\",\"plan\":\"business\",\"pool\":\"acme\","
    "\"limits\":{\"webhooks\":5,\"events_per_second\":200},"
    "\"keys\":[{\"id\":\"k1\",\"sha256\":\"" SHA "\",\"scopes\":\"read write\",\"description\":\"ci\","
    "\"created_at\":\"2026-06-08T12:00:00.000Z\",\"expires_at\":null},"
    "{\"id\":\"k2\",\"sha256\":\"" SHA "\",\"scopes\":\"read\",\"description\":\"\",\"created_at\":null,"
    "\"expires_at\":\"2027-06-08T12:00:00.000Z\"}],"
    "\"version\":3,\"created_at\":\"2026-06-08T12:00:00.000Z\",\"updated_at\":\"2026-06-08T12:00:00.001Z\"}";

static struct account *parsed(const char *json)
{
    struct account *a = NULL;
    struct errmsg why = {""};
    if (account_parse(slice_str(json), &a, &why) != ERR_OK)
        fail_msg("%s: %s", json, why.text);
    return a;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct account *a = parsed(full);
    struct buf b;
    buf_init(&b, 65536);
    account_write(&b, a);
    assert_int_equal(b.err, ERR_OK);
    assert_string_equal(buf_cstr(&b), full);
    assert_string_equal(a->name, "Acme \"EU\"");
    assert_string_equal(a->pool, "acme");
    assert_int_equal(a->max_webhooks, 5);
    assert_int_equal(a->events_per_second, 200);
    assert_int_equal(a->key_count, 2);
    assert_string_equal(a->keys[0].scopes, "read write");
    assert_int_equal(a->keys[0].expires_wall_ms, 0);
    assert_string_equal(a->keys[1].id, "k2");
    assert_int_equal(a->version, 3);
    assert_int_equal(a->updated_wall_ms, 1780920000001);
    account_free(a);
    buf_done(&b);
}

static void test_defaults(void **state)
{
    (void)state;
    struct account *a = parsed("{\"id\":\"acc_1\",\"someday\":{}}");
    assert_string_equal(a->plan, "free");
    assert_string_equal(a->name, "");
    assert_string_equal(a->pool, "");
    assert_int_equal(a->max_webhooks, 100);
    assert_int_equal(a->events_per_second, 0);
    assert_int_equal(a->key_count, 0);
    account_free(a);
    account_free(NULL);
}

static void test_plans(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool paid;
    } cases[] = {
        {"{\"id\":\"a\"}", false},
        {"{\"id\":\"a\",\"plan\":null}", false},
        {"{\"id\":\"a\",\"plan\":\"free\"}", false},
        {"{\"id\":\"a\",\"plan\":\"starter\"}", true},
        {"{\"id\":\"a\",\"plan\":\"freedom\"}", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct account *a = parsed(cases[i].json);
        assert_int_equal(account_is_paid(a), cases[i].paid);
        account_free(a);
    }
}

static void test_bad_documents(void **state)
{
    (void)state;
#define KEY(members) "{\"id\":\"a\",\"keys\":[{\"id\":\"k\",\"sha256\":\"" SHA "\"}," members "]}"
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"7", "not JSON"},
        {"[]", "not a JSON object"},
        {"{\"id\":\"a\",\"id\":\"b\"}", "not JSON: duplicate object key"},
        {"{}", "id: must be 1-128"},
        {"{\"id\":7}", "id: must be a string"},
        {"{\"id\":\"a b\"}", "id: must be 1-128"},
        {"{\"id\":\"a\",\"name\":[]}", "name: must be a string"},
        {"{\"id\":\"a\",\"plan\":true}", "plan: must be a string"},
        {"{\"id\":\"a\",\"plan\":\"\"}", "plan: must not be empty"},
        {"{\"id\":\"a\",\"pool\":7}", "pool: must be a string"},
        {"{\"id\":\"a\",\"pool\":\"dlq\"}", "pool: must be 1-32 of [a-z0-9-], and not \"dlq\""},
        {"{\"id\":\"a\",\"pool\":\"Acme\"}", "pool: must be 1-32"},
        {"{\"id\":\"a\",\"limits\":[]}", "limits: must be an object"},
        {"{\"id\":\"a\",\"limits\":{\"webhooks\":-1}}", "limits.webhooks: must be a whole number from 0"},
        {"{\"id\":\"a\",\"limits\":{\"webhooks\":\"5\"}}", "limits.webhooks: must be a whole number"},
        {"{\"id\":\"a\",\"limits\":{\"events_per_second\":1.5}}", "limits.events_per_second: must be a whole number"},
        {"{\"id\":\"a\",\"keys\":{}}", "keys: must be an array"},
        {KEY("7"), "keys[1]: must be an object"},
        {KEY("{}"), "keys[1].id: missing"},
        {KEY("{\"id\":7}"), "keys[1].id: must be a string"},
        {KEY("{\"id\":\"l\"}"), "keys[1].sha256: must be 64 lower-case"},
        {KEY("{\"id\":\"l\",\"sha256\":\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"}"),
         "keys[1].sha256: must be 64"},
        {KEY("{\"id\":\"l\",\"scopes\":[]}"), "keys[1].scopes: must be a string"},
        {KEY("{\"id\":\"l\",\"description\":7}"), "keys[1].description: must be a string"},
        {KEY("{\"id\":\"l\",\"created_at\":\"then\"}"), "keys[1].created_at: must be an RFC 3339"},
        {KEY("{\"id\":\"l\",\"expires_at\":0}"), "keys[1].expires_at: must be an RFC 3339"},
        {"{\"id\":\"a\",\"version\":\"1\"}", "version: must be a whole number"},
        {"{\"id\":\"a\",\"created_at\":1}", "created_at: must be an RFC 3339"},
        {"{\"id\":\"a\",\"updated_at\":\"2026\"}", "updated_at: must be an RFC 3339"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct account *a = NULL;
        struct errmsg why = {""};
        enum err err = account_parse(slice_str(cases[i].json), &a, &why);
        if (err != ERR_INVALID || strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s, \"%s\" instead of \"%s\"", cases[i].json, err_name(err), why.text, cases[i].why);
        assert_null(a);
    }
}

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        bool valid;
    } cases[] = {
        {"a", true},    {"acc_8812", true}, {"Acme.EU-1", true}, {"0", true},  {"", false},
        {"a/b", false}, {"a b", false},     {"a\n", false},      {"é", false}, {"a|b", false},
    };
    char text[129];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(account_id_valid(slice_str(cases[i].id)), cases[i].valid);
    memset(text, 'a', sizeof text);
    assert_true(account_id_valid(slice_of(text, 128)));
    assert_false(account_id_valid(slice_of(text, 129)));
    assert_false(account_id_valid(slice_of("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_defaults), cmocka_unit_test(test_plans),
        cmocka_unit_test(test_bad_documents), cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
