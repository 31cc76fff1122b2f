#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/file_watch.h"
#include "spin.h"

#define LIMIT_MS (4 * FILE_WATCH_EVERY_MS)

static char folder[] = "/tmp/test_file_watch.XXXXXX";
static char path[64], other[64];
static struct loop *loop;
static int changes;

static void on_changed(void *ctx)
{
    assert_ptr_equal(ctx, &changes);
    changes++;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

/* As a mounted secret changes: the link is put in the place of another. A file that is away is no change, and the same one back
 * is none. */
static void test_changes(void **state)
{
    (void)state;
    write_file(path, "one");
    struct file_watch *fw = file_watch_new(loop, path, on_changed, &changes);
    spin_for(loop, FILE_WATCH_EVERY_MS + 500);
    assert_int_equal(changes, 0);
    write_file(other, "two");
    assert_int_equal(rename(other, path), 0);
    assert_true(spin_until_count(loop, &changes, 1, LIMIT_MS));
    assert_int_equal(unlink(path), 0);
    spin_for(loop, FILE_WATCH_EVERY_MS + 500);
    assert_int_equal(changes, 1);
    write_file(path, "three");
    assert_true(spin_until_count(loop, &changes, 2, LIMIT_MS));
    file_watch_free(fw);
    file_watch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
