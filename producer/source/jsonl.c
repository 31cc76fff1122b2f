/* JSON lines (jsonl_record.h) as a log: written by any program to a file, or by ourselves to the spool of a socket
 * (event_socket.h). A line says all, so nothing waits. */
#include <stdlib.h>

#include "producer/source/jsonl_record.h"
#include "producer/source/line.h"
#include "util/mem.h"

struct source_state {
    struct source_sink sink;
    struct line_state lines;
    struct buf scratch;
    struct errmsg bad; /* of the line that was put aside last */
    bool explained;
};

static void jsonl_record(struct source_state *st, int64_t offset, struct slice frame)
{
    struct slice line;
    struct source_fact fact;
    enum source_reason bad = SOURCE_OVERLONG;
    st->explained = line_take(&st->lines, offset, frame, &line);
    if (st->explained && jsonl_is_blank(line))
        return;
    if (st->explained && jsonl_record_parse(line, &st->scratch, &fact, &bad, &st->bad)) {
        fact.offset = offset;
        st->sink.fact(st->sink.ctx, &fact);
    } else {
        st->sink.quarantine(st->sink.ctx, offset, frame, bad);
    }
    st->explained = false;
}

static const char *jsonl_why(const struct source_state *st)
{
    return st->explained ? st->bad.text : NULL;
}

static size_t jsonl_frame(struct slice bytes)
{
    return line_frame(bytes, JSONL_MAX_LINE_BYTES);
}

static int64_t jsonl_release(struct source_state *st, int64_t wall_us)
{
    (void)st;
    (void)wall_us;
    return -1;
}

static void jsonl_flush(struct source_state *st)
{
    (void)st;
}

static int64_t jsonl_pending_offset(const struct source_state *st)
{
    return line_pending(&st->lines);
}

static struct source_state *jsonl_state_new(const struct source_options *options, const struct source_sink *sink)
{
    struct source_state *st = mem_zalloc(sizeof(*st));
    (void)options;
    st->sink = *sink;
    buf_init(&st->scratch, 2 * JSONL_MAX_LINE_BYTES);
    return st;
}

static void jsonl_state_free(struct source_state *st)
{
    if (!st)
        return;
    buf_done(&st->scratch);
    free(st);
}

const struct source_format source_jsonl = {
    .name = "jsonl",
    .max_frame_bytes = JSONL_MAX_LINE_BYTES,
    .state_new = jsonl_state_new,
    .state_free = jsonl_state_free,
    .frame = jsonl_frame,
    .record = jsonl_record,
    .release = jsonl_release,
    .flush = jsonl_flush,
    .pending_offset = jsonl_pending_offset,
    .why = jsonl_why,
};
