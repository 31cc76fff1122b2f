/* Pure-FTPd's CLF: every sample of a real server against what was done there, and lines that may be left behind. */
#include <stdio.h>
#include <string.h>

#include "source_fixture.h"

static void every_sample_gives_its_events(void **state)
{
    (void)state;
    assert_int_equal(9, compare_samples(TEST_DATA_DIR "/ftp/pureftpd"));
}

#define HEAD "127.0.0.1 - acme [23/Nov/2026:23:50:54 -0000] "
#define PUT(path) HEAD "\"PUT " path "\" 200 5\n"

static void strange_lines(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *text;
        size_t events;
        int reason; /* -1: nothing is quarantined */
    } cases[] = {
        {"an upload", PUT("/srv/a"), 1, -1},
        {"a download", HEAD "\"GET /a\" 200 5\n", 1, -1},
        {"IPv6", "2001:db8::1 - u [23/Nov/2026:23:50:54 -0000] \"GET /a\" 200 5\n", 1, -1},
        {"another request", HEAD "\"POST /a\" 200 5\n", 0, SOURCE_NO_MARKER},
        {"another code", HEAD "\"PUT /a\" 404 5\n", 0, SOURCE_NO_MARKER},
        {"no size", HEAD "\"PUT /a\" 200 \n", 0, SOURCE_NO_MARKER},
        {"a size beyond numbers", HEAD "\"PUT /a\" 200 9999999999999999999\n", 0, SOURCE_NO_MARKER},
        {"a host name", "host.example - u [23/Nov/2026:23:50:54 -0000] \"PUT /a\" 200 5\n", 0, SOURCE_ADDRESS},
        {"no zone", "127.0.0.1 - u [23/Nov/2026:23:50:54] \"PUT /a\" 200 5\n", 0, SOURCE_TIME},
        {"no such time", "127.0.0.1 - u [31/Nov/2026:23:50:54 -0000] \"PUT /a\" 200 5\n", 0, SOURCE_TIME},
        {"no user", "127.0.0.1 - [23/Nov/2026:23:50:54 -0000] \"PUT /a\" 200 5\n", 0, SOURCE_FIELDS},
        {"a user with a blank", "127.0.0.1 - a b [23/Nov/2026:23:50:54 -0000] \"PUT /a\" 200 5\n", 0, SOURCE_FIELDS},
        {"a path that is not absolute", PUT("a"), 0, SOURCE_PATH},
        {"no path", PUT(""), 0, SOURCE_PATH},
        {"a raw blank", PUT("/a b"), 0, SOURCE_PATH},
        {"a raw byte", PUT("/r\xe9"), 0, SOURCE_PATH},
        {"a NUL", PUT("/a%00b"), 0, SOURCE_PATH},
        {"half a percent", PUT("/a%4"), 0, SOURCE_PATH},
        {"no percent", PUT("/a%zz"), 0, SOURCE_PATH},
        {"half a path and a record", HEAD "\"PUT /ab" PUT("/a"), 0, SOURCE_TIME},
        {"half a size and a record", HEAD "\"PUT /ab\" 200 1" PUT("/a"), 0, SOURCE_TIME},
        {"half a head and a record", "127.0.0.1 - ac" PUT("/a"), 0, SOURCE_FIELDS},
        {"half an address and a record", "127.0" PUT("/a"), 0, SOURCE_ADDRESS},
        {"nothing but a LF", "\n", 0, SOURCE_NO_MARKER},
        {"not complete", HEAD "\"PUT /a\" 200 5", 0, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_text(cases[i].text, strlen(cases[i].text), 3);
        if (seen.count != cases[i].events || seen.quarantined != (cases[i].reason >= 0))
            fail_msg("%s: %zu events, %zu quarantined", cases[i].what, seen.count, seen.quarantined);
        if (cases[i].reason >= 0 && cases[i].reason != (int)seen.reasons[0])
            fail_msg("%s: quarantined as %s", cases[i].what, source_reason_name(seen.reasons[0]));
    }
}

static void every_byte_of_a_name_comes_back(void **state)
{
    (void)state;
    char text[2048] = HEAD "\"PUT /";
    size_t len = strlen(text);
    for (int c = 1; c < 256; c++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, c % 2 ? "%%%02X" : "%%%02x", c);
    snprintf(text + len, sizeof(text) - len, "\" 200 18\n");
    read_text(text, strlen(text), 0);
    assert_int_equal(1, seen.count);
    assert_int_equal(256, seen.facts[0].f.path.len);
    for (int c = 1; c < 256; c++)
        assert_int_equal(c, (unsigned char)seen.facts[0].path[c]);
    assert_int_equal(18, seen.facts[0].f.size_bytes);
}

static int teardown(void **state)
{
    (void)state;
    forget();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_sample_gives_its_events, teardown),
        cmocka_unit_test_teardown(strange_lines, teardown),
        cmocka_unit_test_teardown(every_byte_of_a_name_comes_back, teardown),
    };
    fixture_use(&source_pureftpd);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
