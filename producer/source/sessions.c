#include "producer/source/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "producer/source/fact.h"
#include "util/mem.h"

void sessions_init(struct sessions *t, const struct source_sink *sink)
{
    t->by_pid = t->held_by_path = NULL;
    t->sink = *sink;
    TAILQ_INIT(&t->order);
    TAILQ_INIT(&t->held);
    TAILQ_INIT(&t->renames);
}

void sessions_done(struct sessions *t)
{
    struct session *s, *next;
    for (s = TAILQ_FIRST(&t->order); s; s = next) {
        next = TAILQ_NEXT(s, link);
        session_end(t, s);
    }
}

struct session *session_find(struct sessions *t, uint64_t pid)
{
    struct session *s;
    HASH_FIND(hh, t->by_pid, &pid, sizeof(pid), s);
    if (s) {
        TAILQ_REMOVE(&t->order, s, link);
        TAILQ_INSERT_TAIL(&t->order, s, link);
    }
    return s;
}

struct session *session_get(struct sessions *t, uint64_t pid)
{
    struct session *s = session_find(t, pid);
    if (s)
        return s;
    if (HASH_COUNT(t->by_pid) >= SESSIONS_MAX) {
        struct session *oldest = TAILQ_FIRST(&t->order);
        session_emit(t, oldest);
        session_end(t, oldest);
    }
    s = mem_zalloc(sizeof(*s));
    s->pid = pid;
    s->upload.offset = -1;
    HASH_ADD(hh, t->by_pid, pid, sizeof(s->pid), s);
    TAILQ_INSERT_TAIL(&t->order, s, link);
    return s;
}

void session_end(struct sessions *t, struct session *s)
{
    (void)session_release(t, s);
    session_rename_end(t, s);
    check(t->by_pid != NULL); /* table and list hold the same sessions */
    HASH_DEL(t->by_pid, s);
    TAILQ_REMOVE(&t->order, s, link);
    free(s->upload_bytes);
    free(s);
}

void session_upload(struct sessions *t, struct session *s, const struct source_fact *fact, int64_t time_us, bool hold)
{
    fact_keep(fact, &s->upload, &s->upload_bytes, &s->upload_cap);
    s->upload_us = time_us;
    check(!s->held);
    s->held = hold;
    if (!hold)
        return;
    sessions_emit_path(t, s->upload.path);
    TAILQ_INSERT_TAIL(&t->held, s, held_link);
    HASH_ADD_KEYPTR(held_hh, t->held_by_path, s->upload.path.p, s->upload.path.len, s);
}

bool session_release(struct sessions *t, struct session *s)
{
    if (!s->held)
        return false;
    TAILQ_REMOVE(&t->held, s, held_link);
    check(t->held_by_path != NULL); /* it stands there as long as it is held */
    HASH_DELETE(held_hh, t->held_by_path, s);
    s->held = false;
    return true;
}

void session_emit(struct sessions *t, struct session *s)
{
    if (session_release(t, s))
        t->sink.fact(t->sink.ctx, &s->upload);
}

void sessions_emit_path(struct sessions *t, struct slice path)
{
    struct session *s = NULL;
    if (t->held_by_path)
        HASH_FIND(held_hh, t->held_by_path, path.p, path.len, s);
    if (s)
        session_emit(t, s);
}

int64_t session_back_bytes(const struct session *s, struct slice path, int64_t offset)
{
    struct slice uploaded = s->upload.path;
    if (s->upload.offset < 0 || offset - s->upload.offset > SESSIONS_BACK_BYTES || uploaded.len < path.len)
        return 0;
    bool same = memcmp(uploaded.p + uploaded.len - path.len, path.p, path.len) == 0;
    return same ? offset - s->upload.offset : 0;
}

void session_rename(struct sessions *t, struct session *s, struct slice from, int64_t offset, int64_t time_us)
{
    session_rename_end(t, s);
    s->rename_from = mem_dup(from.p, from.len);
    s->rename_len = from.len;
    s->rename_offset = offset - session_back_bytes(s, from, offset);
    s->rename_us = time_us;
    TAILQ_INSERT_TAIL(&t->renames, s, rename_link);
}

void session_rename_end(struct sessions *t, struct session *s)
{
    if (!s->rename_from)
        return;
    TAILQ_REMOVE(&t->renames, s, rename_link);
    free(s->rename_from);
    s->rename_from = NULL;
}

void sessions_emit_before(struct sessions *t, int64_t wall_us)
{
    struct session *s;
    while ((s = TAILQ_FIRST(&t->held)) && s->upload_us < wall_us)
        session_emit(t, s);
}

void sessions_forget_renames(struct sessions *t, int64_t wall_us)
{
    struct session *s;
    while ((s = TAILQ_FIRST(&t->renames)) && s->rename_us < wall_us)
        session_rename_end(t, s);
}

int64_t sessions_pending(const struct sessions *t)
{
    const struct session *held = TAILQ_FIRST(&t->held);
    const struct session *s;
    int64_t lowest = held ? held->upload.offset : INT64_MAX;
    TAILQ_FOREACH(s, &t->renames, rename_link) {
        if (s->rename_offset < lowest)
            lowest = s->rename_offset;
    }
    return lowest;
}
