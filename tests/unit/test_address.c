/* Address texts, CIDR lists and the rules of the target policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "model/address.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct address parsed(const char *text)
{
    struct address a;
    if (address_parse(slice_str(text), &a) != ERR_OK)
        fail_msg("\"%s\" does not parse", text);
    return a;
}

static void test_published_verdicts(void **state)
{
    (void)state;
    json_t *root = json_load_file(TEST_DATA_DIR "/webhooks.json", JSON_REJECT_DUPLICATES, NULL);
    json_t *verdicts = json_object_get(root, "addresses"), *verdict;
    size_t i;
    assert_true(json_array_size(verdicts) >= 40);
    json_array_foreach(verdicts, i, verdict)
    {
        const char *ip = json_string_value(json_object_get(verdict, "ip"));
        const json_t *blocked = json_object_get(verdict, "blocked");
        assert_non_null(ip);
        assert_true(json_is_boolean(blocked));
        struct address a = parsed(ip);
        const char *rule = address_denied_by(&a);
        if ((rule != NULL) != json_is_true(blocked))
            fail_msg("%s: %s", ip, rule ? rule : "allowed");
    }
    json_decref(root);
}

/* The first and last address of each range, and their neighbours outside. NULL: allowed. */
static void test_rules(void **state)
{
    (void)state;
    static const struct {
        const char *ip, *rule;
    } cases[] = {
        {"0.0.0.0", "this network (0.0.0.0/8)"},
        {"0.255.255.255", "this network (0.0.0.0/8)"},
        {"1.0.0.0", NULL},
        {"9.255.255.255", NULL},
        {"10.0.0.0", "private (RFC 1918)"},
        {"10.255.255.255", "private (RFC 1918)"},
        {"11.0.0.0", NULL},
        {"100.63.255.255", NULL},
        {"100.64.0.0", "shared with a carrier (RFC 6598)"},
        {"100.100.100.200", "shared with a carrier (RFC 6598)"},
        {"100.127.255.255", "shared with a carrier (RFC 6598)"},
        {"100.128.0.0", NULL},
        {"126.255.255.255", NULL},
        {"127.0.0.0", "loopback"},
        {"127.0.0.1", "loopback"},
        {"127.255.255.255", "loopback"},
        {"128.0.0.0", NULL},
        {"168.63.129.15", NULL},
        {"168.63.129.16", "cloud host service (168.63.129.16)"},
        {"168.63.129.17", NULL},
        {"169.253.255.255", NULL},
        {"169.254.0.0", "link-local (RFC 3927)"},
        {"169.254.169.254", "link-local (RFC 3927)"},
        {"169.254.255.255", "link-local (RFC 3927)"},
        {"169.255.0.0", NULL},
        {"172.15.255.255", NULL},
        {"172.16.0.0", "private (RFC 1918)"},
        {"172.31.255.255", "private (RFC 1918)"},
        {"172.32.0.0", NULL},
        {"191.255.255.255", NULL},
        {"192.0.0.0", "protocol assignments (192.0.0.0/24)"},
        {"192.0.0.192", "protocol assignments (192.0.0.0/24)"},
        {"192.0.0.255", "protocol assignments (192.0.0.0/24)"},
        {"192.0.1.0", NULL},
        {"192.0.1.255", NULL},
        {"192.0.2.0", "documentation (RFC 5737)"},
        {"192.0.2.255", "documentation (RFC 5737)"},
        {"192.0.3.0", NULL},
        {"192.88.98.255", NULL},
        {"192.88.99.0", "6to4 relay (192.88.99.0/24)"},
        {"192.88.99.255", "6to4 relay (192.88.99.0/24)"},
        {"192.88.100.0", NULL},
        {"192.167.255.255", NULL},
        {"192.168.0.0", "private (RFC 1918)"},
        {"192.168.255.255", "private (RFC 1918)"},
        {"192.169.0.0", NULL},
        {"198.17.255.255", NULL},
        {"198.18.0.0", "benchmarking (RFC 2544)"},
        {"198.19.255.255", "benchmarking (RFC 2544)"},
        {"198.20.0.0", NULL},
        {"198.51.99.255", NULL},
        {"198.51.100.0", "documentation (RFC 5737)"},
        {"198.51.100.255", "documentation (RFC 5737)"},
        {"198.51.101.0", NULL},
        {"203.0.112.255", NULL},
        {"203.0.113.0", "documentation (RFC 5737)"},
        {"203.0.113.255", "documentation (RFC 5737)"},
        {"203.0.114.0", NULL},
        {"223.255.255.255", NULL},
        {"224.0.0.0", "multicast"},
        {"239.255.255.255", "multicast"},
        {"240.0.0.0", "reserved (240.0.0.0/4)"},
        {"255.255.255.254", "reserved (240.0.0.0/4)"},
        {"255.255.255.255", "broadcast"},
        {"8.8.8.8", NULL},
        {"::", "unspecified (::)"},
        {"::1", "loopback"},
        {"::2", "IPv4-compatible"},
        {"::8.8.8.8", "IPv4-compatible"},
        {"::1:0:0", "not global unicast (2000::/3)"},
        {"::ffff:8.8.8.8", "IPv4-mapped"},
        {"::ffff:127.0.0.1", "IPv4-mapped"},
        {"::ffff:0:8.8.8.8", "IPv4-translated"},
        {"64:ff9b::8.8.8.8", "NAT64 (RFC 6052)"},
        {"64:ff9b:1::8.8.8.8", "NAT64 (RFC 8215)"},
        {"64:ff9b:2::", "not global unicast (2000::/3)"},
        {"100::1", "not global unicast (2000::/3)"},
        {"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast (2000::/3)"},
        {"2000::", NULL},
        {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {"2001::", "protocol assignments (2001::/23)"},
        {"2001:0:8.8.8.8::", "bad text"},
        {"2001:0:808:808::1", "protocol assignments (2001::/23)"},
        {"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol assignments (2001::/23)"},
        {"2001:200::", NULL},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {"2001:db8::", "documentation (2001:db8::/32)"},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation (2001:db8::/32)"},
        {"2001:db9::", NULL},
        {"2001:4860:4860::8888", NULL},
        {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {"2002::", "6to4 (2002::/16)"},
        {"2002:808:808::1", "6to4 (2002::/16)"},
        {"2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4 (2002::/16)"},
        {"2003::", NULL},
        {"2606:4700::6810:84e5", NULL},
        {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {"3fff::", "documentation (3fff::/20)"},
        {"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation (3fff::/20)"},
        {"3fff:1000::", NULL},
        {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {"4000::", "not global unicast (2000::/3)"},
        {"fbff::1", "not global unicast (2000::/3)"},
        {"fc00::", "unique local (RFC 4193)"},
        {"fd00:ec2::254", "unique local (RFC 4193)"},
        {"fe00::", "not global unicast (2000::/3)"},
        {"fe80::1", "link-local (fe80::/10)"},
        {"fec0::1", "site-local (fec0::/10)"},
        {"ff02::1", "multicast"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address a;
        const char *rule = "bad text";
        if (address_parse(slice_str(cases[i].ip), &a) == ERR_OK)
            rule = address_denied_by(&a);
        if (!rule != !cases[i].rule || (rule && strcmp(rule, cases[i].rule) != 0))
            fail_msg("%s: %s", cases[i].ip, rule ? rule : "allowed");
    }
}

static void test_texts_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "localhost",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.00",
        "00.0.0.0",
        "1.2.3.256",
        "1.2.3.4.5",
        "1.2.3.",
        ".1.2.3",
        "1..2.3",
        "1.2.3.4.",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4\n",
        "+1.2.3.4",
        "-1.2.3.4",
        "1.2.3.4/32",
        "1.2.3.4:80",
        "1.2.3.1000",
        "[::1]",
        "::1%lo",
        "fe80::1%1",
        "fe80::1%25eth0",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        "12345::",
        "00001::",
        "g::",
        "::1.2.3",
        "::1.2.3.256",
        "::01.2.3.4",
        "::ffff:1.2.3.04",
        "::1.2.3.4:5",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1/128",
        "0000:0000:0000:0000:0000:ffff:255.255.255.2555",
        "1111111111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct address a = {.bytes = {7, 7, 7}}, before = a;
        if (address_parse(slice_str(bad[i]), &a) != ERR_INVALID)
            fail_msg("\"%s\" parses", bad[i]);
        assert_memory_equal(&a, &before, sizeof(a));
    }
    struct address a;
    assert_int_equal(address_parse(slice_of("1.2.3.4\0", 8), &a), ERR_INVALID);
    assert_int_equal(address_parse(slice_of("::\0", 3), &a), ERR_INVALID);
    assert_int_equal(address_parse(slice_of(NULL, 0), &a), ERR_INVALID);
    assert_int_equal(address_parse(slice_of("1.2.3.45", 7), &a), ERR_OK);
    assert_int_equal(a.bytes[3], 4);
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::0", "::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"fdee:3A45:9057::0001", "fdee:3a45:9057::1"},
        {"ff:ffff::1", "ff:ffff::1"},
        {"::ffff:7f00:1", "::ffff:127.0.0.1"},
        {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "::ffff:255.255.255.255"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        struct address a = parsed(cases[i].in), b;
        address_format(&a, text);
        assert_string_equal(text, cases[i].out);
        assert_int_equal(address_parse(slice_str(text), &b), ERR_OK);
        assert_int_equal(a.v6, b.v6);
        assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
    }
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list, *ip;
        bool has;
    } cases[] = {
        {"", "10.0.0.1", false},
        {"  \t ", "::1", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8, ::1/128", "::1", true},
        {"10.0.0.0/8, ::1/128", "::2", false},
        {"\t10.0.0.0/8\t,\t::1/128 ", "10.1.2.3", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"::1", "::1", true},
        {"::1", "::", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "::ffff:8.8.8.8", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", false},
        {"::/0", "fe80::1", true},
        {"::/0", "10.0.0.1", false},
        {"::ffff:0:0/96", "::ffff:10.0.0.1", true},
        {"192.168.0.0/23", "192.168.1.255", true},
        {"192.168.0.0/23", "192.168.2.0", false},
        {"192.168.0.4/31", "192.168.0.5", true},
        {"192.168.0.4/31", "192.168.0.6", false},
        {"fd00:1::/33", "fd00:1:7fff::", true},
        {"fd00:1::/33", "fd00:1:8000::", false},
        {"fd00::/127", "fd00::1", true},
        {"fd00::/127", "fd00::2", false},
        {"1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5", "4.4.4.4", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address_list *l = NULL;
        struct errmsg why = {""};
        struct address a = parsed(cases[i].ip);
        if (address_list_parse(cases[i].list, &l, &why) != ERR_OK)
            fail_msg("%s: %s", cases[i].list, why.text);
        if (address_list_has(l, &a) != cases[i].has)
            fail_msg("%s in \"%s\"", cases[i].ip, cases[i].list);
        address_list_free(l);
    }
    struct address a = parsed("127.0.0.1");
    assert_false(address_list_has(NULL, &a));
    address_list_free(NULL);
}

static void test_lists_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *list, *part; /* what why must name */
    } cases[] = {
        {",", "\"\""},
        {"10.0.0.0/8,", "\"\""},
        {"10.0.0.0/8,,::1", "\"\""},
        {"10.0.0.0/8 ::1", "\"10.0.0.0/8 ::1\""},
        {"10.0.0.0/8;::1", "\"10.0.0.0/8;::1\""},
        {"10.0.0.0/8, example.com", "\"example.com\": not an IP address"},
        {"10/8", "\"10/8\": not an IP address"},
        {"10.0.0.0/", "\"10.0.0.0/\": the prefix"},
        {"/8", "\"/8\": not an IP address"},
        {"10.0.0.0/33", "\"10.0.0.0/33\": the prefix"},
        {"::/129", "\"::/129\": the prefix"},
        {"10.0.0.0/-1", "the prefix"},
        {"10.0.0.0/+8", "the prefix"},
        {"10.0.0.0/08", "the prefix"},
        {"10.0.0.0/8x", "the prefix"},
        {"10.0.0.0/8/8", "the prefix"},
        {"10.0.0.0/4294967304", "the prefix"},
        {"10.0.0.0/255.0.0.0", "the prefix"},
        {"10.0.0.1/8", "\"10.0.0.1/8\": bits are set"},
        {"10.128.0.0/8", "bits are set"},
        {"10.0.0.1/31", "bits are set"},
        {"::1/127", "bits are set"},
        {"1.2.3.4/0", "bits are set"},
        {"[::1]/128", "not an IP address"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address_list *l = NULL;
        struct errmsg why = {""};
        if (address_list_parse(cases[i].list, &l, &why) != ERR_INVALID)
            fail_msg("\"%s\" parses", cases[i].list);
        assert_null(l);
        if (!strstr(why.text, cases[i].part))
            fail_msg("\"%s\": %s", cases[i].list, why.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_verdicts),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_texts_that_are_none),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lists_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
