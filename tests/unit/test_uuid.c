/* UUIDs: vectors of RFC 9562, text in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/uuid.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAMESPACE_DNS "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define NAMESPACE_URL "6ba7b811-9dad-11d1-80b4-00c04fd430c8"

static struct uuid parsed(const char *text)
{
    struct uuid id;
    assert_int_equal(uuid_parse(slice_str(text), &id), ERR_OK);
    return id;
}

static void assert_text(const struct uuid *id, const char *expected)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    assert_string_equal(text, expected);
}

/* The first is RFC 9562, A.4; the others are SHA-1(namespace name) with version and variant set. */
static void test_v5(void **state)
{
    (void)state;
    static const struct {
        const char *namespace_id, *name, *expected;
    } cases[] = {
        {NAMESPACE_DNS, "www.example.com", "2ed6657d-e927-568b-95e1-2665a8aea6a2"},
        {NAMESPACE_DNS, "", "4ebd0208-8328-5d69-8c44-ec50939c0967"},
        {"0192f7a0-1111-7abc-8def-0123456789ab", "wh_0123456789abcdef0123456789abcdef", "ba471f36-cff6-5bd6-b82b-89e08fc8020e"},
        {"0192f7a0-1111-7abc-8def-0123456789ab", "wh_0123456789abcdef0123456789abcdef/1", "b565a46d-ce2e-59eb-9a6d-96122072de13"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct uuid namespace_id = parsed(cases[i].namespace_id);
        struct uuid id = uuid_v5(&namespace_id, slice_str(cases[i].name));
        assert_text(&id, cases[i].expected);
    }
}

/* A name of a thousand x, longer than what is hashed from the stack. */
static void test_v5_of_a_long_name(void **state)
{
    (void)state;
    char name[1000];
    memset(name, 'x', sizeof name);
    struct uuid namespace_id = parsed(NAMESPACE_URL);
    struct uuid id = uuid_v5(&namespace_id, slice_of(name, sizeof name));
    assert_text(&id, "68491f23-75a7-557d-943b-00881c13ae1e");
}

static void assert_version(const struct uuid *id, int version)
{
    assert_int_equal(id->bytes[6] >> 4, version);
    assert_int_equal(id->bytes[8] >> 6, 2);
}

static void test_v4(void **state)
{
    (void)state;
    struct uuid a = uuid_v4(), b = uuid_v4();
    assert_version(&a, 4);
    assert_version(&b, 4);
    assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
}

/* RFC 9562, A.6: 2022-02-22T19:22:22Z. */
static void test_v7(void **state)
{
    (void)state;
    static const uint8_t time[] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0};
    struct uuid id = uuid_v7(1645557742000);
    struct uuid later = uuid_v7(1645557742001);
    struct uuid before_1970 = uuid_v7(-1);
    assert_version(&id, 7);
    assert_memory_equal(id.bytes, time, sizeof time);
    assert_true(memcmp(id.bytes, later.bytes, sizeof id.bytes) < 0);
    assert_memory_equal(before_1970.bytes, "\0\0\0\0\0\0", 6);
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"},
        {"ffffffff-ffff-ffff-ffff-ffffffffffff", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
        {"017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"},
        {"01234567-89ab-cdef-ABCD-ef0123456789", "01234567-89ab-cdef-abcd-ef0123456789"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct uuid id = parsed(cases[i].text);
        assert_text(&id, cases[i].canonical);
    }
}

static void test_bad_text(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "017f22e2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c40dc0c0c07398f",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c0739}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398 ",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739@f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739\xc3\xa9",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct uuid id = {{7}};
        assert_int_equal(uuid_parse(slice_str(cases[i]), &id), ERR_INVALID);
        assert_int_equal(id.bytes[0], 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v5),   cmocka_unit_test(test_v5_of_a_long_name),
        cmocka_unit_test(test_v4),   cmocka_unit_test(test_v7),
        cmocka_unit_test(test_text), cmocka_unit_test(test_bad_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
