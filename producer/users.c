#include "producer/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "producer/event_id.h"
#include "producer/users_known.h"
#include "util/file.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/uthash.h"

#define SETTLE_MS 200
#define CHECK_MS (60 * 1000)
#define EMPTY_BASELINE_MS (60 * 1000) /* an empty file this old is believed, at the first look only */
#define FILE_MAX_BYTES (16 * 1024 * 1024)
#define HOME_MAX_BYTES 4096 /* a longer one is not told */

/* Somebody new: to be announced, or announced and not acknowledged yet. */
struct newcomer {
    int64_t number;       /* of the announcement: what its track mark has as offset */
    int64_t time_wall_ms; /* the file's */
    char *name, *home;
    char *account;
    UT_hash_handle hh; /* by name, while in `all` */
    TAILQ_ENTRY(newcomer) link;
};

TAILQ_HEAD(newcomer_list, newcomer);

struct users {
    struct users_options o;
    const struct source_config *config;
    char *folder, *base;
    struct users_known *known;
    struct newcomer *all;
    struct newcomer_list waiting; /* not sent yet */
    struct newcomer_list flying;  /* sent, by number */
    struct track track;
    int64_t next_number;
    int inotify, watch;
    struct loop_io *io;
    struct loop_timer *settle, *check;
    struct stat seen;            /* the file when `settle` was armed */
    struct users_known *unowned; /* who was complained about for having no account; never saved */
    struct buf text, groups, scratch;
    bool stopped;
};

static void alarm_raise(struct users *u, enum users_alarm what, const char *detail)
{
    ++*u->o.counters->users_alarms[what];
    log_error("users_alarm", LOG_STR("source", u->config->name), LOG_STR("alarm", users_alarm_name(what)),
              LOG_STR("file", u->config->path), LOG_STR("detail", detail));
}

/* -------- who is new -------- */

static void add_newcomer(struct users *u, const struct users_entry *e, struct slice account, int64_t time_wall_ms)
{
    struct newcomer *n = mem_zalloc(sizeof(*n));
    n->time_wall_ms = time_wall_ms;
    n->name = mem_dup(e->name.p, e->name.len);
    n->home = e->home.len > 0 && e->home.len <= HOME_MAX_BYTES ? mem_dup(e->home.p, e->home.len) : mem_strdup("");
    n->account = mem_dup(account.p, account.len);
    HASH_ADD_KEYPTR(hh, u->all, n->name, e->name.len, n);
    TAILQ_INSERT_TAIL(&u->waiting, n, link);
}

static void free_newcomer(struct users *u, struct newcomer *n)
{
    HASH_DEL(u->all, n);
    free(n->name);
    free(n->home);
    free(n->account);
    free(n);
}

static void complain(struct users *u, struct slice name)
{
    if (users_known_has(u->unowned, name))
        return;
    users_known_add(u->unowned, name);
    ++*u->o.counters->quarantined[SOURCE_NO_ACCOUNT];
    log_warn("user_without_account", LOG_STR("source", u->config->name), LOG_SLICE("user", name));
}

static void look_at(struct users *u, const struct users_entry *e, int64_t time_wall_ms)
{
    struct slice account, group = users_file_group(buf_slice(&u->groups), e->gid);
    const struct newcomer *there;
    if (users_known_has(u->known, e->name))
        return;
    HASH_FIND(hh, u->all, e->name.p, e->name.len, there);
    if (there)
        return;
    if (account_rule_find(u->config->account, e->name, group, &account))
        add_newcomer(u, e, account, time_wall_ms);
    else
        complain(u, e->name);
}

/* -------- the file -------- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int64_t changed_wall_ms(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static bool read_groups(struct users *u)
{
    struct errmsg why;
    buf_reset(&u->groups);
    if (!u->config->group_file || file_read(u->config->group_file, &u->groups, &why) == ERR_OK)
        return true;
    alarm_raise(u, USERS_UNREADABLE, why.text);
    return false;
}

/* Everybody in the text; at the first look, all are known. */
static void take_all(struct users *u, const struct stat *st)
{
    struct slice rest = buf_slice(&u->text);
    struct users_entry e;
    size_t malformed = 0, count = 0;
    bool baseline = !users_known_begun(u->known);
    while (users_file_next(u->config->users, u->config->uid_min, u->config->uid_max, &rest, &e, &malformed)) {
        count++;
        if (baseline)
            users_known_add(u->known, e.name);
        else
            look_at(u, &e, changed_wall_ms(st));
    }
    if (malformed > 0)
        alarm_raise(u, USERS_MALFORMED, "it has lines that are not understood");
    if (!baseline)
        return;
    users_known_begin(u->known);
    log_info("users_baseline", LOG_STR("source", u->config->name), LOG_INT("users", count));
    users_save(u);
}

/* Empty for a long time, when nobody is known: a server without users. */
static bool believe_empty(const struct users *u, const struct stat *st)
{
    return !users_known_begun(u->known) && loop_wall(u->o.loop) - changed_wall_ms(st) > EMPTY_BASELINE_MS;
}

/* The file did not change for a while. False: it does again. */
static bool read_settled(struct users *u, const struct stat *st)
{
    struct stat after;
    struct errmsg why;
    if (st->st_size == 0 && !believe_empty(u, st)) {
        alarm_raise(u, USERS_EMPTY, "it is empty");
        return true;
    }
    buf_reset(&u->text);
    if (file_read(u->config->path, &u->text, &why) != ERR_OK) {
        alarm_raise(u, USERS_UNREADABLE, why.text);
        return true;
    }
    if (stat(u->config->path, &after) != 0 || !same(st, &after) || (int64_t)u->text.len != st->st_size)
        return false;
    if (read_groups(u))
        take_all(u, st);
    return true;
}

static void look(struct users *u)
{
    if (stat(u->config->path, &u->seen) != 0)
        alarm_raise(u, USERS_UNREADABLE, strerror(errno));
    else
        loop_timer_arm(u->settle, u->o.settle_ms);
}

static void on_settle(void *ctx)
{
    struct users *u = ctx;
    struct stat now;
    if (u->stopped)
        return;
    if (stat(u->config->path, &now) != 0 || !same(&now, &u->seen) || !read_settled(u, &now))
        look(u);
}

/* -------- watching -------- */

static void watch_folder(struct users *u)
{
    if (u->watch < 0)
        u->watch = inotify_add_watch(u->inotify, u->folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
}

static void on_inotify(void *ctx, int events)
{
    struct users *u = ctx;
    char bytes[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool ours = false;
    (void)events;
    ssize_t got = read(u->inotify, bytes, sizeof(bytes));
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *ev = (const struct inotify_event *)(void *)(bytes + at);
        if (ev->mask & IN_IGNORED)
            u->watch = -1;
        ours = ours || ev->mask & IN_Q_OVERFLOW || (ev->len > 0 && strcmp(ev->name, u->base) == 0);
        at += (ssize_t)(sizeof(*ev) + ev->len);
    }
    if (ours && !u->stopped)
        look(u);
}

static void on_check(void *ctx)
{
    struct users *u = ctx;
    if (u->stopped)
        return;
    watch_folder(u);
    look(u);
    loop_timer_arm(u->check, CHECK_MS);
}

/* -------- announcing -------- */

static void send_newcomer(struct users *u, struct newcomer *n)
{
    struct event_fields f = {
        .type = EVENT_FTP_USER_CREATED,
        .time_wall_ms = n->time_wall_ms,
        .time_has_ms = true,
        .account_id = slice_str(n->account),
        .size_bytes = -1,
        .username = slice_str(n->name),
        .home = slice_str(n->home),
        .frontend = u->config->users == USERS_PASSWD ? slice_of(NULL, 0) : slice_str(users_format_name(u->config->users)),
    };
    f.id = event_id_of_user(&u->scratch, slice_str(u->config->host), slice_str(u->config->path), f.username);
    n->number = u->next_number++;
    TAILQ_REMOVE(&u->waiting, n, link);
    TAILQ_INSERT_TAIL(&u->flying, n, link);
    publisher_send(u->o.publisher, &f, slice_of(NULL, 0), &u->track, n->number);
}

/* Who was acknowledged, with all before, is known. */
static void settle_acknowledged(struct users *u)
{
    struct newcomer *n;
    while ((n = TAILQ_FIRST(&u->flying)) && n->number < track_lowest(&u->track)) {
        TAILQ_REMOVE(&u->flying, n, link);
        users_known_add(u->known, slice_str(n->name));
        free_newcomer(u, n);
    }
}

bool users_work(struct users *u)
{
    struct newcomer *n;
    settle_acknowledged(u);
    while (!u->stopped && (n = TAILQ_FIRST(&u->waiting)) && publisher_has_credit(u->o.publisher))
        send_newcomer(u, n);
    return false; /* what is left waits for credit */
}

void users_stop(struct users *u)
{
    u->stopped = true;
}

void users_save(struct users *u)
{
    struct errmsg why;
    settle_acknowledged(u);
    if (users_known_save(u->known, &why) == ERR_OK)
        return;
    ++*u->o.counters->checkpoint_errors;
    log_error("users_not_written", LOG_STR("source", u->config->name), LOG_STR("message", why.text));
}

void users_tick(struct users *u)
{
    struct errmsg why;
    if (account_rule_refresh(u->config->account, &why) != ERR_OK)
        log_warn("account_table_not_read", LOG_STR("source", u->config->name), LOG_STR("message", why.text));
    users_save(u);
}

/* -------- the whole -------- */

static enum err load_known(struct users *u, struct errmsg *why)
{
    size_t size = strlen(u->o.data_dir) + strlen(u->config->name) + sizeof("/.users");
    char *path = mem_alloc(size);
    snprintf(path, size, "%s/%s.users", u->o.data_dir, u->config->name);
    enum err err = users_known_load(path, u->config->path, &u->known, why);
    free(path);
    u->unowned = users_known_new();
    return err;
}

static enum err start(struct users *u, struct errmsg *why)
{
    enum err err = load_known(u, why);
    if (err != ERR_OK)
        return err;
    u->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (u->inotify < 0)
        return errmsg_set(why, ERR_IO, "inotify: %s", strerror(errno));
    u->io = loop_io_new(u->o.loop, u->inotify, LOOP_READ, on_inotify, u);
    u->settle = loop_timer_new(u->o.loop, on_settle, u);
    u->check = loop_timer_new(u->o.loop, on_check, u);
    on_check(u);
    return ERR_OK;
}

enum err users_new(const struct users_options *o, struct users **out, struct errmsg *why)
{
    struct users *u = mem_zalloc(sizeof(*u));
    const char *slash = strrchr(o->config->path, '/');
    u->o = *o;
    u->o.settle_ms = o->settle_ms ? o->settle_ms : SETTLE_MS;
    u->config = o->config;
    u->base = mem_strdup(slash + 1);
    u->folder = mem_dup(o->config->path, slash == o->config->path ? 1 : (size_t)(slash - o->config->path));
    u->inotify = u->watch = -1;
    TAILQ_INIT(&u->waiting);
    TAILQ_INIT(&u->flying);
    track_init(&u->track);
    buf_init(&u->text, FILE_MAX_BYTES);
    buf_init(&u->groups, FILE_MAX_BYTES);
    buf_init(&u->scratch, 64 * 1024);
    enum err err = start(u, why);
    if (err == ERR_OK)
        *out = u;
    else
        users_free(u);
    return err;
}

void users_free(struct users *u)
{
    struct newcomer *n, *next;
    if (!u)
        return;
    loop_timer_free(u->settle);
    loop_timer_free(u->check);
    if (u->io)
        loop_io_free(u->io);
    if (u->inotify >= 0)
        close(u->inotify);
    HASH_ITER(hh, u->all, n, next)
        free_newcomer(u, n);
    users_known_free(u->known);
    users_known_free(u->unowned);
    buf_done(&u->text);
    buf_done(&u->groups);
    buf_done(&u->scratch);
    free(u->folder);
    free(u->base);
    free(u);
}

const char *users_name(const struct users *u)
{
    return u->config->name;
}

bool users_watching(const struct users *u)
{
    return u->watch >= 0;
}

int64_t users_oldest_ms(const struct users *u)
{
    const struct track_mark *first = TAILQ_FIRST(&u->track.marks);
    return first ? first->since_ms : INT64_MAX;
}
