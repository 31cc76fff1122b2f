#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/file.h"

static char folder[] = "/tmp/trueftp-test-file-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[2][PATH_MAX];
    static int turn;
    turn = !turn;
    assert_true(snprintf(path[turn], PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
    return path[turn];
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)remove(in_folder(e->d_name));
    if (dir)
        (void)closedir(dir);
    return rmdir(folder);
}

static unsigned names_in_folder(void)
{
    unsigned n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n - 2;
}

static void write_plainly(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void reads_whole_files_behind_what_is_there(void **state)
{
    (void)state;
    struct errmsg why;
    struct buf b;
    size_t len = 300000;
    char *big = malloc(len);
    assert_non_null(big);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 7);
    write_plainly(in_folder("big"), big, len);
    write_plainly(in_folder("empty"), "", 0);
    buf_init(&b, 1 << 20);
    buf_puts(&b, "before:");
    assert_int_equal(file_read(in_folder("empty"), &b, &why), ERR_OK);
    assert_int_equal(b.len, 7);
    assert_int_equal(file_read(in_folder("big"), &b, &why), ERR_OK);
    assert_int_equal(b.len, 7 + len);
    assert_memory_equal(b.p, "before:", 7);
    assert_memory_equal(b.p + 7, big, len);
    buf_done(&b);
    free(big);
}

static void limit_is_exact(void **state)
{
    (void)state;
    struct errmsg why;
    struct buf b;
    write_plainly(in_folder("ten"), "0123456789", 10);
    buf_init(&b, 10);
    assert_int_equal(file_read(in_folder("ten"), &b, &why), ERR_OK);
    assert_string_equal(buf_cstr(&b), "0123456789");
    buf_done(&b);
    buf_init(&b, 9);
    assert_int_equal(file_read(in_folder("ten"), &b, &why), ERR_TOO_BIG);
    assert_int_equal(b.len, 0);
    assert_non_null(strstr(why.text, "/ten: larger than the limit of 9 bytes"));
    assert_int_equal(b.err, ERR_OK);
    buf_done(&b);
    buf_init(&b, 10);
    buf_putc(&b, 'x');
    assert_int_equal(file_read(in_folder("ten"), &b, NULL), ERR_TOO_BIG);
    assert_string_equal(buf_cstr(&b), "x");
    buf_done(&b);
}

static void failures_name_path_and_reason(void **state)
{
    (void)state;
    struct errmsg why;
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(file_read(in_folder("missing"), &b, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "/missing: "));
    assert_non_null(strstr(why.text, strerror(ENOENT)));
    write_plainly(in_folder("plain"), "x", 1);
    assert_int_equal(file_read(in_folder("plain/below"), &b, &why), ERR_NOT_FOUND);
    assert_int_equal(file_read(folder, &b, &why), ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_non_null(strstr(why.text, strerror(EISDIR)));
    buf_putc(&b, 'x');
    (void)buf_reserve(&b, 1000);
    assert_int_equal(file_read(in_folder("plain"), &b, &why), ERR_TOO_BIG);
    buf_done(&b);
}

static void assert_content(const char *path, const char *text)
{
    struct errmsg why;
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(file_read(path, &b, &why), ERR_OK);
    assert_string_equal(buf_cstr(&b), text);
    buf_done(&b);
}

static void replaces_new_and_old(void **state)
{
    (void)state;
    struct errmsg why;
    struct stat st;
    const char *path = in_folder("state");
    unsigned before = names_in_folder();
    mode_t mask = umask(022);
    assert_int_equal(file_replace(path, SLICE("one"), 0600, &why), ERR_OK);
    assert_content(path, "one");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(file_replace(path, SLICE("second"), 0666, &why), ERR_OK);
    assert_content(path, "second");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(file_replace(path, slice_of(NULL, 0), 0600, &why), ERR_OK);
    assert_content(path, "");
    assert_int_equal(names_in_folder(), before + 1);
    (void)umask(mask);
}

static void replaces_by_a_name_without_a_folder(void **state)
{
    (void)state;
    struct errmsg why;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(here >= 0);
    assert_int_equal(chdir(folder), 0);
    enum err err = file_replace("bare", SLICE("content"), 0600, &why);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_int_equal(err, ERR_OK);
    assert_content(in_folder("bare"), "content");
}

/* A reader that has the old file open keeps reading the old content: the new one is another file. */
static void old_content_stays_whole_for_who_reads_it(void **state)
{
    (void)state;
    struct errmsg why;
    char text[10] = "";
    const char *path = in_folder("shared");
    assert_int_equal(file_replace(path, SLICE("old"), 0600, &why), ERR_OK);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(file_replace(path, SLICE("newer"), 0600, &why), ERR_OK);
    assert_int_equal(read(fd, text, sizeof text - 1), 3);
    assert_string_equal(text, "old");
    close(fd);
}

static void failed_replacement_leaves_everything_as_it_was(void **state)
{
    (void)state;
    struct errmsg why;
    const char *path = in_folder("dir");
    assert_int_equal(mkdir(path, 0700), 0);
    unsigned before = names_in_folder();
    assert_int_equal(file_replace(path, SLICE("x"), 0600, &why), ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_non_null(strstr(why.text, "/dir: rename: "));
    assert_int_equal(names_in_folder(), before);
    assert_int_equal(file_replace(in_folder("no/such"), SLICE("x"), 0600, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "/no/such: "));
    char longer[PATH_MAX + 10];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(file_replace(longer, SLICE("x"), 0600, &why), ERR_IO);
    assert_int_equal(errno, ENAMETOOLONG);
}

/* A limit on the size of files stands for a disk that fills up in the middle of the write. */
static void full_disk_is_an_error(void **state)
{
    (void)state;
    struct errmsg why;
    struct rlimit old, small;
    static char big[100000];
    const char *path = in_folder("full");
    assert_int_equal(file_replace(path, SLICE("kept"), 0600, &why), ERR_OK);
    unsigned before = names_in_folder();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 5000, .rlim_max = old.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err err = file_replace(path, slice_of(big, sizeof big), 0600, &why);
    int reason = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(reason, EFBIG);
    assert_int_equal(names_in_folder(), before);
    assert_content(path, "kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_whole_files_behind_what_is_there),
        cmocka_unit_test(limit_is_exact),
        cmocka_unit_test(failures_name_path_and_reason),
        cmocka_unit_test(replaces_new_and_old),
        cmocka_unit_test(replaces_by_a_name_without_a_folder),
        cmocka_unit_test(old_content_stays_whole_for_who_reads_it),
        cmocka_unit_test(failed_replacement_leaves_everything_as_it_was),
        cmocka_unit_test(full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
