/* The partitioner, against values computed apart from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "model/partition.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* sorted(range(n), key=lambda i: (-int.from_bytes(sha256(f"{account}/{i}".encode()).digest()[:8], "big"), i))[:4] */
static void test_owned(void **state)
{
    (void)state;
    static const struct {
        const char *account_id;
        int32_t partitions;
        unsigned count;
        int32_t owned[PARTITION_SHARES];
    } cases[] = {
        {"acc_1", 24, 4, {15, 1, 14, 7}},      {"acc_8812", 24, 4, {8, 6, 15, 20}}, {"a", 24, 4, {15, 20, 12, 13}},
        {"Acme.EU-1", 24, 4, {17, 2, 16, 23}}, {"acc_1", 12, 4, {1, 7, 11, 10}},    {"acc_1", 100, 4, {54, 43, 67, 86}},
        {"acc_1", 4, 4, {1, 2, 3, 0}},         {"acc_1", 3, 3, {1, 2, 0}},          {"acc_1", 1, 1, {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t owned[PARTITION_SHARES] = {-1, -1, -1, -1};
        unsigned count = partition_owned(slice_str(cases[i].account_id), cases[i].partitions, owned);
        assert_int_equal(count, cases[i].count);
        assert_memory_equal(owned, cases[i].owned, count * sizeof owned[0]);
    }
}

/* owned[int.from_bytes(sha256(path).digest(), "big") % len(owned)] */
static void test_path(void **state)
{
    (void)state;
    static const struct {
        const char *account_id, *path;
        int32_t partitions, expected;
    } cases[] = {
        {"acc_1", "/incoming/order.csv", 24, 1},
        {"acc_1", "/a", 24, 15},
        {"acc_1", "/b", 24, 7},
        {"acc_8812", "/in/r\xe9sum\xe9.pdf", 24, 20},
        {"acc_8812", "/pipeline", 24, 6},
        {"acc_1", "/incoming/order.csv", 3, 1},
        {"acc_1", "/incoming/order.csv", 1, 0},
        {"a", "/inbox/日本語字幕.srt", 100, 42},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t owned[PARTITION_SHARES];
        struct slice account_id = slice_str(cases[i].account_id), path = slice_str(cases[i].path);
        unsigned count = partition_owned(account_id, cases[i].partitions, owned);
        assert_int_equal(partition_of(account_id, path, cases[i].partitions), cases[i].expected);
        assert_int_equal(partition_pick(owned, count, path), cases[i].expected);
    }
}

/* An account's paths spread over its four partitions, and 300 accounts over all 24. */
static void test_spread(void **state)
{
    (void)state;
    unsigned of_account[24] = {0}, of_all[24] = {0};
    int32_t owned[PARTITION_SHARES];
    char text[32];
    unsigned used = 0;

    for (int i = 0; i < 400; i++) {
        int len = snprintf(text, sizeof text, "/in/%d.csv", i);
        of_account[partition_of(SLICE("acc_1"), slice_of(text, (size_t)len), 24)]++;
    }
    for (int i = 0; i < 24; i++) {
        used += of_account[i] > 0;
        assert_true(of_account[i] == 0 || of_account[i] > 60);
    }
    assert_int_equal(used, 4);
    for (int i = 0; i < 300; i++) {
        int len = snprintf(text, sizeof text, "acc_%d", i);
        assert_int_equal(partition_owned(slice_of(text, (size_t)len), 24, owned), 4);
        for (int j = 0; j < 4; j++)
            of_all[owned[j]]++;
    }
    for (int i = 0; i < 24; i++)
        assert_in_range(of_all[i], 25, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_owned), cmocka_unit_test(test_path), cmocka_unit_test(test_spread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
