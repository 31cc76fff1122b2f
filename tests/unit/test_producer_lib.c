/* libtrueftp-producer in spool mode, as a program uses it: what is published is in the spool, whatever else happens to the
 * process. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "producer/include/trueftp_producer.h"
#include "spool_reader.h"

/* -------- allocations that fail -------- */

static int fail_at; /* the allocation that fails, from 1; 0: none */
static int allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool fails(void)
{
    return fail_at > 0 && ++allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

/* -------- the world -------- */

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_producer_lib_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    spool_reader_remove(folder);
    return 0;
}

static struct trueftp_config spool_config(void)
{
    struct trueftp_config c = TRUEFTP_CONFIG_INIT;
    c.spool_dir = folder;
    c.sync = TRUEFTP_SYNC_NEVER; /* but where it is what is tested */
    return c;
}

static struct trueftp *open_config(const struct trueftp_config *c)
{
    struct trueftp *h;
    char why[256];
    if (trueftp_open(c, &h, why, sizeof why) != TRUEFTP_OK)
        fail_msg("%s", why);
    return h;
}

static struct trueftp *open_spool(void)
{
    struct trueftp_config c = spool_config();
    return open_config(&c);
}

static int publish_path(struct trueftp *h, const char *path)
{
    struct trueftp_event ev = TRUEFTP_EVENT_INIT;
    ev.type = TRUEFTP_FILE_UPLOADED;
    ev.account_id = "acc_1";
    ev.path = path;
    return trueftp_publish(h, &ev, NULL, NULL);
}

/* -------- stories -------- */

static void what_is_published_is_in_the_spool(void **state)
{
    (void)state;
    struct trueftp *h = open_spool();
    struct spool_reading r;
    struct trueftp_event ev = TRUEFTP_EVENT_INIT;
    char id[TRUEFTP_ID_SIZE], given[TRUEFTP_ID_SIZE] = "0af76519-16cd-43dd-8448-eb211c80319c";
    ev.type = TRUEFTP_FILE_RENAMED;
    ev.size_bytes = 5;
    ev.time_ms = 1795467671422;
    ev.account_id = "acc_1";
    ev.path = "/in/r\xe9sum\xe9.pdf";
    ev.renamed_from = "/in/x.part";
    ev.username = "u";
    ev.client_ip = "2001:db8::1";
    ev.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    ev.event_id = given;
    assert_int_equal(trueftp_publish(h, &ev, NULL, id), TRUEFTP_OK);
    assert_string_equal(id, given);
    ev = (struct trueftp_event)TRUEFTP_EVENT_INIT;
    ev.type = TRUEFTP_USER_CREATED;
    ev.account_id = "acc_2";
    ev.username = "new";
    ev.home = "/srv/new";
    assert_int_equal(trueftp_publish(h, &ev, NULL, id), TRUEFTP_OK);
    assert_int_equal(id[14], '7'); /* its version */
    assert_int_equal(trueftp_poll(h, 1000), 0);
    assert_int_equal(trueftp_flush(h, 0), TRUEFTP_OK);
    assert_int_equal(trueftp_outstanding(h), 0);
    trueftp_close(h);

    spool_reader_read(folder, &r);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.quarantined, 0);
    assert_string_equal(r.facts[0].path, "/in/r\xe9sum\xe9.pdf");
    assert_string_equal(r.facts[0].renamed_from, "/in/x.part");
    assert_string_equal(r.facts[0].account_id, "acc_1");
    assert_string_equal(r.facts[0].id, given);
    assert_int_equal(r.facts[0].type, EVENT_FILE_RENAMED);
    assert_int_equal(r.facts[0].time_wall_ms, 1795467671422);
    assert_int_equal(r.facts[0].size_bytes, 5);
    assert_string_equal(r.facts[1].id, id);
    assert_string_equal(r.facts[1].username, "new");
    assert_string_equal(r.facts[1].home, "/srv/new");
    assert_int_equal(r.facts[1].type, EVENT_FTP_USER_CREATED);
    assert_int_equal(r.facts[1].size_bytes, -1);
}

static void each_wrong_member_is_named(void **state)
{
    (void)state;
    static char long_path[TRUEFTP_PATH_MAX + 2], long_text[TRUEFTP_TEXT_MAX + 2];
    memset(long_path, '/', sizeof long_path - 1);
    memset(long_text, 'x', sizeof long_text - 1);
#define GOOD .struct_size = sizeof(struct trueftp_event), .size_bytes = -1, .account_id = "a", .path = "/p"
    const struct {
        struct trueftp_event ev;
        const char *member; /* NULL: fine */
    } cases[] = {
        {{GOOD, .type = TRUEFTP_FILE_DELETED}, NULL},
        {{.type = TRUEFTP_FILE_DELETED, .account_id = "a", .path = "/p"}, "struct_size"},
        {{GOOD}, "type"},
        {{GOOD, .type = (enum trueftp_event_type)8}, "type"},
        {{GOOD, .type = TRUEFTP_FILE_DELETED, .time_ms = -1}, "time_ms"},
        {{.struct_size = sizeof(struct trueftp_event), .type = TRUEFTP_FILE_DELETED, .size_bytes = -2}, "size_bytes"},
        {{.struct_size = sizeof(struct trueftp_event), .type = TRUEFTP_FILE_DELETED, .path = "/p"}, "account_id"},
        {{.struct_size = sizeof(struct trueftp_event), .type = TRUEFTP_FILE_DELETED, .account_id = "a/b", .path = "/p"},
         "account_id"},
        {{.struct_size = sizeof(struct trueftp_event), .type = TRUEFTP_FILE_DELETED, .account_id = "a", .path = "p"}, "path"},
        {{.struct_size = sizeof(struct trueftp_event), .type = TRUEFTP_FILE_DELETED, .account_id = "a"}, "path"},
        {{.struct_size = sizeof(struct trueftp_event), .type = TRUEFTP_DIR_CREATED, .account_id = "a", .path = long_path},
         "path"},
        {{GOOD, .type = TRUEFTP_USER_CREATED, .username = "u"}, "path"},
        {{.struct_size = sizeof(struct trueftp_event), .type = TRUEFTP_USER_CREATED, .account_id = "a"}, "username"},
        {{GOOD, .type = TRUEFTP_FILE_RENAMED}, "renamed_from"},
        {{GOOD, .type = TRUEFTP_FILE_RENAMED, .renamed_from = "x"}, "renamed_from"},
        {{GOOD, .type = TRUEFTP_FILE_DELETED, .client_ip = "1.2.3"}, "client_ip"},
        {{GOOD, .type = TRUEFTP_FILE_DELETED, .client_ip = "::ffff:1.2.3.4"}, NULL},
        {{GOOD, .type = TRUEFTP_FILE_DELETED, .home = long_text}, "home"},
        {{GOOD, .type = TRUEFTP_FILE_DELETED, .traceparent = "00-0"}, "traceparent"},
        {{GOOD, .type = TRUEFTP_FILE_DELETED, .event_id = "no uuid"}, "event_id"},
    };
    struct trueftp *h = open_spool();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *member = "";
        int wanted = cases[i].member ? TRUEFTP_ERR_INVALID : TRUEFTP_OK;
        assert_int_equal(trueftp_check(&cases[i].ev, &member), wanted);
        assert_string_equal(member, cases[i].member ? cases[i].member : "");
        assert_int_equal(trueftp_publish(h, &cases[i].ev, NULL, NULL), wanted);
    }
    assert_int_equal(trueftp_check(NULL, NULL), TRUEFTP_ERR_INVALID);
    trueftp_close(h);
}

static void each_wrong_configuration_is_explained(void **state)
{
    (void)state;
#define SPOOL .struct_size = sizeof(struct trueftp_config), .spool_dir = "/tmp"
    const struct {
        struct trueftp_config config;
        int error;
        const char *why;
    } cases[] = {
        {{.spool_dir = "/tmp"}, TRUEFTP_ERR_INVALID, "struct_size"},
        {{.struct_size = sizeof(struct trueftp_config)}, TRUEFTP_ERR_INVALID, "exactly one"},
        {{SPOOL, .brokers = "x"}, TRUEFTP_ERR_INVALID, "exactly one"},
        {{SPOOL, .spool_segment_bytes = 1000}, TRUEFTP_ERR_INVALID, "spool_segment_bytes"},
        {{SPOOL, .spool_max_bytes = 1000}, TRUEFTP_ERR_INVALID, "spool_max_bytes"},
        {{SPOOL, .lock_timeout_ms = -1}, TRUEFTP_ERR_INVALID, "lock_timeout_ms"},
        {{SPOOL, .file_mode = 010000}, TRUEFTP_ERR_INVALID, "file_mode"},
        {{SPOOL, .sync = (enum trueftp_sync)3}, TRUEFTP_ERR_INVALID, "sync"},
        {{.struct_size = sizeof(struct trueftp_config), .spool_dir = "/nowhere/at/all"}, TRUEFTP_ERR_IO, "No such file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trueftp *h = (struct trueftp *)&h;
        char why[200] = "";
        assert_int_equal(trueftp_open(&cases[i].config, &h, why, sizeof why), cases[i].error);
        assert_null(h);
        assert_non_null(strstr(why, cases[i].why));
        assert_int_equal(trueftp_open(&cases[i].config, &h, NULL, 0), cases[i].error);
    }
    trueftp_close(NULL);
    for (int error = TRUEFTP_OK; error >= TRUEFTP_ERR_CLOSED; error--)
        assert_string_not_equal(trueftp_strerror(error), "unknown error");
    assert_string_equal(trueftp_strerror(1), "unknown error");
    assert_string_equal(trueftp_strerror(-99), "unknown error");
}

static void without_memory_it_says_so_and_goes_on(void **state)
{
    (void)state;
    struct trueftp_config c = spool_config();
    struct spool_reading r;
    struct trueftp *h;
    fail_at = 1;
    allocations = 0;
    assert_int_equal(trueftp_open(&c, &h, NULL, 0), TRUEFTP_ERR_NO_MEMORY);
    fail_at = 0;
    h = open_config(&c);
    int failed = 0;
    for (int i = 1;; i++) {
        fail_at = i;
        allocations = 0;
        int error = publish_path(h, "/a");
        bool reached = allocations >= fail_at;
        fail_at = 0;
        if (!reached) {
            assert_int_equal(error, TRUEFTP_OK);
            break;
        }
        assert_int_equal(error, TRUEFTP_ERR_NO_MEMORY);
        failed++;
    }
    assert_true(failed >= 2);
    assert_int_equal(publish_path(h, "/b"), TRUEFTP_OK);
    trueftp_close(h);
    spool_reader_read(folder, &r);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.quarantined, 0);
}

/* A child publishes with its parent's handle while the parent does, and a session closes what it did not open. */
static void parent_and_children_share_a_handle(void **state)
{
    (void)state;
    enum { CHILDREN = 4, EACH = 300 };
    struct trueftp_config c = spool_config();
    c.spool_segment_bytes = 64 * 1024; /* several renames meanwhile */
    c.lock_timeout_ms = 30000;
    struct trueftp *h = open_config(&c);
    struct spool_reading r;
    char path[64];
    for (int child = 0; child < CHILDREN; child++) {
        if (fork() != 0)
            continue;
        int bad = 0;
        for (int i = 0; i < EACH; i++) {
            snprintf(path, sizeof path, "/child%d/%d", child, i);
            bad += publish_path(h, path) != TRUEFTP_OK;
        }
        trueftp_close(h);
        _exit(bad > 0);
    }
    for (int i = 0; i < EACH; i++) {
        snprintf(path, sizeof path, "/parent/%d", i);
        assert_int_equal(publish_path(h, path), TRUEFTP_OK);
    }
    for (int child = 0; child < CHILDREN; child++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    trueftp_close(h);
    spool_reader_read(folder, &r);
    assert_int_equal(r.count, (CHILDREN + 1) * EACH);
    assert_int_equal(r.quarantined, 0);
    assert_true(r.segments > 1);
    for (int child = 0; child < CHILDREN; child++) { /* each one's own order is kept */
        int next = 0;
        for (size_t i = 0; i < r.count; i++) {
            snprintf(path, sizeof path, "/child%d/%d", child, next);
            if (strncmp(r.facts[i].path, path, strlen("/child0/")) == 0) {
                assert_string_equal(r.facts[i].path, path);
                next++;
            }
        }
        assert_int_equal(next, EACH);
    }
}

static void *publish_many(void *handle)
{
    intptr_t bad = 0;
    for (int i = 0; i < 200; i++)
        bad += publish_path(handle, "/thread") != TRUEFTP_OK;
    return (void *)bad;
}

static void threads_share_a_handle(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct trueftp_config c = spool_config();
    c.lock_timeout_ms = 30000;
    struct trueftp *h = open_config(&c);
    struct spool_reading r;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, publish_many, h), 0);
    for (int i = 0; i < THREADS; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    trueftp_close(h);
    spool_reader_read(folder, &r);
    assert_int_equal(r.count, THREADS * 200);
    assert_int_equal(r.quarantined, 0);
}

/* SIGKILL while it writes: at most the last record is torn, and the next writer is not disturbed. */
static void a_killed_writer_harms_nobody(void **state)
{
    (void)state;
    struct spool_reading r;
    struct trueftp *h = open_spool();
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int n = 0; n < 100; n++)
                (void)publish_path(h, "/killed");
            pause();
        }
        usleep(2000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(publish_path(h, "/after"), TRUEFTP_OK);
    }
    trueftp_close(h);
    spool_reader_read(folder, &r);
    int after = 0;
    for (size_t i = 0; i < r.count; i++)
        after += strcmp(r.facts[i].path, "/after") == 0;
    assert_int_equal(after, 20);
}

static void a_full_spool_takes_no_more_until_a_segment_is_gone(void **state)
{
    (void)state;
    struct trueftp_config c = spool_config();
    c.spool_segment_bytes = 64 * 1024;
    c.spool_max_bytes = 256 * 1024;
    struct trueftp *h = open_config(&c);
    struct spool_reading r;
    size_t taken = 0;
    int error;
    char path[1000];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    while ((error = publish_path(h, path)) == TRUEFTP_OK)
        taken++;
    assert_int_equal(error, TRUEFTP_ERR_FULL);
    assert_in_range(taken, 100, 260);
    assert_int_equal(publish_path(h, path), TRUEFTP_ERR_FULL);
    spool_reader_read(folder, &r);
    assert_int_equal(r.count, taken);
    assert_in_range(r.bytes, 128 * 1024, c.spool_max_bytes);
    spool_reader_unlink_oldest(folder);
    assert_int_equal(publish_path(h, path), TRUEFTP_OK);
    trueftp_close(h);
}

/* A disk that fills up in the middle of a record. */
static void a_full_disk_is_told_and_survived(void **state)
{
    (void)state;
    if (geteuid() != 0 || mount("none", folder, "tmpfs", 0, "size=40k") != 0)
        skip();
    struct trueftp_config c = spool_config();
    c.sync = TRUEFTP_SYNC_ALWAYS;
    struct trueftp *h = open_config(&c);
    struct spool_reading r;
    char path[700], filler[80];
    size_t taken = 0;
    int error;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    snprintf(filler, sizeof filler, "%s/filler", folder);
    int fd = open(filler, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, path, sizeof path), sizeof path);
    while ((error = publish_path(h, path)) == TRUEFTP_OK)
        taken++;
    assert_int_equal(error, TRUEFTP_ERR_FULL);
    assert_true(taken > 10);
    assert_int_equal(publish_path(h, path), TRUEFTP_ERR_FULL);
    close(fd);
    unlink(filler);
    assert_int_equal(publish_path(h, "/room/again"), TRUEFTP_OK);
    trueftp_close(h);
    spool_reader_read(folder, &r);
    int unmounted = umount(folder);
    assert_int_equal(r.count, taken + 1);
    assert_string_equal(r.facts[taken].path, "/room/again");
    assert_in_range(r.quarantined, 0, 1); /* half a record, of which the caller was told */
    assert_int_equal(unmounted, 0);
}

static void a_lock_that_is_held_does_not_stop_the_caller(void **state)
{
    (void)state;
    struct trueftp_config c = spool_config();
    c.lock_timeout_ms = 50;
    struct trueftp *h = open_config(&c);
    char segment[128];
    assert_int_equal(publish_path(h, "/a"), TRUEFTP_OK);
    snprintf(segment, sizeof segment, "%s/" TRUEFTP_SPOOL_FILE, folder);
    int fd = open(segment, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(publish_path(h, "/b"), TRUEFTP_ERR_BUSY);
    close(fd);
    assert_int_equal(publish_path(h, "/c"), TRUEFTP_OK);
    trueftp_close(h);
}

/* Whoever else may write to the folder must not make a privileged program write elsewhere. */
static void it_writes_to_no_link(void **state)
{
    (void)state;
    struct trueftp *h = open_spool();
    char segment[128], other[128];
    struct stat st;
    snprintf(segment, sizeof segment, "%s/" TRUEFTP_SPOOL_FILE, folder);
    snprintf(other, sizeof other, "%s/other", folder);
    int fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(symlink(other, segment), 0);
    assert_int_equal(publish_path(h, "/a"), TRUEFTP_ERR_IO);
    unlink(segment);
    assert_int_equal(link(other, segment), 0);
    assert_int_equal(publish_path(h, "/a"), TRUEFTP_ERR_IO);
    assert_int_equal(errno, EMLINK);
    unlink(segment);
    assert_int_equal(mkfifo(segment, 0600), 0);
    assert_int_equal(publish_path(h, "/a"), TRUEFTP_ERR_IO);
    unlink(segment);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    close(fd);
    trueftp_close(h);
}

static void segments_are_for_the_group_whatever_the_umask(void **state)
{
    (void)state;
    struct trueftp *h = open_spool();
    char segment[128];
    struct stat st;
    mode_t old = umask(077);
    assert_int_equal(publish_path(h, "/a"), TRUEFTP_OK);
    umask(old);
    snprintf(segment, sizeof segment, "%s/" TRUEFTP_SPOOL_FILE, folder);
    assert_int_equal(stat(segment, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    trueftp_close(h);
}

static void it_goes_on_in_a_chroot(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    struct trueftp *h = open_spool();
    struct spool_reading r;
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(chroot("/proc") != 0 || publish_path(h, "/from/inside") != TRUEFTP_OK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    trueftp_close(h);
    spool_reader_read(folder, &r);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.facts[0].path, "/from/inside");
}

static void every_policy_brings_it_to_disk(void **state)
{
    (void)state;
    struct spool_reading r;
    for (int sync = TRUEFTP_SYNC_ALWAYS; sync <= TRUEFTP_SYNC_NEVER; sync++) {
        struct trueftp_config c = spool_config();
        c.sync = (enum trueftp_sync)sync;
        c.spool_segment_bytes = 64 * 1024;
        struct trueftp *h = open_config(&c);
        char path[2000];
        memset(path, 'x', sizeof path);
        path[0] = '/';
        path[sizeof path - 1] = '\0';
        assert_int_equal(trueftp_flush(h, 0), TRUEFTP_OK);
        for (int i = 0; i < 40; i++)
            assert_int_equal(publish_path(h, path), TRUEFTP_OK);
        assert_int_equal(trueftp_flush(h, 0), TRUEFTP_OK);
        trueftp_close(h);
    }
    spool_reader_read(folder, &r);
    assert_int_equal(r.count, 120);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_is_published_is_in_the_spool),
        STORY(each_wrong_member_is_named),
        STORY(each_wrong_configuration_is_explained),
        STORY(without_memory_it_says_so_and_goes_on),
        STORY(parent_and_children_share_a_handle),
        STORY(threads_share_a_handle),
        STORY(a_killed_writer_harms_nobody),
        STORY(a_full_spool_takes_no_more_until_a_segment_is_gone),
        STORY(a_full_disk_is_told_and_survived),
        STORY(a_lock_that_is_held_does_not_stop_the_caller),
        STORY(it_writes_to_no_link),
        STORY(segments_are_for_the_group_whatever_the_umask),
        STORY(it_goes_on_in_a_chroot),
        STORY(every_policy_brings_it_to_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
