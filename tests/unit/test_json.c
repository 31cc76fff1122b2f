#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/json.h"

enum { MAX = 16 };

/* The text is copied to a block of exactly its size, so that a read beyond it is seen by AddressSanitizer. */
static enum err split(struct slice text, struct errmsg *why)
{
    struct json_member members[MAX];
    size_t count = 0;
    char *copy = malloc(text.len ? text.len : 1);
    assert_non_null(copy);
    if (text.len)
        memcpy(copy, text.p, text.len);
    enum err err = json_split(slice_of(copy, text.len), members, MAX, &count, why);
    free(copy);
    return err;
}

/* {"v":VALUE} */
static enum err split_value(struct slice value, struct errmsg *why)
{
    struct buf b;
    buf_init(&b, 10000);
    buf_puts(&b, "{\"v\":");
    buf_put_slice(&b, value);
    buf_putc(&b, '}');
    enum err err = split(buf_slice(&b), why);
    buf_done(&b);
    return err;
}

static void members_in_order_with_exact_text(void **state)
{
    (void)state;
    static const char text[] = " \t\r\n{ \"s\" : \"a\\\"b\" ,\"o\":{\"x\":[1,{\"y\":null}]},\"a\":[ ],\"n\":-1.5e+3,\"t\":true,"
                               "\"f\":false,\"0\":null,\"\":{ }\n}\n";
    static const struct {
        const char *key, *value;
        enum json_kind kind;
    } expected[] = {
        {"s", "\"a\\\"b\"", JSON_KIND_STRING}, {"o", "{\"x\":[1,{\"y\":null}]}", JSON_KIND_OBJECT},
        {"a", "[ ]", JSON_KIND_ARRAY},         {"n", "-1.5e+3", JSON_KIND_NUMBER},
        {"t", "true", JSON_KIND_TRUE},         {"f", "false", JSON_KIND_FALSE},
        {"0", "null", JSON_KIND_NULL},         {"", "{ }", JSON_KIND_OBJECT},
    };
    struct json_member m[MAX];
    size_t count;
    assert_int_equal(json_split(slice_str(text), m, MAX, &count, NULL), ERR_OK);
    assert_int_equal(count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < count; i++) {
        assert_true(slice_eq(m[i].key, slice_str(expected[i].key)));
        assert_true(slice_eq(m[i].value, slice_str(expected[i].value)));
        assert_int_equal(m[i].kind, expected[i].kind);
        assert_ptr_equal(json_find(m, count, expected[i].key), &m[i]);
    }
    assert_null(json_find(m, count, "x"));
    assert_null(json_find(m, count, "ss"));
    assert_null(json_find(m, 0, "s"));
}

static void good_values(void **state)
{
    (void)state;
    static const struct slice cases[] = {
        SLICE("0"),
        SLICE("-0"),
        SLICE("0.0"),
        SLICE("-0.1"),
        SLICE("1e5"),
        SLICE("1E+5"),
        SLICE("1e-05"),
        SLICE("10"),
        SLICE("0e1"),
        SLICE("123456789012345678901234567890"),
        SLICE("1.7976931348623157e309"),
        SLICE("\"\""),
        SLICE("\" \""),
        SLICE("\"\x7f\""),
        SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        SLICE("\"\\u0000\\uFFFF\\uabcd\""),
        SLICE("\"\\ud83d\\ude00\""),
        SLICE("\"\\udc00\""),
        SLICE("\"\\ud800x\""),
        SLICE("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""),
        SLICE("\"\xef\xbb\xbf\""),
        SLICE("\"\xe2\x80\xa8\""),
        SLICE("\"01234567890123456789\""),
        SLICE("\"0123456\""),
        SLICE("\"01234567\""),
        SLICE("[]"),
        SLICE("[ [ ] , { } ]"),
        SLICE("{}"),
        SLICE("{\"a\":1,\"a\":2}"),
        SLICE("[1,\t2\n,\r3 ]"),
        SLICE("true"),
        SLICE("null"),
        SLICE("{\"\":{\"\":[\"\"]}}"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errmsg why;
        if (split_value(cases[i], &why) != ERR_OK)
            fail_msg("refused: %.*s: %s", (int)cases[i].len, cases[i].p, why.text);
    }
}

static void bad_values(void **state)
{
    (void)state;
    static const struct {
        struct slice value;
        const char *why;
    } cases[] = {
        {SLICE(""), "expected a value"},
        {SLICE(","), "expected a value"},
        {SLICE("undefined"), "expected a value"},
        {SLICE("True"), "expected a value"},
        {SLICE("tru"), "expected a value"},
        {SLICE("nul"), "expected a value"},
        {SLICE("truex"), "expected ',' or '}'"},
        {SLICE("NaN"), "expected a value"},
        {SLICE("-Infinity"), "expected a digit"},
        {SLICE("+1"), "expected a value"},
        {SLICE("-"), "expected a digit"},
        {SLICE("--1"), "expected a digit"},
        {SLICE("-01"), "leading zero"},
        {SLICE("00"), "leading zero"},
        {SLICE("012"), "leading zero"},
        {SLICE(".5"), "expected a value"},
        {SLICE("1."), "expected a digit"},
        {SLICE("1.e1"), "expected a digit"},
        {SLICE("1e"), "expected a digit"},
        {SLICE("1e+"), "expected a digit"},
        {SLICE("1eE2"), "expected a digit"},
        {SLICE("0x1"), "expected ',' or '}'"},
        {SLICE("1 000"), "expected ',' or '}'"},
        {SLICE("1_0"), "expected ',' or '}'"},
        {SLICE("\xef\xbc\x91"), "expected a value"},
        {SLICE("'a'"), "expected a value"},
        {SLICE("\""), "closing quote"},
        {SLICE("\"a"), "closing quote"},
        {SLICE("\"\\\""), "closing quote"},
        {SLICE("\"\\"), "unknown escape"},
        {SLICE("\"\\a\""), "unknown escape"},
        {SLICE("\"\\x41\""), "unknown escape"},
        {SLICE("\"\\U0041\""), "unknown escape"},
        {SLICE("\"\\'\""), "unknown escape"},
        {SLICE("\"\\\0\""), "unknown escape"},
        {SLICE("\"\\u\""), "hexadecimal"},
        {SLICE("\"\\u00\""), "hexadecimal"},
        {SLICE("\"\\u00g0\""), "hexadecimal"},
        {SLICE("\"\\u+123\""), "hexadecimal"},
        {SLICE("\"\t\""), "control character"},
        {SLICE("\"\n\""), "control character"},
        {SLICE("\"\0\""), "control character"},
        {SLICE("\"\x1f\""), "control character"},
        {SLICE("\"0123456789\x01\""), "control character"},
        {SLICE("\"\x80\""), "not UTF-8"},
        {SLICE("\"\xc0\x80\""), "not UTF-8"},
        {SLICE("\"\xed\xa0\x80\""), "not UTF-8"},
        {SLICE("\"\xf4\x90\x80\x80\""), "not UTF-8"},
        {SLICE("\"\xe2\x82\""), "not UTF-8"},
        {SLICE("\"0123456789\xff\""), "not UTF-8"},
        {SLICE("["), "expected a value"},
        {SLICE("[1"), "expected ',' or ']'"},
        {SLICE("[1,"), "expected a value"},
        {SLICE("[1,]"), "expected a value"},
        {SLICE("[,1]"), "expected a value"},
        {SLICE("[1,,2]"), "expected a value"},
        {SLICE("[1 2]"), "expected ',' or ']'"},
        {SLICE("[1:2]"), "expected ',' or ']'"},
        {SLICE("[}"), "expected a value"},
        {SLICE("[1}"), "expected ',' or ']'"},
        {SLICE("]"), "expected a value"},
        {SLICE("[]]"), "expected ',' or '}'"},
        {SLICE("[\f]"), "expected a value"},
        {SLICE("[\xc2\xa0]"), "expected a value"},
        {SLICE("[\0]"), "expected a value"},
        {SLICE("[/**/]"), "expected a value"},
        {SLICE("{"), "expected ',' or '}'"},
        {SLICE("{\"a\"}"), "expected ':'"},
        {SLICE("{\"a\":}"), "expected a value"},
        {SLICE("{\"a\" 1}"), "expected ':'"},
        {SLICE("{\"a\"::1}"), "expected a value"},
        {SLICE("{a:1}"), "expected a name in quotes"},
        {SLICE("{'a':1}"), "expected a name in quotes"},
        {SLICE("{1:1}"), "expected a name in quotes"},
        {SLICE("{null:1}"), "expected a name in quotes"},
        {SLICE("{,}"), "expected a name in quotes"},
        {SLICE("{\"a\":1,}"), "expected a name in quotes"},
        {SLICE("{\"a\":1,,}"), "expected a name in quotes"},
        {SLICE("{\"a\":1 \"b\":2}"), "expected ',' or '}'"},
        {SLICE("{\"a\":1]"), "expected ',' or '}'"},
        {SLICE("{\"\x80\":1}"), "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errmsg why = {""};
        if (split_value(cases[i].value, &why) != ERR_INVALID || !strstr(why.text, cases[i].why))
            fail_msg("%.*s: got \"%s\", expected \"%s\"", (int)cases[i].value.len, cases[i].value.p, why.text, cases[i].why);
    }
}

static void bad_texts_and_where(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *why;
    } cases[] = {
        {SLICE(""), "expected an object at byte 0"},
        {SLICE("  "), "expected an object at byte 2"},
        {SLICE("[]"), "expected an object at byte 0"},
        {SLICE("null"), "expected an object at byte 0"},
        {SLICE("\"{}\""), "expected an object at byte 0"},
        {SLICE("\xef\xbb\xbf{}"), "expected an object at byte 0"},
        {SLICE("{"), "expected a name in quotes at byte 1"},
        {SLICE("{}}"), "something after the object at byte 2"},
        {SLICE("{} {}"), "something after the object at byte 3"},
        {SLICE("{}\0"), "something after the object at byte 2"},
        {SLICE("{\"a\":1}#"), "something after the object at byte 7"},
        {SLICE("{\"a\":1,\"b\":2,\"a\":3}"), "a name for the second time at byte 14"},
        {SLICE("{\"a\":[1,2,x]}"), "expected a value at byte 10"},
        {SLICE("{\"ab\":\"\x01\"}"), "control character in a string at byte 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errmsg why = {""};
        assert_int_equal(split(cases[i].text, &why), ERR_INVALID);
        assert_string_equal(why.text, cases[i].why);
    }
    struct json_member m[1];
    size_t untouched = 99;
    assert_int_equal(json_split(slice_of(NULL, 0), m, 1, &untouched, NULL), ERR_INVALID);
    assert_int_equal(untouched, 99);
}

/* No prefix of an object is one, and a cut never makes the scanner look further. */
static void every_prefix_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"event\":\"file.uploaded\",\"data\":{\"path\":\"/gr\\u00fc\xc3\x9f.csv\",\"size\":20480,"
                               "\"list\":[true,false,null,-1.5e10,{}]},\"x\":\"\\ud83d\\ude00\"}";
    for (size_t len = 0; len < sizeof text - 1; len++)
        assert_int_equal(split(slice_of(text, len), NULL), ERR_INVALID);
    assert_int_equal(split(slice_str(text), NULL), ERR_OK);
}

/* A special byte at each distance from the start, the end and the words that are skipped at once. */
static void specials_at_every_position(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum err err;
    } specials[] = {{"\\n", ERR_OK},       {"\xc3\xa4", ERR_OK},  {"\x7f", ERR_OK},    {"!", ERR_OK},      {"\x01", ERR_INVALID},
                    {"\x1f", ERR_INVALID}, {"\x80", ERR_INVALID}, {"\"", ERR_INVALID}, {"\\", ERR_INVALID}};
    for (size_t s = 0; s < sizeof specials / sizeof *specials; s++)
        for (int before = 0; before < 20; before++)
            for (int after = 0; after < 20; after++) {
                char text[64];
                int n = snprintf(text, sizeof text, "\"%.*s%s%.*s\"", before, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", specials[s].bytes,
                                 after, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
                assert_int_equal(split_value(slice_of(text, (size_t)n), NULL), specials[s].err);
            }
}

static void put_nested(struct buf *b, unsigned depth, const char *open, const char *close)
{
    buf_reset(b);
    buf_puts(b, "{\"v\":");
    for (unsigned i = 1; i < depth; i++)
        buf_puts(b, open);
    buf_puts(b, "1");
    for (unsigned i = 1; i < depth; i++)
        buf_puts(b, close);
    buf_puts(b, "}");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"[", "]"}, {"{\"k\":", "}"}, {"[{\"k\":", "}]"}};
    struct buf b;
    struct errmsg why;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < 2; i++) {
        put_nested(&b, JSON_MAX_DEPTH, pairs[i][0], pairs[i][1]);
        assert_int_equal(split(buf_slice(&b), &why), ERR_OK);
        put_nested(&b, JSON_MAX_DEPTH + 1, pairs[i][0], pairs[i][1]);
        assert_int_equal(split(buf_slice(&b), &why), ERR_INVALID);
        assert_non_null(strstr(why.text, "nested too deeply"));
    }
    put_nested(&b, 50000, pairs[2][0], "");
    assert_int_equal(split(buf_slice(&b), &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "nested too deeply"));
    buf_done(&b);
}

static void more_members_than_room(void **state)
{
    (void)state;
    struct json_member m[2];
    size_t count = 0;
    struct errmsg why;
    assert_int_equal(json_split(SLICE("{\"a\":1,\"b\":2}"), m, 2, &count, &why), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(json_split(SLICE("{\"a\":1,\"b\":2,\"c\":3}"), m, 2, &count, &why), ERR_TOO_BIG);
    assert_string_equal(why.text, "too many members at byte 14");
    assert_int_equal(json_split(SLICE("{}"), NULL, 0, &count, &why), ERR_OK);
    assert_int_equal(count, 0);
}

static void unescapes(void **state)
{
    (void)state;
    static const struct {
        struct slice value, text;
    } cases[] = {
        {SLICE("\"\""), SLICE("")},
        {SLICE("\"plain\""), SLICE("plain")},
        {SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), SLICE("\"\\/\b\f\n\r\t")},
        {SLICE("\"a\\u0000b\""), SLICE("a\0b")},
        {SLICE("\"\\u0041\\u00e4\\u20AC\\uffff\""), SLICE("A\xc3\xa4\xe2\x82\xac\xef\xbf\xbf")},
        {SLICE("\"\\ud83d\\ude00!\""), SLICE("\xf0\x9f\x98\x80!")},
        {SLICE("\"\\uD800\\uDC00\\udbff\\udfff\""), SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
        {SLICE("\"\\udc00\""), SLICE("\xef\xbf\xbd")},
        {SLICE("\"\\ud800\""), SLICE("\xef\xbf\xbd")},
        {SLICE("\"\\ud800x\""), SLICE("\xef\xbf\xbdx")},
        {SLICE("\"\\ud800\\n\""), SLICE("\xef\xbf\xbd\n")},
        {SLICE("\"\\ud800\\u0041\""), SLICE("\xef\xbf\xbd"
                                            "A")},
        {SLICE("\"\\ud800\\ud83d\\ude00\""), SLICE("\xef\xbf\xbd\xf0\x9f\x98\x80")},
        {SLICE("\"\xc3\xa4\\n\xe2\x82\xac\""), SLICE("\xc3\xa4\n\xe2\x82\xac")},
    };
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(split_value(cases[i].value, NULL), ERR_OK);
        buf_reset(&out);
        json_unescape(&out, cases[i].value);
        assert_int_equal(out.len, cases[i].text.len);
        assert_true(slice_eq(buf_slice(&out), cases[i].text));
    }
    buf_done(&out);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        int64_t value;
    } cases[] = {
        {"0", ERR_OK, 0},
        {"-0", ERR_OK, 0},
        {"7", ERR_OK, 7},
        {"-20480", ERR_OK, -20480},
        {"9223372036854775807", ERR_OK, INT64_MAX},
        {"-9223372036854775808", ERR_OK, INT64_MIN},
        {"9223372036854775808", ERR_INVALID, 0},
        {"-9223372036854775809", ERR_INVALID, 0},
        {"99999999999999999999999", ERR_INVALID, 0},
        {"1.0", ERR_INVALID, 0},
        {"1e3", ERR_INVALID, 0},
        {"01", ERR_INVALID, 0},
        {"-01", ERR_INVALID, 0},
        {"", ERR_INVALID, 0},
        {"-", ERR_INVALID, 0},
        {"+1", ERR_INVALID, 0},
        {" 1", ERR_INVALID, 0},
        {"\"1\"", ERR_INVALID, 0},
        {"true", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 4711;
        assert_int_equal(json_int(slice_str(cases[i].text), &value), cases[i].err);
        assert_int_equal(value, cases[i].err ? 4711 : cases[i].value);
    }
}

static void writes_strings(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *json;
    } cases[] = {
        {SLICE(""), "\"\""},
        {SLICE("plain / text"), "\"plain / text\""},
        {SLICE("\"\\"), "\"\\\"\\\\\""},
        {SLICE("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {SLICE("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {SLICE("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\""},
        {SLICE("a\xff"
               "b"),
         "\"a\xef\xbf\xbd"
         "b\""},
        {SLICE("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                                        "A\""},
    };
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&out);
        json_put_string(&out, cases[i].text);
        assert_string_equal(buf_cstr(&out), cases[i].json);
    }
    buf_reset(&out);
    json_put_string(&out, slice_str(NULL));
    assert_string_equal(buf_cstr(&out), "\"\"");
    buf_done(&out);
}

/* Every byte, at every distance from the end of the writer's block, comes back as it was (or as U+FFFD). */
static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct buf in, json, back;
    buf_init(&in, 10000);
    buf_init(&json, 100000);
    buf_init(&back, 100000);
    for (size_t len = 0; len < 1100; len++) {
        buf_reset(&json);
        buf_reset(&back);
        json_put_string(&json, buf_slice(&in));
        assert_int_equal(split_value(buf_slice(&json), NULL), ERR_OK);
        json_unescape(&back, buf_slice(&json));
        assert_int_equal(json.err, ERR_OK);
        assert_true(slice_eq(buf_slice(&back), buf_slice(&in)));
        buf_putc(&in, (char)(len * 5 % 128));
    }
    buf_done(&in);
    buf_done(&json);
    buf_done(&back);
}

static void a_full_buffer_says_so(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 6);
    json_put_string(&out, SLICE("1234"));
    assert_int_equal(out.err, ERR_OK);
    buf_reset(&out);
    json_put_string(&out, SLICE("12345"));
    assert_int_equal(out.err, ERR_TOO_BIG);
    buf_reset(&out);
    json_put_string(&out, SLICE("123\n"));
    assert_int_equal(out.err, ERR_TOO_BIG);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_in_order_with_exact_text),
        cmocka_unit_test(good_values),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(bad_texts_and_where),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(specials_at_every_position),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(more_members_than_room),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(integers),
        cmocka_unit_test(writes_strings),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_full_buffer_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
