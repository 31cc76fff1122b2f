/* ProFTPD: records to facts.
 *
 * Only two things need more than one record. A rename is RNFR 350 and then RNTO 250 of one pid. And an upload over plain FTP is
 * logged as a success when the client was killed: the protocol cannot tell that from the end of the file. But the session then
 * ends at once, with an EXIT record whose reason is `Read EOF from client`. So an upload waits for its session's next record, for
 * a few milliseconds at most (suspect_window_ms): an EXIT of that kind within them makes it suspect. A client that closes without
 * QUIT looks the same, therefore it is a mark and never a refusal. Over SFTP the client closes the file itself, so nothing waits.
 * With hold_ms a suspect upload is kept back further: uploaded again meanwhile, it is superseded.
 */
#include <stdlib.h>
#include <string.h>

#include "producer/source.h"
#include "producer/source/proftpd_record.h"
#include "producer/source/sessions.h"
#include "producer/source/suspects.h"
#include "util/mem.h"

#define RENAME_WAIT_US (15LL * 60 * 1000000) /* an RNFR older than this is forgotten; TimeoutIdle ends such a session before */
#define HELD_BEHIND_US 1000000 /* a record this much younger than a held upload has overtaken any EXIT it waits for */

static const struct slice eof_reason = {"Read EOF from client", 20};

struct source_state {
    struct source_options options;
    struct source_sink sink;
    struct sessions sessions;
    struct suspects suspects; /* with hold_ms */
    int64_t begin;            /* where reading began; -1: not yet */
};

/* A record with where it was found. */
struct found {
    struct proftpd_record rec;
    int64_t offset;
    struct slice frame;
};

static struct slice dash_empty(struct slice s)
{
    return s.len == 1 && s.p[0] == '-' ? slice_of(NULL, 0) : s;
}

static bool is_protocol(const struct proftpd_record *rec, const char *name)
{
    return slice_eq(rec->protocol, slice_str(name));
}

static struct source_fact fact_of(const struct found *f, enum event_type type)
{
    return (struct source_fact){
        .offset = f->offset,
        .type = type,
        .time_wall_ms = f->rec.time_us / 1000,
        .time_has_ms = true,
        .path = f->rec.path,
        .size_bytes = -1,
        .username = dash_empty(f->rec.user),
        .group = dash_empty(f->rec.group),
        .client_ip = f->rec.address,
        .protocol = f->rec.protocol,
        .session_id = f->rec.pid_text,
    };
}

static void on_upload(struct source_state *st, const struct found *f)
{
    struct source_fact fact = fact_of(f, EVENT_FILE_UPLOADED);
    fact.size_bytes = f->rec.file_size >= 0 ? f->rec.file_size : f->rec.bytes;
    bool hold = st->options.suspect_window_ms > 0 && (is_protocol(&f->rec, "ftp") || is_protocol(&f->rec, "ftps"));
    session_upload(&st->sessions, session_get(&st->sessions, f->rec.pid), &fact, f->rec.time_us, hold);
    if (!hold)
        st->sink.fact(st->sink.ctx, &fact);
}

/* Over SFTP a client may read a part of a file and close it, which is a success. */
static void on_download(struct source_state *st, const struct found *f)
{
    struct source_fact fact = fact_of(f, EVENT_FILE_DOWNLOADED);
    fact.size_bytes = f->rec.bytes;
    if (is_protocol(&f->rec, "sftp") && f->rec.bytes >= 0 && f->rec.bytes < f->rec.file_size)
        fact.suspect = SLICE("partial read");
    st->sink.fact(st->sink.ctx, &fact);
}

static void on_delete(struct source_state *st, const struct found *f)
{
    struct source_fact fact = fact_of(f, EVENT_FILE_DELETED);
    fact.size_bytes = f->rec.bytes; /* the deleted file's */
    st->sink.fact(st->sink.ctx, &fact);
}

static void on_directory(struct source_state *st, const struct found *f, enum event_type type, bool unconfirmed)
{
    struct source_fact fact = fact_of(f, type);
    fact.unconfirmed = unconfirmed;
    st->sink.fact(st->sink.ctx, &fact);
}

static void on_rename_from(struct source_state *st, const struct found *f)
{
    struct session *s = session_get(&st->sessions, f->rec.pid);
    session_rename(&st->sessions, s, f->rec.path, f->offset, f->rec.time_us);
}

/* A restart never begins between the halves of a rename that is not acknowledged: one whose first half was not read because it
 * lies before the beginning has been announced. */
static void on_rename_to(struct source_state *st, const struct found *f)
{
    struct session *s = session_find(&st->sessions, f->rec.pid);
    if (!s && st->begin > 0)
        return;
    if (!s || !s->rename_from) {
        st->sink.quarantine(st->sink.ctx, f->offset, f->frame, SOURCE_RENAME);
        return;
    }
    struct source_fact fact = fact_of(f, EVENT_FILE_RENAMED);
    fact.renamed_from = slice_of(s->rename_from, s->rename_len);
    fact.back_bytes = f->offset - s->rename_offset;
    if (s->upload.offset >= 0) {
        fact.uploaded_path = s->upload.path;
        fact.uploaded_size_bytes = s->upload.size_bytes;
    }
    st->sink.fact(st->sink.ctx, &fact);
}

/* A success must name an absolute path. A marker inside one is half a record that another was written behind (a full disk), or
 * the work of somebody who wants it to look so; either way the whole frame is put aside. */
static bool path_ok(struct source_state *st, const struct found *f)
{
    struct slice path = f->rec.path;
    if (path.len > 0 && path.p[0] == '/' && !memmem(path.p, path.len, "@WH1\t", 5))
        return true;
    st->sink.quarantine(st->sink.ctx, f->offset, f->frame, SOURCE_PATH);
    return false;
}

/* SFTP has no codes of its own for directories: `-` there. Of RMD it is written for failures too. */
static bool succeeded(const struct proftpd_record *rec)
{
    bool sftp = rec->code == -1 && is_protocol(rec, "sftp");
    switch (rec->command) {
    case PROFTPD_UPLOAD:
    case PROFTPD_DOWNLOAD:
        return slice_eq(rec->status, SLICE("success")) && (rec->code == -1 || (rec->code >= 200 && rec->code < 300));
    case PROFTPD_MKDIR:
        return rec->code == 257 || sftp;
    case PROFTPD_RMDIR:
        return rec->code == 250 || sftp;
    case PROFTPD_DELETE:
    case PROFTPD_RNTO:
        return rec->code == 250;
    case PROFTPD_RNFR:
        return rec->code == 350;
    case PROFTPD_EXIT:
    case PROFTPD_OTHER:
        break;
    }
    return false;
}

static void on_success(struct source_state *st, const struct found *f)
{
    switch (f->rec.command) {
    case PROFTPD_UPLOAD:
        on_upload(st, f);
        break;
    case PROFTPD_DOWNLOAD:
        on_download(st, f);
        break;
    case PROFTPD_DELETE:
        on_delete(st, f);
        break;
    case PROFTPD_MKDIR:
        on_directory(st, f, EVENT_DIR_CREATED, false);
        break;
    case PROFTPD_RMDIR:
        on_directory(st, f, EVENT_DIR_DELETED, f->rec.code == -1);
        break;
    case PROFTPD_RNFR:
        on_rename_from(st, f);
        break;
    case PROFTPD_RNTO:
        on_rename_to(st, f);
        break;
    case PROFTPD_EXIT:
    case PROFTPD_OTHER:
        break;
    }
}

/* What this record says about the upload that its session holds. */
static void settle_upload(struct source_state *st, struct session *s, const struct found *f)
{
    if (!s->held)
        return;
    bool eof = f->rec.command == PROFTPD_EXIT && slice_eq(f->rec.reason, eof_reason);
    if (!eof || f->rec.time_us - s->upload_us > st->options.suspect_window_ms * 1000) {
        session_emit(&st->sessions, s);
        return;
    }
    s->upload.suspect = eof_reason;
    if (st->options.hold_ms == 0)
        session_emit(&st->sessions, s);
    else if (session_release(&st->sessions, s))
        suspects_add(&st->suspects, &s->upload, s->upload_us);
}

/* What this record says about an upload of the same path that waits, whichever session's it is: that one comes first. */
static void settle_path(struct source_state *st, const struct proftpd_record *rec)
{
    sessions_emit_path(&st->sessions, rec->path);
    if (rec->command != PROFTPD_DOWNLOAD)
        suspects_settle(&st->suspects, rec->path, rec->command == PROFTPD_UPLOAD);
}

/* A rename ends with RNTO whatever its code, with an RNFR that failed, and with a transfer. */
static bool ends_rename(const struct proftpd_record *rec)
{
    return rec->command == PROFTPD_RNTO || (rec->command == PROFTPD_RNFR && rec->code != 350) || rec->command == PROFTPD_UPLOAD ||
           rec->command == PROFTPD_DOWNLOAD;
}

static void take(struct source_state *st, const struct found *f)
{
    struct session *s = session_find(&st->sessions, f->rec.pid);
    if (s)
        settle_upload(st, s, f);
    if (succeeded(&f->rec) && path_ok(st, f)) {
        settle_path(st, &f->rec);
        on_success(st, f);
    }
    s = session_find(&st->sessions, f->rec.pid);
    if (s && f->rec.command == PROFTPD_EXIT)
        session_end(&st->sessions, s);
    else if (s && ends_rename(&f->rec))
        session_rename_end(&st->sessions, s);
}

static void proftpd_record(struct source_state *st, int64_t offset, struct slice frame)
{
    struct found f = {.offset = offset, .frame = frame};
    enum source_reason bad;
    if (st->begin < 0)
        st->begin = offset;
    if (!proftpd_record_parse(frame, &f.rec, &bad)) {
        st->sink.quarantine(st->sink.ctx, offset, frame, bad);
        return;
    }
    take(st, &f);
    sessions_emit_before(&st->sessions, f.rec.time_us - HELD_BEHIND_US);
}

static int64_t proftpd_release(struct source_state *st, int64_t wall_us)
{
    int64_t wait_us = suspects_release(&st->suspects, st->options.hold_ms * 1000, wall_us);
    int64_t window_us = st->options.suspect_window_ms * 1000;
    struct session *s, *next;
    sessions_forget_renames(&st->sessions, wall_us - RENAME_WAIT_US);
    for (s = TAILQ_FIRST(&st->sessions.held); s; s = next) {
        next = TAILQ_NEXT(s, held_link);
        int64_t left_us = s->upload_us + window_us - wall_us;
        if (left_us <= 0 || left_us > window_us) /* the second: the clock was set back, or the log is another machine's */
            session_emit(&st->sessions, s);
        else if (wait_us < 0 || left_us < wait_us)
            wait_us = left_us;
    }
    return wait_us;
}

static void proftpd_flush(struct source_state *st)
{
    sessions_emit_before(&st->sessions, INT64_MAX);
    suspects_flush(&st->suspects);
}

static int64_t proftpd_pending_offset(const struct source_state *st)
{
    int64_t held = sessions_pending(&st->sessions);
    int64_t suspect = suspects_pending(&st->suspects);
    return held < suspect ? held : suspect;
}

static struct source_state *proftpd_state_new(const struct source_options *options, const struct source_sink *sink)
{
    struct source_state *st = mem_zalloc(sizeof(*st));
    st->options = *options;
    st->sink = *sink;
    st->begin = -1;
    sessions_init(&st->sessions, sink);
    suspects_init(&st->suspects, sink);
    return st;
}

static void proftpd_state_free(struct source_state *st)
{
    if (!st)
        return;
    sessions_done(&st->sessions);
    suspects_done(&st->suspects);
    free(st);
}

const struct source_format source_proftpd = {
    .name = "proftpd",
    .max_frame_bytes = PROFTPD_MAX_FRAME_BYTES,
    .can_hold = true,
    .state_new = proftpd_state_new,
    .state_free = proftpd_state_free,
    .frame = proftpd_frame,
    .record = proftpd_record,
    .release = proftpd_release,
    .flush = proftpd_flush,
    .pending_offset = proftpd_pending_offset,
};
