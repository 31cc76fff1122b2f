/* vsftpd: lines to facts. What it cannot tell:
 *
 * - names: every byte outside 0x20-0x7e is a `?`, so a path with a `?` is marked as lossy;
 * - the size of a file: only what this transfer carried (so not after a resume or an append), none for DELETE;
 * - an aborted upload over plain FTP, which is logged as OK (as FAIL under TLS);
 * - a RENAME's two names where one of them has ` /` in it: the session's last upload decides, else the line is put aside;
 * - times finer than a second, and their zone: it must log UTC (use_localtime=NO).
 *
 * Paths are logged as the client wrote them (`/in/../out//x`), so they are cleaned here. */
#include <stdlib.h>
#include <string.h>

#include "producer/source/line.h"
#include "producer/source/sessions.h"
#include "producer/source/text.h"
#include "producer/source/vsftpd_line.h"
#include "util/mem.h"

#define MAX_LINE_BYTES 16384

struct source_state {
    struct source_sink sink;
    struct line_state lines;
    struct sessions sessions; /* their last uploads */
    struct buf path, from;    /* scratch */
};

static struct source_fact fact_of(const struct vsftpd_line *l, int64_t offset, enum event_type type)
{
    return (struct source_fact){
        .offset = offset,
        .type = type,
        .time_wall_ms = l->time_wall_ms,
        .path = l->path,
        .size_bytes = l->size_bytes,
        .username = l->user,
        .client_ip = l->address,
        .session_id = l->pid_text,
        .path_lossy = memchr(l->path.p, '?', l->path.len) != NULL,
    };
}

/* The next ` /` from `at` on; 0: there is none. */
static size_t next_split(struct slice both, size_t at)
{
    for (; at + 1 < both.len; at++) {
        if (both.p[at] == ' ' && both.p[at + 1] == '/')
            return at;
    }
    return 0;
}

/* Where `/from /to` is parted: where there is one place only, or where from is what the session uploaded last. 0: unknown. */
static size_t rename_split(struct source_state *st, struct slice both, struct slice uploaded)
{
    size_t first = next_split(both, 1);
    if (first == 0 || next_split(both, first + 1) == 0)
        return first;
    for (size_t at = first; at > 0; at = next_split(both, at + 1)) {
        if (uploaded.len > 0 && slice_eq(text_clean_path(&st->from, slice_of(both.p, at)), uploaded))
            return at;
    }
    return 0;
}

static bool take_rename(struct source_state *st, const struct vsftpd_line *l, struct source_fact *fact)
{
    struct session *s = session_find(&st->sessions, l->pid);
    bool uploaded = s && s->upload.offset >= 0;
    size_t at = rename_split(st, l->path, uploaded ? s->upload.path : slice_of(NULL, 0));
    if (at == 0)
        return false;
    fact->renamed_from = text_clean_path(&st->from, slice_of(l->path.p, at));
    fact->path = text_clean_path(&st->path, slice_of(l->path.p + at + 1, l->path.len - at - 1));
    if (uploaded) {
        bool one_way = next_split(l->path, next_split(l->path, 1) + 1) == 0;
        fact->back_bytes = one_way ? session_back_bytes(s, fact->renamed_from, fact->offset)
                                   : fact->offset - s->upload.offset; /* without it the line could not be read */
        fact->uploaded_path = s->upload.path;
        fact->uploaded_size_bytes = s->upload.size_bytes;
    }
    return true;
}

static void take(struct source_state *st, const struct vsftpd_line *l, int64_t offset, struct slice frame)
{
    static const enum event_type types[] = {EVENT_FILE_UPLOADED, EVENT_FILE_DOWNLOADED, EVENT_FILE_DELETED,
                                            EVENT_DIR_CREATED,   EVENT_DIR_DELETED,     EVENT_FILE_RENAMED};
    struct source_fact fact = fact_of(l, offset, types[l->action]);
    if (l->action != VSFTPD_RENAME) {
        fact.path = text_clean_path(&st->path, l->path);
    } else if (!take_rename(st, l, &fact)) {
        st->sink.quarantine(st->sink.ctx, offset, frame, SOURCE_RENAME);
        return;
    }
    if (l->action == VSFTPD_UPLOAD)
        session_upload(&st->sessions, session_get(&st->sessions, l->pid), &fact, l->time_wall_ms * 1000, false);
    st->sink.fact(st->sink.ctx, &fact);
}

static void vsftpd_record(struct source_state *st, int64_t offset, struct slice frame)
{
    struct slice line;
    struct vsftpd_line parsed;
    enum source_reason bad = SOURCE_OVERLONG;
    if (!line_take(&st->lines, offset, frame, &line) || !vsftpd_line_parse(line, &parsed, &bad))
        st->sink.quarantine(st->sink.ctx, offset, frame, bad);
    else if (parsed.action != VSFTPD_OTHER)
        take(st, &parsed, offset, frame);
}

static size_t vsftpd_frame(struct slice bytes)
{
    return line_frame(bytes, MAX_LINE_BYTES);
}

/* Nothing waits for another record. */
static int64_t vsftpd_release(struct source_state *st, int64_t wall_us)
{
    (void)st;
    (void)wall_us;
    return -1;
}

static void vsftpd_flush(struct source_state *st)
{
    (void)st;
}

static int64_t vsftpd_pending_offset(const struct source_state *st)
{
    return line_pending(&st->lines);
}

static struct source_state *vsftpd_state_new(const struct source_options *options, const struct source_sink *sink)
{
    struct source_state *st = mem_zalloc(sizeof(*st));
    (void)options;
    st->sink = *sink;
    sessions_init(&st->sessions, sink);
    buf_init(&st->path, MAX_LINE_BYTES);
    buf_init(&st->from, MAX_LINE_BYTES);
    return st;
}

static void vsftpd_state_free(struct source_state *st)
{
    if (!st)
        return;
    sessions_done(&st->sessions);
    buf_done(&st->path);
    buf_done(&st->from);
    free(st);
}

const struct source_format source_vsftpd = {
    .name = "vsftpd",
    .max_frame_bytes = MAX_LINE_BYTES,
    .state_new = vsftpd_state_new,
    .state_free = vsftpd_state_free,
    .frame = vsftpd_frame,
    .record = vsftpd_record,
    .release = vsftpd_release,
    .flush = vsftpd_flush,
    .pending_offset = vsftpd_pending_offset,
};
