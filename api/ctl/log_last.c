/* The newest lines of a log that may hold millions: the ends of its partitions are read, longer and longer ones, until nothing
 * older can be among what is wanted. That is so for a partition when it was read from its first record, or when what was read of
 * it begins before the oldest line that is kept, since within a partition later records were written later. */
#include <stdlib.h>
#include <string.h>

#include "ctl/log_tail.h"
#include "util/mem.h"

#define FIRST_WINDOW 64 /* offsets of each partition */
#define WINDOW_FACTOR 8
#define LINE_MAX_BYTES (8UL * 1024 * 1024)

struct line {
    int64_t written_wall_ms;
    size_t number; /* in the order of reading, for lines of one millisecond */
    char *text;
};

struct last {
    struct delivery_filter *filter;
    size_t limit;
    struct line *lines;
    size_t count;
    size_t room;
    size_t number;
    int64_t *first_wall_ms; /* by partition: of the first record read; INT64_MAX: none was */
    struct buf buf;
};

static int by_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->written_wall_ms != y->written_wall_ms) {
        return x->written_wall_ms < y->written_wall_ms ? -1 : 1;
    }
    return x->number < y->number ? -1 : 1;
}

/* Sorts, and forgets all but the newest. */
static void trim(struct last *l)
{
    if (l->count == 0) {
        return;
    }
    qsort(l->lines, l->count, sizeof *l->lines, by_time);
    size_t old = l->count > l->limit ? l->count - l->limit : 0;
    for (size_t i = 0; i < old; i++) {
        free(l->lines[i].text);
    }
    l->count -= old;
    memmove(l->lines, l->lines + old, l->count * sizeof *l->lines);
}

static bool take(void *ctx, const rd_kafka_message_t *m)
{
    struct last *l = ctx;
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t written_wall_ms = rd_kafka_message_timestamp(m, &type);
    if (l->first_wall_ms[m->partition] == INT64_MAX) {
        l->first_wall_ms[m->partition] = written_wall_ms;
    }
    buf_reset(&l->buf);
    if (!delivery_line(l->filter, m, &l->buf)) {
        return true;
    }
    if (l->count == l->room) {
        if (l->count >= 2 * l->limit) {
            trim(l);
        } else {
            l->room = l->room ? l->room * 2 : 64;
            l->lines = mem_array(l->lines, l->room, sizeof *l->lines);
        }
    }
    l->lines[l->count++] = (struct line){written_wall_ms, l->number++, mem_strdup(buf_cstr(&l->buf))};
    return true;
}

static void forget(struct last *l, int partitions)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->lines[i].text);
    }
    l->count = 0;
    for (int i = 0; i < partitions; i++) {
        l->first_wall_ms[i] = INT64_MAX;
    }
}

/* Whether the lines that are kept are the newest. from: where reading began; low: where the log does. */
static bool is_complete(const struct last *l, const struct kafka_sync_position *from, const int64_t *low, int partitions)
{
    for (int i = 0; i < partitions; i++) {
        bool whole = from[i].offset <= low[i];
        bool begins_before = l->count >= l->limit && l->first_wall_ms[i] <= l->lines[0].written_wall_ms;
        if (!whole && !begins_before) {
            return false;
        }
    }
    return true;
}

static enum err find_ends(struct kafka_sync *k, const char *topic, int partitions, int64_t *low, int64_t *high,
                          struct errmsg *why)
{
    enum err err = ERR_OK;
    for (int i = 0; i < partitions && err == ERR_OK; i++) {
        err = kafka_sync_ends(k, topic, i, &low[i], &high[i], why);
    }
    return err;
}

static enum err read_window(struct kafka_sync *k, const char *topic, struct last *l, const struct kafka_sync_position *from,
                            int count, struct errmsg *why)
{
    struct kafka_sync_position *at = mem_dup(from, (size_t)count * sizeof *from);
    forget(l, count);
    enum err err = kafka_sync_read(k, topic, at, count, false, take, l, why);
    trim(l);
    free(at);
    return err;
}

static enum err read_last(struct kafka_sync *k, const char *topic, struct last *l, struct kafka_sync_position *from, int count,
                          struct errmsg *why)
{
    int64_t *low = mem_array(NULL, (size_t)count, sizeof *low), *high = mem_array(NULL, (size_t)count, sizeof *high);
    int64_t window = FIRST_WINDOW;
    bool complete = false;
    enum err err = find_ends(k, topic, count, low, high, why);
    while (err == ERR_OK && !complete) {
        for (int i = 0; i < count; i++) {
            from[i].offset = high[i] - window > low[i] ? high[i] - window : low[i];
        }
        err = read_window(k, topic, l, from, count, why);
        complete = is_complete(l, from, low, count);
        window *= WINDOW_FACTOR;
    }
    free(low);
    free(high);
    return err;
}

enum err log_print_last(struct kafka_sync *k, const char *topic, struct delivery_filter *f, size_t limit, struct errmsg *why)
{
    struct last l = {.filter = f, .limit = limit};
    struct kafka_sync_position *from = NULL;
    int count = 0;
    enum err err = kafka_sync_positions(k, topic, 0, &from, &count, why);
    if (err != ERR_OK) {
        return err;
    }
    l.first_wall_ms = mem_array(NULL, (size_t)count, sizeof *l.first_wall_ms);
    buf_init(&l.buf, LINE_MAX_BYTES);
    err = read_last(k, topic, &l, from, count, why);
    for (size_t i = 0; err == ERR_OK && i < l.count; i++) {
        (void)puts(l.lines[i].text);
    }
    forget(&l, 0);
    buf_done(&l.buf);
    free(l.lines);
    free(l.first_wall_ms);
    free(from);
    return err;
}
