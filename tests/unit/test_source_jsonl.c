/* JSON lines: what a line may say, what is wrong with others and how that is said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/source/jsonl_record.h"
#include "source_fixture.h"

#define MINIMAL "\"event\":\"file.uploaded\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path\":\"/a\""

static char said[512];

static void ignore_fact(void *ctx, const struct source_fact *fact)
{
    (void)fact;
    ++*(int *)ctx;
}

static struct source_state *asked;

static void keep_why(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    const char *why = source_jsonl.why(asked);
    (void)ctx;
    (void)offset;
    (void)bytes;
    snprintf(said, sizeof(said), "%s: %s", source_reason_name(reason), why ? why : "-");
}

static void a_line_says_all(void **state)
{
    (void)state;
    static const char line[] =
        "{\"event\":\"file.uploaded\",\"timestamp\":\"2026-06-08T14:00:00.5+02:00\",\"account_id\":\"acc_1\","
        "\"path\":\"/in/\\u00fc.csv\",\"size\":20480,\"username\":\"pipe\\tline\",\"client_ip\":\"2001:db8::1\",\"home\":\"/h\","
        "\"protocol\":\"sftp\",\"session_id\":\"4711\",\"frontend\":\"own\",\"suspect\":\"cut "
        "off\",\"renamed_from\":\"/in/x.part\","
        "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\",\"path_lossy\":true,\"more\":[1]}";
    struct source_fact f;
    struct buf scratch;
    struct errmsg why;
    enum source_reason bad;
    buf_init(&scratch, 2 * JSONL_MAX_LINE_BYTES);
    if (!jsonl_record_parse(slice_str(line), &scratch, &f, &bad, &why))
        fail_msg("%s", why.text);
    assert_int_equal(EVENT_FILE_UPLOADED, f.type);
    assert_int_equal(1780920000500, f.time_wall_ms);
    assert_true(f.time_has_ms && f.path_lossy);
    assert_int_equal(20480, f.size_bytes);
    assert_true(slice_eq(SLICE("acc_1"), f.account_id));
    assert_true(slice_eq(SLICE("/in/\xc3\xbc.csv"), f.path));
    assert_true(slice_eq(SLICE("pipe\tline"), f.username));
    assert_true(slice_eq(SLICE("2001:db8::1"), f.client_ip));
    assert_true(slice_eq(SLICE("/h"), f.home));
    assert_true(slice_eq(SLICE("sftp"), f.protocol));
    assert_true(slice_eq(SLICE("4711"), f.session_id));
    assert_true(slice_eq(SLICE("own"), f.frontend));
    assert_true(slice_eq(SLICE("cut off"), f.suspect));
    assert_true(slice_eq(SLICE("/in/x.part"), f.renamed_from));
    assert_int_equal(55, f.traceparent.len);
    buf_done(&scratch);
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *says; /* NULL: it is an event; "": nothing at all */
    } cases[] = {
        {"{" MINIMAL "}", NULL},
        {" {" MINIMAL "} \r", NULL},
        {"{" MINIMAL ",\"size\":null,\"username\":null}", NULL},
        {"{\"event\":\"dir.created\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path_base64\":\"L3Lp\"}", NULL},
        {"{\"event\":\"ftp_user.created\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"username\":\"u\"}", NULL},
        {"{\"event\":\"ftp_user.created\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"username_base64\":\"/w==\"}", NULL},
        {"{\"event\":\"file.renamed\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path\":\"/b\",\"renamed_from_base64\":\"L2E=\"}",
         NULL},
        {"", ""},
        {"  \t", ""},
        {"# comment", ""},
        {"{", "json: "},
        {"[]", "json: "},
        {"{} {}", "json: "},
        {"{" MINIMAL "," MINIMAL "}", "json: "},
        {"{\"path\":\"\xff\"}", "json: "},
        {"{}", "member: event: missing"},
        {"{\"event\":7}", "member: event: must be a string"},
        {"{\"event\":\"file.created\"}", "member: event: no such"},
        {"{\"event\":\"webhook.disabled\"}", "member: event: no such"},
        {"{\"event\":\"file.missing\"}", "member: event: no such"},
        {"{\"event\":\"file.deleted\",\"path\":\"/a\"}", "member: timestamp: missing"},
        {"{\"event\":\"file.deleted\",\"path\":\"/a\",\"timestamp\":\"yesterday\"}", "member: timestamp: must be"},
        {"{\"event\":\"file.deleted\",\"path\":\"/a\",\"timestamp\":1780920000}", "member: timestamp: must be"},
        {"{\"event\":\"file.deleted\",\"timestamp\":\"2026-06-08T12:00:00Z\"}", "member: path: missing"},
        {"{\"event\":\"file.deleted\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path\":\"a\"}", "member: path: must be absolute"},
        {"{\"event\":\"file.deleted\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path\":\"/a\\u0000\"}", "member: path: must not"},
        {"{\"event\":\"file.deleted\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path_base64\":\"L2EA\"}",
         "member: path_base64: must not"},
        {"{" MINIMAL ",\"path_base64\":\"?\"}", "member: path_base64: must be base64"},
        {"{\"event\":\"file.renamed\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path\":\"/b\"}", "member: renamed_from: missing"},
        {"{" MINIMAL ",\"renamed_from\":\"x\"}", "member: renamed_from: must be absolute"},
        {"{" MINIMAL ",\"size\":-1}", "member: size: must be"},
        {"{" MINIMAL ",\"size\":1.5}", "member: size: must be"},
        {"{" MINIMAL ",\"size\":\"1\"}", "member: size: must be a number"},
        {"{" MINIMAL ",\"client_ip\":\"localhost\"}", "member: client_ip: must be"},
        {"{" MINIMAL ",\"account_id\":\"a/b\"}", "member: account_id: must be"},
        {"{" MINIMAL ",\"path_lossy\":1}", "member: path_lossy: must be"},
        {"{" MINIMAL ",\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01\"}",
         "member: traceparent: must be"},
        {"{" MINIMAL ",\"traceparent\":\"1\"}", "member: traceparent: must be"},
        {"{\"event\":\"ftp_user.created\",\"timestamp\":\"2026-06-08T12:00:00Z\"}", "member: username: missing"},
        {"{\"event\":\"ftp_user.created\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"username\":\"u\",\"path\":\"/a\"}",
         "member: path: must not"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int facts = 0;
        char text[1024];
        struct source_options options = {0};
        struct source_sink sink = {ignore_fact, keep_why, &facts};
        said[0] = '\0';
        asked = source_jsonl.state_new(&options, &sink);
        int len = snprintf(text, sizeof(text), "%s\n", cases[i].line);
        assert_int_equal(len, feed(asked, text, (size_t)len, 0));
        source_jsonl.state_free(asked);
        const char *says = cases[i].says ? cases[i].says : "";
        if (facts != (cases[i].says == NULL) || strncmp(said, says, strlen(says)) != 0 || (says[0] == '\0' && said[0] != '\0'))
            fail_msg("%s: %d events, said `%s`", cases[i].line, facts, said);
    }
}

static void a_line_may_be_as_long_as_it_may(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct buf text;
        buf_init(&text, 2 * JSONL_MAX_LINE_BYTES);
        buf_puts(&text, "{" MINIMAL ",\"home\":\"");
        while (text.len < JSONL_MAX_LINE_BYTES - 3 + (size_t)more)
            buf_puts(&text, "x");
        buf_puts(&text, "\"}\n{" MINIMAL "}\n");
        read_text(text.p, text.len, 0);
        assert_int_equal(2 - more, seen.count);
        assert_int_equal(2 * more, seen.quarantined);
        buf_done(&text);
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
        cmocka_unit_test(a_line_says_all),
        cmocka_unit_test(lines),
        cmocka_unit_test_teardown(a_line_may_be_as_long_as_it_may, teardown),
    };
    fixture_use(&source_jsonl);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
