/* Base64: vectors of RFC 4648, and strictness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "model/base64.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *bytes;
    size_t len;
    const char *text;
} vectors[] = {
    /* RFC 4648, section 10 */
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    /* every digit of the alphabet's end, and bytes above 0x7f */
    {"\0\0\0", 3, "AAAA"},
    {"\xff\xff\xff", 3, "////"},
    {"\xfb\xef\xbe", 3, "++++"},
    {"/in/r\xe9sum\xe9.pdf", 14, "L2luL3Lpc3Vt6S5wZGY="},
};

static void test_vectors(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < COUNT(vectors); i++) {
        buf_reset(&b);
        base64_put(&b, slice_of(vectors[i].bytes, vectors[i].len));
        assert_string_equal(buf_cstr(&b), vectors[i].text);
        buf_reset(&b);
        buf_puts(&b, "kept:");
        assert_int_equal(base64_decode(&b, slice_str(vectors[i].text)), ERR_OK);
        assert_int_equal(b.len, 5 + vectors[i].len);
        assert_memory_equal(b.p, "kept:", 5);
        assert_memory_equal(b.p + 5, vectors[i].bytes, vectors[i].len);
    }
    buf_done(&b);
}

static void test_round_trip_of_every_byte(void **state)
{
    (void)state;
    struct buf text, bytes;
    char all[256];
    buf_init(&text, 1000);
    buf_init(&bytes, 1000);
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)i;
    for (size_t len = 0; len <= sizeof all; len++) {
        buf_reset(&text);
        buf_reset(&bytes);
        base64_put(&text, slice_of(all, len));
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_int_equal(base64_decode(&bytes, buf_slice(&text)), ERR_OK);
        assert_true(slice_eq(buf_slice(&bytes), slice_of(all, len)));
    }
    buf_done(&text);
    buf_done(&bytes);
}

static void test_bad_text(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "Z",    "Zg",       "Zg=",  "Zm8",  "Zg==\n",    " Zg==", "Zg= =", "====",       "Z===",      "=Zg=", "Zg==Zg==",
        "Zm=v", "Zm9v====", "Zm9-", "Zm9_", "Zm9v Zm9v", "Zh==",  "Zm9=",  "Zm\xc3\xa9", "Zm9v\tZg=", "Z*==",
    };
    struct buf b;
    buf_init(&b, 100);
    buf_puts(&b, "kept");
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(base64_decode(&b, slice_str(cases[i])), ERR_INVALID);
        assert_string_equal(buf_cstr(&b), "kept");
    }
    assert_int_equal(base64_decode(&b, slice_of("Zm\0v", 4)), ERR_INVALID);
    buf_done(&b);
}

static void test_the_buffer_s_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    base64_put(&b, SLICE("four"));
    assert_int_equal(b.err, ERR_TOO_BIG);
    buf_reset(&b);
    assert_int_equal(base64_decode(&b, SLICE("Zm9vYmE=")), ERR_TOO_BIG);
    buf_reset(&b);
    assert_int_equal(base64_decode(&b, SLICE("Zm9vYg==")), ERR_OK);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_round_trip_of_every_byte),
        cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_the_buffer_s_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
