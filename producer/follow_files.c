#include "producer/follow_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "util/mem.h"

#define GONE_AFTER_SCANS 3

void files_init(struct files *fs, const struct follow_options *o, const struct checkpoint *c)
{
    *fs = (struct files){.o = o, .path = mem_strdup(o->path), .first_scan = true, .first_start = !c->existed};
    const char *slash = strrchr(o->path, '/');
    fs->base = mem_strdup(slash ? slash + 1 : o->path);
    fs->folder = slash ? mem_dup(o->path, slash == o->path ? 1 : (size_t)(slash - o->path)) : mem_strdup(".");
    TAILQ_INIT(&fs->tails);
    for (size_t i = 0; i < c->count; i++) {
        fs->known = mem_array(fs->known, fs->known_count + 1, sizeof(*fs->known));
        fs->known[fs->known_count++] = (struct known_file){.at = c->files[i]};
    }
}

static void close_tail(struct files *fs, struct tail *t)
{
    TAILQ_REMOVE(&fs->tails, t, link);
    tail_free(t);
}

void files_done(struct files *fs)
{
    struct tail *t;
    while ((t = TAILQ_FIRST(&fs->tails))) {
        track_init(&t->track);
        close_tail(fs, t);
    }
    free(fs->known);
    free(fs->path);
    free(fs->folder);
    free(fs->base);
}

static void raise_alarm(struct files *fs, enum follow_alarm what, uint64_t inode, int64_t missing_bytes, const char *detail)
{
    fs->o->alarm(fs->o->ctx, what, fs->path, inode, missing_bytes, detail);
}

static struct tail *find_open(struct files *fs, const struct stat *st)
{
    struct tail *t;
    TAILQ_FOREACH(t, &fs->tails, link) {
        if (!t->lost && t->inode == (uint64_t)st->st_ino && t->device == st->st_dev)
            return t;
    }
    return NULL;
}

static struct known_file *find_known(struct files *fs, uint64_t inode)
{
    for (size_t i = 0; i < fs->known_count; i++) {
        if (fs->known[i].at.inode == inode)
            return &fs->known[i];
    }
    return NULL;
}

static void forget_known(struct files *fs, struct known_file *k)
{
    *k = fs->known[--fs->known_count];
}

static void remember(struct files *fs, const struct checkpoint_file *at)
{
    if (fs->known_count + (size_t)fs->open_count >= CHECKPOINT_MAX_FILES) {
        raise_alarm(fs, FOLLOW_TOO_MANY, at->inode, 0, "more files beside the log than are remembered");
        return;
    }
    fs->known = mem_array(fs->known, fs->known_count + 1, sizeof(*fs->known));
    fs->known[fs->known_count++] = (struct known_file){.at = *at};
}

/* `<log>`, `<log>.1`, `<log>-20260311`, and not what logrotate compressed. */
static bool is_ours(const struct files *fs, const char *name)
{
    static const char *const packed[] = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z"};
    size_t base = strlen(fs->base);
    size_t len = strlen(name);
    if (strncmp(name, fs->base, base) != 0 || (name[base] != '\0' && name[base] != '.' && name[base] != '-'))
        return false;
    for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
        size_t end = strlen(packed[i]);
        if (len > end && strcmp(name + len - end, packed[i]) == 0)
            return false;
    }
    return true;
}

static bool is_log(const struct files *fs, const char *name)
{
    return strcmp(name, fs->base) == 0;
}

static void open_tail(struct files *fs, int fd, const struct stat *st, const char *name, int64_t offset, const char *fingerprint,
                      int64_t now_ms)
{
    struct tail *t = tail_new(fd, st, name, &fs->o->tail);
    t->offset = offset;
    t->grown_ms = now_ms;
    memcpy(t->fingerprint, fingerprint, sizeof(t->fingerprint));
    TAILQ_INSERT_TAIL(&fs->tails, t, link);
    fs->open_count++;
}

/* Holds a file against what is remembered of its inode. Returns where to read on; remembered is forgotten when it is another
 * file's. */
static int64_t settle_known(struct files *fs, struct known_file **k, const struct stat *st, const char *fingerprint)
{
    struct checkpoint_file at = (*k)->at;
    bool same = strcmp(at.fingerprint, fingerprint) == 0 || (at.fingerprint[0] == '\0' && at.offset == 0);
    if (same && st->st_size >= at.offset)
        return at.offset;
    forget_known(fs, *k);
    *k = NULL;
    if (same || fingerprint[0] == '\0')
        raise_alarm(fs, FOLLOW_TRUNCATED, at.inode, at.size - at.offset, "the file is shorter than what was read of it");
    else if (at.offset < at.size)
        raise_alarm(fs, FOLLOW_DISAPPEARED, at.inode, at.size - at.offset, "its inode belongs to another file now");
    return 0;
}

/* Takes fd: as an open tail, or closes it where the file needs no reading. */
static void admit(struct files *fs, int fd, const struct stat *st, const char *name, const char *fingerprint, int64_t now_ms)
{
    struct known_file *k = find_known(fs, (uint64_t)st->st_ino);
    bool baseline = fs->first_start && fs->first_scan && (!is_log(fs, name) || fs->o->from_end);
    int64_t offset = baseline ? st->st_size : 0;
    if (k)
        offset = settle_known(fs, &k, st, fingerprint);
    if (!is_log(fs, name) && (k || baseline) && offset == st->st_size) { /* read already */
        struct checkpoint_file at = {.inode = (uint64_t)st->st_ino, .offset = offset, .size = offset};
        memcpy(at.fingerprint, fingerprint, sizeof(at.fingerprint));
        if (!k)
            remember(fs, &at);
        close(fd);
        return;
    }
    if (fs->open_count >= FILES_MAX_OPEN) {
        raise_alarm(fs, FOLLOW_TOO_MANY, (uint64_t)st->st_ino, st->st_size - offset,
                    "more files to read at once than are opened");
        close(fd);
        return;
    }
    if (k)
        forget_known(fs, k);
    open_tail(fs, fd, st, name, offset, fingerprint, now_ms);
}

static void open_and_admit(struct files *fs, int folder, const char *name, int64_t now_ms)
{
    char fingerprint[FINGERPRINT_SIZE] = "";
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return; /* renamed in between: the next scan sees it */
    if (fd < 0 || fstat(fd, &st) != 0 || tail_fingerprint(fd, (uint64_t)st.st_ino, fs->o->tail.format, fingerprint) != ERR_OK) {
        raise_alarm(fs, FOLLOW_UNREADABLE, 0, 0, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    if (find_open(fs, &st))
        close(fd); /* renamed in between */
    else
        admit(fs, fd, &st, name, fingerprint, now_ms);
}

static void look_at_name(struct files *fs, int folder, const char *name, int64_t now_ms)
{
    struct stat st;
    if (fstatat(folder, name, &st, 0) != 0)
        return;
    if (!S_ISREG(st.st_mode)) {
        if (is_log(fs, name))
            raise_alarm(fs, FOLLOW_UNREADABLE, (uint64_t)st.st_ino, 0, "not a regular file");
        return;
    }
    struct tail *t = find_open(fs, &st);
    struct known_file *k = t ? NULL : find_known(fs, (uint64_t)st.st_ino);
    if (k)
        k->missed = 0;
    if (t && strcmp(t->name, name) != 0) {
        free(t->name);
        t->name = mem_strdup(name);
    }
    bool read_already = k && !fs->first_scan && st.st_size == k->at.offset && !is_log(fs, name);
    if (!t && !read_already)
        open_and_admit(fs, folder, name, now_ms);
}

/* What was remembered and is not there any more. */
static void settle_missing(struct files *fs)
{
    for (size_t i = fs->known_count; i-- > 0;) {
        struct known_file *k = &fs->known[i];
        if (k->missed++ < GONE_AFTER_SCANS)
            continue;
        struct checkpoint_file at = k->at;
        forget_known(fs, k);
        if (at.offset < at.size)
            raise_alarm(fs, FOLLOW_DISAPPEARED, at.inode, at.size - at.offset, "the file is gone and was not read to its end");
    }
}

/* -------- the folder's names, oldest file first -------- */

struct name {
    char *text;
    bool log;
    struct timespec written; /* the last time */
};

static int by_age(const void *one, const void *other)
{
    const struct name *a = one, *b = other;
    if (a->log != b->log)
        return a->log ? 1 : -1;
    if (a->written.tv_sec != b->written.tv_sec)
        return a->written.tv_sec < b->written.tv_sec ? -1 : 1;
    if (a->written.tv_nsec != b->written.tv_nsec)
        return a->written.tv_nsec < b->written.tv_nsec ? -1 : 1;
    return strcmp(a->text, b->text);
}

static void look_at_names(struct files *fs, DIR *dir, int64_t now_ms)
{
    struct name *names = NULL;
    size_t count = 0;
    struct dirent *entry;
    struct stat st;
    while ((entry = readdir(dir))) {
        if (!is_ours(fs, entry->d_name) || fstatat(dirfd(dir), entry->d_name, &st, 0) != 0)
            continue;
        names = mem_array(names, count + 1, sizeof(*names));
        names[count++] =
            (struct name){.text = mem_strdup(entry->d_name), .log = is_log(fs, entry->d_name), .written = st.st_mtim};
    }
    if (count > 1)
        qsort(names, count, sizeof(*names), by_age);
    for (size_t i = 0; i < count; i++) {
        look_at_name(fs, dirfd(dir), names[i].text, now_ms);
        free(names[i].text);
    }
    free(names);
}

void files_scan(struct files *fs, int64_t now_ms)
{
    DIR *dir = opendir(fs->folder);
    if (!dir) {                  /* waited for; follow_watching says so */
        fs->first_start = false; /* what appears later is all new */
        return;
    }
    look_at_names(fs, dir, now_ms);
    closedir(dir);
    settle_missing(fs);
    fs->first_scan = false;
}

static void lose(struct files *fs, struct tail *t, int inotify, const char *detail)
{
    int64_t missing = t->size - t->offset;
    t->format->flush(t->state);
    t->lost = true;
    t->dirty = false;
    fs->open_count--;
    if (t->watch >= 0)
        inotify_rm_watch(inotify, t->watch);
    t->watch = -1;
    raise_alarm(fs, FOLLOW_TRUNCATED, t->inode, missing, detail);
}

static void check_growth(struct files *fs, struct tail *t, const struct stat *st, int64_t now_ms, int inotify)
{
    char fingerprint[FINGERPRINT_SIZE] = "";
    if (st->st_size < t->size) {
        lose(fs, t, inotify, "the file became shorter");
        return;
    }
    if (st->st_size == t->checked_size)
        return;
    t->checked_size = st->st_size;
    if (t->fingerprint[0] != '\0' && tail_fingerprint(t->fd, t->inode, t->format, fingerprint) == ERR_OK &&
        strcmp(fingerprint, t->fingerprint) != 0) {
        lose(fs, t, inotify, "the file has another beginning");
        return;
    }
    if (st->st_size > t->size)
        t->grown_ms = now_ms;
    t->size = st->st_size;
    t->dirty = t->dirty || t->size > t->offset + (int64_t)t->bytes.len;
}

/* Nothing more will come: not the log itself, all read, all acknowledged, silent for linger_ms. */
static bool is_finished(const struct files *fs, const struct tail *t, int64_t now_ms)
{
    if (t->lost)
        return t->track.count == 0;
    return !is_log(fs, t->name) && tail_at_end(t) && t->track.count == 0 && t->format->pending_offset(t->state) == INT64_MAX &&
           now_ms - t->grown_ms > fs->o->linger_ms;
}

static void finish(struct files *fs, struct tail *t, int inotify)
{
    if (!t->lost) {
        tail_give_up_rest(t);
        fs->open_count--;
        struct checkpoint_file at = {.inode = t->inode, .offset = t->offset, .size = t->offset};
        memcpy(at.fingerprint, t->fingerprint, sizeof(at.fingerprint));
        if (t->name[0] != '\0')
            remember(fs, &at);
    }
    if (t->watch >= 0)
        inotify_rm_watch(inotify, t->watch);
    close_tail(fs, t);
}

void files_check(struct files *fs, int64_t now_ms, int inotify)
{
    struct tail *t, *next;
    struct stat st;
    for (t = TAILQ_FIRST(&fs->tails); t; t = next) {
        next = TAILQ_NEXT(t, link);
        if (!t->lost && fstat(t->fd, &st) == 0) {
            if (st.st_nlink == 0)
                t->name[0] = '\0';
            check_growth(fs, t, &st, now_ms, inotify);
        }
        if (is_finished(fs, t, now_ms))
            finish(fs, t, inotify);
    }
}

void files_all_dirty(struct files *fs)
{
    struct tail *t;
    TAILQ_FOREACH(t, &fs->tails, link)
        t->dirty = !t->lost;
}

void files_deleted(struct files *fs, uint64_t inode)
{
    struct known_file *k = find_known(fs, inode);
    if (k)
        forget_known(fs, k);
}

void files_checkpoint(const struct files *fs, struct checkpoint *c)
{
    const struct tail *t;
    bool room = true;
    TAILQ_FOREACH(t, &fs->tails, link) {
        struct checkpoint_file at = {.inode = t->inode, .offset = tail_restart_offset(t), .size = t->size};
        memcpy(at.fingerprint, t->fingerprint, sizeof(at.fingerprint));
        if (!t->lost)
            room = checkpoint_add(c, &at) && room;
    }
    for (size_t i = 0; i < fs->known_count; i++)
        room = checkpoint_add(c, &fs->known[i].at) && room;
    if (!room)
        fs->o->alarm(fs->o->ctx, FOLLOW_TOO_MANY, fs->path, 0, 0, "more files than a checkpoint holds");
}
