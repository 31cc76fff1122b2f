/* Runs a fuzz target on inputs with the n-th allocation failing, for n = 1, 2, ... up to as many as it makes: once alone, and
 * once with all that follow it. malloc and its kin are defined here, so that those of jansson, libcurl, OpenSSL and SQLite fail
 * too.
 *
 *     alloc_TARGET FOLDER INPUTS [MOST]    the first INPUTS files of the folder (or ALLOC_INPUTS of the environment); of each at
 * most the first MOST allocations
 *
 * What may happen (docs/decisions/0001): the target comes back, having been told; or the process ends with status 71 and one
 * line; or a check of the fuzz target's own says that its question was not answered. A signal, any other status, or a check of
 * the product's is a failure. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/file.h"

#define INPUT_MAX (1024 * 1024)
#define STATUS_NO_MEMORY 71
#define SECONDS_EACH 20

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

/* ---- allocations ---- */

static struct {
    long made;     /* since the target began */
    long fails;    /* this one; 0: none */
    bool for_good; /* and all after it */
    bool armed;
} allocations;

static bool fails_now(void)
{
    if (!allocations.armed)
        return false;
    long n = ++allocations.made;
    if (allocations.fails == 0 || n < allocations.fails || (n > allocations.fails && !allocations.for_good))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    return fails_now() ? NULL : __libc_realloc(p, size);
}

/* The target's own copy of its input, which is no finding; the product copies with mem_dup. */
char *strndup(const char *s, size_t size)
{
    size_t len = strnlen(s, size);
    char *copy = __libc_malloc(len + 1);
    check(copy != NULL);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

/* ---- one run, in a child ---- */

struct run {
    long made;
    char said[4096]; /* standard error */
};

static struct run *shared;

static void in_child(const struct buf *input, int said)
{
    (void)dup2(said, STDERR_FILENO);
    (void)alarm(SECONDS_EACH);
    allocations.armed = true;
    LLVMFuzzerTestOneInput((const uint8_t *)buf_cstr(input), input->len);
    allocations.armed = false;
    shared->made = allocations.made;
    _exit(0);
}

static int run_child(const struct buf *input, long fails, bool for_good)
{
    int pipe_of[2], status;
    size_t len = 0;
    check(pipe(pipe_of) == 0);
    allocations.fails = fails;
    allocations.for_good = for_good;
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0)
        in_child(input, pipe_of[1]);
    close(pipe_of[1]);
    for (ssize_t n; (n = read(pipe_of[0], shared->said + len, sizeof shared->said - 1 - len)) > 0;)
        len += (size_t)n;
    shared->said[len] = '\0';
    close(pipe_of[0]);
    check(waitpid(pid, &status, 0) == pid);
    return status;
}

/* librdkafka asserts that it got memory, and jansson too where it has no memory of ours (model/json_members.c). assert itself
 * says only "Unexpected error." where its message finds none; the product has no assert. */
static bool is_of_library(void)
{
    return strstr(shared->said, ": rd.h:") || strstr(shared->said, "lex_scan_string: Assertion") ||
           strcmp(shared->said, "Unexpected error.\n") == 0;
}

static bool is_fine(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == STATUS_NO_MEMORY;
    bool ours = strstr(shared->said, "check failed") && strstr(shared->said, "tests/fuzz/");
    return WTERMSIG(status) == SIGABRT && (ours || is_of_library());
}

/* ---- all runs of an input ---- */

struct totals {
    long runs, ended, failures;
};

static void try_one(const char *path, const struct buf *input, long fails, bool for_good, struct totals *t)
{
    int status = run_child(input, fails, for_good);
    t->runs++;
    t->ended += WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_MEMORY;
    if (is_fine(status))
        return;
    t->failures++;
    printf("FAILED  %s: allocation %ld%s: %s %d: %s\n", path, fails, for_good ? " and all after it" : "",
           WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), shared->said);
}

static void try_input(const char *path, long most, struct totals *t)
{
    struct buf input;
    struct errmsg why;
    buf_init(&input, INPUT_MAX);
    check(file_read(path, &input, &why) == ERR_OK);
    int status = run_child(&input, 0, false);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        printf("FAILED  %s: without a failing allocation: %s\n", path, shared->said);
        t->failures++;
    }
    long made = shared->made < most ? shared->made : most;
    for (long n = 1; n <= made; n++) {
        try_one(path, &input, n, false, t);
        try_one(path, &input, n, true, t);
    }
    buf_done(&input);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct totals t = {0, 0, 0};
    struct dirent **names = NULL;
    int count = argc >= 3 ? scandir(argv[1], &names, is_input, alphasort) : -1;
    const char *more = getenv("ALLOC_INPUTS");
    long inputs = argc >= 3 ? strtol(more ? more : argv[2], NULL, 10) : 0;
    long most = argc > 3 ? strtol(argv[3], NULL, 10) : 500;
    if (LLVMFuzzerInitialize)
        (void)LLVMFuzzerInitialize(&argc, &argv);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(shared != MAP_FAILED);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < count && i < inputs; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
        try_input(path, most, &t);
    }
    printf("%ld runs, %ld of them ended with status %d, %ld failures\n", t.runs, t.ended, STATUS_NO_MEMORY, t.failures);
    return t.runs > 0 && t.failures == 0 ? 0 : 1;
}
