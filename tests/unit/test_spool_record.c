/* The bytes of a spool's record: what goes in comes out, and what is damaged is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "producer/lib/cobs.h"
#include "producer/lib/crc32c.h"
#include "producer/lib/spool_record.h"

enum { PATH_BYTES = 8192 };

static bool malloc_fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return malloc_fails ? NULL : __real_malloc(size);
}

static void crc_of_known_texts(void **state)
{
    (void)state;
    unsigned char zeros[32] = {0};
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(zeros, sizeof zeros), 0x8a9136aa); /* RFC 3720, B.4 */
    assert_int_equal(crc32c("", 0), 0);
}

/* Every length around the block of 254, with a zero nowhere, at each end and everywhere. */
static void stuffing_round_trips(void **state)
{
    (void)state;
    enum { MAX = 600 };
    uint8_t in[MAX], out[COBS_BOUND(MAX)], back[COBS_BOUND(MAX)];
    for (size_t len = 1; len <= MAX; len++) {
        for (int pattern = 0; pattern < 5; pattern++) {
            for (size_t i = 0; i < len; i++)
                in[i] = pattern == 1 ? 0 : (uint8_t)(i % 255 + 1);
            if (pattern == 2)
                in[0] = 0;
            if (pattern == 3)
                in[len - 1] = 0;
            if (pattern == 4)
                in[len / 2] = 0;
            size_t coded = cobs_encode(in, len, out), decoded = 0;
            assert_in_range(coded, len + 1, COBS_BOUND(len));
            assert_null(memchr(out, 0, coded));
            assert_true(cobs_decode(out, coded, back, &decoded));
            assert_int_equal(decoded, len);
            assert_memory_equal(back, in, len);
        }
    }
}

static void stuffing_refuses_what_it_never_writes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {{"", 0},
                 {"\x02", 1},
                 {"\x03"
                  "a",
                  2},
                 {"\x02\x00", 2},
                 {"\x00", 1},
                 {"\x01\x00\x01", 3}};
    uint8_t out[8];
    size_t len;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_false(cobs_decode((const uint8_t *)cases[i].bytes, cases[i].len, out, &len));
}

static struct spool_event full_event(char long_path[PATH_BYTES])
{
    memset(long_path, 'p', PATH_BYTES);
    long_path[0] = '/';
    struct spool_event ev = {.type = 1, .time_has_ms = true, .time_wall_ms = 1795467671422, .size_bytes = -1};
    for (int i = 0; i < SPOOL_FIELD_COUNT; i++)
        ev.fields[i] = slice_of(long_path, (size_t)i + 1);
    ev.fields[SPOOL_PATH] = slice_of(long_path, PATH_BYTES);
    for (unsigned i = 0; i < sizeof ev.id.bytes; i++)
        ev.id.bytes[i] = (uint8_t)(i * 17);
    return ev;
}

static void an_event_comes_back(void **state)
{
    (void)state;
    char path[PATH_BYTES];
    uint8_t scratch[SPOOL_MAX_RECORD_BYTES];
    struct spool_event ev = full_event(path), got;
    struct buf out;
    buf_init(&out, SPOOL_MAX_RECORD_BYTES);
    assert_int_equal(spool_put_event(&out, &ev), ERR_OK);
    assert_in_range(out.len, PATH_BYTES, spool_event_bound(&ev));
    assert_int_equal(out.p[0], 0);
    assert_int_equal(spool_frame(buf_slice(&out)), out.len);
    for (size_t cut = 0; cut < out.len; cut++)
        assert_int_equal(spool_frame(slice_of(out.p, cut)), 0);
    assert_int_equal(spool_parse(buf_slice(&out), scratch, &got), SPOOL_EVENT);
    assert_int_equal(got.type, ev.type);
    assert_true(got.time_has_ms);
    assert_int_equal(got.time_wall_ms, ev.time_wall_ms);
    assert_int_equal(got.size_bytes, -1);
    assert_memory_equal(got.id.bytes, ev.id.bytes, sizeof ev.id.bytes);
    for (int i = 0; i < SPOOL_FIELD_COUNT; i++)
        assert_true(slice_eq(got.fields[i], ev.fields[i]));
    buf_done(&out);
}

static void a_head_is_no_event(void **state)
{
    (void)state;
    static const uint8_t unique[16] = {1, 0, 2};
    uint8_t head[SPOOL_HEAD_RECORD_BYTES], scratch[SPOOL_MAX_RECORD_BYTES];
    struct spool_event got;
    size_t len = spool_put_head(head, unique, 1795467671422);
    assert_in_range(len, 32, sizeof head);
    assert_int_equal(spool_frame(slice_of((char *)head, len)), len);
    assert_int_equal(spool_parse(slice_of((char *)head, len), scratch, &got), SPOOL_HEAD);
}

static void every_damaged_byte_is_noticed(void **state)
{
    (void)state;
    uint8_t scratch[SPOOL_MAX_RECORD_BYTES];
    struct spool_event ev = {.type = 1, .fields = {[SPOOL_ACCOUNT_ID] = SLICE("acc_1"), [SPOOL_PATH] = SLICE("/in/a.csv")}}, got;
    struct buf out;
    buf_init(&out, SPOOL_MAX_RECORD_BYTES);
    assert_int_equal(spool_put_event(&out, &ev), ERR_OK);
    for (size_t i = 1; i + 1 < out.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            out.p[i] = (char)(out.p[i] ^ (1 << bit));
            for (struct slice rest = buf_slice(&out); rest.len > 0;) {
                size_t len = spool_frame(rest);
                if (len == 0)
                    break;
                assert_int_not_equal(spool_parse(slice_of(rest.p, len), scratch, &got), SPOOL_EVENT);
                rest = slice_of(rest.p + len, rest.len - len);
            }
            out.p[i] = (char)(out.p[i] ^ (1 << bit));
        }
    }
    buf_done(&out);
}

static void frames_of_anything(void **state)
{
    (void)state;
    static char many[SPOOL_MAX_RECORD_BYTES + 10];
    static const struct {
        const char *bytes;
        size_t len, frame;
    } cases[] = {{"", 0, 0},    {"\0", 1, 0},    {"\0\0\0", 3, 0},   {"a", 1, 0},
                 {"a\0", 2, 2}, {"\0a\0", 3, 3}, {"\0\0a\0b", 5, 4}, {"torn\0rec\0", 9, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(spool_frame(slice_of(cases[i].bytes, cases[i].len)), cases[i].frame);
    assert_int_equal(spool_frame(slice_of(many, sizeof many)), SPOOL_MAX_RECORD_BYTES); /* a hole in the file */
    memset(many, 'x', sizeof many);
    assert_int_equal(spool_frame(slice_of(many, SPOOL_MAX_RECORD_BYTES - 1)), 0);
    assert_int_equal(spool_frame(slice_of(many, sizeof many)), SPOOL_MAX_RECORD_BYTES);
}

static void what_is_too_big_is_refused(void **state)
{
    (void)state;
    static char big[SPOOL_MAX_PAYLOAD_BYTES];
    struct spool_event ev = {.type = 1, .fields = {[SPOOL_PATH] = {big, sizeof big}}};
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(spool_put_event(&out, &ev), ERR_TOO_BIG);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void without_memory_nothing_is_appended(void **state)
{
    (void)state;
    struct spool_event ev = {.type = 1, .fields = {[SPOOL_PATH] = SLICE("/a")}};
    struct buf out;
    buf_init(&out, SPOOL_MAX_RECORD_BYTES);
    buf_puts(&out, "before");
    malloc_fails = true;
    enum err err = spool_put_event(&out, &ev);
    malloc_fails = false;
    assert_int_equal(err, ERR_NO_MEMORY);
    assert_string_equal(buf_cstr(&out), "before");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_of_known_texts),
        cmocka_unit_test(stuffing_round_trips),
        cmocka_unit_test(stuffing_refuses_what_it_never_writes),
        cmocka_unit_test(an_event_comes_back),
        cmocka_unit_test(a_head_is_no_event),
        cmocka_unit_test(every_damaged_byte_is_noticed),
        cmocka_unit_test(frames_of_anything),
        cmocka_unit_test(what_is_too_big_is_refused),
        cmocka_unit_test(without_memory_nothing_is_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
