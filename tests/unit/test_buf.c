#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/buf.h"

static bool realloc_fails;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
    return realloc_fails ? NULL : __real_realloc(p, size);
}

static void empty_buffer_is_empty_string(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_string_equal(buf_cstr(&b), "");
    buf_put(&b, NULL, 0);
    buf_puts(&b, "");
    assert_null(b.p);
    buf_grew(&b, 0);
    assert_int_equal(buf_slice(&b).len, 0);
    buf_done(&b);
}

static void appends_of_every_kind(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_put(&b, "ab\0c", 4);
    buf_putc(&b, 'd');
    buf_puts(&b, "ef");
    buf_put_slice(&b, SLICE("gh"));
    buf_printf(&b, "[%d|%s]", 42, "x");
    assert_int_equal(b.err, ERR_OK);
    assert_int_equal(b.len, 15);
    assert_memory_equal(b.p, "ab\0cdefgh[42|x]", 16);
    buf_done(&b);
    assert_int_equal(b.cap, 0);
    buf_puts(&b, "again");
    assert_string_equal(buf_cstr(&b), "again");
    buf_done(&b);
}

static void decimal_numbers(void **state)
{
    (void)state;
    static const struct {
        long long value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {10, "10"},
        {1234567890, "1234567890"},
        {LLONG_MAX, "9223372036854775807"},
        {LLONG_MIN, "-9223372036854775808"},
    };
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&b);
        buf_put_i64(&b, cases[i].value);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
    buf_done(&b);
}

static void a_large_buffer_is_given_back(void **state)
{
    (void)state;
    char text[200] = "";
    struct buf b;
    buf_init(&b, 200);
    buf_put(&b, text, 100);
    size_t cap = b.cap;
    buf_reset_to(&b, cap);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, cap);
    buf_put(&b, text, 200);
    buf_putc(&b, 'x');
    assert_int_equal(b.err, ERR_TOO_BIG);
    buf_reset_to(&b, cap);
    assert_int_equal(b.cap, 0);
    assert_int_equal(b.err, ERR_OK);
    buf_put(&b, text, 200);
    assert_int_equal(b.len, 200);
    buf_done(&b);
}

static void limit_is_exact_and_error_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    buf_puts(&b, "12345");
    assert_int_equal(b.err, ERR_OK);
    assert_int_equal(b.cap, 6);
    buf_putc(&b, '6');
    assert_int_equal(b.err, ERR_TOO_BIG);
    buf_truncate(&b, 0);
    buf_putc(&b, 'x');
    assert_int_equal(b.err, ERR_TOO_BIG);
    assert_int_equal(b.len, 0);
    assert_null(buf_reserve(&b, 1));
    buf_reset(&b);
    buf_puts(&b, "again");
    assert_int_equal(b.err, ERR_OK);
    assert_string_equal(buf_cstr(&b), "again");
    buf_done(&b);
}

static void printf_beyond_the_limit_leaves_the_bytes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    buf_puts(&b, "abc");
    buf_printf(&b, "%s", "123456");
    assert_int_equal(b.err, ERR_TOO_BIG);
    assert_string_equal(buf_cstr(&b), "abc");
    buf_printf(&b, "%d", 1);
    assert_string_equal(buf_cstr(&b), "abc");
    buf_done(&b);
}

static void printf_of_every_length_around_a_growth(void **state)
{
    (void)state;
    for (int len = 0; len < 200; len++) {
        struct buf b;
        buf_init(&b, 1000);
        buf_printf(&b, "%*s", len, "");
        buf_printf(&b, "%s", "end");
        assert_int_equal(b.err, ERR_OK);
        assert_int_equal(b.len, len + 3);
        assert_string_equal(b.p + len, "end");
        buf_done(&b);
    }
}

static void lengths_that_overflow_are_too_big(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_putc(&b, 'a');
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(b.err, ERR_TOO_BIG);
    buf_reset(&b);
    realloc_fails = true; /* the greatest length there is: only memory can lack */
    assert_null(buf_reserve(&b, SIZE_MAX - 1));
    realloc_fails = false;
    assert_int_equal(b.err, ERR_NO_MEMORY);
    buf_done(&b);
}

static void no_memory_keeps_what_is_there(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10000);
    buf_puts(&b, "kept");
    realloc_fails = true;
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "0123456789");
    realloc_fails = false;
    assert_int_equal(b.err, ERR_NO_MEMORY);
    assert_memory_equal(b.p, "kept0123456789", 14);
    assert_int_equal(b.p[b.len], '\0');
    buf_puts(&b, "not before a reset");
    assert_int_equal(b.err, ERR_NO_MEMORY);
    buf_reset(&b);
    buf_puts(&b, "now");
    assert_string_equal(buf_cstr(&b), "now");
    buf_done(&b);
}

static void reserve_and_grew(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    char *p = buf_reserve(&b, 100);
    assert_non_null(p);
    assert_string_equal(buf_cstr(&b), "");
    memset(p, 'x', 100);
    buf_grew(&b, 60);
    assert_int_equal(b.len, 60);
    assert_int_equal(strlen(b.p), 60);
    assert_non_null(buf_reserve(&b, 240));
    assert_null(buf_reserve(&b, 241));
    buf_done(&b);
}

static void drop_moves_the_rest_down(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_drop(&b, 0);
    buf_puts(&b, "headtail");
    buf_drop(&b, 4);
    assert_string_equal(buf_cstr(&b), "tail");
    buf_truncate(&b, 2);
    assert_string_equal(buf_cstr(&b), "ta");
    buf_drop(&b, 2);
    assert_string_equal(buf_cstr(&b), "");
    buf_done(&b);
}

static void slices_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(slice_eq(SLICE("a\0b"), slice_of("a\0b", 3)));
    assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_eq(SLICE("a"), SLICE("ab")));
    assert_true(slice_eq(SLICE(""), slice_str(NULL)));
    assert_true(slice_eq(slice_str("abc"), SLICE("abc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_is_empty_string),
        cmocka_unit_test(appends_of_every_kind),
        cmocka_unit_test(decimal_numbers),
        cmocka_unit_test(a_large_buffer_is_given_back),
        cmocka_unit_test(limit_is_exact_and_error_sticks),
        cmocka_unit_test(printf_beyond_the_limit_leaves_the_bytes),
        cmocka_unit_test(printf_of_every_length_around_a_growth),
        cmocka_unit_test(lengths_that_overflow_are_too_big),
        cmocka_unit_test(no_memory_keeps_what_is_there),
        cmocka_unit_test(reserve_and_grew),
        cmocka_unit_test(drop_moves_the_rest_down),
        cmocka_unit_test(slices_compare_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
