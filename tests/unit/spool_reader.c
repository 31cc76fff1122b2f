#include "spool_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer/include/trueftp_producer.h"
#include "util/file.h"

static struct spool_fact facts[SPOOL_READER_MAX];

static void copy(char *out, size_t size, struct slice s)
{
    size_t len = s.len < size - 1 ? s.len : size - 1;
    if (len > 0)
        memcpy(out, s.p, len);
    out[len] = '\0';
}

static void on_fact(void *ctx, const struct source_fact *fact)
{
    struct spool_reading *r = ctx;
    assert_true(r->count < SPOOL_READER_MAX);
    struct spool_fact *f = &facts[r->count++];
    *f = (struct spool_fact){
        .type = fact->type, .time_wall_ms = fact->time_wall_ms, .size_bytes = fact->size_bytes, .offset = fact->offset};
    copy(f->path, sizeof f->path, fact->path);
    copy(f->renamed_from, sizeof f->renamed_from, fact->renamed_from);
    copy(f->account_id, sizeof f->account_id, fact->account_id);
    copy(f->username, sizeof f->username, fact->username);
    copy(f->home, sizeof f->home, fact->home);
    assert_true(fact->has_event_id);
    uuid_format(&fact->event_id, f->id);
}

static void on_quarantine(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    struct spool_reading *r = ctx;
    (void)offset;
    assert_true(bytes.len > 0);
    assert_true(reason == SOURCE_NO_MARKER || reason == SOURCE_MEMBER);
    r->quarantined++;
}

static void parse(struct slice bytes, struct spool_reading *out)
{
    struct source_options options = {0};
    struct source_sink sink = {.fact = on_fact, .quarantine = on_quarantine, .ctx = out};
    struct source_state *st = source_spool.state_new(&options, &sink);
    size_t at = 0, len;
    while ((len = source_spool.frame(slice_of(bytes.p + at, bytes.len - at))) > 0) {
        assert_in_range(len, 1, source_spool.max_frame_bytes);
        source_spool.record(st, (int64_t)at, slice_of(bytes.p + at, len));
        at += len;
    }
    assert_int_equal(source_spool.pending_offset(st), INT64_MAX);
    source_spool.state_free(st);
}

void spool_reader_parse(struct slice bytes, struct spool_reading *out)
{
    *out = (struct spool_reading){.facts = facts};
    parse(bytes, out);
}

/* Renamed ones by their time, the growing one last. */
static int later(const struct dirent **a, const struct dirent **b)
{
    size_t la = strlen((*a)->d_name), lb = strlen((*b)->d_name), live = strlen(TRUEFTP_SPOOL_FILE);
    if (la == live || lb == live)
        return (la == live) - (lb == live);
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_segment(const struct dirent *entry)
{
    return strncmp(entry->d_name, TRUEFTP_SPOOL_FILE, strlen(TRUEFTP_SPOOL_FILE)) == 0;
}

void spool_reader_read(const char *folder, struct spool_reading *out)
{
    struct dirent **list;
    struct buf bytes;
    struct errmsg why;
    char path[512];
    *out = (struct spool_reading){.facts = facts};
    int count = scandir(folder, &list, is_segment, later);
    assert_true(count >= 0);
    buf_init(&bytes, 64 * 1024 * 1024);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        buf_reset(&bytes);
        assert_int_equal(file_read(path, &bytes, &why), ERR_OK);
        parse(buf_slice(&bytes), out);
        out->segments++;
        out->bytes += (int64_t)bytes.len;
        free(list[i]);
    }
    free(list);
    buf_done(&bytes);
}

void spool_reader_unlink_oldest(const char *folder)
{
    struct dirent **list;
    char path[512];
    int count = scandir(folder, &list, is_segment, later);
    assert_true(count > 1);
    snprintf(path, sizeof path, "%s/%s", folder, list[0]->d_name);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void spool_reader_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder);
}
