#include "producer/follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "producer/follow_files.h"
#include "util/mem.h"

#define STEPS_PER_TURN 16 /* of 64 KiB: one source must not starve the rest of the loop */

struct follow {
    struct follow_options o;
    struct files files;
    int inotify;
    int folder_watch; /* -1: the folder is not there (yet) */
    bool names_changed;
    bool stopped;
    struct loop_io *io;
    struct loop_timer *scan_timer; /* the look at everything */
    int release_timer;             /* timerfd, for the next fact that has waited long enough: the loop's timers are too coarse */
    struct loop_io *release_io;
};

const char *follow_alarm_name(enum follow_alarm alarm)
{
    static const char *const names[FOLLOW_ALARM_COUNT] = {"truncated", "disappeared", "unreadable", "too_many_files"};
    return names[alarm];
}

static void watch_folder(struct follow *f)
{
    if (f->folder_watch < 0)
        f->folder_watch =
            inotify_add_watch(f->inotify, f->files.folder, IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
}

/* By descriptor, so that it is this inode whatever the name means by now. Where it fails, the scan finds the growth. */
static void watch_files(struct follow *f)
{
    char path[64];
    struct tail *t;
    TAILQ_FOREACH(t, &f->files.tails, link) {
        if (t->watch >= 0 || t->lost)
            continue;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd);
        t->watch = inotify_add_watch(f->inotify, path, IN_MODIFY);
        t->dirty = true; /* what was written before the watch */
    }
}

static void on_event(struct follow *f, const struct inotify_event *ev)
{
    struct tail *t;
    if (ev->mask & IN_Q_OVERFLOW) {
        files_all_dirty(&f->files);
        f->names_changed = true;
    } else if (ev->wd == f->folder_watch) {
        f->names_changed = true;
        if (ev->mask & IN_IGNORED)
            f->folder_watch = -1;
    } else {
        TAILQ_FOREACH(t, &f->files.tails, link) {
            if (t->watch == ev->wd)
                t->dirty = true;
        }
    }
}

static void on_inotify(void *ctx, int events)
{
    struct follow *f = ctx;
    char bytes[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    (void)events;
    ssize_t got = read(f->inotify, bytes, sizeof(bytes)); /* one read a turn: the rest keeps the descriptor readable */
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *ev = (const struct inotify_event *)(void *)(bytes + at);
        on_event(f, ev);
        at += (ssize_t)(sizeof(*ev) + ev->len);
    }
}

static void look_at_everything(struct follow *f)
{
    watch_folder(f);
    files_check(&f->files, loop_now(f->o.loop), f->inotify);
    files_scan(&f->files, loop_now(f->o.loop));
    watch_files(f);
}

static void on_scan(void *ctx)
{
    struct follow *f = ctx;
    if (f->stopped)
        return;
    look_at_everything(f);
    loop_timer_arm(f->scan_timer, f->o.scan_ms);
}

static int64_t wall_us(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* after_us -1: not at all. */
static void arm_release(struct follow *f, int64_t after_us)
{
    int64_t us = after_us < 0 ? 0 : after_us + 1; /* 0 would disarm it */
    struct itimerspec when = {.it_value = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}};
    check(timerfd_settime(f->release_timer, 0, &when, NULL) == 0);
}

/* The turn that this starts calls follow_work, which releases. */
static void on_release(void *ctx, int events)
{
    struct follow *f = ctx;
    uint64_t times;
    (void)events;
    if (read(f->release_timer, &times, sizeof(times)) < 0)
        check(errno == EAGAIN); /* it was armed anew in between */
}

enum err follow_new(const struct follow_options *o, const struct checkpoint *c, struct follow **out, struct errmsg *why)
{
    int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (inotify < 0)
        return errmsg_set(why, ERR_IO, "inotify: %s", strerror(errno));
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0) {
        (void)errmsg_set(why, ERR_IO, "timerfd: %s", strerror(errno));
        close(inotify);
        return ERR_IO;
    }
    struct follow *f = mem_zalloc(sizeof(*f));
    f->o = *o;
    f->inotify = inotify;
    f->folder_watch = -1;
    f->io = loop_io_new(o->loop, inotify, LOOP_READ, on_inotify, f);
    f->scan_timer = loop_timer_new(o->loop, on_scan, f);
    f->release_timer = timer;
    f->release_io = loop_io_new(o->loop, timer, LOOP_READ, on_release, f);
    files_init(&f->files, &f->o, c);
    f->o.path = NULL; /* files has its own copy */
    look_at_everything(f);
    loop_timer_arm(f->scan_timer, o->scan_ms);
    *out = f;
    return ERR_OK;
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    loop_timer_free(f->scan_timer);
    loop_io_free(f->release_io);
    loop_io_free(f->io);
    files_done(&f->files);
    close(f->release_timer);
    close(f->inotify);
    free(f);
}

void follow_stop(struct follow *f)
{
    f->stopped = true;
    loop_timer_cancel(f->scan_timer);
    arm_release(f, -1);
}

static void read_some(struct follow *f, struct tail *t)
{
    for (int i = 0; i < STEPS_PER_TURN && t->dirty && f->o.credit(f->o.ctx); i++) {
        if (tail_read(t, f->o.credit, f->o.ctx) != ERR_OK) {
            f->o.alarm(f->o.ctx, FOLLOW_UNREADABLE, f->files.path, t->inode, 0, strerror(errno));
            t->dirty = false; /* until the next look at everything */
        }
        int64_t read_to = t->offset + (int64_t)t->bytes.len;
        if (read_to > t->size) {
            t->size = read_to;
            t->grown_ms = loop_now(f->o.loop);
        }
    }
}

bool follow_work(struct follow *f)
{
    struct tail *t;
    bool left = false;
    int64_t wait_us = -1;
    if (f->stopped)
        return false;
    if (f->names_changed) {
        f->names_changed = false;
        files_scan(&f->files, loop_now(f->o.loop));
        watch_files(f);
    }
    TAILQ_FOREACH(t, &f->files.tails, link) {
        if (t->lost)
            continue;
        read_some(f, t);
        left = t->dirty;
        if (left) /* a newer file is not read before an older one's end: after an outage the log's order is kept */
            break;
        int64_t again_us = t->format->release(t->state, wall_us());
        if (again_us >= 0 && (wait_us < 0 || again_us < wait_us))
            wait_us = again_us;
    }
    if (wait_us >= 0)
        arm_release(f, wait_us);
    return left && f->o.credit(f->o.ctx);
}

void follow_checkpoint(struct follow *f, struct checkpoint *c)
{
    files_checkpoint(&f->files, c);
}

void follow_deleted(struct follow *f, uint64_t inode)
{
    files_deleted(&f->files, inode);
}

bool follow_watching(const struct follow *f)
{
    return f->folder_watch >= 0;
}

int64_t follow_bytes_behind(const struct follow *f)
{
    const struct tail *t;
    int64_t behind = 0;
    TAILQ_FOREACH(t, &f->files.tails, link) {
        if (!t->lost && t->size > t->offset)
            behind += t->size - t->offset;
    }
    return behind;
}

int64_t follow_oldest_ms(const struct follow *f)
{
    const struct tail *t;
    int64_t oldest = INT64_MAX;
    TAILQ_FOREACH(t, &f->files.tails, link) {
        const struct track_mark *mark;
        TAILQ_FOREACH(mark, &t->track.marks, link) {
            if (mark->since_ms < oldest)
                oldest = mark->since_ms;
            break;
        }
    }
    return oldest;
}
