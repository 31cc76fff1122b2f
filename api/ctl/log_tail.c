/* log tail: the delivery log, a line a record. */
#include "ctl/log_tail.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/display.h"
#include "model/delivery.h"
#include "util/clock.h"

#define LAST_DEFAULT 20
#define RECORD_MAX (8UL * 1024 * 1024)

struct args {
    bool follow, from_beginning;
    const char *webhook, *account, *status, *pool;
    int64_t limit;
};

#define AT(field) offsetof(struct args, field)

static const struct opt options[] = {
    {"follow", OPT_FLAG, NULL, "begin with what is written from now on, and go on", AT(follow), 0, 0, 0},
    {"from-beginning", OPT_FLAG, NULL, "begin with the oldest record instead (partition by partition)", AT(from_beginning), 0, 0,
     0},
    {"limit", OPT_INT, "N", "lines at most: then end; without the two above, how many of the newest (default 20)", AT(limit), 1,
     INT32_MAX, 0},
    {"webhook", OPT_TEXT, "ID", "only deliveries of this webhook", AT(webhook), 0, 0, 0},
    {"account", OPT_TEXT, "A", "only deliveries of this account", AT(account), 0, 0, 0},
    {"status", OPT_TEXT, "S", "only records of this status: retrying, parked, delivered, failed, cancelled, purged", AT(status),
     0, 0, 0},
    {"pool", OPT_TEXT, "P", "the log of this pool instead of the shared one", AT(pool), 0, 0, 0},
};

static bool is_wanted(const struct delivery_filter *f, const struct delivery *dl)
{
    return (!f->webhook || slice_eq(dl->webhook_id, slice_str(f->webhook))) &&
           (!f->account || slice_eq(dl->account_id, slice_str(f->account))) &&
           (!f->status || strcmp(delivery_status_name(dl->status), f->status) == 0);
}

static void put_text(struct buf *out, const struct delivery *dl)
{
    char time[CLOCK_UTC_SIZE], id[UUID_TEXT_SIZE], http[12] = "-";
    (void)clock_format_utc(dl->updated_wall_ms, true, time);
    uuid_format(&dl->id, id);
    if (dl->http_status != 0) {
        (void)snprintf(http, sizeof http, "%d", dl->http_status);
    }
    buf_printf(out, "%s  %-9s  %-16s  ", time, delivery_status_name(dl->status), event_type_name(dl->event));
    display_put(out, dl->path.len > 0 ? dl->path : SLICE("-"));
    buf_printf(out, "  %d/%d  %s  %s  %s", dl->attempt, dl->max_attempts, http,
               dl->error == DELIVERY_ERROR_NONE ? "-" : delivery_error_name(dl->error), id);
}

/* The record as it is; one that holds line breaks between its members is put into one line. */
static void put_record(struct buf *out, struct slice record)
{
    json_t *root = NULL;
    if (!memchr(record.p, '\n', record.len)) {
        buf_put_slice(out, record);
    } else if ((root = json_loadb(record.p, record.len, 0, NULL))) {
        char *text = json_dumps(root, JSON_COMPACT);
        buf_puts(out, text ? text : "");
        free(text);
        json_decref(root);
    }
}

bool delivery_line(struct delivery_filter *f, const rd_kafka_message_t *m, struct buf *out)
{
    struct slice record = slice_of(m->payload, m->len);
    struct delivery dl;
    struct errmsg why;
    if (!record.p || (m->key_len > 0 && *(const char *)m->key == '!')) {
        return false;
    }
    if (delivery_parse(record, &f->scratch, &dl, &why) != ERR_OK) {
        ctl_warn("partition %" PRId32 ", offset %" PRId64 " holds no delivery record: %.300s", m->partition, m->offset, why.text);
        return false;
    }
    if (!is_wanted(f, &dl)) {
        return false;
    }
    if (f->json) {
        put_record(out, record);
    } else {
        put_text(out, &dl);
    }
    return true;
}

/* Printing as records come. */
struct stream {
    struct delivery_filter *filter;
    struct buf line;
    int64_t left; /* lines; < 0: no limit */
};

static bool print_line(void *ctx, const rd_kafka_message_t *m)
{
    struct stream *s = ctx;
    buf_reset(&s->line);
    if (!delivery_line(s->filter, m, &s->line)) {
        return true;
    }
    s->left--;
    return puts(buf_cstr(&s->line)) != EOF && fflush(stdout) == 0 && s->left != 0;
}

static enum err stream(struct ctl *ctl, const char *topic, struct delivery_filter *f, const struct args *a, struct errmsg *why)
{
    struct kafka_sync_position *at = NULL;
    int count = 0;
    struct stream s = {.filter = f, .left = a->limit > 0 ? a->limit : -1};
    enum err err = kafka_sync_positions(ctl->kafka, topic, 0, &at, &count, why);
    for (int i = 0; i < count && err == ERR_OK && !a->from_beginning; i++) {
        int64_t low = 0;
        err = kafka_sync_ends(ctl->kafka, topic, at[i].partition, &low, &at[i].offset, why);
    }
    buf_init(&s.line, RECORD_MAX);
    if (err == ERR_OK) {
        err = kafka_sync_read(ctl->kafka, topic, at, count, a->follow, print_line, &s, why);
    }
    buf_done(&s.line);
    free(at);
    return err;
}

static bool is_status(const char *name)
{
    for (int i = DELIVERY_RETRYING; i <= DELIVERY_PURGED; i++) {
        if (strcmp(name, delivery_status_name((enum delivery_status)i)) == 0) {
            return true;
        }
    }
    return false;
}

static int tail(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct delivery_filter f = {.webhook = a->webhook, .account = a->account, .status = a->status, .json = ctl->json};
    char topic[TOPIC_NAME_SIZE];
    struct errmsg why;
    if (a->status && !is_status(a->status)) {
        return ctl_usage("--status: there is no status \"%.64s\" (--help lists them)", a->status);
    }
    if (a->pool && *a->pool && !topic_pool_valid(a->pool)) {
        return ctl_usage("--pool: must be 1-32 of [a-z0-9-], and not \"dlq\"");
    }
    topic_name(TOPIC_DELIVERIES, ctl->settings.common.topic_prefix, a->pool, topic);
    buf_init(&f.scratch, RECORD_MAX);
    enum err err = a->follow || a->from_beginning
                       ? stream(ctl, topic, &f, a, &why)
                       : log_print_last(ctl->kafka, topic, &f, a->limit > 0 ? (size_t)a->limit : LAST_DEFAULT, &why);
    buf_done(&f.scratch);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

const struct command command_log_tail = {
    .group = "log",
    .name = "tail",
    .help =
        "Prints records of the delivery log, a line each, by default the newest.\n"
        "A line: time, status, event, path, attempt/maximum, HTTP status, error, delivery id. A delivery has a record for each\n"
        "attempt; older ones go in time. With --output json each line is the record as it is.",
    .needs = COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = tail,
};
