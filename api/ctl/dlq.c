/* dlq list: the newest dead letters, oldest first. */
#include "ctl/dlq.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/display.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/mem.h"

#define LINE_MAX_BYTES (8UL * 1024 * 1024)

struct args {
    int64_t limit;
};

static const struct opt options[] = {
    {"limit", OPT_INT, "N", "how many of the newest (default 20)", offsetof(struct args, limit), 1, 1000000, 20},
};

/* -------- one letter -------- */

static struct slice header(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value = NULL;
    size_t size = 0;
    if (!headers || rd_kafka_header_get_last(headers, name, &value, &size) || !value) {
        return SLICE("");
    }
    return slice_of(value, size);
}

static int64_t number(struct slice text)
{
    int64_t value = -1;
    return json_int(text, &value) == ERR_OK && value >= 0 ? value : -1;
}

void dead_letter_read(const rd_kafka_message_t *m, struct dead_letter *out)
{
    rd_kafka_headers_t *headers = NULL;
    (void)rd_kafka_message_headers(m, &headers);
    struct slice topic = header(headers, "source_topic");
    int64_t partition = number(header(headers, "source_partition"));
    *out = (struct dead_letter){
        .code = header(headers, "reason_code"),
        .reason = header(headers, "reason"),
        .trace = header(headers, "traceparent"),
        .partition = partition <= INT32_MAX ? (int32_t)partition : -1,
        .offset = number(header(headers, "source_offset")),
    };
    if (topic.len < sizeof out->topic) {
        (void)snprintf(out->topic, sizeof out->topic, "%.*s", (int)topic.len, topic.p);
    }
}

/* -------- a line -------- */

static void put_member(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, value);
}

static void put_json(struct buf *out, const rd_kafka_message_t *m, const struct dead_letter *letter, const char *time)
{
    buf_printf(out, "{\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"written_at\":\"%s\"", m->partition, m->offset, time);
    put_member(out, "code", letter->code);
    put_member(out, "reason", letter->reason);
    put_member(out, "source_topic", slice_str(letter->topic));
    buf_printf(out, ",\"source_partition\":%" PRId32 ",\"source_offset\":%" PRId64, letter->partition, letter->offset);
    put_member(out, "key", dead_letter_key(m));
    if (m->payload) {
        put_member(out, "value", slice_of(m->payload, m->len));
    } else {
        buf_puts(out, ",\"value\":null");
    }
    buf_putc(out, '}');
}

static void put_text(struct buf *out, const rd_kafka_message_t *m, const struct dead_letter *letter, const char *time)
{
    buf_printf(out, "%s  partition %" PRId32 "  offset %" PRId64 "  ", time, m->partition, m->offset);
    display_put(out, letter->code.len > 0 ? letter->code : SLICE("-"));
    buf_puts(out, "  from ");
    display_put(out, letter->topic[0] ? slice_str(letter->topic) : SLICE("-"));
    buf_printf(out, " %" PRId32 "/%" PRId64 "  %zu bytes  ", letter->partition, letter->offset, m->len);
    display_put(out, m->key_len > 0 ? dead_letter_key(m) : SLICE("-"));
    buf_puts(out, "  ");
    display_put(out, letter->reason);
}

/* -------- the newest ones -------- */

struct line {
    int64_t written_wall_ms;
    size_t number; /* in the order of reading, for lines of one millisecond */
    char *text;
};

struct listing {
    bool json;
    struct line *lines;
    size_t count, room;
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

static bool take(void *ctx, const rd_kafka_message_t *m)
{
    struct listing *l = ctx;
    struct dead_letter letter;
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    char time[CLOCK_UTC_SIZE];
    int64_t written_wall_ms = rd_kafka_message_timestamp(m, &type);
    (void)clock_format_utc(written_wall_ms, true, time);
    dead_letter_read(m, &letter);
    buf_reset(&l->buf);
    if (l->json) {
        put_json(&l->buf, m, &letter, time);
    } else {
        put_text(&l->buf, m, &letter, time);
    }
    if (l->count == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        l->lines = mem_array(l->lines, l->room, sizeof *l->lines);
    }
    l->lines[l->count] = (struct line){written_wall_ms, l->count, mem_strdup(buf_cstr(&l->buf))};
    l->count++;
    return true;
}

/* The newest of all are among the newest of each partition. */
static enum err read_newest(struct ctl *ctl, const char *topic, int64_t limit, struct listing *l, struct errmsg *why)
{
    struct kafka_sync_position *at = NULL;
    int count = 0;
    enum err err = kafka_sync_positions(ctl->kafka, topic, 0, &at, &count, why);
    for (int i = 0; i < count && err == ERR_OK; i++) {
        int64_t low = 0, high = 0;
        err = kafka_sync_ends(ctl->kafka, topic, at[i].partition, &low, &high, why);
        at[i].offset = high - limit > low ? high - limit : low;
    }
    if (err == ERR_OK) {
        err = kafka_sync_read(ctl->kafka, topic, at, count, false, take, l, why);
    }
    free(at);
    return err;
}

static void print_newest(struct listing *l, size_t limit)
{
    if (l->count > 0) {
        qsort(l->lines, l->count, sizeof *l->lines, by_time);
    }
    for (size_t i = 0; i < l->count; i++) {
        if (l->count - i <= limit) {
            (void)puts(l->lines[i].text);
        }
        free(l->lines[i].text);
    }
    free(l->lines);
}

static int list(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct listing l = {.json = ctl->json};
    char topic[TOPIC_NAME_SIZE];
    struct errmsg why;
    topic_name(TOPIC_EVENTS_DLQ, ctl->settings.common.topic_prefix, NULL, topic);
    buf_init(&l.buf, LINE_MAX_BYTES);
    enum err err = read_newest(ctl, topic, a->limit, &l, &why);
    print_newest(&l, err == ERR_OK ? (size_t)a->limit : 0);
    buf_done(&l.buf);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

const struct command command_dlq_list = {
    .group = "dlq",
    .name = "list",
    .help = "Lists dead letters, the newest: events that no worker could understand.\n"
            "A line: time, place, reason's code, where it was read, size, key, reason. With --output json also the value.",
    .needs = COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = list,
};
