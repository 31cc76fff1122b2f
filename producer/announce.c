#include "producer/announce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "producer/event_id.h"
#include "producer/event_socket.h"
#include "producer/follow.h"
#include "producer/policy.h"
#include "producer/spool_drop.h"
#include "util/file.h"
#include "util/log.h"
#include "util/mem.h"

#define LINGER_MS                                                                                                                \
    (60 * 60 * 1000)         /* a rotated file is kept open so long after its last growth; later growth is found by the scan */
#define SPOOL_LINGER_MS 1000 /* a spool's rotated file has no writer left */
#define SCAN_MS 1000
#define SHOWN_BYTES 256 /* of a quarantined record, in the log */
#define FRESH_MS 2000   /* a record this old says nothing any more about what the file system shows now */

struct announcer {
    struct loop *loop;
    const struct source_config *config;
    struct publisher *publisher;
    struct counters *counters;
    struct follow *follow;
    struct line_spool *spool; /* of a socket; else NULL */
    struct event_socket *socket;
    char *checkpoint_path;
    struct buf saved, next; /* the checkpoint on disk, and the one being written */
    int64_t saved_ms;
    struct buf prefix, id_name;
};

static void on_quarantine(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    const struct tail *t = ctx;
    struct announcer *a = t->owner;
    const char *why = t->format->why ? t->format->why(t->state) : NULL;
    ++*a->counters->quarantined[reason];
    log_warn("record_quarantined", LOG_STR("source", a->config->name), LOG_STR("reason", source_reason_name(reason)),
             LOG_STR("message", why), LOG_INT("inode", t->inode), LOG_INT("offset", offset), LOG_INT("bytes", bytes.len),
             LOG_SLICE("beginning", slice_of(bytes.p, bytes.len < SHOWN_BYTES ? bytes.len : SHOWN_BYTES)));
}

/* The server's record of a removed directory reads the same for a failure: false when the directory is still there. Where we
 * cannot look, or too late, the event says so. */
static bool confirm(struct announcer *a, const struct source_fact *fact, struct event_fields *f)
{
    struct stat st;
    bool gone = false;
    bool looked = a->config->root != NULL && loop_wall(a->loop) - fact->time_wall_ms < FRESH_MS;
    if (looked) {
        buf_reset(&a->id_name);
        policy_expand(&a->id_name, a->config->root, fact->username, fact->group);
        buf_put_slice(&a->id_name, f->path);
        gone = lstat(buf_cstr(&a->id_name), &st) != 0;
        looked = !gone || errno == ENOENT || errno == ENOTDIR;
    }
    if (!looked)
        f->suspect = SLICE("unconfirmed");
    return gone || !looked;
}

static void on_fact(void *ctx, const struct source_fact *fact)
{
    struct tail *t = ctx;
    struct announcer *a = t->owner;
    struct event_fields f;
    ++*a->counters->facts;
    enum policy_verdict verdict = policy_apply(a->config, fact, &a->prefix, &f);
    if (verdict == POLICY_NO_ACCOUNT) {
        on_quarantine(t, fact->offset, fact->username, SOURCE_NO_ACCOUNT);
        return;
    }
    if (verdict == POLICY_SILENT || (fact->unconfirmed && !confirm(a, fact, &f))) {
        ++*a->counters->silent;
        return;
    }
    *a->counters->suspect += f.suspect.len > 0;
    f.id = fact->has_event_id ? fact->event_id
                              : event_id_make(&a->id_name, slice_str(a->config->host), slice_str(a->config->path), t->fingerprint,
                                              fact->offset, f.type);
    publisher_send(a->publisher, &f, fact->traceparent, &t->track, fact->offset - fact->back_bytes);
}

static bool has_credit(void *ctx)
{
    const struct announcer *a = ctx;
    return publisher_has_credit(a->publisher);
}

static void on_alarm(void *ctx, enum follow_alarm alarm, const char *path, uint64_t inode, int64_t missing_bytes,
                     const char *detail)
{
    struct announcer *a = ctx;
    ++*a->counters->alarms[alarm];
    log_error("log_alarm", LOG_STR("source", a->config->name), LOG_STR("alarm", follow_alarm_name(alarm)), LOG_STR("log", path),
              LOG_INT("inode", inode), LOG_INT("missing_bytes", missing_bytes), LOG_STR("detail", detail));
}

/* -------- the socket -------- */

static void on_refused(void *ctx, struct slice line, enum source_reason reason, const char *why)
{
    struct announcer *a = ctx;
    ++*a->counters->quarantined[reason];
    log_warn("line_refused", LOG_STR("source", a->config->name), LOG_STR("reason", source_reason_name(reason)),
             LOG_STR("message", why), LOG_INT("bytes", line.len),
             LOG_SLICE("beginning", slice_of(line.p, line.len < SHOWN_BYTES ? line.len : SHOWN_BYTES)));
}

static void on_lost(void *ctx, size_t lines, const char *why)
{
    struct announcer *a = ctx;
    *a->counters->socket_lost += lines;
    log_error("datagrams_lost", LOG_STR("source", a->config->name), LOG_INT("lines", lines), LOG_STR("message", why));
}

static void on_accepted(void *ctx, size_t lines)
{
    struct announcer *a = ctx;
    *a->counters->socket_accepted += lines;
}

static enum err start_socket(struct announcer *a, struct errmsg *why)
{
    const struct source_config *c = a->config;
    struct event_socket_options o = {.loop = a->loop,
                                     .path = c->socket,
                                     .datagram = c->socket_datagram,
                                     .mode = c->socket_mode,
                                     .refused = on_refused,
                                     .lost = on_lost,
                                     .accepted = on_accepted,
                                     .ctx = a};
    char *folder = mem_dup(c->path, (size_t)(strrchr(c->path, '/') - c->path));
    enum err err = line_spool_new(folder, c->spool_max_bytes, &a->spool, why);
    free(folder);
    o.spool = a->spool;
    return err == ERR_OK ? event_socket_new(&o, &a->socket, why) : err;
}

static enum err start_follow(struct announcer *a, struct errmsg *why)
{
    struct checkpoint c;
    struct follow_options o = {
        .loop = a->loop,
        .path = a->config->path,
        .tail = {.format = a->config->format,
                 .source = source_config_options(a->config),
                 .fact = on_fact,
                 .quarantine = on_quarantine,
                 .owner = a},
        .from_end = a->config->from_end,
        .linger_ms = a->config->socket || a->config->format == &source_spool ? SPOOL_LINGER_MS : LINGER_MS,
        .scan_ms = SCAN_MS,
        .credit = has_credit,
        .alarm = on_alarm,
        .ctx = a,
    };
    checkpoint_init(&c);
    enum err err = checkpoint_load(a->checkpoint_path, a->config->path, &c, why);
    if (err == ERR_OK)
        err = follow_new(&o, &c, &a->follow, why);
    checkpoint_done(&c);
    return err;
}

enum err announcer_new(const struct announcer_options *o, struct announcer **out, struct errmsg *why)
{
    struct announcer *a = mem_zalloc(sizeof(*a));
    size_t size = strlen(o->data_dir) + strlen(o->config->name) + sizeof("/.checkpoint");
    a->loop = o->loop;
    a->config = o->config;
    a->publisher = o->publisher;
    a->counters = o->counters;
    a->checkpoint_path = mem_alloc(size);
    snprintf(a->checkpoint_path, size, "%s/%s.checkpoint", o->data_dir, o->config->name);
    buf_init(&a->saved, 1024 * 1024);
    buf_init(&a->next, 1024 * 1024);
    buf_init(&a->prefix, 64 * 1024);
    buf_init(&a->id_name, 64 * 1024);
    enum err err = ERR_OK;
    if (a->config->socket)
        err = start_socket(a, why);
    else if (a->config->format == &source_spool)
        err = spool_make_folder(a->config->path, why);
    if (err == ERR_OK)
        err = start_follow(a, why);
    if (err != ERR_OK) {
        announcer_free(a);
        return err;
    }
    announcer_save(a); /* at once: what was there at the first start must still be known as that after a crash */
    *out = a;
    return ERR_OK;
}

void announcer_free(struct announcer *a)
{
    if (!a)
        return;
    event_socket_free(a->socket);
    line_spool_free(a->spool);
    follow_free(a->follow);
    buf_done(&a->saved);
    buf_done(&a->next);
    buf_done(&a->prefix);
    buf_done(&a->id_name);
    free(a->checkpoint_path);
    free(a);
}

bool announcer_work(struct announcer *a)
{
    bool left = a->socket && event_socket_flush(a->socket);
    return follow_work(a->follow) || left;
}

void announcer_stop(struct announcer *a)
{
    if (a->socket)
        event_socket_stop(a->socket);
    follow_stop(a->follow);
}

/* False: it could not be written. */
static bool write_checkpoint(struct announcer *a, const struct checkpoint *c)
{
    struct errmsg why;
    buf_reset(&a->next);
    checkpoint_write(&a->next, c, a->config->path);
    check(a->next.err == ERR_OK);
    if (slice_eq(buf_slice(&a->next), buf_slice(&a->saved)))
        return true;
    if (file_replace(a->checkpoint_path, buf_slice(&a->next), 0640, &why) != ERR_OK) {
        ++*a->counters->checkpoint_errors;
        log_error("checkpoint_not_written", LOG_STR("source", a->config->name), LOG_STR("message", why.text));
        return false;
    }
    struct buf old = a->saved;
    a->saved = a->next;
    a->next = old;
    return true;
}

static void on_deleted(void *ctx, uint64_t inode)
{
    struct announcer *a = ctx;
    follow_deleted(a->follow, inode);
}

void announcer_save(struct announcer *a)
{
    struct checkpoint c;
    checkpoint_init(&c);
    follow_checkpoint(a->follow, &c);
    if (write_checkpoint(a, &c)) {
        a->saved_ms = loop_now(a->loop);
        if (a->spool)
            line_spool_drop(a->spool, &c);
        if (a->config->format == &source_spool)
            spool_drop(a->config->path, &c, on_deleted, a);
    }
    checkpoint_done(&c);
}

void announcer_tick(struct announcer *a)
{
    struct errmsg why;
    if (account_rule_refresh(a->config->account, &why) != ERR_OK)
        log_warn("account_table_not_read", LOG_STR("source", a->config->name), LOG_STR("message", why.text));
    announcer_save(a);
}

const char *announcer_name(const struct announcer *a)
{
    return a->config->name;
}

bool announcer_watching(const struct announcer *a)
{
    return follow_watching(a->follow);
}

int64_t announcer_bytes_behind(const struct announcer *a)
{
    return follow_bytes_behind(a->follow);
}

int64_t announcer_oldest_ms(const struct announcer *a)
{
    return follow_oldest_ms(a->follow);
}

int64_t announcer_saved_ms(const struct announcer *a)
{
    return a->saved_ms;
}
