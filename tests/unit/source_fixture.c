#include "source_fixture.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/mem.h"

static const struct source_format *format;
struct seen seen;

void fixture_use(const struct source_format *f)
{
    format = f;
}

static char *copy(struct slice s)
{
    return mem_dup(s.p ? s.p : "", s.len);
}

static void on_fact(void *ctx, const struct source_fact *fact)
{
    struct seen *s = ctx;
    assert_true(s->count < MAX_FACTS);
    s->facts[s->count++] = (struct seen_fact){*fact,
                                              copy(fact->path),
                                              copy(fact->renamed_from),
                                              copy(fact->suspect),
                                              copy(fact->uploaded_path),
                                              {copy(fact->username), copy(fact->group), copy(fact->client_ip)}};
}

static void on_quarantine(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    struct seen *s = ctx;
    assert_true(bytes.len > 0 && s->quarantined < 64);
    s->reason_offsets[s->quarantined] = offset;
    s->reasons[s->quarantined++] = reason;
}

void forget(void)
{
    for (size_t i = 0; i < seen.count; i++) {
        struct seen_fact *f = &seen.facts[i];
        free(f->path);
        free(f->from);
        free(f->suspect);
        free(f->uploaded);
        for (int k = 0; k < 3; k++)
            free(f->text[k]);
    }
    memset(&seen, 0, sizeof(seen));
}

struct source_state *state_new(int64_t window_ms)
{
    struct source_options options = {.suspect_window_ms = window_ms};
    return state_with(&options);
}

struct source_state *state_with(const struct source_options *options)
{
    struct source_sink sink = {on_fact, on_quarantine, &seen};
    forget();
    return format->state_new(options, &sink);
}

/* Frames all that is complete; returns the bytes that were taken. */
size_t feed(struct source_state *st, const char *p, size_t len, int64_t offset)
{
    size_t at = 0, taken;
    while (at < len && (taken = format->frame(slice_of(p + at, len - at))) > 0) {
        assert_true(taken <= len - at && taken <= format->max_frame_bytes);
        format->record(st, offset + (int64_t)at, slice_of(p + at, taken));
        at += taken;
    }
    return at;
}

void read_text(const char *text, size_t len, int64_t window_ms)
{
    struct source_state *st = state_new(window_ms);
    feed(st, text, len, 0);
    format->flush(st);
    assert_true(format->pending_offset(st) == INT64_MAX || seen.count == 0);
    format->state_free(st);
}

/* -------- the samples -------- */

/* The samples write a byte XX that is not UTF-8 as the lone surrogate \udcXX, which JSON readers refuse: it becomes \u00f7 "XX"
 * \u00f7 first, and here the byte again. */
static char *undo_surrogates(const char *text)
{
    static const char fence[] = "\xc3\xb7";
    char *out = mem_alloc(strlen(text) + 1), *to = out;
    while (*text) {
        if (strncmp(text, fence, 2) == 0 && strlen(text) >= 6 && strncmp(text + 4, fence, 2) == 0) {
            char hex[3] = {text[2], text[3], '\0'};
            *to++ = (char)strtol(hex, NULL, 16);
            text += 6;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
    return out;
}

/* A high surrogate stands before a low one of a pair: \ud83d\udce6 is one character. */
static void fence_surrogates(char *line, struct buf *out)
{
    for (const char *p = line; *p;) {
        bool low = strncmp(p, "\\udc", 4) == 0;
        bool paired = low && p - line >= 6 &&
                      (strncmp(p - 6, "\\ud8", 4) == 0 || strncmp(p - 6, "\\ud9", 4) == 0 || strncmp(p - 6, "\\uda", 4) == 0 ||
                       strncmp(p - 6, "\\udb", 4) == 0);
        if (low && !paired) {
            buf_printf(out, "\\u00f7%.2s\\u00f7", p + 4);
            p += 6;
        } else {
            buf_putc(out, *p++);
        }
    }
}

static const char *member(json_t *e, const char *name)
{
    const char *text = json_string_value(json_object_get(e, name));
    return text ? text : "";
}

static void hold_against(json_t *e, const struct seen_fact *s)
{
    const char *event = member(e, "event");
    char *path = undo_surrogates(member(e, "path"));
    char *from = undo_surrogates(member(e, "from"));
    json_t *size = json_object_get(e, "size");
    double ms = json_number_value(json_object_get(e, "timestamp")) * 1000;
    assert_string_equal(strcmp(event, "_renamed") == 0 ? "file.renamed" : event, event_type_name(s->f.type));
    assert_int_equal(json_integer_value(json_object_get(e, "offset")), s->f.offset);
    assert_string_equal(path, s->path);
    assert_string_equal(from, s->from);
    if (json_is_integer(size))
        assert_int_equal(json_integer_value(size), s->f.size_bytes);
    else if (s->f.type != EVENT_FILE_RENAMED)
        assert_int_equal(-1, s->f.size_bytes);
    assert_string_equal(member(e, "username"), s->text[0]);
    assert_string_equal(member(e, "account"), s->text[1]);
    assert_string_equal(member(e, "client_ip"), s->text[2]);
    assert_string_equal(member(e, "suspect"), s->suspect);
    assert_true(ms - (double)s->f.time_wall_ms > -0.01 && ms - (double)s->f.time_wall_ms < 1.01);
    assert_int_equal(json_is_real(json_object_get(e, "timestamp")), s->f.time_has_ms);
    assert_int_equal(json_is_true(json_object_get(e, "path_lossy")), s->f.path_lossy);
    free(path);
    free(from);
}

static void compare(const char *name, char *expected)
{
    size_t at = 0;
    struct buf line;
    buf_init(&line, 64 * 1024);
    for (char *from = expected; from && *from; at++) {
        char *end = strchr(from, '\n');
        if (end)
            *end++ = '\0';
        buf_reset(&line);
        fence_surrogates(from, &line);
        json_t *e = json_loads(buf_cstr(&line), 0, NULL);
        if (!e || at >= seen.count)
            fail_msg("%s: line %zu: %s", name, at + 1, e ? "no such event was read" : "not JSON");
        hold_against(e, &seen.facts[at]);
        json_decref(e);
        from = end;
    }
    buf_done(&line);
    if (at != seen.count)
        fail_msg("%s: %zu events, %zu are right", name, seen.count, at);
}

void read_sample(const char *folder, const char *name, struct buf *log, struct buf *expected)
{
    char path[512];
    struct errmsg why;
    snprintf(path, sizeof(path), "%s/%s.log", folder, name);
    buf_reset(log);
    assert_int_equal(ERR_OK, file_read(path, log, &why));
    snprintf(path, sizeof(path), "%s/%s.events.jsonl", folder, name);
    buf_reset(expected);
    assert_int_equal(ERR_OK, file_read(path, expected, &why));
}

int compare_samples(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    struct buf log, expected;
    int samples = 0;
    assert_non_null(dir);
    buf_init(&log, 1 << 20);
    buf_init(&expected, 1 << 20);
    while ((entry = readdir(dir))) {
        char name[256];
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 4, ".log") != 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(len - 4), entry->d_name);
        read_sample(folder, name, &log, &expected);
        read_text(log.p, log.len, 3);
        if (seen.quarantined > 0)
            fail_msg("%s: quarantined (%s) at %lld", name, source_reason_name(seen.reasons[0]),
                     (long long)seen.reason_offsets[0]);
        compare(name, expected.p);
        samples++;
    }
    closedir(dir);
    buf_done(&log);
    buf_done(&expected);
    return samples;
}
