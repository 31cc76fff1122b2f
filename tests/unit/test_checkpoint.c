/* The checkpoint's file, the lock of its folder, the offsets that are on their way, and the ids that make reading twice harmless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "producer/checkpoint.h"
#include "producer/track.h"
#include "util/file.h"

#define LOG "/var/log/ftp.log"
#define PRINT_A "0123456789abcdef0123456789abcdef"
#define FIRST_ID "9ab10ace-042c-5f3e-a4ed-f3362fbfef0e" /* computed by another implementation of RFC 9562 */

static char folder[64];
static char path[128];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/test_checkpoint.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/main.checkpoint", folder);
    return 0;
}

/* Removes a folder that holds files only. */
static int remove_folder(const char *path_of)
{
    char file[512];
    struct dirent *entry;
    DIR *dir = opendir(path_of);
    while (dir && (entry = readdir(dir))) {
        snprintf(file, sizeof(file), "%s/%s", path_of, entry->d_name);
        if (entry->d_name[0] != '.')
            assert_int_equal(0, unlink(file));
    }
    if (dir)
        closedir(dir);
    return rmdir(path_of);
}

static int teardown(void **state)
{
    (void)state;
    return remove_folder(folder);
}

static void write_text(const char *text)
{
    struct errmsg why;
    assert_int_equal(ERR_OK, file_replace(path, slice_str(text), 0640, &why));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct checkpoint c, back;
    struct buf text;
    struct errmsg why;
    const struct checkpoint_file files[] = {{42, PRINT_A, 1000, 2000}, {UINT64_C(9007199254740993), "", 0, 12}};
    checkpoint_init(&c);
    checkpoint_init(&back);
    buf_init(&text, 10000);
    for (size_t i = 0; i < 2; i++)
        assert_true(checkpoint_add(&c, &files[i]));
    checkpoint_write(&text, &c, LOG);
    write_text(buf_cstr(&text));
    assert_int_equal(ERR_OK, checkpoint_load(path, LOG, &back, &why));
    assert_true(back.existed);
    assert_int_equal(2, back.count);
    for (size_t i = 0; i < 2; i++) {
        assert_true(files[i].inode == back.files[i].inode);
        assert_string_equal(files[i].fingerprint, back.files[i].fingerprint);
        assert_int_equal(files[i].offset, back.files[i].offset);
        assert_int_equal(files[i].size, back.files[i].size);
    }
    checkpoint_done(&c);
    checkpoint_done(&back);
    buf_done(&text);
}

static void no_file_is_the_first_start(void **state)
{
    (void)state;
    struct checkpoint c;
    struct errmsg why;
    checkpoint_init(&c);
    assert_int_equal(ERR_OK, checkpoint_load(path, LOG, &c, &why));
    assert_false(c.existed);
    assert_int_equal(0, c.count);
    checkpoint_done(&c);
}

static void what_cannot_be_trusted_is_refused(void **state)
{
    (void)state;
#define FILE_OF(inode, print, offset)                                                                                            \
    "{\"schema\":\"trueftp.checkpoint/1\",\"log\":\"" LOG "\",\"files\":[{\"inode\":" inode ",\"fingerprint\":\"" print          \
    "\",\"offset\":" offset ",\"size\":5}]}"
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "remove it"},
        {"{\"schema\":\"trueftp.checkpoint/1\",\"log\":\"" LOG "\",\"files\":[", "remove it"},
        {"{\"schema\":\"trueftp.checkpoint/2\",\"log\":\"" LOG "\",\"files\":[]}", "not a checkpoint"},
        {"{\"schema\":\"trueftp.checkpoint/1\",\"log\":\"" LOG "\"}", "not a checkpoint"},
        {"{\"schema\":\"trueftp.checkpoint/1\",\"log\":\"/other\",\"files\":[]}", "checkpoint of /other"},
        {FILE_OF("1", "xyz", "0"), "file 0"},
        {FILE_OF("1", "0123", "0"), "file 0"},
        {FILE_OF("1", PRINT_A, "-1"), "file 0"},
        {FILE_OF("\"1\"", PRINT_A, "0"), "file 0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct checkpoint c;
        struct errmsg why = {""};
        checkpoint_init(&c);
        write_text(cases[i].text);
        assert_int_equal(ERR_INVALID, checkpoint_load(path, LOG, &c, &why));
        if (!strstr(why.text, cases[i].says) || !strstr(why.text, path))
            fail_msg("case %zu: %s", i, why.text);
        checkpoint_done(&c);
    }
}

static void files_are_bounded(void **state)
{
    (void)state;
    struct checkpoint c;
    struct checkpoint_file file = {.inode = 1};
    checkpoint_init(&c);
    for (int i = 0; i < CHECKPOINT_MAX_FILES; i++)
        assert_true(checkpoint_add(&c, &file));
    assert_false(checkpoint_add(&c, &file));
    checkpoint_done(&c);
}

/* 0: the child got the lock, 1: it was refused. */
static int try_from_another_process(void)
{
    pid_t child = fork();
    int status = -1;
    if (child == 0) {
        int fd;
        struct errmsg why;
        enum err err = checkpoint_lock(folder, &fd, &why);
        _exit(err == ERR_OK ? 0 : err == ERR_REFUSED && strstr(why.text, "another") ? 1 : 2);
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    return WEXITSTATUS(status);
}

static void a_folder_belongs_to_one_process(void **state)
{
    (void)state;
    int fd;
    struct errmsg why;
    assert_int_equal(ERR_OK, checkpoint_lock(folder, &fd, &why));
    assert_int_equal(1, try_from_another_process());
    close(fd);
    assert_int_equal(0, try_from_another_process());
    assert_int_equal(ERR_IO, checkpoint_lock("/dev/null/x", &fd, &why));
}

static void the_lowest_offset_left_counts(void **state)
{
    (void)state;
    struct track t;
    struct track_mark marks[5];
    const int64_t begun[5] = {100, 200, 400, 300, 50};
    static const struct {
        int end;
        int64_t lowest;
    } steps[] = {{1, 50}, {4, 100}, {0, 300}, {2, 300}, {3, INT64_MAX}};
    track_init(&t);
    assert_int_equal(INT64_MAX, track_lowest(&t));
    for (int i = 0; i < 5; i++)
        track_begin(&t, &marks[i], begun[i], i);
    assert_int_equal(50, track_lowest(&t));
    for (size_t i = 0; i < 5; i++) {
        track_end(&t, &marks[steps[i].end]);
        assert_int_equal(steps[i].lowest, track_lowest(&t));
    }
    assert_int_equal(0, t.count);
}

static void ids_follow_from_where_a_record_stands(void **state)
{
    (void)state;
    static const struct {
        const char *host, *log, *fingerprint;
        int64_t offset;
        enum event_type type;
    } places[] = {
        {"h", LOG, PRINT_A, 0, EVENT_FILE_UPLOADED},  {"h2", LOG, PRINT_A, 0, EVENT_FILE_UPLOADED},
        {"h", "/l", PRINT_A, 0, EVENT_FILE_UPLOADED}, {"h", LOG, "0", 0, EVENT_FILE_UPLOADED},
        {"h", LOG, PRINT_A, 1, EVENT_FILE_UPLOADED},  {"h", LOG, PRINT_A, 0, EVENT_FILE_DELETED},
    };
    enum { COUNT = sizeof(places) / sizeof(places[0]) };
    char ids[COUNT][UUID_TEXT_SIZE];
    struct buf scratch;
    buf_init(&scratch, 1000);
    for (size_t i = 0; i < COUNT; i++) {
        for (int again = 0; again < 2; again++) {
            struct uuid id = event_id_make(&scratch, slice_str(places[i].host), slice_str(places[i].log), places[i].fingerprint,
                                           places[i].offset, places[i].type);
            char text[UUID_TEXT_SIZE];
            uuid_format(&id, text);
            if (again)
                assert_string_equal(ids[i], text);
            memcpy(ids[i], text, sizeof(text));
        }
        assert_int_equal('5', ids[i][14]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[k], ids[i]);
    }
    buf_done(&scratch);
    /* an id of the first release: it must never change */
    assert_string_equal(FIRST_ID, ids[0]);
}

static void fingerprints_tell_files_apart(void **state)
{
    (void)state;
    char a[FINGERPRINT_SIZE], b[FINGERPRINT_SIZE];
    fingerprint_make(1, SLICE("x"), a);
    fingerprint_make(1, SLICE("x"), b);
    assert_string_equal(a, b);
    assert_int_equal(32, strlen(a));
    fingerprint_make(2, SLICE("x"), b);
    assert_string_not_equal(a, b);
    fingerprint_make(1, SLICE("y"), b);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(no_file_is_the_first_start, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_trusted_is_refused, setup, teardown),
        cmocka_unit_test(files_are_bounded),
        cmocka_unit_test_setup_teardown(a_folder_belongs_to_one_process, setup, teardown),
        cmocka_unit_test(the_lowest_offset_left_counts),
        cmocka_unit_test(ids_follow_from_where_a_record_stands),
        cmocka_unit_test(fingerprints_tell_files_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
