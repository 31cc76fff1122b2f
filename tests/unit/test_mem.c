/* util/mem.h and util/err.h: what ends a process is tried in a child. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/err.h"
#include "util/mem.h"

/* Runs fn in a child; returns its wait status and what it wrote to standard error. */
static int run_child(void (*fn)(void), char *text, size_t size)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fds[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    close(fds[1]);
    size_t len = 0;
    for (ssize_t n; len + 1 < size && (n = read(fds[0], text + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void ask_for_too_many(void)
{
    (void)mem_array(NULL, SIZE_MAX / 2, 3);
}

static void go_on_with_a_buffer_without_memory(void)
{
    struct buf b;
    buf_init(&b, 10);
    b.err = ERR_NO_MEMORY;
    (void)mem_reserve(&b, 1);
}

static void break_an_invariant(void)
{
    volatile int one = 1;
    check(one == 2);
}

static void out_of_memory_exits_71_with_one_line(void **state)
{
    (void)state;
    char text[200];
    int status = run_child(ask_for_too_many, text, sizeof text);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 71);
    assert_string_equal(text, "out of memory\n");
}

static void a_buffer_without_memory_exits_71_and_one_at_its_limit_does_not(void **state)
{
    (void)state;
    char text[200];
    struct buf b;
    int status = run_child(go_on_with_a_buffer_without_memory, text, sizeof text);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 71);
    assert_string_equal(text, "out of memory\n");
    buf_init(&b, 1);
    buf_puts(&b, "ab");
    mem_appended(&b);
    assert_int_equal(b.err, ERR_TOO_BIG);
    buf_done(&b);
}

static void check_aborts_and_names_the_expression(void **state)
{
    (void)state;
    char text[400];
    int status = run_child(break_an_invariant, text, sizeof text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "check failed: one == 2"));
    assert_non_null(strstr(text, "test_mem.c:"));
}

static void nothing_is_null(void **state)
{
    (void)state;
    void *all[] = {mem_alloc(0), mem_zalloc(0), mem_realloc(NULL, 0), mem_array(NULL, 0, 8), mem_dup(NULL, 0), mem_strdup("")};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_non_null(all[i]);
        free(all[i]);
    }
}

static void copies_and_zeroes(void **state)
{
    (void)state;
    char *copy = mem_dup("a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    copy = mem_realloc(copy, 1000);
    assert_memory_equal(copy, "a\0b", 4);
    free(copy);
    copy = mem_strdup("text");
    assert_string_equal(copy, "text");
    free(copy);
    static const char zeroes[100];
    copy = mem_zalloc(sizeof zeroes);
    assert_memory_equal(copy, zeroes, sizeof zeroes);
    free(copy);
}

static void names_of_errors(void **state)
{
    (void)state;
    static const char *const names[] = {"ok",     "again",   "invalid", "too_big",   "not_found",
                                        "exists", "refused", "io",      "no_memory", "fatal"};
    for (int i = ERR_OK; i <= ERR_FATAL; i++)
        assert_string_equal(err_name((enum err)i), names[i]);
    assert_string_equal(err_name((enum err)99), "unknown");
}

static void messages_are_cut_and_keep_errno(void **state)
{
    (void)state;
    struct errmsg why;
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    errno = EBADF;
    assert_int_equal(errmsg_set(&why, ERR_TOO_BIG, "%s", longer), ERR_TOO_BIG);
    assert_int_equal(errno, EBADF);
    assert_int_equal(strlen(why.text), sizeof why.text - 1);
    assert_int_equal(errmsg_set(&why, ERR_INVALID, "line %d", 3), ERR_INVALID);
    assert_int_equal(errmsg_set(&why, ERR_INVALID, "file: %s", why.text), ERR_INVALID);
    assert_string_equal(why.text, "file: line 3");
    assert_int_equal(errmsg_set(NULL, ERR_IO, "unseen"), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_of_memory_exits_71_with_one_line),
        cmocka_unit_test(a_buffer_without_memory_exits_71_and_one_at_its_limit_does_not),
        cmocka_unit_test(check_aborts_and_names_the_expression),
        cmocka_unit_test(nothing_is_null),
        cmocka_unit_test(copies_and_zeroes),
        cmocka_unit_test(names_of_errors),
        cmocka_unit_test(messages_are_cut_and_keep_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
