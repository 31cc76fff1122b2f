/* Epochs and their order, claims, the metadata of commits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/epoch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LOG "0192f7a0-1111-4abc-8def-0123456789ab"

/* Each is later than the one before it. */
static const struct epoch in_order[] = {
    {0, 0, 0}, {0, 0, 1}, {0, 0, 10}, {0, 1, 0}, {0, 2, 0}, {0, 9, 999999}, {0, 10, 3}, {0, 2147483647, INT64_MAX},
    {1, 0, 0}, {1, 1, 1}, {10, 1, 0},
};

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void text_has_the_order_of_epochs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(in_order); i++) {
        for (size_t j = 0; j < COUNT(in_order); j++) {
            char a[EPOCH_TEXT_SIZE], b[EPOCH_TEXT_SIZE];
            int expected = (i > j) - (i < j);
            epoch_format(&in_order[i], a);
            epoch_format(&in_order[j], b);
            assert_int_equal(sign(epoch_compare(&in_order[i], &in_order[j])), expected);
            assert_int_equal(sign(strcmp(a, b)), expected);
        }
    }
}

static void text_is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(in_order); i++) {
        char text[EPOCH_TEXT_SIZE];
        struct epoch e;
        epoch_format(&in_order[i], text);
        assert_int_equal(epoch_parse(slice_str(text), &e), ERR_OK);
        assert_int_equal(epoch_compare(&e, &in_order[i]), 0);
    }
    char text[EPOCH_TEXT_SIZE];
    epoch_format(&(struct epoch){1, 23, 456}, text);
    assert_string_equal(text, "00000001.0000000023.0000000000000000456");
}

static void other_text_is_no_epoch(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "00000001.0000000023.000000000000000045",
        "00000001.0000000023.00000000000000004567",
        "00000001.0000000023.000000000000000045x",
        "0000001.00000000023.0000000000000000456",
        "00000001-0000000023.0000000000000000456",
        "00000001.0000000023 0000000000000000456",
        "-0000001.0000000023.0000000000000000456",
        "00000001.0000000023.9999999999999999999",
        "00000001.0000000023",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct epoch e = {7, 7, 7};
        assert_int_equal(epoch_parse(slice_str(texts[i]), &e), ERR_INVALID);
        assert_int_equal(e.life, 7);
    }
}

static void the_next_life_is_the_smallest_that_wins(void **state)
{
    (void)state;
    static const struct {
        int64_t life, generation;
        struct epoch seen;
        int64_t next;
    } cases[] = {
        {0, 5, {0, 4, 100}, 0}, /* ours is later already */
        {0, 5, {0, 5, 100}, 0}, /* the offset of a new claim decides */
        {0, 1, {0, 5, 100}, 1}, /* an earlier group's: generations began again */
        {0, 1, {3, 5, 100}, 4}, {0, 5, {3, 5, 100}, 3}, {0, 6, {3, 5, 100}, 3}, {4, 1, {3, 5, 100}, 4}, {4, 6, {3, 5, 100}, 4},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t next = epoch_next_life(cases[i].life, cases[i].generation, &cases[i].seen);
        assert_int_equal(next, cases[i].next);
        struct epoch ours = {next, cases[i].generation, cases[i].seen.offset + 1};
        assert_true(epoch_compare(&ours, &cases[i].seen) > 0);
    }
}

static void a_claim_is_read_back(void **state)
{
    (void)state;
    struct claim claim = {.log = LOG, .life = 2, .generation = 17, .member = SLICE("worker-1 \"odd\" \\ name")}, read;
    struct errmsg why;
    struct buf text;
    buf_init(&text, 4096);
    claim_write(&text, &claim);
    assert_int_equal(text.err, ERR_OK);
    assert_int_equal(claim_parse(buf_slice(&text), &read, &why), ERR_OK);
    assert_string_equal(read.log, LOG);
    assert_int_equal(read.life, 2);
    assert_int_equal(read.generation, 17);
    buf_done(&text);
}

#define CLAIM(log, life, generation)                                                                                             \
    "{\"schema\":\"trueftp.claim/1\",\"log\":" log ",\"life\":" life ",\"generation\":" generation ",\"member\":\"m\"}"

static void other_records_are_no_claim(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "null",
        "{}",
        "{\"schema\":\"trueftp.claim/2\",\"log\":\"" LOG "\",\"life\":0,\"generation\":1,\"member\":\"m\"}",
        CLAIM("\"short\"", "0", "1"),
        CLAIM("null", "0", "1"),
        CLAIM("\"" LOG "\"", "-1", "1"),
        CLAIM("\"" LOG "\"", "0", "1.5"),
        CLAIM("\"" LOG "\"", "0", "\"1\""),
        CLAIM("\"" LOG "\"", "0", "1") "x",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct claim claim = {.life = 7};
        struct errmsg why;
        assert_int_equal(claim_parse(slice_str(texts[i]), &claim, &why), ERR_INVALID);
        assert_int_equal(claim.life, 7);
    }
    struct claim claim;
    assert_int_equal(claim_parse(SLICE(CLAIM("\"" LOG "\"", "0", "1")), &claim, NULL), ERR_OK);
}

static void metadata_is_read_back(void **state)
{
    (void)state;
    struct buf text;
    struct commit_metadata m;
    buf_init(&text, 256);
    commit_metadata_write(&text, LOG, INT64_MAX);
    commit_metadata_parse(buf_cstr(&text), &m);
    assert_string_equal(m.log, LOG);
    assert_true(m.low == INT64_MAX);
    for (size_t i = 0; i < text.len; i++)
        assert_in_range((unsigned char)text.p[i], ' ', '~');
    buf_done(&text);
}

/* No log, or no bound that we understand: the whole log is read. */
static void other_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *log;
        int64_t low;
    } cases[] = {
        {"", "", 0},
        {"v1", "", 0},
        {"v1;log=", "", 0},
        {"v1;log=short;low=5", "", 0},
        {"v2;log=" LOG ";low=5", "", 0},
        {"v1;log=" LOG "0", "", 0},
        {"x v1;log=" LOG, "", 0},
        {"v1;log=" LOG, LOG, 0},
        {"v1;log=" LOG ";low=5", LOG, 5},
        {"v1;log=" LOG ";low=5;more=6", LOG, 5},
        {"v1;log=" LOG ";low=", LOG, 0},
        {"v1;log=" LOG ";low=-5", LOG, 0},
        {"v1;log=" LOG ";low=5x", LOG, 0},
        {"v1;log=" LOG ";low=99999999999999999999", LOG, 0},
        {"v1;log=" LOG ";other=5", LOG, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct commit_metadata m = {.log = "before", .low = -1};
        commit_metadata_parse(cases[i].metadata, &m);
        assert_string_equal(m.log, cases[i].log);
        assert_int_equal(m.low, cases[i].low);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_the_order_of_epochs), cmocka_unit_test(text_is_read_back),
        cmocka_unit_test(other_text_is_no_epoch),       cmocka_unit_test(the_next_life_is_the_smallest_that_wins),
        cmocka_unit_test(a_claim_is_read_back),         cmocka_unit_test(other_records_are_no_claim),
        cmocka_unit_test(metadata_is_read_back),        cmocka_unit_test(other_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
