/* `trueftp-producer emit` into a spool, in a child whose output is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "producer/emit.h"
#include "spool_reader.h"

enum { MAX_ARGS = 24 };

struct said {
    int status;
    char out[2048], err[2048];
};

static void read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    for (ssize_t n; len + 1 < size && (n = read(fd, text + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    close(fd);
}

/* args end with NULL. */
static void emit(const char *const *args, struct said *said)
{
    char *argv[MAX_ARGS + 2] = {(char *)(uintptr_t) "emit"};
    int out[2], err[2], argc = 1, status;
    while (args[argc - 1]) {
        assert_true(argc < MAX_ARGS);
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
        argc++;
    }
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        status = emit_main(argc, argv);
        fflush(stdout);
        _exit(status);
    }
    close(out[1]);
    close(err[1]);
    read_all(out[0], said->out, sizeof said->out);
    read_all(err[0], said->err, sizeof said->err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    said->status = WEXITSTATUS(status);
}

static char data_dir[64], spool[96];

static int setup(void **state)
{
    (void)state;
    snprintf(data_dir, sizeof data_dir, "/tmp/test_emit_XXXXXX");
    if (!mkdtemp(data_dir))
        return -1;
    snprintf(spool, sizeof spool, "%s/spool", data_dir);
    setenv("TRUEFTP_DATA_DIR", data_dir, 1);
    unsetenv("TRUEFTP_KAFKA_BROKERS");
    return mkdir(spool, 0700);
}

static int teardown(void **state)
{
    (void)state;
    spool_reader_remove(spool);
    spool_reader_remove(data_dir);
    return 0;
}

static void an_event_is_in_the_agents_spool(void **state)
{
    (void)state;
    const char *const args[] = {"--account",   "acc_1",
                                "--event",     "file.uploaded",
                                "--path",      "/in/a b.csv",
                                "--size",      "12",
                                "--username",  "u",
                                "--client-ip", "192.0.2.1",
                                "--time",      "2026-06-08T14:00:00.5+02:00",
                                "--event-id",  "0af76519-16cd-43dd-8448-eb211c80319c",
                                NULL};
    const char *const user[] = {"--account", "acc_1",    "--event", "ftp_user.created", "--username", "new",
                                "--home",    "/srv/new", NULL};
    struct spool_reading r;
    struct said said;
    emit(args, &said);
    assert_string_equal(said.err, "");
    assert_int_equal(said.status, 0);
    assert_string_equal(said.out, "0af76519-16cd-43dd-8448-eb211c80319c\n");
    emit(user, &said);
    assert_int_equal(said.status, 0);
    spool_reader_read(spool, &r);
    assert_int_equal(r.count, 2);
    assert_string_equal(r.facts[0].path, "/in/a b.csv");
    assert_string_equal(r.facts[0].id, "0af76519-16cd-43dd-8448-eb211c80319c");
    assert_int_equal(r.facts[0].size_bytes, 12);
    assert_int_equal(r.facts[0].time_wall_ms, 1780920000500);
    assert_int_equal(r.facts[1].type, EVENT_FTP_USER_CREATED);
    assert_string_equal(r.facts[1].home, "/srv/new");
    assert_memory_equal(said.out, r.facts[1].id, strlen(r.facts[1].id));
}

static void a_spool_can_be_named(void **state)
{
    (void)state;
    const char *const args[] = {"--spool", spool, "--account", "a", "--event", "dir.created", "--path", "/d", NULL};
    struct spool_reading r;
    struct said said;
    setenv("TRUEFTP_DATA_DIR", "/nowhere", 1);
    emit(args, &said);
    assert_int_equal(said.status, 0);
    spool_reader_read(spool, &r);
    assert_int_equal(r.count, 1);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *args[10];
        int status;
        const char *said;
    } cases[] = {
        {{"--event", "file.uploaded", "--path", "/a"}, 64, "account_id"},
        {{"--account", "a", "--path", "/a"}, 64, "type"},
        {{"--account", "a", "--event", "file.eaten"}, 64, "--event"},
        {{"--account", "a", "--event", "file.uploaded"}, 64, "path"},
        {{"--account", "a", "--event", "ftp_user.created"}, 64, "username"},
        {{"--account", "a", "--event", "file.uploaded", "--path", "/a", "--size", "-1"}, 64, "--size"},
        {{"--account", "a", "--event", "file.uploaded", "--path", "/a", "--time", "now"}, 64, "--time"},
        {{"--account", "a", "--event", "file.uploaded", "--path", "/a", "--wait=x"}, 64, "--wait"},
        {{"--account", "a", "--event", "file.uploaded", "--path", "/a", "more"}, 64, "more"},
        {{"--account", "a", "--event", "file.uploaded", "--path", "/a", "--wait"}, 64, "TRUEFTP_KAFKA_BROKERS"},
        {{"--account", "a", "--event", "file.uploaded", "--path", "/a", "--spool", "/nowhere"}, 69, "/nowhere"},
        {{"--unknown"}, 64, "--help"},
    };
    struct said said;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        emit(cases[i].args, &said);
        assert_int_equal(said.status, cases[i].status);
        assert_non_null(strstr(said.err, cases[i].said));
        assert_string_equal(said.out, "");
    }
    emit((const char *const[]){"--help", NULL}, &said);
    assert_int_equal(said.status, 0);
    assert_non_null(strstr(said.out, "--account"));
}

/* No broker: the wait ends, and it was not sent. */
static void a_wait_has_an_end(void **state)
{
    (void)state;
    const char *const args[] = {"--wait=1", "--account", "a", "--event", "dir.created", "--path", "/d", NULL};
    struct said said;
    setenv("TRUEFTP_KAFKA_BROKERS", "127.0.0.1:1", 1);
    emit(args, &said);
    assert_int_equal(said.status, 75);
    assert_non_null(strstr(said.err, "not sent"));
    assert_string_equal(said.out, "");
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_event_is_in_the_agents_spool),
        STORY(a_spool_can_be_named),
        STORY(what_is_wrong_is_said),
        STORY(a_wait_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
