#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/utf8.h"

#define BAD "\xef\xbf\xbd"

/* A second opinion, by arithmetic instead of by table: decodes and refuses what is overlong, a surrogate or too great. */
static unsigned reference_sequence(const unsigned char *s, size_t len)
{
    static const struct {
        unsigned mask, bits, least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (unsigned n = 1; n <= 4; n++) {
        if ((s[0] & forms[n - 1].mask) != forms[n - 1].bits)
            continue;
        unsigned c = s[0] & ~forms[n - 1].mask;
        for (unsigned i = 1; i < n; i++) {
            if (i >= len || (s[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (s[i] & 0x3f);
        }
        return c < forms[n - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
    }
    return 0;
}

static void every_start_of_a_sequence(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0xa0, 0xbf, 0xc0, 0xff};
    const size_t count = sizeof edges;
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (size_t i = 0; i < count * count; i++) {
                unsigned char s[] = {(unsigned char)a, (unsigned char)b, edges[i / count], edges[i % count]};
                for (size_t len = 1; len <= 4; len++)
                    if (utf8_sequence(s, len) != reference_sequence(s, len))
                        fail_msg("%02x %02x %02x %02x, %zu bytes: %u", s[0], s[1], s[2], s[3], len, utf8_sequence(s, len));
            }
}

static void whole_texts(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        bool valid;
    } cases[] = {
        {SLICE(""), true},
        {SLICE("plain"), true},
        {SLICE("nul \0 inside"), true},
        {SLICE("gr\xc3\xbc\xc3\x9f"), true},
        {SLICE("twelve ascii\xe2\x82\xac and more"), true},
        {SLICE("\xf0\x9f\x98\x80"), true},
        {SLICE("\xf4\x8f\xbf\xbf"), true},
        {SLICE("\xef\xbf\xbf"), true},
        {SLICE("\xed\x9f\xbf\xee\x80\x80"), true},
        {SLICE("0123456\x80"), false},
        {SLICE("01234567\x80"), false},
        {SLICE("012345678901234\xff"
               "6"),
         false},
        {SLICE("end torn \xe2\x82"), false},
        {SLICE("\xc0\x80"), false},
        {SLICE("\xed\xa0\x80"), false},
        {SLICE("\xf4\x90\x80\x80"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(utf8_valid(cases[i].text), cases[i].valid);
    assert_true(utf8_valid(slice_str(NULL)));
}

/* The first four are tables 3-8 to 3-11 of the Unicode standard. */
static void each_maximal_subpart_becomes_one_replacement(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *repaired;
    } cases[] = {
        {SLICE("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"), BAD BAD BAD BAD BAD BAD BAD BAD "A"},
        {SLICE("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"), BAD BAD BAD BAD BAD BAD BAD BAD "A"},
        {SLICE("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"), BAD BAD BAD BAD BAD "A" BAD BAD "B"},
        {SLICE("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), BAD BAD BAD BAD "A"},
        {SLICE(""), ""},
        {SLICE("ok \xe2\x82\xac"), "ok \xe2\x82\xac"},
        {SLICE("latin \xfc 1"), "latin " BAD " 1"},
        {SLICE("\xe2\x82"), BAD},
        {SLICE("\xe2\x82\xe2\x82\xac"), BAD "\xe2\x82\xac"},
        {SLICE("\xf0\x9f\x98"), BAD},
        {SLICE("\xf0\x9f\x98x"), BAD "x"},
        {SLICE("\xc3"), BAD},
        {SLICE("\xc3\xc3\xa4"), BAD "\xc3\xa4"},
        {SLICE("\xf8\x88\x80\x80\x80"), BAD BAD BAD BAD BAD},
    };
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&out);
        utf8_repair(&out, cases[i].text);
        assert_string_equal(buf_cstr(&out), cases[i].repaired);
        assert_true(utf8_valid(buf_slice(&out)));
    }
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_start_of_a_sequence),
        cmocka_unit_test(whole_texts),
        cmocka_unit_test(each_maximal_subpart_becomes_one_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
