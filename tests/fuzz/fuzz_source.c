#include "fuzz_source.h"

#include "util/err.h"

#define HOUR_US (3600LL * 1000000)

/* What a reading found, as a number to compare. */
struct found {
    int64_t size;
    uint64_t sum;
    size_t facts, quarantined;
};

static uint64_t mix(uint64_t sum, const void *p, size_t len)
{
    const unsigned char *bytes = p;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 1099511628211ULL;
    return sum;
}

static void on_fact(void *ctx, const struct source_fact *f)
{
    struct found *found = ctx;
    check(f->offset >= 0 && f->offset < found->size);
    check(f->type < EVENT_TYPE_COUNT);
    check(f->type == EVENT_FTP_USER_CREATED ? f->username.len > 0 : f->path.len > 0 && f->path.p[0] == '/');
    check(f->type != EVENT_FILE_RENAMED || f->renamed_from.len > 0);
    check(f->size_bytes >= -1);
    found->facts++;
    found->sum = mix(found->sum, &f->offset, sizeof(f->offset));
    found->sum = mix(found->sum, &f->time_wall_ms, sizeof(f->time_wall_ms));
    const struct slice texts[] = {f->path,     f->renamed_from, f->uploaded_path, f->username, f->group,      f->client_ip,
                                  f->protocol, f->session_id,   f->suspect,       f->home,     f->account_id, f->frontend};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        found->sum = mix(found->sum, texts[i].p, texts[i].len);
}

static void on_quarantine(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    struct found *found = ctx;
    check(offset >= 0 && bytes.len > 0 && offset + (int64_t)bytes.len <= found->size && reason < SOURCE_REASON_COUNT);
    found->quarantined++;
    found->sum = mix(found->sum, &offset, sizeof(offset));
}

/* As a tail does: `step` bytes more are there each time. */
static struct found read_log(const struct source_format *format, struct slice log, size_t step, bool hold)
{
    struct found found = {.size = (int64_t)log.len, .sum = 14695981039346656037ULL};
    struct source_options options = {.suspect_window_ms = 3, .hold_ms = hold ? 1000 : 0};
    struct source_sink sink = {on_fact, on_quarantine, &found};
    struct source_state *st = format->state_new(&options, &sink);
    size_t at = 0;
    for (size_t have = 0; have < log.len;) {
        have = log.len - have > step ? have + step : log.len;
        size_t len;
        while (at < have && (len = format->frame(slice_of(log.p + at, have - at))) > 0) {
            check(len <= have - at && len <= format->max_frame_bytes);
            format->record(st, (int64_t)at, slice_of(log.p + at, len));
            at += len;
            check(format->pending_offset(st) >= 0);
        }
        check(have - at < format->max_frame_bytes);
    }
    format->flush(st);
    check(format->release(st, 4 * HOUR_US) >= -1);
    format->state_free(st);
    return found;
}

int fuzz_source(const struct source_format *format, const uint8_t *data, size_t size)
{
    struct slice log = slice_of((const char *)data, size);
    struct found whole = read_log(format, log, size, false);
    struct found pieces = read_log(format, log, size % 7 + 1 + size / 64, false);
    check(whole.facts == pieces.facts && whole.quarantined == pieces.quarantined && whole.sum == pieces.sum);
    (void)read_log(format, log, size, true);
    return 0;
}
