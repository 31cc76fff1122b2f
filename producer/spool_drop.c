#include "producer/spool_drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"
#include "util/mem.h"

#define FOLDER_MODE 02770

static char *folder_of(const char *path)
{
    return mem_dup(path, (size_t)(strrchr(path, '/') - path));
}

enum err spool_make_folder(const char *path, struct errmsg *why)
{
    char *folder = folder_of(path);
    enum err err = ERR_OK;
    if (mkdir(folder, FOLDER_MODE) == 0)
        err = chmod(folder, FOLDER_MODE) == 0 ? ERR_OK : ERR_IO; /* without the umask */
    else if (errno != EEXIST)
        err = ERR_IO;
    if (err != ERR_OK)
        (void)errmsg_set(why, err, "%s: %s", folder, strerror(errno));
    free(folder);
    return err;
}

static bool is_done(const struct checkpoint *c, const struct stat *st)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->files[i].inode == (uint64_t)st->st_ino)
            return c->files[i].offset == st->st_size;
    }
    return false;
}

void spool_drop(const char *path, const struct checkpoint *c, void (*deleted)(void *ctx, uint64_t inode), void *ctx)
{
    const char *base = strrchr(path, '/') + 1;
    size_t len = strlen(base);
    char *folder = folder_of(path);
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    struct stat st;
    while (dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (strncmp(name, base, len) != 0 || name[len] != '.' || fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode) || !is_done(c, &st))
            continue;
        if (unlinkat(dirfd(dir), name, 0) == 0)
            deleted(ctx, (uint64_t)st.st_ino);
        else
            log_warn("segment_not_deleted", LOG_STR("segment", name), LOG_STR("message", strerror(errno)));
    }
    if (dir)
        closedir(dir);
    free(folder);
}
