/* Events: reading what frontends publish, refusing what is no event, writing the canonical record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/event.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ID "0192f7a0-1111-7abc-8def-0123456789ab"
#define HEAD                                                                                                                     \
    "{\"event_id\":\"" ID "\",\"event\":\"file.uploaded\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"account_id\":\"acc_1\","
#define USER_HEAD                                                                                                                \
    "{\"event_id\":\"" ID "\",\"event\":\"ftp_user.created\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"account_id\":\"acc_1\","
#define DISABLED_HEAD                                                                                                            \
    "{\"event_id\":\"" ID "\",\"event\":\"webhook.disabled\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"account_id\":\"acc_1\","
#define DATA "{\"path\":\"/incoming/order.csv\",\"size\":20480,\"username\":\"pipeline\",\"client_ip\":\"203.0.113.5\"}"

/* A record in memory of exactly its size, so that a read beyond it is seen, and the event in it. */
struct record {
    char *text;
    struct buf scratch;
    struct event ev;
    struct errmsg why;
};

static enum err record_open(struct record *r, struct slice json)
{
    *r = (struct record){.text = malloc(json.len + 1)};
    assert_non_null(r->text);
    memcpy(r->text + 1, json.p, json.len);
    buf_init(&r->scratch, EVENT_MAX_BYTES);
    return event_parse(slice_of(r->text + 1, json.len), &r->scratch, &r->ev, &r->why);
}

static void record_close(struct record *r)
{
    buf_done(&r->scratch);
    free(r->text);
}

static void open_good(struct record *r, const char *json)
{
    if (record_open(r, slice_str(json)) != ERR_OK)
        fail_msg("%s: %s", json, r->why.text);
}

static void assert_slice(struct slice actual, const char *expected)
{
    if (!slice_eq(actual, slice_str(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)actual.len, actual.p, expected);
}

static void test_the_contract_s_event(void **state)
{
    (void)state;
    struct record r;
    char id[UUID_TEXT_SIZE];
    open_good(&r, HEAD "\"data\":" DATA "}");
    uuid_format(&r.ev.id, id);
    assert_string_equal(id, ID);
    assert_int_equal(r.ev.type, EVENT_FILE_UPLOADED);
    assert_slice(r.ev.timestamp, "2026-06-08T12:00:00Z");
    assert_int_equal(r.ev.time_wall_ms, 1780920000000);
    assert_slice(r.ev.account_id, "acc_1");
    assert_slice(r.ev.data, DATA);
    assert_slice(r.ev.path, "/incoming/order.csv");
    assert_slice(r.ev.username, "pipeline");
    assert_int_equal(r.ev.target.webhook_id.len, 0);
    assert_int_equal(r.ev.target.reason, EVENT_REASON_NONE);
    assert_null(r.scratch.p); /* nothing to unescape: nothing allocated */
    record_close(&r);
}

static void test_any_order_and_unknown_members(void **state)
{
    (void)state;
    struct record r;
    open_good(
        &r, " { \"data\" : { \"x\":[1,{\"path\":1}] , \"path\" : \"/a\" } , \"version\":{\"path\":3}, \"account_id\":\"a.b-C_9\","
            "\"timestamp\":\"2026-06-08T14:00:00.25+02:00\",\"event\":\"dir.deleted\",\"event_id\":\"" ID "\" } \n");
    assert_int_equal(r.ev.type, EVENT_DIR_DELETED);
    assert_int_equal(r.ev.time_wall_ms, 1780920000250);
    assert_slice(r.ev.timestamp, "2026-06-08T14:00:00.25+02:00");
    assert_slice(r.ev.account_id, "a.b-C_9");
    assert_slice(r.ev.data, "{ \"x\":[1,{\"path\":1}] , \"path\" : \"/a\" }");
    assert_slice(r.ev.path, "/a");
    assert_slice(r.ev.username, "");
    record_close(&r);
}

static void test_paths_and_names(void **state)
{
    (void)state;
    static const struct {
        const char *json, *path, *username;
    } cases[] = {
        {HEAD "\"data\":{\"path\":\"/plain\"}}", "/plain", ""},
        {HEAD "\"data\":{\"path\":\"/quo\\\"te.csv\",\"username\":\"a\\\\b\"}}", "/quo\"te.csv", "a\\b"},
        {HEAD "\"data\":{\"username\":\"\\u00e9t\\u00e9\",\"path\":\"\\/in\\/x\"}}", "/in/x", "été"},
        {HEAD "\"data\":{\"path\":\"/\\ud83d\\ude00\"}}", "/😀", ""},
        {HEAD "\"data\":{\"path\":\"/\\ud83d\"}}", "/\xef\xbf\xbd", ""},
        {HEAD
         "\"data\":{\"path\":\"/r\xef\xbf\xbdsum\xef\xbf\xbd.pdf\",\"path_base64\":\"L3Lpc3Vt6S5wZGY=\",\"username\":\"p\"}}",
         "/r\xe9sum\xe9.pdf", "p"},
        {HEAD "\"data\":{\"path\":\"/x\",\"path_base64\":\"L\\/\\/\\/\",\"username\":\"\\\"\"}}", "/\xff\xff", "\""},
        {HEAD "\"data\":{\"path\":\"/x\",\"path_base64\":null,\"username\":null,\"size\":null}}", "/x", ""},
        {USER_HEAD "\"data\":{\"username\":\"pipeline\",\"home\":\"/srv/p\"}}", "", "pipeline"},
        {USER_HEAD "\"data\":{\"username\":\"pipeline\",\"path\":\"/ignored\"}}", "", "pipeline"},
        {DISABLED_HEAD "\"data\":{\"webhook_id\":\"wh_1\"}}", "", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct record r;
        open_good(&r, cases[i].json);
        assert_slice(r.ev.path, cases[i].path);
        assert_slice(r.ev.username, cases[i].username);
        record_close(&r);
    }
}

static void test_commands(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        enum event_reason reason;
        int64_t generation;
        const char *original;
    } cases[] = {
        {"{\"webhook_id\":\"wh_1\",\"reason\":\"test\"}", EVENT_REASON_TEST, 0, ""},
        {"{\"webhook_id\":\"wh_1\",\"reason\":\"redeliver\",\"generation\":2,\"original_delivery_id\":\"" ID "\"}",
         EVENT_REASON_REDELIVER, 2, ID},
        {"{\"original_delivery_id\":null,\"generation\":0,\"reason\":\"purge\",\"webhook_id\":\"wh_1\",\"by\":\"x\"}",
         EVENT_REASON_PURGE, 0, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[512];
        struct record r;
        snprintf(json, sizeof json, HEAD "\"target\":%s,\"data\":" DATA "}", cases[i].target);
        open_good(&r, json);
        assert_slice(r.ev.target.webhook_id, "wh_1");
        assert_int_equal(r.ev.target.reason, cases[i].reason);
        assert_int_equal(r.ev.target.generation, cases[i].generation);
        assert_slice(r.ev.target.original_delivery_id, cases[i].original);
        record_close(&r);
    }
}

/* Each kind of poison, and the message that stands in the dead letter's header. */
static void test_poison(void **state)
{
    (void)state;
#define ENVELOPE(id, event, time, account) "{" id event time account "\"data\":" DATA "}"
#define GOOD_ID "\"event_id\":\"" ID "\","
#define GOOD_EVENT "\"event\":\"file.uploaded\","
#define GOOD_TIME "\"timestamp\":\"2026-06-08T12:00:00Z\","
#define GOOD_ACCOUNT "\"account_id\":\"acc_1\","
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "expected an object at byte 0"},
        {"nonsense", "expected an object at byte 0"},
        {"[]", "expected an object at byte 0"},
        {HEAD "\"data\":" DATA "} x", "something after the object"},
        {HEAD "\"data\":" DATA, "expected ',' or '}'"},
        {HEAD "\"data\":{\"path\":\"/r\xe9\"}}", "not UTF-8"},
        {HEAD "\"data\":{\"path\":\"/a\nb\"}}", "control character"},
        {HEAD "\"account_id\":\"acc_2\",\"data\":" DATA "}", "second time"},
        {"{}", "event_id: missing"},
        {ENVELOPE("", GOOD_EVENT, GOOD_TIME, GOOD_ACCOUNT), "event_id: missing"},
        {ENVELOPE("\"event_id\":7,", GOOD_EVENT, GOOD_TIME, GOOD_ACCOUNT), "event_id: must be a string"},
        {ENVELOPE("\"event_id\":null,", GOOD_EVENT, GOOD_TIME, GOOD_ACCOUNT), "event_id: must be a string"},
        {ENVELOPE("\"event_id\":\"7\",", GOOD_EVENT, GOOD_TIME, GOOD_ACCOUNT), "event_id: must be a UUID"},
        {ENVELOPE(GOOD_ID, "", GOOD_TIME, GOOD_ACCOUNT), "event: missing"},
        {ENVELOPE(GOOD_ID, "\"event\":[],", GOOD_TIME, GOOD_ACCOUNT), "event: must be a string"},
        {ENVELOPE(GOOD_ID, "\"event\":\"file.moved\",", GOOD_TIME, GOOD_ACCOUNT), "event: no event of that name"},
        {ENVELOPE(GOOD_ID, "\"event\":\"\",", GOOD_TIME, GOOD_ACCOUNT), "event: no event of that name"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, "", GOOD_ACCOUNT), "timestamp: missing"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, "\"timestamp\":1780920000,", GOOD_ACCOUNT), "timestamp: must be a string"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, "\"timestamp\":\"2026-06-08\",", GOOD_ACCOUNT),
         "timestamp: must be an RFC 3339 date-time"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, "\"timestamp\":\"2026-02-30T12:00:00Z\",", GOOD_ACCOUNT),
         "timestamp: must be an RFC 3339"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, GOOD_TIME, ""), "account_id: missing"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, GOOD_TIME, "\"account_id\":{},"), "account_id: must be a string"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, GOOD_TIME, "\"account_id\":\"\","), "account_id: must be 1-128 of [A-Za-z0-9_.-]"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, GOOD_TIME, "\"account_id\":\"a/b\","), "account_id: must be 1-128"},
        {ENVELOPE(GOOD_ID, GOOD_EVENT, GOOD_TIME, "\"account_id\":\"a\\u0062\","),
         "account_id: must have nothing that is escaped"},
        {"{" GOOD_ID GOOD_EVENT GOOD_TIME "\"account_id\":\"acc_1\"}", "data: missing"},
        {HEAD "\"data\":null}", "data: must be an object"},
        {HEAD "\"data\":[]}", "data: must be an object"},
        {HEAD "\"data\":{\"path\":\"/a\",\"path\":\"/b\"}}", "data: a name for the second time"},
        {HEAD "\"data\":{}}", "data.path: missing"},
        {HEAD "\"data\":{\"path\":7}}", "data.path: must be a string"},
        {HEAD "\"data\":{\"path\":\"\"}}", "data.path: must be absolute"},
        {HEAD "\"data\":{\"path\":\"in/a\"}}", "data.path: must be absolute"},
        {HEAD "\"data\":{\"path_base64\":\"L2E=\"}}", "data.path: missing"},
        {HEAD "\"data\":{\"path\":\"/a\",\"path_base64\":\"L2E\"}}", "data.path_base64: must be base64"},
        {HEAD "\"data\":{\"path\":\"/a\",\"path_base64\":\"YQ==\"}}", "data.path_base64: must be absolute"},
        {HEAD "\"data\":{\"path\":\"/a\",\"path_base64\":[]}}", "data.path_base64: must be a string"},
        {HEAD "\"data\":{\"path\":\"/a\",\"username\":1}}", "data.username: must be a string"},
        {HEAD "\"data\":{\"path\":\"/a\",\"client_ip\":1}}", "data.client_ip: must be a string"},
        {HEAD "\"data\":{\"path\":\"/a\",\"size\":\"1\"}}", "data.size: must be a number"},
        {HEAD "\"data\":{\"path\":\"/a\",\"size\":-1}}", "data.size: must be a whole number"},
        {HEAD "\"data\":{\"path\":\"/a\",\"size\":1.5}}", "data.size: must be a whole number"},
        {HEAD "\"data\":{\"path\":\"/a\",\"renamed_from\":{}}}", "data.renamed_from: must be a string"},
        {USER_HEAD "\"data\":{}}", "data.username: missing"},
        {USER_HEAD "\"data\":{\"username\":\"\"}}", "data.username: must not be empty"},
        {HEAD "\"target\":\"wh_1\",\"data\":" DATA "}", "target: must be an object"},
        {HEAD "\"target\":{},\"data\":" DATA "}", "target.webhook_id: missing"},
        {HEAD "\"target\":{\"webhook_id\":\"\",\"reason\":\"test\"},\"data\":" DATA "}", "target.webhook_id: must be 1-64"},
        {HEAD "\"target\":{\"webhook_id\":\"a.b\",\"reason\":\"test\"},\"data\":" DATA "}", "target.webhook_id: must be 1-64"},
        {HEAD "\"target\":{\"webhook_id\":\"a\"},\"data\":" DATA "}", "target.reason: missing"},
        {HEAD "\"target\":{\"webhook_id\":\"a\",\"reason\":\"\"},\"data\":" DATA "}",
         "target.reason: must be test, redeliver or purge"},
        {HEAD "\"target\":{\"webhook_id\":\"a\",\"reason\":\"test\",\"generation\":-1},\"data\":" DATA "}",
         "target.generation: must be a whole number"},
        {HEAD "\"target\":{\"webhook_id\":\"a\",\"reason\":\"test\",\"original_delivery_id\":\"x\"},\"data\":" DATA "}",
         "target.original_delivery_id: must be a UUID"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct record r;
        enum err err = record_open(&r, slice_str(cases[i].json));
        if (err != ERR_INVALID || !strstr(r.why.text, cases[i].why))
            fail_msg("%s: %s, \"%s\" instead of \"%s\"", cases[i].json, err_name(err), r.why.text, cases[i].why);
        assert_int_equal(r.ev.data.len, 0); /* written only on success */
        record_close(&r);
    }
}

/* A record whose path is padded to make it total bytes long. */
static char *padded(size_t total)
{
    static const char front[] = HEAD "\"data\":{\"username\":\"\\\\\",\"path\":\"/", back[] = "\"}}";
    char *json = malloc(total);
    assert_non_null(json);
    memset(json, 'x', total);
    memcpy(json, front, sizeof front - 1);
    memcpy(json + total - (sizeof back - 1), back, sizeof back - 1);
    return json;
}

static void test_size(void **state)
{
    (void)state;
    struct record r;
    char *json = padded(EVENT_MAX_BYTES);
    assert_int_equal(record_open(&r, slice_of(json, EVENT_MAX_BYTES)), ERR_OK);
    assert_true(r.ev.path.len > 260000);
    assert_slice(r.ev.username, "\\");
    record_close(&r);
    free(json);

    json = padded(EVENT_MAX_BYTES + 1);
    assert_int_equal(record_open(&r, slice_of(json, EVENT_MAX_BYTES + 1)), ERR_TOO_BIG);
    assert_string_equal(r.why.text, "event: 262145 bytes, the limit is 262144");
    record_close(&r);
    free(json);
}

/* The scratch is used again from event to event, and its own limit is an error, not an overrun. */
static void test_scratch(void **state)
{
    (void)state;
    static const char json[] = HEAD "\"data\":{\"path\":\"/\\\"\",\"username\":\"\\\\\"}}";
    struct buf scratch;
    struct event ev;
    struct errmsg why;
    buf_init(&scratch, 1000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(event_parse(slice_str(json), &scratch, &ev, NULL), ERR_OK);
        assert_slice(ev.path, "/\"");
        assert_slice(ev.username, "\\");
    }
    buf_done(&scratch);
    buf_init(&scratch, 10);
    assert_int_equal(event_parse(slice_str(json), &scratch, &ev, &why), ERR_TOO_BIG);
    assert_string_equal(why.text, "data: too big to be decoded");
    buf_done(&scratch);
}

static void test_type_names(void **state)
{
    (void)state;
    static const char *const names[] = {"file.uploaded",    "file.downloaded", "file.deleted", "dir.created",     "dir.deleted",
                                        "ftp_user.created", "file.renamed",    "file.missing", "webhook.disabled"};
    enum event_type type;
    assert_int_equal(COUNT(names), EVENT_TYPE_COUNT);
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_string_equal(event_type_name((enum event_type)i), names[i]);
        assert_int_equal(event_type_parse(slice_str(names[i]), &type), ERR_OK);
        assert_int_equal(type, i);
        assert_int_equal(event_type_is_extension(type), i >= 6);
    }
    assert_int_equal(event_type_parse(SLICE("file.upload"), &type), ERR_INVALID);
    assert_int_equal(event_type_parse(SLICE("*"), &type), ERR_INVALID);
}

static struct event_fields fields(enum event_type type)
{
    struct event_fields f = {.type = type, .time_wall_ms = 1780920000000, .account_id = SLICE("acc_1"), .size_bytes = -1};
    assert_int_equal(uuid_parse(SLICE(ID), &f.id), ERR_OK);
    return f;
}

static void assert_written(const struct event_fields *f, const char *expected, const char *key)
{
    struct buf b;
    buf_init(&b, EVENT_MAX_BYTES);
    event_write(&b, f);
    assert_int_equal(b.err, ERR_OK);
    assert_string_equal(buf_cstr(&b), expected);
    struct record r;
    open_good(&r, expected);
    assert_int_equal(r.ev.type, f->type);
    assert_int_equal(r.ev.time_wall_ms, f->time_wall_ms);
    assert_memory_equal(r.ev.id.bytes, f->id.bytes, sizeof f->id.bytes);
    assert_true(slice_eq(r.ev.path, f->path));
    record_close(&r);
    buf_reset(&b);
    event_key(&b, f);
    assert_string_equal(buf_cstr(&b), key);
    buf_done(&b);
}

static void test_writing(void **state)
{
    (void)state;
    struct event_fields f = fields(EVENT_FILE_UPLOADED);
    f.path = SLICE("/incoming/order.csv");
    f.size_bytes = 20480;
    f.username = SLICE("pipeline");
    f.client_ip = SLICE("203.0.113.5");
    assert_written(&f, HEAD "\"data\":" DATA "}", "acc_1/incoming/order.csv");

    f.size_bytes = 0;
    f.path = SLICE("/a \"b\"\\\t.csv");
    f.username = f.client_ip = SLICE("");
    assert_written(&f, HEAD "\"data\":{\"path\":\"/a \\\"b\\\"\\\\\\t.csv\",\"size\":0}}", "acc_1/a \"b\"\\\t.csv");
}

static void test_writing_every_member(void **state)
{
    (void)state;
    struct event_fields f = fields(EVENT_FILE_RENAMED);
    f.time_wall_ms += 7;
    f.time_has_ms = true;
    f.path = SLICE("/r\xe9sum\xe9.pdf");
    f.path_lossy = true;
    f.size_bytes = 3;
    f.username = SLICE("\xff");
    f.client_ip = SLICE("::1");
    f.protocol = SLICE("sftp");
    f.session_id = SLICE("41");
    f.frontend = SLICE("proftpd");
    f.suspect = SLICE("client closed without QUIT");
    f.renamed_from = SLICE("/\xc3.part");
    assert_written(
        &f,
        "{\"event_id\":\"" ID
        "\",\"event\":\"file.renamed\",\"timestamp\":\"2026-06-08T12:00:00.007Z\",\"account_id\":\"acc_1\",\"data\":{"
        "\"path\":\"/r\xef\xbf\xbdsum\xef\xbf\xbd.pdf\",\"path_base64\":\"L3Lpc3Vt6S5wZGY=\",\"path_lossy\":true,\"size\":3,"
        "\"username\":\"\xef\xbf\xbd\",\"username_base64\":\"/w==\",\"client_ip\":\"::1\",\"protocol\":\"sftp\","
        "\"session_id\":\"41\",\"frontend\":\"proftpd\",\"suspect\":\"client closed without QUIT\","
        "\"renamed_from\":\"/\xef\xbf\xbd.part\",\"renamed_from_base64\":\"L8MucGFydA==\"}}",
        "acc_1/r\xe9sum\xe9.pdf");
}

static void test_writing_other_events(void **state)
{
    (void)state;
    struct event_fields f = fields(EVENT_FTP_USER_CREATED);
    f.username = SLICE("pipeline");
    f.home = SLICE("/srv/p");
    assert_written(&f, USER_HEAD "\"data\":{\"username\":\"pipeline\",\"home\":\"/srv/p\"}}", "acc_1/pipeline");

    f = fields(EVENT_WEBHOOK_DISABLED);
    assert_written(&f, DISABLED_HEAD "\"data\":{}}", "acc_1/");

    f = fields(EVENT_DIR_CREATED);
    f.path = SLICE("/new");
    f.size_bytes = 4096; /* directories have none */
    assert_written(&f,
                   "{\"event_id\":\"" ID
                   "\",\"event\":\"dir.created\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"account_id\":\"acc_1\","
                   "\"data\":{\"path\":\"/new\"}}",
                   "acc_1/new");
}

static void test_writing_beyond_the_limit(void **state)
{
    (void)state;
    struct event_fields f = fields(EVENT_FILE_UPLOADED);
    struct buf b;
    f.path = SLICE("/a");
    buf_init(&b, 50);
    event_write(&b, &f);
    assert_int_equal(b.err, ERR_TOO_BIG);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_contract_s_event),
        cmocka_unit_test(test_any_order_and_unknown_members),
        cmocka_unit_test(test_paths_and_names),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_type_names),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_writing_every_member),
        cmocka_unit_test(test_writing_other_events),
        cmocka_unit_test(test_writing_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
