/* The temporary file is opened by open(2) with O_EXCL, not made by mkstemp(3), so that mode and umask have their usual
 * meaning. A crash can leave one behind; its name (path, process id, number, ".tmp") says what it is. */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 65536, TEMP_TRIES = 1000 };

static enum err io_error(const char *what, const char *path, struct errmsg *why)
{
    enum err err = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
    return errmsg_set(why, err, "%s: %s: %s", path, what, strerror(errno));
}

static ssize_t read_some(int fd, void *p, size_t len)
{
    ssize_t n;
    do
        n = read(fd, p, len);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Reads to the end. At the limit one byte more is asked for, to tell a file that just fits from one that does not. */
static enum err read_rest(int fd, const char *path, struct buf *out, struct errmsg *why)
{
    for (;;) {
        char extra;
        size_t room = out->max - out->len;
        size_t step = room > READ_STEP ? READ_STEP : room;
        char *p = room ? buf_reserve(out, step) : &extra;
        if (!p)
            return errmsg_set(why, ERR_NO_MEMORY, "%s: out of memory", path);
        ssize_t n = read_some(fd, p, room ? step : 1);
        if (n < 0)
            return io_error("read", path, why);
        if (n == 0)
            return ERR_OK;
        if (room == 0)
            return errmsg_set(why, ERR_TOO_BIG, "%s: larger than the limit of %zu bytes", path, out->max);
        buf_grew(out, (size_t)n);
    }
}

enum err file_read(const char *path, struct buf *out, struct errmsg *why)
{
    if (out->err)
        return errmsg_set(why, out->err, "%s: no room to read it", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_error("open", path, why);
    size_t before = out->len;
    enum err err = read_rest(fd, path, out, why);
    int saved = errno;
    if (err)
        buf_truncate(out, before);
    (void)close(fd); /* nothing was written: closing cannot lose anything */
    errno = saved;
    return err;
}

static enum err write_all(int fd, struct slice content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.p, content.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        content = slice_of(content.p + n, content.len - (size_t)n);
    }
    return ERR_OK;
}

/* Makes a new file beside path; its name is left in temp. */
static int open_temp(const char *path, unsigned mode, char temp[PATH_MAX])
{
    static unsigned serial;
    for (int i = 0; i < TEMP_TRIES; i++) {
        int n = snprintf(temp, PATH_MAX, "%s.%ld-%u.tmp", path, (long)getpid(), __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
        if (n < 0 || n >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Writes, syncs and closes fd. */
static enum err fill(int fd, struct slice content)
{
    enum err err = write_all(fd, content);
    if (!err && fsync(fd) != 0)
        err = ERR_IO;
    int saved = errno;
    if (close(fd) != 0 && !err)
        return ERR_IO;
    errno = saved;
    return err;
}

static enum err sync_folder_of(const char *path)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) {
        size_t len = slash == path ? 1 : (size_t)(slash - path);
        if (len >= sizeof folder) {
            errno = ENAMETOOLONG;
            return ERR_IO;
        }
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    enum err err = fsync(fd) == 0 ? ERR_OK : ERR_IO;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return err;
}

enum err file_replace(const char *path, struct slice content, unsigned mode, struct errmsg *why)
{
    char temp[PATH_MAX];
    int fd = open_temp(path, mode, temp);
    if (fd < 0)
        return io_error("create a temporary file beside it", path, why);
    const char *what = "write";
    enum err err = fill(fd, content);
    if (!err) {
        what = "rename";
        err = rename(temp, path) == 0 ? ERR_OK : ERR_IO;
    }
    if (err) {
        int saved = errno;
        (void)unlink(temp);
        errno = saved;
        return io_error(what, path, why);
    }
    if (sync_folder_of(path))
        return io_error("sync its folder", path, why);
    return ERR_OK;
}
