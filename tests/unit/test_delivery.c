/* Deliveries: identity, body, the record in both directions, and the order of the fold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/delivery.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define EVENT_ID "0192f7a0-1111-7abc-8def-0123456789ab"
#define WEBHOOK_ID "wh_0123456789abcdef0123456789abcdef"
#define DELIVERY_ID "ba471f36-cff6-5bd6-b82b-89e08fc8020e"

static struct uuid uuid_of(const char *text)
{
    struct uuid id;
    assert_int_equal(uuid_parse(slice_str(text), &id), ERR_OK);
    return id;
}

/* bytes(SHA-1(namespace name)[:16]) with version 5 and the variant set; the name is id or id/n. */
static void test_id(void **state)
{
    (void)state;
    static const struct {
        int64_t generation;
        const char *expected;
    } cases[] = {
        {0, DELIVERY_ID},
        {1, "b565a46d-ce2e-59eb-9a6d-96122072de13"},
        {12, "7315cb1b-ddb1-5f3f-9edc-d814d161cf7b"},
    };
    struct uuid event_id = uuid_of(EVENT_ID);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[UUID_TEXT_SIZE];
        struct uuid id = delivery_id(&event_id, slice_str(WEBHOOK_ID), cases[i].generation);
        uuid_format(&id, text);
        assert_string_equal(text, cases[i].expected);
    }
}

static void test_body(void **state)
{
    (void)state;
    static const struct {
        const char *event, *body;
    } cases[] = {
        {"{\"event_id\":\"" EVENT_ID
         "\",\"event\":\"file.uploaded\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"account_id\":\"acc_1\","
         "\"data\":{\"path\":\"/incoming/order.csv\",\"size\":20480,\"username\":\"pipeline\",\"client_ip\":\"203.0.113.5\"}}",
         "{\"event\":\"file.uploaded\",\"delivery_id\":\"" DELIVERY_ID
         "\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"account_id\":\"acc_1\","
         "\"data\":{\"path\":\"/incoming/order.csv\",\"size\":20480,\"username\":\"pipeline\",\"client_ip\":\"203.0.113.5\"}}"},
        /* the event's own bytes, whatever their order, spacing and escapes; nothing of the command */
        {" { \"data\" : { \"path\" : \"\\/r\\u00e9\" , \"x\":1e2 } , \"target\":{\"webhook_id\":\"w\",\"reason\":\"test\"},"
         "\"account_id\":\"acc_1\",\"timestamp\":\"2026-06-08T14:00:00.5+02:00\",\"event\":\"dir.created\",\"event_id\":"
         "\"" EVENT_ID "\"}",
         "{\"event\":\"dir.created\",\"delivery_id\":\"" DELIVERY_ID "\",\"timestamp\":\"2026-06-08T14:00:00.5+02:00\","
         "\"account_id\":\"acc_1\",\"data\":{ \"path\" : \"\\/r\\u00e9\" , \"x\":1e2 }}"},
    };
    struct buf scratch, out;
    struct uuid id = uuid_of(DELIVERY_ID);
    buf_init(&scratch, EVENT_MAX_BYTES);
    buf_init(&out, EVENT_MAX_BYTES);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct event ev;
        assert_int_equal(event_parse(slice_str(cases[i].event), &scratch, &ev, NULL), ERR_OK);
        buf_reset(&out);
        delivery_body(&out, &ev, &id);
        assert_string_equal(buf_cstr(&out), cases[i].body);
    }
    buf_done(&out);
    buf_done(&scratch);
}

#define IDENTITY                                                                                                                 \
    "{\"schema\":\"trueftp.delivery/1\",\"delivery_id\":\"" DELIVERY_ID "\",\"event_id\":\"" EVENT_ID                            \
    "\",\"webhook_id\":\"" WEBHOOK_ID "\",\"account_id\":\"acc_1\",\"event\":\"file.uploaded\",\"path\":"
#define TIMES                                                                                                                    \
    "\"event_time\":\"2026-06-08T12:00:00.000Z\",\"created_at\":\"2026-06-08T12:00:00.100Z\",\"updated_at\":\"2026-06-08T12:00:" \
    "01.000Z\","

static const char delivered[] = IDENTITY
    "\"/in/"
    "a.csv\",\"status\":\"delivered\",\"revision\":1,\"attempt\":1,\"max_attempts\":3,\"http_status\":200,\"error\":null," TIMES
    "\"next_attempt_at\":null,\"attempts\":[{\"attempt\":1,\"started_at\":\"2026-06-08T12:00:00.500Z\",\"http_status\":200,"
    "\"error\":null,\"duration_ms\":12,\"queued_ms\":0,\"connect_ms\":1,\"first_byte_ms\":11}],\"generation\":0,"
    "\"event_ref\":{\"topic\":\"trueftp.events\",\"partition\":3,\"offset\":1234567890123}}";

static const char retrying[] = IDENTITY
    "\"/"
    "r\xef\xbf\xbdsum\xef\xbf\xbd.pdf\",\"path_base64\":\"L3Lpc3Vt6S5wZGY=\",\"status\":\"retrying\",\"revision\":2,\"attempt\":"
    "2,"
    "\"max_attempts\":20,\"http_status\":null,\"error\":\"connect_refused\",\"detail\":\"nobody \\\"listens\\\"\"," TIMES
    "\"next_attempt_at\":\"2026-06-08T12:01:00.250Z\",\"attempts\":["
    "{\"attempt\":1,\"started_at\":\"2026-06-08T12:00:00.500Z\",\"http_status\":503,\"error\":\"http_status\",\"duration_ms\":30,"
    "\"queued_ms\":1,\"dns_ms\":2,\"connect_ms\":3,\"tls_ms\":4,\"first_byte_ms\":29,\"response\":\"}]\\\\ \\\"{ [ busy\\n\"},"
    "{\"attempt\":2,\"started_at\":\"2026-06-08T12:00:10.500Z\",\"http_status\":null,\"error\":\"connect_refused\"}],"
    "\"generation\":1,\"original_delivery_id\":\"" DELIVERY_ID "\","
    "\"event_ref\":{\"topic\":\"trueftp.events.acme\",\"partition\":0,\"offset\":0},"
    "\"body\":\"{\\\"event\\\":\\\"file.uploaded\\\"}\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"trace_flags\":0}";

static struct delivery base(void)
{
    struct delivery dl = {
        .webhook_id = SLICE(WEBHOOK_ID),
        .account_id = SLICE("acc_1"),
        .event = EVENT_FILE_UPLOADED,
        .event_wall_ms = 1780920000000,
        .created_wall_ms = 1780920000100,
        .updated_wall_ms = 1780920001000,
    };
    dl.id = uuid_of(DELIVERY_ID);
    dl.event_id = uuid_of(EVENT_ID);
    return dl;
}

static struct delivery delivered_fields(void)
{
    struct delivery dl = base();
    dl.path = SLICE("/in/a.csv");
    dl.status = DELIVERY_DELIVERED;
    dl.revision = 1;
    dl.attempt = 1;
    dl.max_attempts = 3;
    dl.http_status = 200;
    dl.attempts[0] = (struct delivery_attempt){
        1, 1780920000500, 200, DELIVERY_ERROR_NONE, DELIVERY_REASON_NONE, 12, 0, -1, 1, -1, 11, SLICE("")};
    dl.attempt_count = 1;
    dl.event_topic = SLICE("trueftp.events");
    dl.event_partition = 3;
    dl.event_offset = 1234567890123;
    return dl;
}

static struct delivery retrying_fields(void)
{
    struct delivery dl = base();
    dl.path = SLICE("/r\xe9sum\xe9.pdf");
    dl.status = DELIVERY_RETRYING;
    dl.revision = 2;
    dl.attempt = 2;
    dl.max_attempts = 20;
    dl.error = DELIVERY_ERROR_CONNECT_REFUSED;
    dl.detail = SLICE("nobody \"listens\"");
    dl.next_attempt_wall_ms = 1780920060250;
    dl.attempts[0] = (struct delivery_attempt){
        1, 1780920000500, 503, DELIVERY_ERROR_HTTP_STATUS, DELIVERY_REASON_NONE, 30, 1, 2, 3, 4, 29, SLICE("}]\\ \"{ [ busy\n")};
    dl.attempts[1] = (struct delivery_attempt){
        2, 1780920010500, 0, DELIVERY_ERROR_CONNECT_REFUSED, DELIVERY_REASON_NONE, -1, -1, -1, -1, -1, -1, SLICE("")};
    dl.attempt_count = 2;
    dl.generation = 1;
    dl.original_delivery_id = SLICE(DELIVERY_ID);
    dl.event_topic = SLICE("trueftp.events.acme");
    dl.body = SLICE("{\"event\":\"file.uploaded\"}");
    dl.trace_id = SLICE("4bf92f3577b34da6a3ce929d0e0e4736");
    dl.trace_unsampled = true;
    return dl;
}

static void assert_written(const struct delivery *dl, const char *expected)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    delivery_write(&b, dl);
    assert_int_equal(b.err, ERR_OK);
    assert_string_equal(buf_cstr(&b), expected);
    buf_done(&b);
}

static void test_writing(void **state)
{
    (void)state;
    struct delivery dl = delivered_fields();
    assert_written(&dl, delivered);
    dl = retrying_fields();
    assert_written(&dl, retrying);
}

static void assert_same_attempt(const struct delivery_attempt *a, const struct delivery_attempt *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->started_wall_ms, b->started_wall_ms);
    assert_int_equal(a->http_status, b->http_status);
    assert_int_equal(a->error, b->error);
    assert_int_equal(a->duration_ms, b->duration_ms);
    assert_int_equal(a->queued_ms, b->queued_ms);
    assert_int_equal(a->dns_ms, b->dns_ms);
    assert_int_equal(a->connect_ms, b->connect_ms);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->tls_ms, b->tls_ms);
    assert_int_equal(a->first_byte_ms, b->first_byte_ms);
    assert_true(slice_eq(a->response, b->response));
}

static void assert_same(const struct delivery *a, const struct delivery *b)
{
    assert_memory_equal(a->id.bytes, b->id.bytes, 16);
    assert_memory_equal(a->event_id.bytes, b->event_id.bytes, 16);
    assert_true(slice_eq(a->webhook_id, b->webhook_id));
    assert_true(slice_eq(a->account_id, b->account_id));
    assert_int_equal(a->event, b->event);
    assert_true(slice_eq(a->path, b->path));
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->max_attempts, b->max_attempts);
    assert_int_equal(a->http_status, b->http_status);
    assert_int_equal(a->error, b->error);
    assert_true(slice_eq(a->detail, b->detail));
    assert_int_equal(a->event_wall_ms, b->event_wall_ms);
    assert_int_equal(a->created_wall_ms, b->created_wall_ms);
    assert_int_equal(a->updated_wall_ms, b->updated_wall_ms);
    assert_int_equal(a->next_attempt_wall_ms, b->next_attempt_wall_ms);
    assert_int_equal(a->held_wall_ms, b->held_wall_ms);
    assert_int_equal(a->attempt_count, b->attempt_count);
    for (int i = 0; i < a->attempt_count; i++)
        assert_same_attempt(&a->attempts[i], &b->attempts[i]);
    assert_int_equal(a->generation, b->generation);
    assert_true(slice_eq(a->original_delivery_id, b->original_delivery_id));
    assert_true(slice_eq(a->event_topic, b->event_topic));
    assert_int_equal(a->event_partition, b->event_partition);
    assert_int_equal(a->event_offset, b->event_offset);
    assert_true(slice_eq(a->body, b->body));
    assert_true(slice_eq(a->trace_id, b->trace_id));
    assert_int_equal(a->trace_unsampled, b->trace_unsampled);
}

/* In memory of exactly its size, so that a read beyond it is seen. The result's slices point into *text and scratch. */
static enum err parse(struct slice json, char **text, struct buf *scratch, struct delivery *dl, struct errmsg *why)
{
    *text = malloc(json.len + 1);
    assert_non_null(*text);
    if (json.p)
        memcpy(*text + 1, json.p, json.len);
    return delivery_parse(slice_of(*text + 1, json.len), scratch, dl, why);
}

static void assert_parsed(struct slice json, const struct delivery *expected)
{
    char *text;
    struct buf scratch;
    struct delivery dl;
    struct errmsg why = {""};
    buf_init(&scratch, 1 << 20);
    if (parse(json, &text, &scratch, &dl, &why) != ERR_OK)
        fail_msg("%.*s: %s", (int)json.len, json.p, why.text);
    assert_same(&dl, expected);
    buf_done(&scratch);
    free(text);
}

static void test_reading(void **state)
{
    (void)state;
    struct delivery dl = delivered_fields();
    assert_parsed(slice_str(delivered), &dl);
    dl = retrying_fields();
    assert_parsed(slice_str(retrying), &dl);
}

/* Twenty attempts with responses that need escaping, every status and every error. */
static void test_round_trips(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int status = DELIVERY_RETRYING; status <= DELIVERY_PURGED; status++)
        for (int error = DELIVERY_ERROR_NONE; error < DELIVERY_ERROR_COUNT; error++) {
            struct delivery dl = retrying_fields();
            dl.status = (enum delivery_status)status;
            dl.error = (enum delivery_error)error;
            dl.next_attempt_wall_ms = delivery_is_open(dl.status) ? 1780920060250 : 0;
            dl.held_wall_ms = dl.status == DELIVERY_PARKED ? 1780919000123 : 0;
            dl.attempt_count = DELIVERY_MAX_ATTEMPTS;
            for (int i = 0; i < DELIVERY_MAX_ATTEMPTS; i++) {
                dl.attempts[i] = dl.attempts[0];
                dl.attempts[i].number = i + 1;
                dl.attempts[i].error = dl.error;
                dl.attempts[i].reason = (enum delivery_reason)(i % DELIVERY_REASON_COUNT);
            }
            buf_reset(&b);
            delivery_write(&b, &dl);
            assert_int_equal(b.err, ERR_OK);
            assert_parsed(buf_slice(&b), &dl);
        }
    buf_done(&b);
}

/* A response is the endpoint's bytes: what is not UTF-8 is repaired. */
static void test_bytes_of_a_response(void **state)
{
    (void)state;
    struct delivery dl = delivered_fields();
    struct buf b;
    buf_init(&b, 1 << 20);
    dl.attempts[0].response = slice_of("\0a\xff\x1f", 4);
    delivery_write(&b, &dl);
    assert_non_null(strstr(buf_cstr(&b), ",\"response\":\"\\u0000a\xef\xbf\xbd\\u001f\"}"));
    dl.attempts[0].response = slice_of("\0a\xef\xbf\xbd\x1f", 6);
    assert_parsed(buf_slice(&b), &dl);
    buf_done(&b);
}

/* The largest record there can be: it fits into the topic's max.message.bytes. */
static void test_the_largest_record(void **state)
{
    (void)state;
    static char body[EVENT_MAX_BYTES], path[EVENT_MAX_BYTES / 4 * 3], response[DELIVERY_RESPONSE_BYTES];
    struct delivery dl = retrying_fields();
    struct buf b;
    memset(body, '"', sizeof body);
    memset(path, 0xff, sizeof path);
    memset(response, 1, sizeof response);
    path[0] = '/';
    dl.body = slice_of(body, sizeof body);
    dl.path = slice_of(path, sizeof path);
    dl.attempt_count = DELIVERY_MAX_ATTEMPTS;
    for (int i = 0; i < DELIVERY_MAX_ATTEMPTS; i++) {
        dl.attempts[i] = dl.attempts[0];
        dl.attempts[i].response = slice_of(response, sizeof response);
    }
    buf_init(&b, DELIVERY_MAX_BYTES);
    delivery_write(&b, &dl);
    assert_int_equal(b.err, ERR_OK);
    buf_done(&b);
}

static void test_order_and_unknown_members(void **state)
{
    (void)state;
    static const char json[] =
        " { \"event_ref\" : { \"offset\":5, \"partition\":1, \"topic\":\"t\", \"leader\":2 } , \"attempts\" : [ ] , "
        "\"status\":\"failed\","
        "\"updated_at\":\"2026-06-08T14:00:01+02:00\",\"created_at\":\"2026-06-08T12:00:00.1Z\",\"event_time\":\"2026-06-08T12:"
        "00:00Z\","
        "\"max_attempts\":3,\"attempt\":0,\"revision\":9,\"path\":\"\",\"event\":\"ftp_user.created\",\"account_id\":\"acc_1\","
        "\"webhook_id\":\"" WEBHOOK_ID "\",\"event_id\":\"" EVENT_ID "\",\"delivery_id\":\"" DELIVERY_ID "\",\"later\":[{}],"
        "\"detail\":null,\"schema\":\"trueftp.delivery/1\" } ";
    struct delivery dl = base();
    dl.status = DELIVERY_FAILED;
    dl.event = EVENT_FTP_USER_CREATED;
    dl.revision = 9;
    dl.max_attempts = 3;
    dl.event_topic = SLICE("t");
    dl.event_partition = 1;
    dl.event_offset = 5;
    assert_parsed(slice_str(json), &dl);
}

/* The text with the first occurrence of one part replaced by another. */
static void replace(const char *text, const char *part, const char *by, struct buf *out)
{
    const char *at = strstr(text, part);
    if (!at) {
        fail_msg("no %s", part);
        return;
    }
    buf_reset(out);
    buf_put(out, text, (size_t)(at - text));
    buf_puts(out, by);
    buf_puts(out, at + strlen(part));
}

static void test_bad_records(void **state)
{
    (void)state;
    static const struct {
        const char *part, *by, *why;
    } cases[] = {
        {"{\"schema\"", "[\"schema\"", "expected an object at byte 0"},
        {"\"trace_id\":", "\"trace_id\"", "expected ':'"},
        {"\"trueftp.delivery/1\"", "\"trueftp.claim/1\"", "schema: must be trueftp.delivery/1"},
        {"\"schema\"", "\"scheme\"", "schema: missing"},
        {"\"delivery_id\":\"ba", "\"delivery_id\":\"xx", "delivery_id: must be a UUID"},
        {"\"delivery_id\"", "\"delivery\"", "delivery_id: missing"},
        {"\"event_id\":\"01", "\"event_id\":\"", "event_id: must be a UUID"},
        {"\"webhook_id\":\"" WEBHOOK_ID "\"", "\"webhook_id\":7", "webhook_id: must be a string"},
        {"\"account_id\":\"acc_1\"", "\"account_id\":null", "account_id: must be a string"},
        {"\"file.uploaded\"", "\"file.up\"", "event: no event of that name"},
        {"\"path\":", "\"pfad\":", "path: missing"},
        {"L3Lpc3Vt6S5wZGY=", "L3Lpc3Vt6S5wZGY", "path_base64: must be base64"},
        {"\"status\":\"retrying\"", "\"status\":\"done\"", "status: no status of that name"},
        {"\"status\":\"retrying\",", "", "status: missing"},
        {"\"revision\":2", "\"revision\":2.5", "revision: must be a whole number"},
        {"\"revision\":2", "\"revision\":-2", "revision: must be a whole number"},
        {"\"attempt\":2", "\"attempt\":\"2\"", "attempt: must be a number"},
        {"\"max_attempts\":20", "\"max_attempts\":99999999999", "max_attempts: must be a whole number"},
        {"\"http_status\":null", "\"http_status\":\"x\"", "http_status: must be a number"},
        {"\"error\":\"connect_refused\"", "\"error\":\"bad_luck\"", "error: no error class of that name"},
        {"\"detail\":\"nobody", "\"detail\":7,\"x\":\"", "detail: must be a string"},
        {"\"event_time\":\"2026", "\"event_time\":\"26", "event_time: must be an RFC 3339"},
        {"\"created_at\"", "\"made_at\"", "created_at: missing"},
        {"\"updated_at\":\"2026-06-08T12:00:01.000Z\"", "\"updated_at\":1", "updated_at: must be a string"},
        {"\"next_attempt_at\":\"2026", "\"next_attempt_at\":\"x", "next_attempt_at: must be an RFC 3339"},
        {"\"next_attempt_at\":\"2026-06-08T12:01:00.250Z\"", "\"next_attempt_at\":null", "next_attempt_at: missing in an open"},
        {"\"attempts\":[", "\"attempts\":{},\"x\":[", "attempts: must be an array"},
        {"\"attempts\":[", "\"attempts\":[7,", "attempts: must hold objects"},
        {"\"attempts\":[{\"attempt\":1", "\"attempts\":[{\"attempt\":0", "attempts[0].attempt: must be a whole number"},
        {"{\"attempt\":2", "{\"try\":2", "attempts[1].attempt: missing"},
        {"\"started_at\":\"2026-06-08T12:00:10", "\"started_at\":\"2026-06-08 12:00:10",
         "attempts[1].started_at: must be an RFC 3339"},
        {"\"http_status\":503", "\"http_status\":-1", "attempts[0].http_status: must be a whole number"},
        {"\"error\":\"http_status\"", "\"error\":\"status\"", "attempts[0].error: no error class"},
        {"\"duration_ms\":30", "\"duration_ms\":3e1", "attempts[0].duration_ms: must be a whole number"},
        {"\"queued_ms\":1", "\"queued_ms\":[]", "attempts[0].queued_ms: must be a number"},
        {"\"dns_ms\":2", "\"dns_ms\":-2", "attempts[0].dns_ms: must be"},
        {"\"connect_ms\":3", "\"connect_ms\":true", "attempts[0].connect_ms: must be"},
        {"\"tls_ms\":4", "\"tls_ms\":\"4\"", "attempts[0].tls_ms: must be"},
        {"\"first_byte_ms\":29", "\"first_byte_ms\":29000000000", "attempts[0].first_byte_ms: must be"},
        {"\"first_byte_ms\":29", "\"duration_ms\":29", "attempts[0]: a name for the second time"},
        {"\"response\":\"", "\"response\":{},\"x\":\"", "attempts[0].response: must be a string"},
        {"\"generation\":1", "\"generation\":-1", "generation: must be"},
        {"\"original_delivery_id\":\"", "\"original_delivery_id\":7,\"x\":\"", "original_delivery_id: must be a string"},
        {"\"event_ref\":{", "\"event_ref\":[],\"x\":{", "event_ref: must be an object"},
        {"\"event_ref\"", "\"ref\"", "event_ref: missing"},
        {"\"topic\":", "\"thema\":", "event_ref.topic: missing"},
        {"\"partition\":0", "\"partition\":-1", "event_ref.partition: must be"},
        {"\"offset\":0", "\"offset\":null", "event_ref.offset: must be a number"},
        {"\"body\":\"", "\"body\":7,\"x\":\"", "body: must be a string"},
        {"\"trace_id\":\"", "\"trace_id\":7,\"x\":\"", "trace_id: must be a string"},
    };
    struct buf json, scratch;
    buf_init(&json, 1 << 20);
    buf_init(&scratch, 1 << 20);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text;
        struct delivery dl = {.attempt = -7};
        struct errmsg why = {""};
        replace(retrying, cases[i].part, cases[i].by, &json);
        enum err err = parse(buf_slice(&json), &text, &scratch, &dl, &why);
        if (err != ERR_INVALID || strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s, \"%s\" instead of \"%s\"", cases[i].by, err_name(err), why.text, cases[i].why);
        assert_int_equal(dl.attempt, -7); /* written only on success */
        free(text);
    }
    buf_done(&json);
    buf_done(&scratch);
}

static void test_too_many_attempts_and_a_small_scratch(void **state)
{
    (void)state;
    struct buf json, scratch;
    struct delivery dl;
    struct errmsg why;
    buf_init(&json, 1 << 20);
    buf_init(&scratch, 1 << 20);
    replace(delivered, "\"attempts\":[", "\"attempts\":[#", &json);
    char *front = strdup(buf_cstr(&json));
    assert_non_null(front);
    char *back = strchr(front, '#');
    assert_non_null(back);
    *back++ = '\0';
    buf_reset(&json);
    buf_puts(&json, front);
    for (int i = 0; i < DELIVERY_MAX_ATTEMPTS; i++)
        buf_puts(&json, "{\"attempt\":1,\"started_at\":\"2026-06-08T12:00:00Z\"},");
    buf_puts(&json, back);
    assert_int_equal(delivery_parse(buf_slice(&json), &scratch, &dl, &why), ERR_INVALID);
    assert_string_equal(why.text, "attempts: more than 20");
    buf_done(&scratch);

    buf_init(&scratch, 100);
    assert_int_equal(delivery_parse(slice_str(retrying), &scratch, &dl, &why), ERR_TOO_BIG);
    assert_string_equal(why.text, "record: too big to be decoded");
    free(front);
    buf_done(&json);
    buf_done(&scratch);
}

/* Each is greater than all above it. */
static void test_fold_order(void **state)
{
    (void)state;
    static const struct delivery_rank ascending[] = {
        {DELIVERY_RETRYING, 0, 1},  {DELIVERY_PARKED, 0, 2},         {DELIVERY_RETRYING, 1, 1},  {DELIVERY_PARKED, 1, 5},
        {DELIVERY_RETRYING, 19, 0}, {DELIVERY_CANCELLED, 0, 1},      {DELIVERY_CANCELLED, 2, 0}, {DELIVERY_FAILED, 1, 9},
        {DELIVERY_FAILED, 3, 1},    {DELIVERY_FAILED, 3, 2},         {DELIVERY_DELIVERED, 1, 1}, {DELIVERY_DELIVERED, 2, 1},
        {DELIVERY_PURGED, 0, 0},    {DELIVERY_PURGED, 0, INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = 0; j < COUNT(ascending); j++) {
            int order = delivery_rank_compare(ascending[i], ascending[j]);
            if ((order > 0) != (i > j) || (order < 0) != (i < j))
                fail_msg("%zu and %zu: %d", i, j, order);
        }
    assert_int_equal(
        delivery_rank_compare((struct delivery_rank){DELIVERY_PARKED, 1, 4}, (struct delivery_rank){DELIVERY_RETRYING, 1, 4}), 0);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const statuses[] = {"retrying", "parked", "cancelled", "failed", "delivered", "purged"};
    static const char *const errors[] = {"dns",         "connect_refused", "connect_timeout", "reset",    "tls",      "timeout",
                                         "http_status", "redirect",        "blocked_target",  "protocol", "cancelled"};
    for (size_t i = 0; i < COUNT(statuses); i++)
        assert_string_equal(delivery_status_name((enum delivery_status)i), statuses[i]);
    assert_null(delivery_error_name(DELIVERY_ERROR_NONE));
    assert_int_equal(COUNT(errors) + 1, DELIVERY_ERROR_COUNT);
    for (size_t i = 0; i < COUNT(errors); i++)
        assert_string_equal(delivery_error_name((enum delivery_error)(i + 1)), errors[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_bytes_of_a_response),
        cmocka_unit_test(test_the_largest_record),
        cmocka_unit_test(test_order_and_unknown_members),
        cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_too_many_attempts_and_a_small_scratch),
        cmocka_unit_test(test_fold_order),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
