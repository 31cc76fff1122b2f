/* ProFTPD's format: every sample of a real server against what it means, and frames that a server or an attacker may leave
 * behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/source/proftpd_record.h"
#include "producer/source/suspects.h"
#include "source_fixture.h"
#include "util/mem.h"

#define SAMPLES TEST_DATA_DIR "/ftp/proftpd"

/* -------- the samples -------- */

static void every_sample_gives_its_events(void **state)
{
    (void)state;
    assert_int_equal(40, compare_samples(SAMPLES));
}

/* Read in pieces of any size, a log gives what it gives in one. */
static void pieces_make_no_difference(void **state)
{
    (void)state;
    struct buf log, expected;
    buf_init(&log, 1 << 20);
    buf_init(&expected, 1 << 20);
    read_sample(SAMPLES, "odd_names_retr_dele", &log, &expected);
    for (size_t step = 1; step < 400; step += 57) {
        struct source_state *st = state_new(3);
        size_t done = 0;
        for (size_t have = 0; done < log.len; have += step) {
            size_t end = have + step < log.len ? have + step : log.len;
            done += feed(st, log.p + done, end - done, (int64_t)done);
        }
        source_proftpd.flush(st);
        source_proftpd.state_free(st);
        assert_int_equal(44, seen.count);
        assert_int_equal(0, seen.quarantined);
    }
    buf_done(&log);
    buf_done(&expected);
}

/* -------- frames -------- */

#define HEAD "@WH1\t1795467671.422773\t100\tftp\t127.0.0.1\t"
#define STOR HEAD "STOR\t226\tsuccess\t5\t0\t5\tfalse\t\tacc\tuser\t"
#define FAILED HEAD "STOR\t550\tfailed\t-\t-\t-\tfalse\t\tacc\tuser\t"

static void strange_frames(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *text;
        size_t events;
        int reason; /* -1: nothing is quarantined */
    } cases[] = {
        {"a record", STOR "/a//\n", 1, -1},
        {"the root", HEAD "MKD\t257\t-\t-\t-\t-\tfalse\t\tacc\tuser\t///\n", 1, -1},
        {"LF in a name", STOR "/a\nb//\n", 1, -1},
        {"LF and a slash in a name", STOR "/a/\n/b//\n", 1, -1},
        {"TAB in a name", STOR "/a\tb//\n", 1, -1},
        {"a forged record in a refused name", FAILED "/x\n" STOR "/forged//\n", 0, -1},
        {"a forged record in an accepted name", STOR "/x\n" STOR "/forged//\n", 0, SOURCE_PATH},
        {"half a record and a whole one", "@WH1\t17954676" STOR "/a//\n", 0, SOURCE_TIME},
        {"nearly a record and a whole one", STOR "/ab" STOR "/a//\n", 0, SOURCE_PATH},
        {"a line of another format", "Mon Nov 23 20:40:24 2026 OK//\n" STOR "/a//\n", 1, SOURCE_NO_MARKER},
        {"too few fields", "@WH1\t1795467671.422773\t1//\n", 0, SOURCE_FIELDS},
        {"no time", "@WH1\t-\t100\tftp\t127.0.0.1\tSTOR\t226\tsuccess\t5\t0\t5\tfalse\t\tacc\tuser\t/a//\n", 0, SOURCE_TIME},
        {"a time without microseconds", "@WH1\t1795467671.42\t1\tftp\t::1\tSTOR\t226\tsuccess\t5\t0\t5\tfalse\t\ta\tu\t/a//\n", 0,
         SOURCE_TIME},
        {"a pid that is none", "@WH1\t1795467671.422773\t1x\tftp\t::1\tSTOR\t226\tsuccess\t5\t0\t5\tfalse\t\ta\tu\t/a//\n", 0,
         SOURCE_NUMBER},
        {"a size that is none", HEAD "STOR\t226\tsuccess\t5\t0\t0x5\tfalse\t\ta\tu\t/a//\n", 0, SOURCE_NUMBER},
        {"a size beyond numbers", HEAD "STOR\t226\tsuccess\t5\t0\t99999999999999999999\tfalse\t\ta\tu\t/a//\n", 0, SOURCE_NUMBER},
        {"no address", "@WH1\t1795467671.422773\t1\tftp\thost.example\tSTOR\t226\tsuccess\t5\t0\t5\tfalse\t\ta\tu\t/a//\n", 0,
         SOURCE_ADDRESS},
        {"a success without a path", STOR "-//\n", 0, SOURCE_PATH},
        {"a path that is not absolute", STOR "a//\n", 0, SOURCE_PATH},
        {"the second half of a rename alone", HEAD "RNTO\t250\t-\t0\t-\t-\tfalse\t\ta\tu\t/a//\n", 0, SOURCE_RENAME},
        {"a quota's refusal", HEAD "STOR\t552\tfailed\t5\t0\t5\ttrue\t\ta\tu\t/a//\n", 0, -1},
        {"a stalled upload",
         HEAD "STOR\t150\ttimeout\t5\t0\t5\ttrue\t\ta\tu\t/a//\n" HEAD "STOR\t426\tfailed\t5\t0\t-\ttrue\t\ta\tu\t/a//\n", 0, -1},
        {"not complete", STOR "/a//", 0, -1},
        {"nothing", "", 0, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_text(cases[i].text, strlen(cases[i].text), 3);
        if (seen.count != cases[i].events || seen.quarantined != (cases[i].reason >= 0))
            fail_msg("%s: %zu events, %zu quarantined", cases[i].what, seen.count, seen.quarantined);
        if (cases[i].reason >= 0)
            assert_int_equal(cases[i].reason, (int)seen.reasons[0]);
    }
}

/* The server cuts a record at its buffer's end, and the next one follows without a gap. */
static void overlong_record_is_parted_from_the_next(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 64 * 1024);
    buf_puts(&text, STOR "/");
    while (text.len < PROFTPD_BUFFER_BYTES)
        buf_putc(&text, 'x');
    assert_int_equal(0, source_proftpd.frame(buf_slice(&text)));
    buf_puts(&text, STOR "/next//\n");
    read_text(text.p, text.len, 3);
    assert_int_equal(1, seen.count);
    assert_string_equal("/next", seen.facts[0].path);
    assert_int_equal(PROFTPD_BUFFER_BYTES, seen.facts[0].f.offset);
    assert_int_equal(1, seen.quarantined);
    assert_int_equal(SOURCE_OVERLONG, seen.reasons[0]);
    buf_done(&text);
}

static void endless_garbage_is_bounded(void **state)
{
    (void)state;
    size_t len = 3 * PROFTPD_MAX_FRAME_BYTES + 10;
    char *text = mem_alloc(len);
    memset(text, 'x', len);
    struct source_state *st = state_new(3);
    assert_int_equal(3 * PROFTPD_MAX_FRAME_BYTES, feed(st, text, len, 0));
    assert_int_equal(3, seen.quarantined);
    source_proftpd.state_free(st);
    free(text);
}

/* -------- several records -------- */

struct step {
    const char *time, *pid, *command; /* command .. before the path */
    const char *path;
};

static void record(struct source_state *st, int64_t offset, const char *protocol, const struct step *s)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "@WH1\t%s\t%s\t%s\t127.0.0.1\t%s\tacc\tuser\t%s//\n", s->time, s->pid, protocol,
                       s->command, s->path);
    source_proftpd.record(st, offset, slice_of(text, (size_t)len));
}

#define UPLOADED "STOR\t226\tsuccess\t5\t0\t5\tfalse\t"
#define EOF_EXIT "EXIT\t-\t-\t-\t-\t-\tfalse\tRead EOF from client"
#define RENAME_FROM "RNFR\t350\t-\t0\t-\t-\tfalse\t"
#define RENAME_TO "RNTO\t250\t-\t0\t-\t-\tfalse\t"
#define BASE_US 1795467671000000LL

static void upload_waits_for_its_second_witness(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *protocol;
        struct step second;
        const char *suspect; /* NULL: it still waits */
    } cases[] = {
        {"the client is gone", "ftp", {"1795467671.002000", "1", EOF_EXIT, "-"}, "Read EOF from client"},
        {"over TLS too", "ftps", {"1795467671.002000", "1", EOF_EXIT, "-"}, "Read EOF from client"},
        {"later than the window", "ftp", {"1795467671.009000", "1", EOF_EXIT, "-"}, ""},
        {"a good end", "ftp", {"1795467671.001000", "1", "EXIT\t-\t-\t-\t-\t-\tfalse\tQuit", "-"}, ""},
        {"another session's end", "ftp", {"1795467671.001000", "2", EOF_EXIT, "-"}, NULL},
        {"the session goes on", "ftp", {"1795467671.001000", "1", "MFMT\t213\t-\t-\t-\t-\tfalse\t", "-"}, ""},
        {"the log went on for long", "ftp", {"1795467673.000000", "2", EOF_EXIT, "-"}, ""},
        {"over SFTP the client closes the file", "sftp", {"1795467671.002000", "1", EOF_EXIT, "-"}, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_state *st = state_new(3);
        struct step first = {"1795467671.000000", "1", UPLOADED, "/a"};
        record(st, 700, cases[i].protocol, &first);
        assert_int_equal(strcmp(cases[i].protocol, "sftp") == 0 ? INT64_MAX : 700, source_proftpd.pending_offset(st));
        record(st, 800, cases[i].protocol, &cases[i].second);
        if (seen.count != (cases[i].suspect ? 1 : 0))
            fail_msg("%s: %zu events", cases[i].what, seen.count);
        if (cases[i].suspect)
            assert_string_equal(cases[i].suspect, seen.facts[0].suspect);
        assert_int_equal(cases[i].suspect ? INT64_MAX : 700, source_proftpd.pending_offset(st));
        source_proftpd.state_free(st);
    }
}

static void upload_is_released_when_its_time_is_over(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_us, left_us;
        size_t events;
    } cases[] = {
        {BASE_US, 3000, 0},      {BASE_US + 2999, 1, 0}, {BASE_US + 3000, -1, 1}, {BASE_US + 86400000000, -1, 1},
        {BASE_US - 1000, -1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_state *st = state_new(3);
        struct step upload = {"1795467671.000000", "1", UPLOADED, "/a"};
        record(st, 0, "ftp", &upload);
        assert_int_equal(cases[i].left_us, source_proftpd.release(st, cases[i].wall_us));
        assert_int_equal(cases[i].events, seen.count);
        source_proftpd.state_free(st);
    }
}

static void without_a_window_nothing_waits(void **state)
{
    (void)state;
    struct source_state *st = state_new(0);
    struct step steps[] = {{"1795467671.000000", "1", UPLOADED, "/a"}, {"1795467671.000100", "1", EOF_EXIT, "-"}};
    record(st, 0, "ftp", &steps[0]);
    assert_int_equal(1, seen.count);
    record(st, 100, "ftp", &steps[1]);
    assert_int_equal(1, seen.count);
    assert_string_equal("", seen.facts[0].suspect);
    source_proftpd.state_free(st);
}

/* With hold_ms a suspect upload waits on, until something happens to its path or its time is over. */
static void suspect_upload_is_held(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct step then;
        int64_t wall_us; /* 0: no release */
        size_t events, superseded;
        int64_t pending;
    } cases[] = {
        {"nothing happens", {NULL, NULL, NULL, NULL}, BASE_US + 4000000, 0, 0, 700},
        {"its time is over", {NULL, NULL, NULL, NULL}, BASE_US + 5000000, 1, 0, INT64_MAX},
        {"the clock was set back", {NULL, NULL, NULL, NULL}, BASE_US - 1000, 1, 0, INT64_MAX},
        {"uploaded again", {"1795467673.000000", "2", UPLOADED, "/a"}, 0, 1, 1, 900},
        {"another file is uploaded", {"1795467673.000000", "2", UPLOADED, "/b"}, 0, 0, 0, 700},
        {"uploaded again, in vain", {"1795467673.000000", "2", "STOR\t552\tfailed\t5\t0\t5\tfalse\t", "/a"}, 0, 0, 0, 700},
        {"deleted", {"1795467673.000000", "2", "DELE\t250\t-\t5\t-\t-\tfalse\t", "/a"}, 0, 2, 0, INT64_MAX},
        {"renamed", {"1795467673.000000", "2", RENAME_FROM, "/a"}, 0, 1, 0, 900},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_options options = {.suspect_window_ms = 3, .hold_ms = 5000};
        struct source_state *st = state_with(&options);
        struct step upload = {"1795467671.000000", "1", UPLOADED, "/a"}, gone = {"1795467671.001000", "1", EOF_EXIT, "-"};
        record(st, 700, "ftp", &upload);
        record(st, 800, "ftp", &gone);
        assert_int_equal(0, seen.count);
        assert_int_equal(700, source_proftpd.pending_offset(st));
        if (cases[i].then.time)
            record(st, 900, "ftp", &cases[i].then);
        if (cases[i].wall_us)
            assert_int_equal(cases[i].events == 0 ? 1000000 : -1, source_proftpd.release(st, cases[i].wall_us));
        if (seen.count != cases[i].events || source_proftpd.pending_offset(st) != cases[i].pending)
            fail_msg("%s: %zu events, pending %lld", cases[i].what, seen.count, (long long)source_proftpd.pending_offset(st));
        if (seen.count > 0) {
            assert_string_equal("Read EOF from client", seen.facts[0].suspect);
            assert_int_equal(cases[i].superseded, seen.facts[0].f.superseded);
            assert_int_equal(700, seen.facts[0].f.offset);
        }
        source_proftpd.flush(st);
        assert_true(seen.count >= 1);
        source_proftpd.state_free(st);
    }
}

/* An upload that waits for its second witness is announced before what another session does to the same path. */
static void a_path_has_its_order(void **state)
{
    (void)state;
    static const struct step then[] = {
        {"1795467671.000500", "2", "DELE\t250\t-\t5\t-\t-\tfalse\t", "/a"},
        {"1795467671.000500", "2", "RETR\t226\tsuccess\t5\t0\t5\tfalse\t", "/a"},
        {"1795467671.000500", "2", RENAME_FROM, "/a"},
        {"1795467671.000500", "2", UPLOADED, "/a"},
    };
    for (size_t i = 0; i < sizeof(then) / sizeof(then[0]); i++) {
        struct source_state *st = state_new(3);
        struct step upload = {"1795467671.000000", "1", UPLOADED, "/a"}, other = {"1795467671.000300", "3", UPLOADED, "/b"};
        record(st, 100, "ftp", &upload);
        record(st, 200, "ftp", &other);
        assert_int_equal(0, seen.count);
        record(st, 300, "ftp", &then[i]);
        assert_in_range(seen.count, 1, 2);
        assert_int_equal(100, seen.facts[0].f.offset);
        assert_int_equal(200, source_proftpd.pending_offset(st)); /* another path's waits on */
        source_proftpd.flush(st);
        source_proftpd.state_free(st);
    }
}

/* A clean end is not held, and so many suspects as there may be are. */
static void suspects_are_bounded(void **state)
{
    (void)state;
    struct source_options options = {.suspect_window_ms = 3, .hold_ms = 5000};
    struct source_state *st = state_with(&options);
    struct step clean[] = {{"1795467671.000000", "1", UPLOADED, "/a"},
                           {"1795467671.001000", "1", "EXIT\t-\t-\t-\t-\t-\tfalse\tQuit", "-"}};
    record(st, 0, "ftp", &clean[0]);
    record(st, 1, "ftp", &clean[1]);
    assert_int_equal(1, seen.count);
    for (int i = 0; i < SUSPECTS_MAX + 3; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/f%d", i);
        struct step upload = {"1795467671.000000", "1", UPLOADED, path}, gone = {"1795467671.001000", "1", EOF_EXIT, "-"};
        record(st, 100 + 2 * i, "ftp", &upload);
        record(st, 101 + 2 * i, "ftp", &gone);
    }
    assert_int_equal(4, seen.count);
    assert_string_equal("/f2", seen.facts[3].path);
    assert_int_equal(106, source_proftpd.pending_offset(st));
    source_proftpd.state_free(st);
}

static void renames(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct step steps[4];
        size_t renames;
        const char *uploaded;
        size_t quarantined;
        int64_t pending;
    } cases[] = {
        {"plain",
         {{"1795467671.000000", "1", RENAME_FROM, "/a"}, {"1795467671.100000", "1", RENAME_TO, "/b"}},
         1,
         "",
         0,
         INT64_MAX},
        {"of what was uploaded before",
         {{"1795467671.000000", "1", UPLOADED, "/a"},
          {"1795467671.000000", "1", RENAME_FROM, "/a"},
          {"1795467671.100000", "1", RENAME_TO, "/b"}},
         1,
         "/a",
         0,
         INT64_MAX},
        {"of something else than was uploaded",
         {{"1795467671.000000", "1", UPLOADED, "/c"},
          {"1795467671.000000", "1", RENAME_FROM, "/a"},
          {"1795467671.100000", "1", RENAME_TO, "/b"}},
         1,
         "/c",
         0,
         INT64_MAX},
        {"begun", {{"1795467671.000000", "1", RENAME_FROM, "/a"}}, 0, "", 0, 0},
        {"of two sessions",
         {{"1795467671.000000", "1", RENAME_FROM, "/a"}, {"1795467671.100000", "2", RENAME_TO, "/b"}},
         0,
         "",
         1,
         0},
        {"begun and ended by the session",
         {{"1795467671.000000", "1", RENAME_FROM, "/a"}, {"1795467671.100000", "1", "EXIT\t-\t-\t-\t-\t-\tfalse\tQuit", "-"}},
         0,
         "",
         0,
         INT64_MAX},
        {"ended by a transfer",
         {{"1795467671.000000", "1", RENAME_FROM, "/a"},
          {"1795467671.100000", "1", "RETR\t226\tsuccess\t5\t0\t5\tfalse\t", "/c"}},
         0,
         "",
         0,
         INT64_MAX},
        {"failed",
         {{"1795467671.000000", "1", RENAME_FROM, "/a"},
          {"1795467671.100000", "1", "RNTO\t550\t-\t0\t-\t-\tfalse\t", "/b"},
          {"1795467671.200000", "1", RENAME_TO, "/b"}},
         0,
         "",
         1,
         INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_state *st = state_new(0);
        size_t found = 0;
        for (size_t k = 0; k < 4 && cases[i].steps[k].time; k++)
            record(st, (int64_t)k * 100, "ftp", &cases[i].steps[k]);
        for (size_t k = 0; k < seen.count; k++) {
            if (seen.facts[k].f.type != EVENT_FILE_RENAMED)
                continue;
            found++;
            assert_string_equal("/a", seen.facts[k].from);
            assert_string_equal("/b", seen.facts[k].path);
            assert_string_equal(cases[i].uploaded, seen.facts[k].uploaded);
            if (seen.facts[k].uploaded[0])
                assert_int_equal(5, seen.facts[k].f.uploaded_size_bytes);
        }
        if (found != cases[i].renames || seen.quarantined != cases[i].quarantined ||
            source_proftpd.pending_offset(st) != cases[i].pending)
            fail_msg("%s: %zu renames, %zu quarantined, pending %lld", cases[i].what, found, seen.quarantined,
                     (long long)source_proftpd.pending_offset(st));
        source_proftpd.state_free(st);
    }
}

/* A restart must find an unacknowledged rename again, with the upload that tells its size; and does not take one that it begins
 * in the midst of for half a rename. */
static void a_rename_reaches_back(void **state)
{
    (void)state;
    static const struct {
        int64_t upload, from, to, back_bytes, pending;
        const char *uploaded;
    } cases[] = {
        {100, 300, 400, 300, 100, "/a"},
        {100, 300, 400, 300, 100, "/srv/home/a"},
        {100, 300, 400, 100, 300, "/c"},
        {100, 2000000, 2000100, 100, 2000000, "/a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_state *st = state_new(0);
        struct step upload = {"1795467671.000000", "1", UPLOADED, cases[i].uploaded};
        struct step from = {"1795467671.000000", "1", RENAME_FROM, "/a"}, to = {"1795467671.100000", "1", RENAME_TO, "/b"};
        record(st, cases[i].upload, "ftp", &upload);
        record(st, cases[i].from, "ftp", &from);
        assert_int_equal(cases[i].pending, source_proftpd.pending_offset(st));
        record(st, cases[i].to, "ftp", &to);
        assert_int_equal(2, seen.count);
        assert_int_equal(0, seen.facts[0].f.back_bytes);
        assert_int_equal(cases[i].to, seen.facts[1].f.offset);
        assert_int_equal(cases[i].back_bytes, seen.facts[1].f.back_bytes);
        source_proftpd.state_free(st);
        st = state_new(0);
        record(st, cases[i].to, "ftp", &to);
        assert_int_equal(0, seen.count + seen.quarantined);
        source_proftpd.state_free(st);
    }
}

static void a_rename_nobody_ends_is_forgotten(void **state)
{
    (void)state;
    struct source_state *st = state_new(3);
    struct step from = {"1795467671.000000", "1", RENAME_FROM, "/a"};
    record(st, 300, "ftp", &from);
    source_proftpd.release(st, BASE_US + 14LL * 60 * 1000000);
    assert_int_equal(300, source_proftpd.pending_offset(st));
    source_proftpd.release(st, BASE_US + 16LL * 60 * 1000000);
    assert_int_equal(INT64_MAX, source_proftpd.pending_offset(st));
    source_proftpd.state_free(st);
}

/* Sessions that were killed leave no EXIT: what is kept of them is bounded, and nothing is lost by that. */
static void sessions_are_bounded(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct source_state *st = state_new(3);
    size_t facts = 0;
    for (int i = 0; i < COUNT; i++) {
        char pid[16];
        snprintf(pid, sizeof(pid), "%d", i + 1);
        struct step upload = {"1795467671.000000", pid, UPLOADED, "/a"};
        record(st, i, "ftp", &upload);
        if (seen.count == MAX_FACTS) {
            facts += seen.count;
            forget();
        }
    }
    facts += seen.count;
    assert_true(facts >= COUNT - 16384 && facts < COUNT);
    assert_int_equal(facts, source_proftpd.pending_offset(st));
    source_proftpd.state_free(st);
}

static void sftp(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct step step;
        int type; /* -1: none */
        bool unconfirmed;
        const char *suspect;
    } cases[] = {
        {"MKD", {"1795467671.000000", "1", "MKD\t-\t-\t-\t-\t-\tfalse\t", "/d"}, EVENT_DIR_CREATED, false, ""},
        {"RMD", {"1795467671.000000", "1", "RMD\t-\t-\t-\t-\t-\tfalse\t", "/d"}, EVENT_DIR_DELETED, true, ""},
        {"read", {"1795467671.000000", "1", "RETR\t226\tsuccess\t50\t0\t50\tfalse\t", "/f"}, EVENT_FILE_DOWNLOADED, false, ""},
        {"read in part",
         {"1795467671.000000", "1", "RETR\t226\tsuccess\t20\t0\t50\tfalse\t", "/f"},
         EVENT_FILE_DOWNLOADED,
         false,
         "partial read"},
        {"cut off", {"1795467671.000000", "1", "STOR\t451\tfailed\t20\t0\t20\tfalse\t", "/f"}, -1, false, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_state *st = state_new(3);
        record(st, 0, "sftp", &cases[i].step);
        assert_int_equal(cases[i].type >= 0, seen.count);
        if (cases[i].type >= 0) {
            assert_int_equal(cases[i].type, (int)seen.facts[0].f.type);
            assert_int_equal(cases[i].unconfirmed, seen.facts[0].f.unconfirmed);
            assert_string_equal(cases[i].suspect, seen.facts[0].suspect);
        }
        source_proftpd.state_free(st);
    }
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
        cmocka_unit_test_teardown(strange_frames, teardown),
        cmocka_unit_test_teardown(overlong_record_is_parted_from_the_next, teardown),
        cmocka_unit_test_teardown(endless_garbage_is_bounded, teardown),
        cmocka_unit_test_teardown(upload_waits_for_its_second_witness, teardown),
        cmocka_unit_test_teardown(upload_is_released_when_its_time_is_over, teardown),
        cmocka_unit_test_teardown(without_a_window_nothing_waits, teardown),
        cmocka_unit_test_teardown(suspect_upload_is_held, teardown),
        cmocka_unit_test_teardown(a_path_has_its_order, teardown),
        cmocka_unit_test_teardown(suspects_are_bounded, teardown),
        cmocka_unit_test_teardown(renames, teardown),
        cmocka_unit_test_teardown(a_rename_reaches_back, teardown),
        cmocka_unit_test_teardown(a_rename_nobody_ends_is_forgotten, teardown),
        cmocka_unit_test_teardown(sessions_are_bounded, teardown),
        cmocka_unit_test_teardown(sftp, teardown),
    };
    fixture_use(&source_proftpd);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
