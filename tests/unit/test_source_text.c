/* Pieces of logs: paths made clean, times, ends of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/source/text.h"

static void clean_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *clean;
    } cases[] = {
        {"/", "/"},           {"/a", "/a"},       {"/a/b.c", "/a/b.c"}, {"/a/", "/a"},        {"//", "/"},
        {"//a", "/a"},        {"/a//b", "/a/b"},  {"/./a", "/a"},       {"/a/.", "/a"},       {"/.", "/"},
        {"/..", "/"},         {"/../a", "/a"},    {"/a/..", "/"},       {"/a/../b", "/b"},    {"/a/b/../../c/", "/c"},
        {"/a/../../b", "/b"}, {"/.a", "/.a"},     {"/..a", "/..a"},     {"/a/...", "/a/..."}, {"/a/.b/..c", "/a/.b/..c"},
        {"/a /b", "/a /b"},   {"/a/b//..", "/a"}, {"/a/./", "/a"},
    };
    struct buf scratch;
    buf_init(&scratch, 4096);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice clean = text_clean_path(&scratch, slice_str(cases[i].path));
        if (!slice_eq(slice_str(cases[i].clean), clean))
            fail_msg("%s: %.*s", cases[i].path, (int)clean.len, clean.p);
        struct slice again = text_clean_path(&scratch, slice_str(cases[i].clean));
        assert_ptr_equal(cases[i].clean, again.p);
    }
    buf_done(&scratch);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *year, *month, *day, *hms, *zone;
        int64_t wall_ms; /* -1: there is no such time */
    } cases[] = {
        {"2026", "Nov", "23", "20:40:24", NULL, 1795466424000},
        {"2026", "Nov", "23", "20:40:24", "-0000", 1795466424000},
        {"2026", "Nov", "24", "02:10:24", "+0530", 1795466424000},
        {"2026", "Nov", "23", "17:10:24", "-0330", 1795466424000},
        {"2024", "Feb", "29", "00:00:00", NULL, 1709164800000},
        {"2023", "Feb", "29", "00:00:00", NULL, -1},
        {"2026", "Nov", " 1", "00:00:00", NULL, 1793491200000},
        {"2026", "nov", "23", "20:40:24", NULL, -1},
        {"2026", "Nov", "23", "24:40:24", NULL, -1},
        {"2026", "Nov", "23", "20-40-24", NULL, -1},
        {"20x6", "Nov", "23", "20:40:24", NULL, -1},
        {"2026", "Nov", "23", "20:40:24", "00000", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t wall_ms = -1;
        bool ok = text_time(cases[i].year, cases[i].month, cases[i].day, cases[i].hms, cases[i].zone, &wall_ms);
        if (ok != (cases[i].wall_ms >= 0) || (ok && wall_ms != cases[i].wall_ms))
            fail_msg("case %zu: %d, %lld", i, ok, (long long)wall_ms);
    }
}

static void takes(void **state)
{
    (void)state;
    int64_t number;
    struct slice part, s = SLICE("ab:cd 42");
    assert_false(text_take(&s, SLICE("b")));
    assert_true(text_take(&s, SLICE("a")) && slice_eq(s, SLICE("b:cd 42")));
    assert_true(text_take_until(&s, ':', &part) && slice_eq(part, SLICE("b")) && slice_eq(s, SLICE("cd 42")));
    assert_false(text_take_until(&s, ':', &part));
    assert_true(text_take_end_number(&s, &number) && number == 42 && slice_eq(s, SLICE("cd ")));
    assert_false(text_take_end_number(&s, &number));
    assert_false(text_take_end(&s, SLICE("d")));
    assert_true(text_take_end(&s, SLICE("d ")) && slice_eq(s, SLICE("c")));
    assert_false(text_take(&s, SLICE("cc")) || text_take_end(&s, SLICE("cc")));
    assert_false(text_number(SLICE(""), &number) || text_number(SLICE("1234567890123456789"), &number) ||
                 text_number(SLICE("-1"), &number));
    assert_true(text_number(SLICE("123456789012345678"), &number) && number == 123456789012345678);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_paths),
        cmocka_unit_test(times),
        cmocka_unit_test(takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
