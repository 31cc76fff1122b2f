#include "io/file_watch.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "util/mem.h"

struct file_watch {
    char *path;
    void (*changed)(void *ctx);
    void *ctx;
    struct loop_timer *timer;
    struct stat seen; /* all zero: not seen yet */
};

/* Follows links: the file that a reader would open. */
static bool look(struct file_watch *fw)
{
    struct stat now;
    if (stat(fw->path, &now) != 0)
        return false;
    bool same = now.st_dev == fw->seen.st_dev && now.st_ino == fw->seen.st_ino && now.st_size == fw->seen.st_size &&
                now.st_mtim.tv_sec == fw->seen.st_mtim.tv_sec && now.st_mtim.tv_nsec == fw->seen.st_mtim.tv_nsec &&
                now.st_ctim.tv_sec == fw->seen.st_ctim.tv_sec && now.st_ctim.tv_nsec == fw->seen.st_ctim.tv_nsec;
    fw->seen = now;
    return !same;
}

static void on_timer(void *ctx)
{
    struct file_watch *fw = ctx;
    loop_timer_arm(fw->timer, FILE_WATCH_EVERY_MS);
    if (look(fw))
        fw->changed(fw->ctx);
}

struct file_watch *file_watch_new(struct loop *l, const char *path, void (*changed)(void *ctx), void *ctx)
{
    struct file_watch *fw = mem_zalloc(sizeof *fw);
    fw->path = mem_strdup(path);
    fw->changed = changed;
    fw->ctx = ctx;
    fw->timer = loop_timer_new(l, on_timer, fw);
    look(fw);
    loop_timer_arm(fw->timer, FILE_WATCH_EVERY_MS);
    return fw;
}

void file_watch_free(struct file_watch *fw)
{
    if (!fw)
        return;
    loop_timer_free(fw->timer);
    free(fw->path);
    free(fw);
}
