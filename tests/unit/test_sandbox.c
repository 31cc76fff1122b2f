/* The sandbox, for real: a child enters it and then tries what it must not be able to do, and what it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/sandbox_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define REFUSED 0
#define DONE 1
#define NOT_CONFINED 2
#define KILLED (-SIGSYS)

static char folder[64], kept[96], outside[96];

/* ---- what is tried: each returns whether it could be done ---- */

static bool start_program(void)
{
    char *argv[] = {NULL, NULL};
    argv[0] = strdup("/bin/true");
    execv("/bin/true", argv);
    return false;
}

static bool start_process(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool unshare_namespace(void)
{
    return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) == 0;
}

static bool mount_something(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}

static bool load_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno == EFAULT || errno == EINVAL;
}

static bool become_other(void)
{
    return syscall(SYS_setuid, getuid()) == 0;
}

static bool raw_packets(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool virtual_sockets(void)
{
    return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0;
}

static bool io_uring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno == EFAULT;
}

static bool writable_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool code_from_data(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool signal_parent(void)
{
    return kill(getppid(), 0) == 0;
}

static bool read_outside(void)
{
    return open(outside, O_RDONLY | O_CLOEXEC) >= 0;
}

static bool list_root_home(void)
{
    return open("/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static bool write_etc(void)
{
    return open("/etc/trueftp-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool truncate_outside(void)
{
    return truncate(outside, 0) == 0;
}

static bool remove_outside(void)
{
    return unlink(outside) == 0;
}

static bool take_off(void)
{
    return prctl(PR_SET_SECCOMP, 0, 0, 0, 0) == 0;
}

static bool be_itself(void)
{
    return kill(getpid(), 0) == 0 && getpid() > 0;
}

static bool talk(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 && socket(AF_INET6, SOCK_DGRAM, 0) >= 0 &&
           socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static bool make_thread(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool write_kept(void)
{
    int fd = open(kept, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char other[128];
    snprintf(other, sizeof other, "%s.new", kept);
    return fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && rename(kept, other) == 0 && unlink(other) == 0;
}

static bool read_system(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 && open("/dev/urandom", O_RDONLY | O_CLOEXEC) >= 0 &&
           open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool watch_files(void)
{
    return inotify_add_watch(inotify_init1(IN_CLOEXEC), folder, IN_MODIFY) >= 0;
}

/* ---- the children ---- */

static int try_confined(bool (*attempt)(void), enum sandbox_mode mode)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox s;
        struct sandbox_held held;
        sandbox_init(&s, mode);
        sandbox_write_below(&s, folder);
        if (sandbox_enter(&s, &held) != ERR_OK || strcmp(held.seccomp, "none") == 0)
            _exit(NOT_CONFINED);
        _exit(attempt() ? DONE : REFUSED);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct attempt {
    const char *name;
    bool (*attempt)(void);
    int end;
};

static void try_all(const struct attempt *attempts, size_t count, enum sandbox_mode mode)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        int end = try_confined(attempts[i].attempt, mode);
        if (end != attempts[i].end)
            print_error("%s: %d instead of %d\n", attempts[i].name, end, attempts[i].end);
        wrong += end != attempts[i].end;
    }
    assert_int_equal(wrong, 0);
}

static bool landlock_there(void)
{
    return syscall(444, NULL, 0, 1) >= 3;
}

static void test_calls_are_refused(void **state)
{
    (void)state;
    static const struct attempt attempts[] = {
        {"start a program", start_program, SANDBOX_SANITIZER ? REFUSED : KILLED},
        {"start a process", start_process, SANDBOX_SANITIZER ? DONE : REFUSED},
        {"trace", trace, SANDBOX_SANITIZER ? DONE : KILLED},
        {"unshare", unshare_namespace, KILLED},
        {"mount", mount_something, KILLED},
        {"bpf", load_bpf, KILLED},
        {"setuid", become_other, KILLED},
        {"packets", raw_packets, REFUSED},
        {"vsock", virtual_sockets, REFUSED},
        {"io_uring", io_uring, REFUSED},
        {"writable code", writable_code, REFUSED},
        {"code from data", code_from_data, REFUSED},
        {"signal another process", signal_parent, REFUSED},
        {"take the filter off", take_off, REFUSED},
    };
    try_all(attempts, COUNT(attempts), SANDBOX_ON);
}

static void test_files_are_refused(void **state)
{
    (void)state;
    static const struct attempt attempts[] = {
        {"read outside", read_outside, SANDBOX_SANITIZER ? DONE : REFUSED},
        {"list a home", list_root_home, SANDBOX_SANITIZER ? DONE : REFUSED},
        {"write in /etc", write_etc, REFUSED},
        {"truncate outside", truncate_outside, REFUSED},
        {"remove outside", remove_outside, REFUSED},
    };
    if (!landlock_there())
        skip();
    try_all(attempts, COUNT(attempts), SANDBOX_ON);
}

static void test_work_goes_on(void **state)
{
    (void)state;
    static const struct attempt attempts[] = {
        {"itself", be_itself, DONE},         {"sockets", talk, DONE},
        {"threads", make_thread, DONE},      {"its own folder", write_kept, DONE},
        {"system files", read_system, DONE}, {"watch", watch_files, DONE},
    };
    try_all(attempts, COUNT(attempts), SANDBOX_ON);
}

/* With `log` nothing is refused that would be; with `off` nothing is put on. */
static void test_log_and_off(void **state)
{
    (void)state;
    static const struct attempt attempts[] = {
        {"start a program", start_program, 0}, /* /bin/true's status */
        {"start a process", start_process, DONE},
        {"read outside", read_outside, DONE},
        {"writable code", writable_code, DONE},
    };
    struct sandbox_held held;
    struct sandbox s;
    try_all(attempts, COUNT(attempts), SANDBOX_LOG);
    sandbox_init(&s, SANDBOX_OFF);
    assert_int_equal(sandbox_enter(&s, &held), ERR_OK);
    assert_string_equal(held.seccomp, "off");
    assert_string_equal(held.landlock, "off");
    assert_true(read_outside());
}

static void test_modes(void **state)
{
    (void)state;
    enum sandbox_mode mode = SANDBOX_OFF;
    assert_int_equal(sandbox_mode_parse("on", &mode), ERR_OK);
    assert_int_equal(mode, SANDBOX_ON);
    assert_int_equal(sandbox_mode_parse("log", &mode), ERR_OK);
    assert_int_equal(mode, SANDBOX_LOG);
    assert_int_equal(sandbox_mode_parse("yes", &mode), ERR_INVALID);
    assert_int_equal(sandbox_mode_parse("", &mode), ERR_INVALID);
    assert_int_equal(mode, SANDBOX_LOG);
}

/* A file's folder; of what is not there, what is above it. */
static void test_paths(void **state)
{
    (void)state;
    struct sandbox s;
    char missing[160];
    sandbox_init(&s, SANDBOX_ON);
    snprintf(missing, sizeof missing, "%s/no/such/file", folder);
    sandbox_read_beside(&s, missing);
    sandbox_read_beside(&s, "");
    sandbox_read_beside(&s, "name");
    sandbox_read_beside(&s, "/file");
    sandbox_write_beside(&s, outside);
    assert_int_equal(s.path_count, 4);
    assert_string_equal(s.paths[0].path, folder);
    assert_string_equal(s.paths[1].path, ".");
    assert_string_equal(s.paths[2].path, "/");
    assert_true(s.paths[3].write && !s.paths[0].write);
    sandbox_done(&s);
    for (int i = 0; i <= SANDBOX_PATHS_MAX; i++)
        sandbox_read_below(&s, folder);
    struct sandbox_held held;
    assert_int_equal(sandbox_enter(&s, &held), ERR_IO); /* and nothing is put on */
    sandbox_done(&s);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_sandbox.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(kept, sizeof kept, "%s/kept", folder);
    snprintf(outside, sizeof outside, "%s.outside", folder);
    int fd = open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(outside) | rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_calls_are_refused),
        cmocka_unit_test(test_files_are_refused),
        cmocka_unit_test(test_work_goes_on),
        cmocka_unit_test(test_log_and_off),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
