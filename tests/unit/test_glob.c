/* Path patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/glob.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Copied to blocks of exactly their size, so that a read beyond one is seen. */
static bool match(const char *pattern, const char *path)
{
    size_t pattern_len = strlen(pattern), path_len = strlen(path);
    char *a = malloc(pattern_len + 1), *b = malloc(path_len + 1);
    assert_non_null(a);
    assert_non_null(b);
    memcpy(a + 1, pattern, pattern_len);
    memcpy(b + 1, path, path_len);
    bool matched = glob_match(slice_of(a + 1, pattern_len), slice_of(b + 1, path_len));
    free(a);
    free(b);
    return matched;
}

static void test_matching(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool expected;
    } cases[] = {
        /* plain */
        {"/in/order.csv", "/in/order.csv", true},
        {"/in/order.csv", "/in/order.csv2", false},
        {"/in/order.csv", "/in/order.cs", false},
        {"/in", "/in/order.csv", false},
        {"/", "/", true},
        {"/", "/a", false},
        /* one star stays within a folder */
        {"/in/*", "/in/order.csv", true},
        {"/in/*", "/in/", true},
        {"/in/*", "/in", false},
        {"/in/*", "/in/2026/order.csv", false},
        {"/in/*.csv", "/in/order.csv", true},
        {"/in/*.csv", "/in/.csv", true},
        {"/in/*.csv", "/in/order.csv.part", false},
        {"/*/*/c", "/a/b/c", true},
        {"/*/*/c", "/a/c", false},
        {"/in/*a*b*", "/in/xaxbx", true},
        {"/in/*a*b*", "/in/xbxax", false},
        {"/in/*a*b*", "/in/xa/b", false},
        /* two cross them */
        {"/in/**", "/in/2026/03/order.csv", true},
        {"/in/**", "/in/", true},
        {"/in/**", "/in", false},
        {"/in/**/x", "/in/a/b/x", true},
        {"/in/**/x", "/in/x", false},
        {"/**.csv", "/a/b.csv", true},
        {"/in**.csv", "/inbox/a/b.csv", true},
        {"/**/a*/**", "/x/y/abc/d/e", true},
        {"/**/a*/**", "/x/y/bc/d/e", false},
        {"/a/***b", "/a/x/yb", true},
        /* a byte */
        {"/in/?.csv", "/in/1.csv", true},
        {"/in/?.csv", "/in/12.csv", false},
        {"/in/?.csv", "/in/.csv", false},
        {"/in?x", "/in/x", false},
        {"/\xc3?", "/\xc3\xa9", true},
        {"/?", "/\xc3\xa9", false},
        {"/??", "/\xc3\xa9", true},
        /* sets */
        {"/[abc]", "/b", true},
        {"/[abc]", "/d", false},
        {"/[a-c]x", "/bx", true},
        {"/[a-cx-z]", "/y", true},
        {"/[a-cx-z]", "/m", false},
        {"/[!a-c]", "/d", true},
        {"/[!a-c]", "/b", false},
        {"/a[!x]b", "/a/b", false},
        {"/a[/]b", "/a/b", false},
        {"/[]a]", "/]", true},
        {"/[]a]", "/a", true},
        {"/[!]a]", "/]", false},
        {"/[!]a]", "/b", true},
        {"/[a-]", "/-", true},
        {"/[-a]", "/-", true},
        {"/[a!]", "/!", true},
        {"/[\\]]", "/]", true},
        {"/[a\\-c]", "/-", true},
        {"/[a\\-c]", "/b", false},
        {"/[z-a]", "/m", false},
        {"/[\x80-\xff]", "/\xe9", true},
        {"/[*?]", "/*", true},
        {"/[*?]", "/x", false},
        {"/*[0-9].csv", "/orders12.csv", true},
        /* escapes */
        {"/\\*", "/*", true},
        {"/\\*", "/x", false},
        {"/\\?\\[\\\\", "/?[\\", true},
        {"/\\a", "/a", true},
        /* without a slash in front: any suffix that starts after one */
        {"*.csv", "/in/order.csv", true},
        {"*.csv", "/order.csv", true},
        {"*.csv", "/in/order.csv/x", false},
        {"order.csv", "/in/order.csv", true},
        {"rder.csv", "/in/order.csv", false},
        {"in/*", "/x/in/order.csv", true},
        {"in/*", "/in/order.csv", true},
        {"in/*", "/xin/order.csv", false},
        {"**", "/anything/at/all", true},
        {"*", "/a/b", true},
        {"*", "/", true},
        {"*", "a", false},
        {"a", "", false},
        {"?", "/x/", false},
        /* what glob_check refuses matches as written, and never reads beyond its end */
        {"", "/", false},
        {"/[abc", "/[abc", true},
        {"/[abc", "/a", false},
        {"/a\\", "/a\\", true},
        {"/[a-", "/a", false},
        {"/[\\", "/a", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (match(cases[i].pattern, cases[i].path) != cases[i].expected)
            fail_msg("%s %s %s", cases[i].pattern, cases[i].expected ? "misses" : "matches", cases[i].path);
}

static void test_checking(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *problem; /* NULL: none */
    } cases[] = {
        {"/in/*.csv", NULL},
        {"*", NULL},
        {"!*.tmp", NULL},
        {"\\!x", NULL},
        {"/[]]", NULL},
        {"/[!]]", NULL},
        {"/[a\\]b]", NULL},
        {"/\\[", NULL},
        {"/a]b", NULL},
        {"", "empty pattern"},
        {"!", "empty pattern"},
        {"/[abc", "'[' without its ']'"},
        {"/[", "'[' without its ']'"},
        {"/[]", "'[' without its ']'"},
        {"/[!]", "'[' without its ']'"},
        {"/[a\\]", "'[' without its ']'"},
        {"/[a-", "'[' without its ']'"},
        {"/[\\", "'[' without its ']'"},
        {"![a", "'[' without its ']'"},
        {"/a\\", "a '\\' at the end"},
        {"\\", "a '\\' at the end"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct errmsg why = {""};
        enum err err = glob_check(slice_str(cases[i].pattern), &why);
        assert_int_equal(err, cases[i].problem ? ERR_INVALID : ERR_OK);
        assert_string_equal(why.text, cases[i].problem ? cases[i].problem : "");
    }
}

static void test_length(void **state)
{
    (void)state;
    char pattern[1025];
    struct errmsg why;
    memset(pattern, 'a', sizeof pattern);
    pattern[0] = '/';
    assert_int_equal(glob_check(slice_of(pattern, 1024), NULL), ERR_OK);
    assert_true(glob_match(slice_of(pattern, 1024), slice_of(pattern, 1024)));
    pattern[1] = '*';
    assert_true(glob_match(slice_of(pattern, 1024), slice_of(pattern, 1025)));
    assert_int_equal(glob_check(slice_of(pattern, 1025), &why), ERR_INVALID);
    assert_string_equal(why.text, "longer than 1024 bytes");
    assert_false(glob_match(slice_of(pattern, 1025), slice_of(pattern, 1025)));
}

/* What takes a backtracking matcher longer than the age of the universe. */
static void test_many_stars(void **state)
{
    (void)state;
    char pattern[1024], path[4096];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    for (size_t i = 0; i + 1 < sizeof pattern; i += 2)
        memcpy(pattern + i, "*a", 2);
    assert_true(glob_match(slice_of(pattern, 1024), slice_of(path, sizeof path)));
    pattern[1023] = 'b';
    assert_false(glob_match(slice_of(pattern, 1024), slice_of(path, sizeof path)));
}

/* A plain recursive matcher of the same language, for short patterns. */
static bool reference(const char *pattern, const char *path)
{
    if (*pattern == '\0')
        return *path == '\0';
    if (pattern[0] == '*' && pattern[1] == '*')
        return reference(pattern + 2, path) || (*path && reference(pattern, path + 1));
    if (*pattern == '*')
        return reference(pattern + 1, path) || (*path && *path != '/' && reference(pattern, path + 1));
    if (*path == '\0')
        return false;
    return (*pattern == *path || (*pattern == '?' && *path != '/')) && reference(pattern + 1, path + 1);
}

static void spell(unsigned number, const char *letters, unsigned len, char *out)
{
    unsigned base = (unsigned)strlen(letters);
    for (unsigned i = 0; i < len; i++, number /= base)
        out[i] = letters[number % base];
    out[len] = '\0';
}

/* All patterns of four characters behind a slash, against all paths of up to four. */
static void test_against_the_reference(void **state)
{
    (void)state;
    unsigned matches = 0;
    for (unsigned i = 0; i < 4 * 4 * 4 * 4; i++) {
        char pattern[8] = "/", path[8] = "/";
        spell(i, "a/*?", 4, pattern + 1);
        for (unsigned len = 0; len <= 4; len++)
            for (unsigned j = 0; j < 1U << len; j++) {
                spell(j, "a/", len, path + 1);
                if (glob_match(slice_str(pattern), slice_str(path)) != reference(pattern, path))
                    fail_msg("%s and %s", pattern, path);
                matches += reference(pattern, path);
            }
    }
    assert_in_range(matches, 500, 5000);
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *patterns[4];
        const char *path;
        bool expected;
    } cases[] = {
        {{NULL}, "/a", true},
        {{"*.csv"}, "/in/a.csv", true},
        {{"*.csv"}, "/in/a.txt", false},
        {{"*.csv", "*.txt"}, "/in/a.txt", true},
        {{"!*.tmp"}, "/in/a.csv", true},
        {{"!*.tmp"}, "/in/a.tmp", false},
        {{"/in/**", "!*.tmp"}, "/in/a.csv", true},
        {{"/in/**", "!*.tmp"}, "/in/a.tmp", false},
        {{"/in/**", "!*.tmp"}, "/out/a.csv", false},
        {{"/in/**", "!*.tmp", "/in/keep/**"}, "/in/keep/a.tmp", true},
        {{"/in/**", "!*.tmp", "/in/keep/**", "!bad*"}, "/in/keep/bad.tmp", false},
        {{"!*.tmp", "/in/**"}, "/in/a.tmp", true},
        {{"!/in/**", "*.csv"}, "/in/x", false},
        {{"\\!a"}, "/!a", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice patterns[4];
        size_t count = 0;
        while (count < 4 && cases[i].patterns[count]) {
            patterns[count] = slice_str(cases[i].patterns[count]);
            count++;
        }
        if (glob_list_match(patterns, count, slice_str(cases[i].path)) != cases[i].expected)
            fail_msg("list %zu", i);
    }
    assert_true(glob_list_match(NULL, 0, SLICE("/a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_checking),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_many_stars),
        cmocka_unit_test(test_against_the_reference),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
