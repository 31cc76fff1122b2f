/* Packed records come back byte for byte, whatever they are, and are small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/delivery.h"
#include "model/delivery_packed.h"

#define WEBHOOK "wh_0123456789abcdef0123456789abcdef"
#define BODY                                                                                                                     \
    "{\"event\":\"file.uploaded\",\"delivery_id\":\"ba471f36-cff6-5bd6-b82b-89e08fc8020e\",\"timestamp\":\"2026-06-08T12:00:"    \
    "00Z\",\"account_id\":\"acc_7f3a9c\",\"data\":{\"path\":\"/incoming/order-0001.csv\",\"size\":20480,\"username\":"           \
    "\"pipeline\",\"client_ip\":\"203.0.113.5\"}}"

static struct uuid uuid_of(const char *text)
{
    struct uuid id;
    assert_int_equal(uuid_parse(slice_str(text), &id), ERR_OK);
    return id;
}

/* A retry as the worker writes it. */
static struct delivery retry(void)
{
    struct delivery dl = {.id = uuid_of("ba471f36-cff6-5bd6-b82b-89e08fc8020e"),
                          .event_id = uuid_of("0192f7a0-1111-7abc-8def-0123456789ab"),
                          .webhook_id = SLICE(WEBHOOK),
                          .account_id = SLICE("acc_7f3a9c"),
                          .path = SLICE("/incoming/order-0001.csv"),
                          .status = DELIVERY_RETRYING,
                          .revision = 1,
                          .attempt = 1,
                          .max_attempts = 3,
                          .http_status = 503,
                          .error = DELIVERY_ERROR_HTTP_STATUS,
                          .event_wall_ms = 1780920000000,
                          .created_wall_ms = 1780920000123,
                          .updated_wall_ms = 1780920000123,
                          .next_attempt_wall_ms = 1780920010123,
                          .attempt_count = 1,
                          .event_topic = SLICE("trueftp.events"),
                          .event_partition = 3,
                          .event_offset = 123456,
                          .body = SLICE(BODY)};
    assert_int_equal(event_type_parse(SLICE("file.uploaded"), &dl.event), ERR_OK);
    dl.attempts[0] = (struct delivery_attempt){.number = 1,
                                               .started_wall_ms = 1780920000100,
                                               .http_status = 503,
                                               .error = DELIVERY_ERROR_HTTP_STATUS,
                                               .duration_ms = 12,
                                               .queued_ms = 0,
                                               .dns_ms = -1,
                                               .connect_ms = 1,
                                               .tls_ms = -1,
                                               .first_byte_ms = 11,
                                               .response = SLICE("down for \"maintenance\"")};
    return dl;
}

static size_t packed_size(struct slice record)
{
    struct buf packed, back;
    buf_init(&packed, record.len + 1);
    buf_init(&back, 64 * (record.len + 1));
    delivery_pack(&packed, record);
    assert_int_equal(packed.err, ERR_OK);
    delivery_unpack(&back, buf_slice(&packed));
    assert_int_equal(back.err, ERR_OK);
    assert_int_equal(back.len, record.len);
    assert_memory_equal(back.p, record.p, record.len);
    size_t size = packed.len;
    buf_done(&packed);
    buf_done(&back);
    return size;
}

static void test_a_retry_is_half(void **state)
{
    (void)state;
    struct delivery dl = retry();
    struct buf record;
    buf_init(&record, 65536);
    delivery_write(&record, &dl);
    assert_true(packed_size(buf_slice(&record)) < record.len / 2);
    buf_done(&record);
}

static void test_every_kind_comes_back(void **state)
{
    (void)state;
    struct buf record;
    buf_init(&record, 65536);
    for (int kind = 0; kind < 6; kind++) {
        struct delivery dl = retry();
        dl.status = kind == 1 ? DELIVERY_PARKED : kind == 2 ? DELIVERY_FAILED : DELIVERY_RETRYING;
        dl.attempt_count = kind == 1 ? 0 : 1;
        if (kind == 3) {
            dl.attempts[1] = dl.attempts[0];
            dl.attempt_count = 2;
        }
        dl.held_wall_ms = kind == 4 ? 1780920000000 : 0;
        dl.path = kind == 5 ? SLICE("/\xff\xf8\x01,\"attempt\":") : dl.path;
        dl.generation = kind;
        buf_reset(&record);
        delivery_write(&record, &dl);
        assert_true(packed_size(buf_slice(&record)) < record.len);
    }
    buf_done(&record);
}

/* What is not as delivery_write has it: other ids, control characters, cut off anywhere. */
static void test_anything_comes_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "\xff",
        "{\"a\":\n1}",
        "\x01\x02",
        "{\"schema\":\"trueftp.delivery/1\",\"delivery_id\":\"BA471F36-cff6-5bd6-b82b-89e08fc8020e\"}",
        "\\\",\\\"delivery_id\\\":\\\"ba471f36-cff6-5bd6-b82b-89e08fc8020e",
        "\",\"event_id\":\"ba471f36"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_true(packed_size(slice_str(texts[i])) <= strlen(texts[i]) + 1);
    struct delivery dl = retry();
    struct buf record;
    buf_init(&record, 65536);
    delivery_write(&record, &dl);
    for (size_t len = 0; len <= record.len; len++)
        (void)packed_size(slice_of(record.p, len));
    for (unsigned seed = 1; seed < 20000; seed++) {
        size_t at = (seed * 2654435761u) % record.len;
        char kept = record.p[at];
        record.p[at] = (char)(seed * 40503u >> 8);
        (void)packed_size(buf_slice(&record));
        record.p[at] = kept;
    }
    buf_done(&record);
}

/* What Redis gives back is unpacked whatever it is. */
static void test_garbage_is_unpacked(void **state)
{
    (void)state;
    struct delivery dl = retry();
    struct buf record, packed, out;
    buf_init(&record, 65536);
    buf_init(&packed, 65536);
    buf_init(&out, 65536);
    delivery_write(&record, &dl);
    delivery_pack(&packed, buf_slice(&record));
    for (unsigned seed = 1; seed < 20000; seed++) {
        size_t at = (seed * 2654435761u) % packed.len, len = (seed * 7919u) % packed.len + 1;
        char kept = packed.p[at];
        char *exact = malloc(len); /* so that a byte too many is seen */
        assert_non_null(exact);
        packed.p[at] = (char)(seed * 40503u >> 8);
        memcpy(exact, packed.p, len);
        buf_reset(&out);
        delivery_unpack(&out, slice_of(exact, len));
        assert_int_equal(out.err, ERR_OK);
        packed.p[at] = kept;
        free(exact);
    }
    buf_done(&record);
    buf_done(&packed);
    buf_done(&out);
}

static bool has(struct slice in, struct slice what)
{
    return memmem(in.p, in.len, what.p, what.len) != NULL;
}

static void test_its_webhook_is_found(void **state)
{
    (void)state;
    struct delivery dl = retry();
    struct buf record, packed, mine, other;
    buf_init(&record, 65536);
    buf_init(&packed, 65536);
    buf_init(&mine, 100);
    buf_init(&other, 100);
    delivery_write(&record, &dl);
    delivery_pack(&packed, buf_slice(&record));
    delivery_packed_webhook(&mine, SLICE(WEBHOOK));
    delivery_packed_webhook(&other, SLICE("wh_0123456789abcdef"));
    assert_true(has(buf_slice(&packed), buf_slice(&mine)));
    assert_false(has(buf_slice(&packed), buf_slice(&other)));
    buf_done(&record);
    buf_done(&packed);
    buf_done(&mine);
    buf_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retry_is_half),      cmocka_unit_test(test_every_kind_comes_back),
        cmocka_unit_test(test_anything_comes_back),  cmocka_unit_test(test_garbage_is_unpacked),
        cmocka_unit_test(test_its_webhook_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
