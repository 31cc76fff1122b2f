/* The spool as the agent reads it: damaged bytes are put aside, and nothing else with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "producer/include/trueftp_producer.h"
#include "producer/lib/spool_record.h"
#include "producer/spool_drop.h"
#include "spool_reader.h"

enum { EVENTS = 10 };

/* A segment with EVENTS uploads, /0, /1, ... */
static void make_segment(struct buf *out)
{
    uint8_t head[SPOOL_HEAD_RECORD_BYTES];
    const uint8_t unique[16] = {7};
    char path[16];
    buf_init(out, 1024 * 1024);
    buf_put(out, head, spool_put_head(head, unique, 1));
    for (int i = 0; i < EVENTS; i++) {
        struct spool_event ev = {.type = TRUEFTP_FILE_UPLOADED, .size_bytes = i, .fields = {[SPOOL_ACCOUNT_ID] = SLICE("acc_1")}};
        snprintf(path, sizeof path, "/%d", i);
        ev.fields[SPOOL_PATH] = slice_str(path);
        ev.id.bytes[0] = (uint8_t)i;
        assert_int_equal(spool_put_event(out, &ev), ERR_OK);
    }
}

static void all_is_read(void **state)
{
    (void)state;
    struct spool_reading r;
    struct buf bytes;
    make_segment(&bytes);
    spool_reader_parse(buf_slice(&bytes), &r);
    assert_int_equal(r.count, EVENTS);
    assert_int_equal(r.quarantined, 0);
    assert_string_equal(r.facts[3].path, "/3");
    assert_int_equal(r.facts[3].size_bytes, 3);
    buf_done(&bytes);
}

/* Facts must be a part of the true ones, in order. */
static void assert_true_facts(const struct spool_reading *r)
{
    int last = -1;
    for (size_t i = 0; i < r->count; i++) {
        int number = (int)strtol(r->facts[i].path + 1, NULL, 10);
        assert_true(number > last && number < EVENTS);
        assert_int_equal(r->facts[i].size_bytes, number);
        last = number;
    }
}

static void any_damaged_byte_costs_two_records_at_most(void **state)
{
    (void)state;
    static const unsigned char values[] = {0x00, 0x01, 0xff, 0x40};
    struct spool_reading r;
    struct buf bytes;
    make_segment(&bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        char before = bytes.p[i];
        for (size_t v = 0; v < sizeof values; v++) {
            bytes.p[i] = (char)values[v];
            spool_reader_parse(buf_slice(&bytes), &r);
            assert_true_facts(&r);
            assert_in_range(r.count, EVENTS - 2, EVENTS);
            assert_true(r.count == EVENTS || r.quarantined > 0 || i + 1 == bytes.len);
        }
        bytes.p[i] = before;
    }
    buf_done(&bytes);
}

static void bytes_that_are_missing_cost_two_records_at_most(void **state)
{
    (void)state;
    struct spool_reading r;
    struct buf bytes, cut;
    make_segment(&bytes);
    buf_init(&cut, 1024 * 1024);
    for (size_t i = 0; i < bytes.len; i += 3) {
        for (size_t len = 1; len < 40 && i + len < bytes.len; len += 13) {
            buf_reset(&cut);
            buf_put(&cut, bytes.p, i);
            buf_put(&cut, bytes.p + i + len, bytes.len - i - len);
            spool_reader_parse(buf_slice(&cut), &r);
            assert_true_facts(&r);
            assert_in_range(r.count, EVENTS - 3, EVENTS);
        }
    }
    buf_done(&bytes);
    buf_done(&cut);
}

/* A path that holds a whole record, zeros and all, is a path. */
static void no_path_forges_a_record(void **state)
{
    (void)state;
    struct spool_reading r;
    struct buf inner, out;
    struct spool_event ev = {.type = TRUEFTP_FILE_UPLOADED,
                             .fields = {[SPOOL_ACCOUNT_ID] = SLICE("acc_victim"), [SPOOL_PATH] = SLICE("/forged")}};
    buf_init(&inner, 4096);
    buf_putc(&inner, '/');
    assert_int_equal(spool_put_event(&inner, &ev), ERR_OK);
    ev.fields[SPOOL_ACCOUNT_ID] = SLICE("acc_1");
    ev.fields[SPOOL_PATH] = buf_slice(&inner);
    buf_init(&out, 4096);
    assert_int_equal(spool_put_event(&out, &ev), ERR_OK);
    for (size_t cut = 0; cut <= out.len; cut++) {
        spool_reader_parse(slice_of(out.p, cut), &r);
        assert_int_equal(r.count, cut == out.len);
        assert_int_equal(r.quarantined, 0);
    }
    assert_string_equal(r.facts[0].account_id, "acc_1");
    buf_done(&inner);
    buf_done(&out);
}

static void what_no_event_may_be_is_put_aside(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *account, *path, *user, *from, *ip;
        int64_t size;
    } cases[] = {
        {0, "acc_1", "/a", "", "", "", -1}, {8, "acc_1", "/a", "", "", "", -1},
        {1, "", "/a", "", "", "", -1},      {1, "a b", "/a", "", "", "", -1},
        {1, "acc_1", "", "", "", "", -1},   {1, "acc_1", "a", "", "", "", -1},
        {6, "acc_1", "", "", "", "", -1},   {6, "acc_1", "/a", "u", "", "", -1},
        {7, "acc_1", "/a", "", "", "", -1}, {1, "acc_1", "/a", "", "", "1.2.3.4.5", -1},
        {1, "acc_1", "/a", "", "", "", -2},
    };
    struct spool_reading r;
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spool_event ev = {.type = cases[i].type, .size_bytes = cases[i].size};
        ev.fields[SPOOL_ACCOUNT_ID] = slice_str(cases[i].account);
        ev.fields[SPOOL_PATH] = slice_str(cases[i].path);
        ev.fields[SPOOL_USERNAME] = slice_str(cases[i].user);
        ev.fields[SPOOL_RENAMED_FROM] = slice_str(cases[i].from);
        ev.fields[SPOOL_CLIENT_IP] = slice_str(cases[i].ip);
        buf_reset(&out);
        assert_int_equal(spool_put_event(&out, &ev), ERR_OK);
        spool_reader_parse(buf_slice(&out), &r);
        assert_int_equal(r.count, 0);
        assert_int_equal(r.quarantined, 1);
    }
    buf_done(&out);
}

static void on_deleted(void *ctx, uint64_t inode)
{
    assert_true(inode > 0);
    ++*(int *)ctx;
}

/* Deletes what was acknowledged, and only that. */
static void finished_segments_are_deleted(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t offset;
        bool listed, gone;
    } files[] = {
        {"spool/events.spool", 4, true, false},     {"spool/events.spool.1.1", 4, true, true},
        {"spool/events.spool.2.2", 3, true, false}, {"spool/events.spool.3.3", 4, false, false},
        {"spool/events.spoolx", 4, true, false},
    };
    char folder[] = "/tmp/test_source_spool_XXXXXX", path[128];
    struct checkpoint c;
    struct stat st;
    struct errmsg why;
    int deleted = 0;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/spool/events.spool", folder);
    assert_int_equal(spool_make_folder(path, &why), ERR_OK);
    assert_int_equal(spool_make_folder(path, &why), ERR_OK);
    checkpoint_init(&c);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs("1234", f);
        fclose(f);
        assert_int_equal(stat(path, &st), 0);
        struct checkpoint_file at = {.inode = (uint64_t)st.st_ino, .offset = files[i].offset, .size = 4};
        if (files[i].listed)
            assert_true(checkpoint_add(&c, &at));
    }
    snprintf(path, sizeof path, "%s/spool/events.spool", folder);
    spool_drop(path, &c, on_deleted, &deleted);
    assert_int_equal(deleted, 1);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        assert_int_equal(access(path, F_OK) != 0, files[i].gone);
    }
    checkpoint_done(&c);
    snprintf(path, sizeof path, "%s/spool", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 02770);
    spool_reader_remove(path);
    spool_reader_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_read),
        cmocka_unit_test(any_damaged_byte_costs_two_records_at_most),
        cmocka_unit_test(bytes_that_are_missing_cost_two_records_at_most),
        cmocka_unit_test(no_path_forges_a_record),
        cmocka_unit_test(what_no_event_may_be_is_put_aside),
        cmocka_unit_test(finished_segments_are_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
