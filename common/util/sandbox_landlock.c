/* Landlock (https://docs.kernel.org/userspace-api/landlock.html), by its system calls: Debian 12's headers know the first two
 * versions of it, and the newer rights are named here. Which rights a kernel handles follows from the version that it tells. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/sandbox_internal.h"

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

#define VERSION_FLAG 1U
#define RULE_PATH_BENEATH 1
#define SCOPE_SIGNAL (1ULL << 1)

#define FS_EXECUTE (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_REMOVE_DIR (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR (1ULL << 7)
#define FS_MAKE_REG (1ULL << 8)
#define FS_MAKE_SOCK (1ULL << 9)
#define FS_REFER (1ULL << 13)
#define FS_TRUNCATE (1ULL << 14)
#define FS_ALL_ABI1 ((1ULL << 13) - 1)

#define READ (FS_READ_FILE | FS_READ_DIR)
#define WRITE                                                                                                                    \
    (READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE)
#define OF_FILES (FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE) /* the kernel takes no others for what is no folder */

struct ruleset {
    uint64_t fs, net, scoped;
};

struct path_rule {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));

/* What each program reads: libraries that are loaded when they are needed, certificates, names of hosts and zones of time, and
 * what C libraries and OpenSSL ask the system. */
static const char *const always_read[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/sys/devices/system",
    "/proc/self",
    "/proc/sys",
    "/proc/stat",
    "/dev/null",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/dev/shm",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/sys/kernel",
    "/run/NetworkManager",
#if SANDBOX_SANITIZER
    "/", /* its report names places of the sources by the program's own file */
#endif
};

/* What is not there needs no rule. */
static enum err add_path(int ruleset, uint64_t handled, const char *path, uint64_t access)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return ERR_OK;
    }
    access &= S_ISDIR(st.st_mode) ? handled : handled & OF_FILES;
    struct path_rule rule = {access, fd};
    long rc = syscall(__NR_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0U);
    int reason = errno;
    close(fd);
    errno = reason;
    return rc == 0 ? ERR_OK : ERR_IO;
}

static enum err fill(int ruleset, uint64_t handled, const struct sandbox *s)
{
    enum err err = add_path(ruleset, handled, "/dev/null", FS_READ_FILE | FS_WRITE_FILE);
    for (unsigned i = 0; i < sizeof always_read / sizeof *always_read && err == ERR_OK; i++)
        err = add_path(ruleset, handled, always_read[i], READ);
    for (unsigned i = 0; i < s->path_count && err == ERR_OK; i++)
        err = add_path(ruleset, handled, s->paths[i].path, s->paths[i].write ? WRITE : READ);
    return err;
}

enum err sandbox_landlock(const struct sandbox *s, int *abi)
{
    long version = syscall(__NR_landlock_create_ruleset, NULL, 0UL, VERSION_FLAG);
    if (version < 1)
        return ERR_NOT_FOUND;
    struct ruleset rules = {.fs = FS_ALL_ABI1, .scoped = version >= 6 ? SCOPE_SIGNAL : 0};
    rules.fs |= version >= 2 ? FS_REFER : 0;
    rules.fs |= version >= 3 ? FS_TRUNCATE : 0;
    size_t size = version >= 6 ? sizeof rules : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    int ruleset = (int)syscall(__NR_landlock_create_ruleset, &rules, size, 0U);
    if (ruleset < 0)
        return ERR_IO;
    enum err err = fill(ruleset, rules.fs, s);
    if (err == ERR_OK && syscall(__NR_landlock_restrict_self, ruleset, 0U) != 0)
        err = ERR_IO;
    int reason = errno;
    close(ruleset);
    errno = reason;
    *abi = (int)version;
    return err;
}
