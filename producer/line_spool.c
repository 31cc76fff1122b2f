#include "producer/line_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

#define FILE_MAX_BYTES (64 * 1024 * 1024)
#define FILES_IN_BOUND 8 /* a bound smaller than eight such files has smaller ones */
#define PUT_MAX_BYTES (16 * 1024 * 1024)
#define PREFIX LINE_SPOOL_FILE "."

struct line_spool {
    char *folder;
    int folder_fd;
    int fd;            /* of LINE_SPOOL_FILE */
    int64_t size;      /* its */
    int64_t old_bytes; /* of the renamed ones */
    long last_number;  /* of the renamed ones */
    int64_t max_bytes, file_max_bytes;
    bool torn;          /* the file may end inside a line */
    struct buf waiting; /* put and not written */
};

static enum err failed(const struct line_spool *sp, const char *what, struct errmsg *why)
{
    return errmsg_set(why, ERR_IO, "%s/" LINE_SPOOL_FILE ": %s: %s", sp->folder, what, strerror(errno));
}

/* The number of a renamed file; 0: it is none. */
static long number_of(const char *name)
{
    size_t len = strlen(PREFIX);
    if (strncmp(name, PREFIX, len) != 0 || strspn(name + len, "0123456789") != strlen(name + len))
        return 0;
    return strtol(name + len, NULL, 10);
}

/* Adds up the renamed files; with a checkpoint, deletes those that it is done with. */
static void look(struct line_spool *sp, const struct checkpoint *c)
{
    int fd = openat(sp->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return; /* the sums stay as they were until next time */
    }
    sp->old_bytes = 0;
    while ((entry = readdir(dir))) {
        struct stat st;
        long number = number_of(entry->d_name);
        if (number <= 0 || fstatat(sp->folder_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        sp->last_number = number > sp->last_number ? number : sp->last_number;
        bool done = false;
        for (size_t i = 0; c && i < c->count; i++)
            done = done || (c->files[i].inode == (uint64_t)st.st_ino && c->files[i].offset == st.st_size);
        if (!done || unlinkat(sp->folder_fd, entry->d_name, 0) != 0)
            sp->old_bytes += st.st_size;
    }
    closedir(dir);
}

static enum err write_all(struct line_spool *sp, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(sp->fd, bytes.p, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return ERR_IO;
        sp->size += put;
        bytes = slice_of(bytes.p + put, bytes.len - (size_t)put);
    }
    return ERR_OK;
}

/* An empty file gets its first line; the end of another is looked at. */
static enum err begin_file(struct line_spool *sp, struct errmsg *why)
{
    struct stat st;
    unsigned char random[16];
    char last = '\n', head[64] = "# ";
    if (fstat(sp->fd, &st) != 0)
        return failed(sp, "stat", why);
    sp->size = st.st_size;
    if (sp->size > 0) {
        if (pread(sp->fd, &last, 1, st.st_size - 1) != 1)
            return failed(sp, "read", why);
        sp->torn = last != '\n';
        return ERR_OK;
    }
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return failed(sp, "getrandom", why);
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(head + 2 + 2 * i, 3, "%02x", random[i]);
    head[2 + 2 * sizeof(random)] = '\n';
    sp->torn = true; /* until it is whole */
    if (write_all(sp, slice_str(head)) != ERR_OK)
        return failed(sp, "write", why);
    sp->torn = false;
    return ERR_OK;
}

static enum err open_file(struct line_spool *sp, struct errmsg *why)
{
    sp->fd = openat(sp->folder_fd, LINE_SPOOL_FILE, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (sp->fd < 0)
        return failed(sp, "open", why);
    enum err err = begin_file(sp, why);
    if (err == ERR_OK && fsync(sp->folder_fd) != 0)
        err = failed(sp, "fsync of the folder", why);
    if (err != ERR_OK) {
        close(sp->fd);
        sp->fd = -1;
    }
    return err;
}

enum err line_spool_new(const char *folder, int64_t max_bytes, struct line_spool **out, struct errmsg *why)
{
    struct line_spool *sp = mem_zalloc(sizeof(*sp));
    sp->folder = mem_strdup(folder);
    sp->fd = sp->folder_fd = -1;
    sp->max_bytes = max_bytes;
    sp->file_max_bytes = max_bytes / FILES_IN_BOUND < FILE_MAX_BYTES ? max_bytes / FILES_IN_BOUND : FILE_MAX_BYTES;
    buf_init(&sp->waiting, PUT_MAX_BYTES);
    enum err err = ERR_OK;
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        err = failed(sp, "mkdir of the folder", why);
    else if ((sp->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        err = failed(sp, "open the folder", why);
    if (err == ERR_OK) {
        look(sp, NULL);
        err = open_file(sp, why);
    }
    if (err == ERR_OK)
        *out = sp;
    else
        line_spool_free(sp);
    return err;
}

void line_spool_free(struct line_spool *sp)
{
    if (!sp)
        return;
    if (sp->fd >= 0)
        close(sp->fd);
    if (sp->folder_fd >= 0)
        close(sp->folder_fd);
    buf_done(&sp->waiting);
    free(sp->folder);
    free(sp);
}

bool line_spool_full(const struct line_spool *sp)
{
    return sp->old_bytes + sp->size + (int64_t)sp->waiting.len >= sp->max_bytes || sp->waiting.len >= PUT_MAX_BYTES / 2;
}

void line_spool_put(struct line_spool *sp, struct slice line)
{
    buf_put_slice(&sp->waiting, line);
    buf_putc(&sp->waiting, '\n');
    check(sp->waiting.err == ERR_OK);
}

bool line_spool_waiting(const struct line_spool *sp)
{
    return sp->waiting.len > 0;
}

/* The file is large enough: it is renamed, and a new one begun. */
static enum err rotate(struct line_spool *sp, struct errmsg *why)
{
    char name[64];
    snprintf(name, sizeof(name), PREFIX "%08ld", sp->last_number + 1);
    if (renameat(sp->folder_fd, LINE_SPOOL_FILE, sp->folder_fd, name) != 0)
        return failed(sp, "rename", why);
    sp->last_number++;
    sp->old_bytes += sp->size;
    sp->size = 0;
    close(sp->fd);
    return open_file(sp, why);
}

static enum err write_waiting(struct line_spool *sp, struct errmsg *why)
{
    enum err err = ERR_OK;
    if (sp->fd < 0)
        err = open_file(sp, why); /* an earlier attempt has failed */
    else if (sp->size >= sp->file_max_bytes)
        err = rotate(sp, why);
    if (err != ERR_OK)
        return err;
    if (sp->torn && write_all(sp, SLICE("\n")) != ERR_OK)
        return failed(sp, "write", why);
    sp->torn = true;
    if (write_all(sp, buf_slice(&sp->waiting)) != ERR_OK)
        return failed(sp, "write", why);
    sp->torn = false;
    return fdatasync(sp->fd) == 0 ? ERR_OK : failed(sp, "fdatasync", why);
}

enum err line_spool_sync(struct line_spool *sp, struct errmsg *why)
{
    if (sp->waiting.len == 0)
        return ERR_OK;
    enum err err = write_waiting(sp, why);
    buf_reset(&sp->waiting);
    return err;
}

void line_spool_drop(struct line_spool *sp, const struct checkpoint *c)
{
    if (sp->old_bytes > 0)
        look(sp, c);
}
