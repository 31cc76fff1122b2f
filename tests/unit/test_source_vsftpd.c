/* vsftpd's format: every sample of a real server against what it means, and lines that a server or an attacker may leave behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source_fixture.h"
#include "util/mem.h"

#define SAMPLES TEST_DATA_DIR "/ftp/vsftpd"
#define MAX_LINE_BYTES 16384

static void every_sample_gives_its_events(void **state)
{
    (void)state;
    assert_int_equal(36, compare_samples(SAMPLES));
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    struct buf log, expected;
    buf_init(&log, 1 << 20);
    buf_init(&expected, 1 << 20);
    read_sample(SAMPLES, "odd_names", &log, &expected);
    for (size_t step = 1; step < 400; step += 57) {
        struct source_state *st = state_new(3);
        size_t done = 0;
        for (size_t have = 0; done < log.len; have += step) {
            size_t end = have + step < log.len ? have + step : log.len;
            done += feed(st, log.p + done, end - done, (int64_t)done);
        }
        source_vsftpd.state_free(st);
        assert_int_equal(28, seen.count);
        assert_int_equal(0, seen.quarantined);
    }
    buf_done(&log);
    buf_done(&expected);
}

#define TIME "Mon Nov 23 20:40:24 2026 "
#define HEAD TIME "[pid 100] [acme] "
#define CLIENT ": Client \"127.0.0.1\""
#define RATE ", 25.47Kbyte/sec\n"
#define UPLOAD_OF(path) HEAD "OK UPLOAD" CLIENT ", \"" path "\", 5 bytes" RATE

static void strange_lines(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *text;
        size_t events;
        int reason; /* -1: nothing is quarantined */
    } cases[] = {
        {"an upload", UPLOAD_OF("/a"), 1, -1},
        {"a day of one digit", "Sun Nov  1 20:40:24 2026 [pid 1] [u] OK MKDIR" CLIENT ", \"/a\"\n", 1, -1},
        {"a user with blanks and quotes", TIME "[pid 1] [a b\"c] OK MKDIR" CLIENT ", \"/a\"\n", 1, -1},
        {"a path that looks like an end", UPLOAD_OF("/x\", 7 bytes, 1.00Kbyte/sec"), 1, -1},
        {"an action in a path, but no bracket", UPLOAD_OF("/a\" OK DELETE: Client \"6.6.6.6\", \"/b"), 1, -1},
        {"a failure", HEAD "FAIL UPLOAD" CLIENT ", \"/a\", 5 bytes" RATE, 0, -1},
        {"a login", HEAD "OK LOGIN" CLIENT "\n", 0, -1},
        {"an anonymous login", TIME "[pid 1] [ftp] OK LOGIN" CLIENT ", anon password \"x\"\n", 0, -1},
        {"a connection", TIME "[pid 1] CONNECT" CLIENT "\n", 0, -1},
        {"a chmod", HEAD "OK CHMOD" CLIENT ", \"/a 600\"\n", 0, -1},
        {"a debug message", HEAD "DEBUG" CLIENT ", \"Control connection terminated without SSL shutdown.\"\n", 0, -1},
        {"the protocol logged", TIME "[pid 1] FTP command" CLIENT ", \"USER acme\"\n", 0, -1},
        {"a reply logged", HEAD "FTP response" CLIENT ", \"230 Login successful.\"\n", 0, -1},
        /* what a client can make of its user name before anybody knows it */
        {"a forged deletion", TIME "[pid 1] [acme] OK DELETE: Client \"6.6.6.6\", \"/forged] FAIL LOGIN" CLIENT "\n", 0,
         SOURCE_FORGED},
        {"a forged upload",
         TIME "[pid 1] [acme] OK UPLOAD: Client \"6.6.6.6\", \"/forged\", 5 bytes, 1.00Kbyte/sec] FAIL LOGIN" CLIENT "\n", 0,
         SOURCE_FORGED},
        {"a forged deletion in a logged command",
         TIME "[pid 1] FTP command" CLIENT ", \"USER acme] OK DELETE: Client \"6.6.6.6\", \"/forged\"\n", 0, -1},
        {"a forged deletion in a logged reply",
         TIME "[pid 1] [acme] OK DELETE: Client \"6.6.6.6\", \"/forged] FTP response" CLIENT ", \"331 Please\"\n", 0,
         SOURCE_FORGED},
        {"a forged deletion in a debug line",
         TIME "[pid 1] [acme] OK DELETE: Client \"6.6.6.6\", \"/forged] DEBUG" CLIENT ", \"x\"\n", 0, SOURCE_FORGED},
        {"a forged deletion behind a password",
         TIME "[pid 1] [ftp] OK LOGIN" CLIENT ", anon password \"x] OK DELETE: Client \"6.6.6.6\", \"/forged\"\n", 0,
         SOURCE_FORGED},
        {"a forged name in a path", UPLOAD_OF("/a] OK DELETE: Client \"6.6.6.6\", \"/b"), 0, SOURCE_FORGED},
        {"a login of a name with brackets", TIME "[pid 1] [a] [b] FAIL LOGIN" CLIENT "\n", 0, -1},
        /* a full disk: half a record with a whole one behind it */
        {"half a path and a record", HEAD "OK UPLOAD" CLIENT ", \"/ab" UPLOAD_OF("/a"), 0, SOURCE_FORGED},
        {"half a size and a record", HEAD "OK UPLOAD" CLIENT ", \"/ab\", 12" UPLOAD_OF("/a"), 0, SOURCE_FORGED},
        {"half a user and a record", TIME "[pid 100] [acm" UPLOAD_OF("/a"), 0, SOURCE_FIELDS},
        {"half a head and a record", TIME "[pid 10" UPLOAD_OF("/a"), 0, SOURCE_NUMBER},
        {"a head and a record", TIME "[pid 100] " UPLOAD_OF("/a"), 0, SOURCE_FIELDS},
        {"half a time and a record", "Mon Nov 2" UPLOAD_OF("/a"), 0, SOURCE_TIME},
        {"nothing but a LF", "\n", 0, SOURCE_TIME},
        {"a line of xferlog", "Mon Nov 23 20:40:24 2026 1 127.0.0.1 5 /a b _ i r acme ftp 0 * c\n", 0, SOURCE_NO_MARKER},
        {"no such month", "Mon Nof 23 20:40:24 2026 [pid 1] [u] OK MKDIR" CLIENT ", \"/a\"\n", 0, SOURCE_TIME},
        {"no such day", "Mon Feb 30 20:40:24 2026 [pid 1] [u] OK MKDIR" CLIENT ", \"/a\"\n", 0, SOURCE_TIME},
        {"a pid that is none", TIME "[pid 1x] [u] OK MKDIR" CLIENT ", \"/a\"\n", 0, SOURCE_NUMBER},
        {"nobody", TIME "[pid 1] [] OK MKDIR" CLIENT ", \"/a\"\n", 0, SOURCE_FIELDS},
        {"no user", TIME "[pid 1] OK MKDIR" CLIENT ", \"/a\"\n", 0, SOURCE_FIELDS},
        {"an action that we do not know", HEAD "OK LINK" CLIENT ", \"/a\"\n", 0, SOURCE_FIELDS},
        {"a host name", HEAD "OK MKDIR: Client \"host.example\", \"/a\"\n", 0, SOURCE_ADDRESS},
        {"a path that is not absolute", HEAD "OK MKDIR" CLIENT ", \"a\"\n", 0, SOURCE_PATH},
        {"no path", HEAD "OK MKDIR" CLIENT "\n", 0, SOURCE_PATH},
        {"no quote at the end", HEAD "OK MKDIR" CLIENT ", \"/a\n", 0, SOURCE_PATH},
        {"no rate", HEAD "OK UPLOAD" CLIENT ", \"/a\", 5 bytes\n", 0, SOURCE_NUMBER},
        {"a size that is none", HEAD "OK UPLOAD" CLIENT ", \"/a\", 5x bytes" RATE, 0, SOURCE_NUMBER},
        {"a size beyond numbers", HEAD "OK UPLOAD" CLIENT ", \"/a\", 99999999999999999999 bytes" RATE, 0, SOURCE_NUMBER},
        {"a rename of one name", HEAD "OK RENAME" CLIENT ", \"/a\"\n", 0, SOURCE_RENAME},
        {"a rename that can be read in two ways", HEAD "OK RENAME" CLIENT ", \"/a /b /c\"\n", 0, SOURCE_RENAME},
        {"not complete", HEAD "OK MKDIR" CLIENT ", \"/a\"", 0, -1},
        {"nothing", "", 0, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_text(cases[i].text, strlen(cases[i].text), 3);
        if (seen.count != cases[i].events || seen.quarantined != (cases[i].reason >= 0))
            fail_msg("%s: %zu events, %zu quarantined (%s)", cases[i].what, seen.count, seen.quarantined,
                     seen.quarantined ? source_reason_name(seen.reasons[0]) : "");
        if (cases[i].reason >= 0 && cases[i].reason != (int)seen.reasons[0])
            fail_msg("%s: quarantined as %s", cases[i].what, source_reason_name(seen.reasons[0]));
    }
}

static void what_an_upload_says(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path;
        int64_t size_bytes;
        bool lossy;
    } cases[] = {
        {UPLOAD_OF("/a"), "/a", 5, false},
        {UPLOAD_OF("/x\", 7 bytes, 1.00Kbyte/sec"), "/x\", 7 bytes, 1.00Kbyte/sec", 5, false},
        {HEAD "OK UPLOAD" CLIENT ", \"/zero\", 0.00Kbyte/sec\n", "/zero", 0, false},
        {HEAD "OK UPLOAD" CLIENT ", \"/zero\", 7 bytes\", 0.00Kbyte/sec\n", "/zero\", 7 bytes", 0, false},
        {UPLOAD_OF("/caf??"), "/caf??", 5, true},
        {UPLOAD_OF("/in/../out//./x"), "/out/x", 5, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_text(cases[i].text, strlen(cases[i].text), 3);
        assert_int_equal(1, seen.count);
        assert_string_equal(cases[i].path, seen.facts[0].path);
        assert_int_equal(cases[i].size_bytes, seen.facts[0].f.size_bytes);
        assert_int_equal(cases[i].lossy, seen.facts[0].f.path_lossy);
        assert_string_equal("acme", seen.facts[0].text[0]);
        assert_int_equal(1795466424000, seen.facts[0].f.time_wall_ms);
        assert_false(seen.facts[0].f.time_has_ms);
    }
}

#define RENAME(both) HEAD "OK RENAME" CLIENT ", \"" both "\"\n"

static void renames(void **state)
{
    (void)state;
    static const struct {
        const char *text, *from, *path, *uploaded; /* from NULL: none */
    } cases[] = {
        {RENAME("/a /b"), "/a", "/b", ""},
        {RENAME("/a b /c d"), "/a b", "/c d", ""},
        {RENAME("/a/./x /b/../c"), "/a/x", "/c", ""},
        {UPLOAD_OF("/a.part") RENAME("/a.part /a"), "/a.part", "/a", "/a.part"},
        {UPLOAD_OF("/a /b") RENAME("/a /b /c"), "/a /b", "/c", "/a /b"},
        {UPLOAD_OF("/a") RENAME("/a /b /c"), "/a", "/b /c", "/a"},
        {UPLOAD_OF("/z") RENAME("/a /b /c"), NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_text(cases[i].text, strlen(cases[i].text), 3);
        assert_int_equal(cases[i].from == NULL, seen.quarantined);
        if (!cases[i].from)
            continue;
        const struct seen_fact *f = &seen.facts[seen.count - 1];
        assert_int_equal(EVENT_FILE_RENAMED, f->f.type);
        assert_string_equal(cases[i].from, f->from);
        assert_string_equal(cases[i].path, f->path);
        assert_string_equal(cases[i].uploaded, f->uploaded);
        assert_int_equal(cases[i].uploaded[0] ? f->f.offset : 0, f->f.back_bytes);
    }
}

/* A line that is too long is put aside to its end, though that end may look like a line. */
static void overlong_line_is_put_aside_whole(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 64 * 1024);
    while (text.len < MAX_LINE_BYTES)
        buf_putc(&text, 'x');
    buf_puts(&text, UPLOAD_OF("/end"));
    size_t next = text.len;
    buf_puts(&text, UPLOAD_OF("/next"));
    struct source_state *st = state_new(3);
    feed(st, text.p, MAX_LINE_BYTES, 700);
    assert_int_equal(700, source_vsftpd.pending_offset(st));
    feed(st, text.p + MAX_LINE_BYTES, text.len - MAX_LINE_BYTES, 700 + MAX_LINE_BYTES);
    assert_int_equal(INT64_MAX, source_vsftpd.pending_offset(st));
    source_vsftpd.state_free(st);
    assert_int_equal(1, seen.count);
    assert_string_equal("/next", seen.facts[0].path);
    assert_int_equal(700 + (int64_t)next, seen.facts[0].f.offset);
    assert_int_equal(2, seen.quarantined);
    assert_int_equal(SOURCE_OVERLONG, seen.reasons[0]);
    assert_int_equal(SOURCE_OVERLONG, seen.reasons[1]);
    buf_done(&text);
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
        cmocka_unit_test_teardown(pieces_make_no_difference, teardown),
        cmocka_unit_test_teardown(strange_lines, teardown),
        cmocka_unit_test_teardown(what_an_upload_says, teardown),
        cmocka_unit_test_teardown(renames, teardown),
        cmocka_unit_test_teardown(overlong_line_is_put_aside_whole, teardown),
    };
    fixture_use(&source_vsftpd);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
