/* The sandbox that a program shuts itself in once it knows its settings, and before it starts a thread or talks to anybody: what
 * an attacker who found a hole could do with the process afterwards. Two belts, each as far as the kernel has it:
 *
 * - seccomp: system calls of a list, and the rest refused (ENOSYS); those that nothing but an attack would make (execve, ptrace,
 *   mount, ...) end the process. No process is started, no memory is writable and executable, no socket but of IP, Unix and
 * routing.
 * - Landlock: files are read below some folders and written below some others, nothing is executed.
 *
 * Neither can be taken off again. What others put around the process (systemd's filters, a container's profile) holds besides.
 * Builds with a sanitizer allow what the sanitizer's own report needs: ptrace of its threads, and reading anywhere. */
#ifndef UTIL_SANDBOX_H
#define UTIL_SANDBOX_H

#include <stdbool.h>

#include "util/err.h"

#define SANDBOX_PATHS_MAX 256

enum sandbox_mode {
    SANDBOX_ON,
    SANDBOX_LOG, /* seccomp writes to the kernel's log what it would refuse; no Landlock */
    SANDBOX_OFF,
};

struct sandbox {
    enum sandbox_mode mode;
    struct {
        char *path;
        bool write;
    } paths[SANDBOX_PATHS_MAX];
    unsigned path_count;
    bool too_many; /* there was a path more */
};

/* "on", "log", "off"; ERR_INVALID otherwise. */
MUST_CHECK enum err sandbox_mode_parse(const char *text, enum sandbox_mode *out);

/* All zero, but for the mode; frees nothing of before. */
void sandbox_init(struct sandbox *s, enum sandbox_mode mode);
void sandbox_done(struct sandbox *s);
/* What lies below a folder may be read; or read, written, made and removed. Of a folder that is not there yet, the nearest above
 * it that is. "" is ignored. */
void sandbox_read_below(struct sandbox *s, const char *folder);
void sandbox_write_below(struct sandbox *s, const char *folder);
/* The same for the folder that a file lies in, so that the file can be replaced while the program runs. */
void sandbox_read_beside(struct sandbox *s, const char *file);
void sandbox_write_beside(struct sandbox *s, const char *file);

/* What holds, for the log: "on", "log", "off", "none" (the kernel has it not); Landlock with the version of its interface,
 * "abi4". */
struct sandbox_held {
    char seccomp[16], landlock[16];
    struct errmsg why; /* "" where everything holds that was asked for */
};

/* Enters it, for this process and for good. Only while there is one thread. ERR_IO: a belt that the kernel has could not be put
 * on; what of the other holds stands in *held. A kernel without a belt is no failure. */
MUST_CHECK enum err sandbox_enter(const struct sandbox *s, struct sandbox_held *held);

#endif
