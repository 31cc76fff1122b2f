/* trueftpctl: reading options, and showing text that others chose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/display.h"
#include "ctl/options.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_WORDS 12

/* -------- options -------- */

struct target {
    bool flag;
    const char *text;
    int64_t number;
    struct opt_list list;
};

struct other {
    const char *brokers;
};

static const struct opt target_options[] = {
    {"flag", OPT_FLAG, NULL, "", offsetof(struct target, flag), 0, 0, 0},
    {"text", OPT_TEXT, "T", "", offsetof(struct target, text), 0, 0, 0},
    {"number", OPT_INT, "N", "", offsetof(struct target, number), -5, 100, 7},
    {"list", OPT_LIST, "L", "", offsetof(struct target, list), 0, 0, 0},
};
static const struct opt other_options[] = {
    {"brokers", OPT_TEXT, "B", "", offsetof(struct other, brokers), 0, 0, 0},
};

struct parsed {
    struct target target;
    struct other other;
    struct opt_group groups[2];
    int argc;
    const char *argv[MAX_WORDS + 1];
    struct errmsg why;
};

/* words ends with NULL. */
static enum err parse(struct parsed *p, const char *const *words)
{
    *p = (struct parsed){.argc = 1, .argv = {"command"}};
    p->groups[0] = (struct opt_group){target_options, COUNT(target_options), &p->target};
    p->groups[1] = (struct opt_group){other_options, COUNT(other_options), &p->other};
    for (; *words; words++) {
        assert_true(p->argc < MAX_WORDS);
        p->argv[p->argc++] = *words;
    }
    return options_parse(p->groups, 2, &p->argc, (char **)(uintptr_t)p->argv, &p->why);
}

static void test_options_filled(void **state)
{
    (void)state;
    static const char *const words[] = {"one", "--flag", "--list=a", "--brokers",     "b:1", "--number",
                                        "-5",  "--list", "",         "--text=--flag", "two", NULL};
    struct parsed p;
    assert_int_equal(parse(&p, words), ERR_OK);
    assert_true(p.target.flag);
    assert_string_equal(p.target.text, "--flag");
    assert_int_equal(p.target.number, -5);
    assert_int_equal(p.target.list.count, 2);
    assert_string_equal(p.target.list.items[0], "a");
    assert_string_equal(p.target.list.items[1], "");
    assert_string_equal(p.other.brokers, "b:1");
    assert_int_equal(p.argc, 3);
    assert_string_equal(p.argv[1], "one");
    assert_string_equal(p.argv[2], "two");
    assert_null(p.argv[3]);
    options_free(p.groups, 2);
    assert_int_equal(p.target.list.count, 0);
}

static void test_options_defaults(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    static const char *const after_dashes[] = {"--", "--flag", NULL};
    struct parsed p;
    assert_int_equal(parse(&p, none), ERR_OK);
    assert_false(p.target.flag);
    assert_null(p.target.text);
    assert_int_equal(p.target.number, 7);
    assert_int_equal(p.argc, 1);
    assert_int_equal(parse(&p, after_dashes), ERR_OK);
    assert_false(p.target.flag);
    assert_int_equal(p.argc, 2);
    assert_string_equal(p.argv[1], "--flag");
}

static void test_options_refused(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        const char *why;
    } cases[] = {
        {{"--nothing"}, "unknown option --nothing"},
        {{"--nothing=1"}, "unknown option --nothing=1"},
        {{"-x"}, "unknown option -x"},
        {{"--flag=1"}, "--flag takes no value"},
        {{"--text"}, "--text: its value is missing"},
        {{"--flag", "--flag"}, "--flag is given twice"},
        {{"--text", "a", "--text=b"}, "--text is given twice"},
        {{"--number", "101"}, "--number: expected a whole number from -5 to 100, not \"101\""},
        {{"--number", "-6"}, "--number: expected a whole number from -5 to 100, not \"-6\""},
        {{"--number", "1x"}, "--number: expected a whole number from -5 to 100, not \"1x\""},
        {{"--number", " 1"}, "--number: expected a whole number from -5 to 100, not \" 1\""},
        {{"--number", ""}, "--number: expected a whole number from -5 to 100, not \"\""},
        {{"--number", "99999999999999999999"}, "--number: expected a whole number from -5 to 100, not \"99999999999999999999\""},
        {{"--list=a", "--number", "x"}, "--number: expected a whole number from -5 to 100, not \"x\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct parsed p;
        assert_int_equal(parse(&p, cases[i].words), ERR_INVALID);
        assert_string_equal(p.why.text, cases[i].why);
        options_free(p.groups, 2);
    }
}

static void test_options_short(void **state)
{
    (void)state;
    static const struct opt options[] = {
        {"output", OPT_TEXT, "T", "", offsetof(struct target, text), 0, 0, 0},
        {"follow", OPT_FLAG, NULL, "", offsetof(struct target, flag), 0, 0, 0},
    };
    const char *argv[] = {"command", "-f", "-ojson", "one", NULL}, *bad[] = {"command", "-o", NULL},
               *unknown[] = {"command", "-x", NULL};
    struct target t = {0};
    struct opt_group group = {options, COUNT(options), &t};
    struct errmsg why;
    int argc = 4;
    assert_int_equal(options_parse(&group, 1, &argc, (char **)(uintptr_t)argv, &why), ERR_OK);
    assert_true(t.flag);
    assert_string_equal(t.text, "json");
    assert_int_equal(argc, 2);
    argc = 2;
    assert_int_equal(options_parse(&group, 1, &argc, (char **)(uintptr_t)bad, &why), ERR_INVALID);
    assert_string_equal(why.text, "-o: its value is missing");
    argc = 2;
    assert_int_equal(options_parse(&group, 1, &argc, (char **)(uintptr_t)unknown, &why), ERR_INVALID);
    assert_string_equal(why.text, "unknown option -x");
}

/* -------- display -------- */

#define TEXT(literal)                                                                                                            \
    {                                                                                                                            \
        "" literal, sizeof(literal) - 1                                                                                          \
    }

static void test_display(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *plain, *json;
    } cases[] = {
        {TEXT(""), "", ""},
        {TEXT("/in/\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80.csv"), "/in/\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80.csv",
         "/in/\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80.csv"},
        {TEXT("a\nb\rc\td"), "a\\nb\\rc\\td", "a\nb\\rc\\td"},
        {TEXT("\x1b[2J\0"), "\\x1b[2J\\x00", "\\x1b[2J\\x00"},
        {TEXT("a\\n"), "a\\\\n", "a\\n"},
        {TEXT("\x7f\xc2\x80\xc2\x9f\xc2\xa0"), "\\u007f\\u0080\\u009f\xc2\xa0", "\\u007f\\u0080\\u009f\xc2\xa0"},
        {TEXT("\xe2\x80\xaegpj.exe"), "\\u202egpj.exe", "\\u202egpj.exe"},
        {TEXT("\xd8\x9c\xe2\x80\x8e\xe2\x81\xa6\xef\xbb\xbf"), "\\u061c\\u200e\\u2066\\ufeff", "\\u061c\\u200e\\u2066\\ufeff"},
        {TEXT("\xff\xc3(\xed\xa0\x80\xe2\x80"), "\\xff\\xc3(\\xed\\xa0\\x80\\xe2\\x80", "\\xff\\xc3(\\xed\\xa0\\x80\\xe2\\x80"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out;
        buf_init(&out, 1024);
        display_put(&out, cases[i].text);
        assert_string_equal(buf_cstr(&out), cases[i].plain);
        buf_reset(&out);
        display_put_json(&out, cases[i].text);
        assert_string_equal(out.len ? buf_cstr(&out) : "", cases[i].json);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_filled), cmocka_unit_test(test_options_defaults), cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_options_short),  cmocka_unit_test(test_display),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
