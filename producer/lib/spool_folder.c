#include "producer/lib/spool_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "producer/lib/spool_record.h"

#define FIRST_WAIT_US 50
#define MAX_WAIT_US 5000
#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

enum { AGAIN = 1 }; /* beside enum trueftp_error: the segment was renamed in between, or another holds its lock */

/* Closes it and leaves errno as it was. */
static int close_with(int fd, int result)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

static int io_error(void)
{
    return errno == ENOSPC || errno == EDQUOT ? TRUEFTP_ERR_FULL : TRUEFTP_ERR_IO;
}

static int64_t now_us(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 : 0;
}

/* -------- the segment that grows -------- */

/* Opens it, making it where it is missing. */
static int open_segment(const struct spool_folder *f, int *fd)
{
    *fd = openat(f->fd, TRUEFTP_SPOOL_FILE, OPEN_FLAGS);
    if (*fd >= 0)
        return TRUEFTP_OK;
    if (errno != ENOENT)
        return errno == EINTR ? AGAIN : io_error();
    *fd = openat(f->fd, TRUEFTP_SPOOL_FILE, OPEN_FLAGS | O_CREAT | O_EXCL, (mode_t)f->file_mode);
    if (*fd < 0)
        return errno == EEXIST || errno == EINTR ? AGAIN : io_error();
    if (fchmod(*fd, (mode_t)f->file_mode) != 0) /* the umask is the process's own matter */
        return close_with(*fd, TRUEFTP_ERR_IO);
    return TRUEFTP_OK;
}

/* Takes the lock of the segment behind fd, which must still have its name. */
static int lock_segment(const struct spool_folder *f, int fd, struct stat *st)
{
    struct stat named;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK || errno == EINTR ? AGAIN : TRUEFTP_ERR_IO;
    if (fstat(fd, st) != 0)
        return TRUEFTP_ERR_IO;
    if (fstatat(f->fd, TRUEFTP_SPOOL_FILE, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? AGAIN : TRUEFTP_ERR_IO;
    if (named.st_ino != st->st_ino || named.st_dev != st->st_dev)
        return AGAIN;
    if (S_ISREG(st->st_mode) && st->st_nlink == 1)
        return TRUEFTP_OK;
    errno = EMLINK; /* no file of ours: somebody wants us to write elsewhere */
    return TRUEFTP_ERR_IO;
}

/* Opens and locks the segment. Waits for others, but not forever: FTP must go on. */
static int take_segment(const struct spool_folder *f, int64_t deadline_us, int *fd, struct stat *st)
{
    for (int64_t wait_us = FIRST_WAIT_US;; wait_us = wait_us * 2 > MAX_WAIT_US ? MAX_WAIT_US : wait_us * 2) {
        int result = open_segment(f, fd);
        if (result == TRUEFTP_OK) {
            result = lock_segment(f, *fd, st);
            if (result == TRUEFTP_OK)
                return result;
            (void)close_with(*fd, 0);
        }
        if (result != AGAIN)
            return result;
        if (now_us(CLOCK_MONOTONIC) >= deadline_us)
            return TRUEFTP_ERR_BUSY;
        nanosleep(&(struct timespec){.tv_nsec = wait_us * 1000}, NULL);
    }
}

/* -------- a full segment -------- */

/* The bytes of all renamed segments. -1: errno. */
static int64_t renamed_bytes(const struct spool_folder *f)
{
    static const char prefix[] = TRUEFTP_SPOOL_FILE ".";
    int64_t sum = 0;
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    DIR *dir = fdopendir(fd);
    if (!dir)
        return close_with(fd, -1);
    const struct dirent *entry;
    struct stat st;
    while ((entry = readdir(dir))) {
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0 &&
            fstatat(f->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            sum += st.st_size;
    }
    closedir(dir);
    return sum;
}

/* Renames the segment behind fd, whose lock is held, where the bound leaves room for another one. */
static int retire_segment(const struct spool_folder *f, int fd, const struct stat *st)
{
    char name[128];
    int64_t others = renamed_bytes(f);
    if (others < 0)
        return io_error();
    if (others + st->st_size + f->segment_bytes > f->max_bytes)
        return TRUEFTP_ERR_FULL;
    if (f->sync != TRUEFTP_SYNC_NEVER && fdatasync(fd) != 0)
        return io_error();
    snprintf(name, sizeof(name), "%s.%013lld.%llu", TRUEFTP_SPOOL_FILE, (long long)(now_us(CLOCK_REALTIME) / 1000),
             (unsigned long long)st->st_ino);
    return renameat(f->fd, TRUEFTP_SPOOL_FILE, f->fd, name) == 0 ? AGAIN : io_error();
}

/* -------- a record -------- */

static int make_head(uint8_t out[SPOOL_HEAD_RECORD_BYTES], size_t *len)
{
    uint8_t unique[16];
    if (getrandom(unique, sizeof(unique), 0) != (ssize_t)sizeof(unique))
        return TRUEFTP_ERR_IO;
    *len = spool_put_head(out, unique, now_us(CLOCK_REALTIME) / 1000);
    return TRUEFTP_OK;
}

static int write_all(int fd, struct iovec *parts, int count)
{
    while (count > 0) {
        ssize_t n = writev(fd, parts, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_error();
        size_t done = (size_t)n;
        while (count > 0 && done >= parts->iov_len) {
            done -= parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0)
            *parts = (struct iovec){(char *)parts->iov_base + done, parts->iov_len - done};
    }
    return TRUEFTP_OK;
}

/* A new segment begins with a head, and its name is on disk before anything in it counts as safe. */
static int write_record(const struct spool_folder *f, int fd, bool first, struct slice record)
{
    uint8_t head[SPOOL_HEAD_RECORD_BYTES];
    size_t head_len = 0;
    if (first) {
        int result = make_head(head, &head_len);
        if (result != TRUEFTP_OK)
            return result;
        if (f->sync != TRUEFTP_SYNC_NEVER && fsync(f->fd) != 0)
            return io_error();
    }
    struct iovec parts[] = {{head, head_len}, {(void *)(uintptr_t)record.p, record.len}};
    return write_all(fd, parts, 2);
}

int spool_folder_append(const struct spool_folder *f, struct slice record)
{
    int64_t deadline_us = now_us(CLOCK_MONOTONIC) + (int64_t)f->lock_timeout_ms * 1000;
    struct stat st;
    int fd, result;
    do {
        result = take_segment(f, deadline_us, &fd, &st);
        if (result != TRUEFTP_OK)
            return result;
        if (st.st_size == 0 || st.st_size + (int64_t)record.len <= f->segment_bytes)
            break;
        result = close_with(fd, retire_segment(f, fd, &st));
    } while (result == AGAIN);
    if (result != TRUEFTP_OK)
        return result;
    result = write_record(f, fd, st.st_size == 0, record);
    if (result != TRUEFTP_OK || f->sync != TRUEFTP_SYNC_ALWAYS)
        return close_with(fd, result);
    flock(fd, LOCK_UN); /* others may write while this waits for the disk */
    return close_with(fd, fdatasync(fd) == 0 ? TRUEFTP_OK : TRUEFTP_ERR_IO);
}

int spool_folder_sync(const struct spool_folder *f)
{
    int fd = openat(f->fd, TRUEFTP_SPOOL_FILE, OPEN_FLAGS);
    if (fd < 0)
        return errno == ENOENT ? TRUEFTP_OK : TRUEFTP_ERR_IO;
    return close_with(fd, fdatasync(fd) == 0 ? TRUEFTP_OK : TRUEFTP_ERR_IO);
}
