/* Pure-FTPd: lines of its CLF log (-O clf:FILE, with -H) to facts.
 *
 *   192.0.2.1 - user [23/Nov/2026:23:50:54 +0100] "PUT /home/user/r%E9sum%E9.pdf" 200 1234
 *
 * The path is canonical, without chroot, and percent-encoded byte by byte: whatever it is, it has no blank, quote or LF of its
 * own. The log holds PUT and GET only, and the code is always 200: a transfer that was cut off, over TLS too, and one that filled
 * the disk look complete. So every upload is marked as suspect (which `suspect = emit` takes away). The size is of this transfer.
 */
#include <stdlib.h>
#include <string.h>

#include "producer/source/line.h"
#include "producer/source/text.h"
#include "util/mem.h"

#define MAX_LINE_BYTES (64 * 1024) /* a path of 4096 bytes is three times as long, and there is room for names */
#define TIME_LEN 26                /* 23/Nov/2026:23:50:54 +0100 */

struct source_state {
    struct source_sink sink;
    struct line_state lines;
    struct buf path; /* decoded */
};

static bool parse_time(struct slice s, int64_t *wall_ms)
{
    if (s.len != TIME_LEN || s.p[2] != '/' || s.p[6] != '/' || s.p[11] != ':' || s.p[20] != ' ')
        return false;
    return text_time(s.p + 7, s.p + 3, s.p, s.p + 12, s.p + 21, wall_ms);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What the server encodes cannot stand there as it is. */
static bool decode(struct slice text, struct buf *out)
{
    buf_reset(out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '"')
            return false;
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.p[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return false;
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        buf_putc(out, (char)c);
    }
    return out->err == ERR_OK && out->len > 0 && out->p[0] == '/';
}

/* `address - user [time] `, and nothing that could be another line's. */
static bool parse_head(struct slice head, struct source_fact *fact, enum source_reason *bad)
{
    *bad = SOURCE_FIELDS;
    if (!text_take_until(&head, ' ', &fact->client_ip) || !text_take(&head, SLICE("- ")) ||
        !text_take_until(&head, ' ', &fact->username) || !text_take(&head, SLICE("[")) || !text_take_end(&head, SLICE("] ")))
        return false;
    *bad = SOURCE_TIME;
    if (!parse_time(head, &fact->time_wall_ms))
        return false;
    *bad = SOURCE_ADDRESS;
    return text_is_address(fact->client_ip);
}

/* From its end, where the server alone writes. */
static bool parse_line(struct slice line, struct buf *path, struct source_fact *fact, enum source_reason *bad)
{
    *bad = SOURCE_NO_MARKER;
    if (!text_take_end_number(&line, &fact->size_bytes) || !text_take_end(&line, SLICE("\" 200 ")))
        return false;
    const char *quote = line.len > 0 ? memrchr(line.p, '"', line.len) : NULL;
    if (!quote)
        return false;
    size_t head = (size_t)(quote - line.p);
    struct slice request = slice_of(quote + 1, line.len - head - 1);
    bool put = text_take(&request, SLICE("PUT "));
    if (!put && !text_take(&request, SLICE("GET ")))
        return false;
    fact->type = put ? EVENT_FILE_UPLOADED : EVENT_FILE_DOWNLOADED;
    if (put)
        fact->suspect = SLICE("completion unknown");
    if (!parse_head(slice_of(line.p, head), fact, bad))
        return false;
    *bad = SOURCE_PATH;
    if (!decode(request, path))
        return false;
    fact->path = buf_slice(path);
    return true;
}

static void pureftpd_record(struct source_state *st, int64_t offset, struct slice frame)
{
    struct slice line;
    struct source_fact fact = {.offset = offset};
    enum source_reason bad = SOURCE_OVERLONG;
    if (line_take(&st->lines, offset, frame, &line) && parse_line(line, &st->path, &fact, &bad))
        st->sink.fact(st->sink.ctx, &fact);
    else
        st->sink.quarantine(st->sink.ctx, offset, frame, bad);
}

static size_t pureftpd_frame(struct slice bytes)
{
    return line_frame(bytes, MAX_LINE_BYTES);
}

/* Nothing waits for another record. */
static int64_t pureftpd_release(struct source_state *st, int64_t wall_us)
{
    (void)st;
    (void)wall_us;
    return -1;
}

static void pureftpd_flush(struct source_state *st)
{
    (void)st;
}

static int64_t pureftpd_pending_offset(const struct source_state *st)
{
    return line_pending(&st->lines);
}

static struct source_state *pureftpd_state_new(const struct source_options *options, const struct source_sink *sink)
{
    struct source_state *st = mem_zalloc(sizeof(*st));
    (void)options;
    st->sink = *sink;
    buf_init(&st->path, MAX_LINE_BYTES);
    return st;
}

static void pureftpd_state_free(struct source_state *st)
{
    if (!st)
        return;
    buf_done(&st->path);
    free(st);
}

const struct source_format source_pureftpd = {
    .name = "pureftpd",
    .max_frame_bytes = MAX_LINE_BYTES,
    .state_new = pureftpd_state_new,
    .state_free = pureftpd_state_free,
    .frame = pureftpd_frame,
    .record = pureftpd_record,
    .release = pureftpd_release,
    .flush = pureftpd_flush,
    .pending_offset = pureftpd_pending_offset,
};
