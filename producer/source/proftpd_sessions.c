#include "producer/source/proftpd_sessions.h"

#include <string.h>

#include "util/mem.h"

void proftpd_sessions_init(struct proftpd_sessions *t, const struct source_sink *sink)
{
    t->by_pid = NULL;
    t->sink = *sink;
    TAILQ_INIT(&t->order);
    TAILQ_INIT(&t->held);
    TAILQ_INIT(&t->renames);
}

void proftpd_sessions_done(struct proftpd_sessions *t)
{
    struct proftpd_session *s, *next;
    for (s = TAILQ_FIRST(&t->order); s; s = next) {
        next = TAILQ_NEXT(s, link);
        proftpd_session_end(t, s);
    }
}

struct proftpd_session *proftpd_session_find(struct proftpd_sessions *t, uint64_t pid)
{
    struct proftpd_session *s;
    HASH_FIND(hh, t->by_pid, &pid, sizeof(pid), s);
    if (s) {
        TAILQ_REMOVE(&t->order, s, link);
        TAILQ_INSERT_TAIL(&t->order, s, link);
    }
    return s;
}

struct proftpd_session *proftpd_session_get(struct proftpd_sessions *t, uint64_t pid)
{
    struct proftpd_session *s = proftpd_session_find(t, pid);
    if (s)
        return s;
    if (HASH_COUNT(t->by_pid) >= PROFTPD_MAX_SESSIONS) {
        struct proftpd_session *oldest = TAILQ_FIRST(&t->order);
        proftpd_session_emit(t, oldest);
        proftpd_session_end(t, oldest);
    }
    s = mem_zalloc(sizeof(*s));
    s->pid = pid;
    s->upload.offset = -1;
    HASH_ADD(hh, t->by_pid, pid, sizeof(s->pid), s);
    TAILQ_INSERT_TAIL(&t->order, s, link);
    return s;
}

void proftpd_session_end(struct proftpd_sessions *t, struct proftpd_session *s)
{
    if (s->held)
        TAILQ_REMOVE(&t->held, s, held_link);
    proftpd_session_rename_end(t, s);
    check(t->by_pid != NULL); /* table and list hold the same sessions */
    HASH_DEL(t->by_pid, s);
    TAILQ_REMOVE(&t->order, s, link);
    free(s->upload_bytes);
    free(s);
}

static struct slice keep(char **at, struct slice s)
{
    struct slice copy = slice_of(*at, s.len);
    if (s.len > 0)
        memcpy(*at, s.p, s.len);
    *at += s.len;
    return copy;
}

void proftpd_session_upload(struct proftpd_sessions *t, struct proftpd_session *s, const struct source_fact *fact,
                            int64_t time_us, bool hold)
{
    size_t len =
        fact->path.len + fact->username.len + fact->group.len + fact->client_ip.len + fact->protocol.len + fact->session_id.len;
    if (len > s->upload_cap || !s->upload_bytes) {
        s->upload_bytes = mem_realloc(s->upload_bytes, len + 128);
        s->upload_cap = len + 128;
    }
    char *at = s->upload_bytes;
    s->upload = *fact;
    s->upload_us = time_us;
    s->upload.path = keep(&at, fact->path);
    s->upload.username = keep(&at, fact->username);
    s->upload.group = keep(&at, fact->group);
    s->upload.client_ip = keep(&at, fact->client_ip);
    s->upload.protocol = keep(&at, fact->protocol);
    s->upload.session_id = keep(&at, fact->session_id);
    check(!s->held);
    s->held = hold;
    if (hold)
        TAILQ_INSERT_TAIL(&t->held, s, held_link);
}

void proftpd_session_emit(struct proftpd_sessions *t, struct proftpd_session *s)
{
    if (!s->held)
        return;
    s->held = false;
    TAILQ_REMOVE(&t->held, s, held_link);
    t->sink.fact(t->sink.ctx, &s->upload);
}

void proftpd_session_rename(struct proftpd_sessions *t, struct proftpd_session *s, struct slice from, int64_t offset,
                            int64_t time_us)
{
    proftpd_session_rename_end(t, s);
    s->rename_from = mem_dup(from.p, from.len);
    s->rename_len = from.len;
    s->rename_offset = offset;
    s->rename_us = time_us;
    TAILQ_INSERT_TAIL(&t->renames, s, rename_link);
}

void proftpd_session_rename_end(struct proftpd_sessions *t, struct proftpd_session *s)
{
    if (!s->rename_from)
        return;
    TAILQ_REMOVE(&t->renames, s, rename_link);
    free(s->rename_from);
    s->rename_from = NULL;
}

void proftpd_sessions_emit_before(struct proftpd_sessions *t, int64_t wall_us)
{
    struct proftpd_session *s;
    while ((s = TAILQ_FIRST(&t->held)) && s->upload_us < wall_us)
        proftpd_session_emit(t, s);
}

void proftpd_sessions_forget_renames(struct proftpd_sessions *t, int64_t wall_us)
{
    struct proftpd_session *s;
    while ((s = TAILQ_FIRST(&t->renames)) && s->rename_us < wall_us)
        proftpd_session_rename_end(t, s);
}

int64_t proftpd_sessions_pending(const struct proftpd_sessions *t)
{
    const struct proftpd_session *held = TAILQ_FIRST(&t->held);
    const struct proftpd_session *rename = TAILQ_FIRST(&t->renames);
    int64_t lowest = held ? held->upload.offset : INT64_MAX;
    if (rename && rename->rename_offset < lowest)
        lowest = rename->rename_offset;
    return lowest;
}
