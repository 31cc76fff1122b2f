/* dlq reinject: dead letters go back to where they were read, with the key and value that they came with. What is still not
 * understood becomes a dead letter again. Deliveries of an event that was understood in the meantime are not made twice: its id
 * is the same. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/dlq.h"
#include "util/mem.h"

#define BATCH 500

struct args {
    int64_t partition, offset;
    bool all;
    const char *code;
};

#define AT(field) offsetof(struct args, field)

static const struct opt options[] = {
    {"partition", OPT_INT, "P", "the one dead letter in this partition", AT(partition), 0, INT32_MAX, -1},
    {"offset", OPT_INT, "O", "at this offset", AT(offset), 0, INT64_MAX, -1},
    {"all", OPT_FLAG, NULL, "all that stand in the topic now", AT(all), 0, 0, 0},
    {"code", OPT_TEXT, "C", "of these, only those with this reason's code (malformed, too_big, ...)", AT(code), 0, 0, 0},
};

/* One run of the command. */
struct run {
    struct ctl *ctl;
    const struct args *args;
    char topic[TOPIC_NAME_SIZE];  /* of the dead letters */
    char events[TOPIC_NAME_SIZE]; /* of the shared pool; the others' begin with it and a dot */
    struct kafka_sync_position *at;
    int64_t *ends; /* by place in at: what comes later is left alone, or this might go on for ever */
    int count;
    struct kafka_sync_ack acks[BATCH];
    int sent; /* of this batch */
    int64_t done, left_out;
    enum err err;
    struct errmsg *why;
};

static bool is_events_topic(const struct run *r, const char *topic)
{
    size_t len = strlen(r->events);
    return strcmp(topic, r->topic) != 0 && strncmp(topic, r->events, len) == 0 && (topic[len] == '\0' || topic[len] == '.');
}

static void leave_out(struct run *r, const rd_kafka_message_t *m, const char *why)
{
    r->left_out++;
    ctl_warn("partition %" PRId32 ", offset %" PRId64 " is left out: %s", m->partition, m->offset, why);
}

static void flush(struct run *r)
{
    struct errmsg unwritten;
    enum err err = kafka_sync_flush(r->ctl->kafka, r->err == ERR_OK ? r->why : &unwritten);
    for (int i = 0; i < r->sent; i++) {
        r->done += r->acks[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    r->sent = 0;
    r->err = r->err == ERR_OK ? err : r->err;
}

static void reinject_one(struct run *r, const rd_kafka_message_t *m, const struct dead_letter *letter)
{
    char from[TOPIC_NAME_SIZE + 48];
    (void)snprintf(from, sizeof from, "%s/%" PRId32 "/%" PRId64, r->topic, m->partition, m->offset);
    struct kafka_sync_header headers[] = {{"reinjected_from", slice_str(from)}, {"traceparent", letter->trace}};
    r->err =
        kafka_sync_send_with(r->ctl->kafka, letter->topic, letter->partition, dead_letter_key(m), slice_of(m->payload, m->len),
                             headers, letter->trace.len > 0 ? 2 : 1, &r->acks[r->sent], r->why);
    if (r->err == ERR_OK && ++r->sent == BATCH) {
        flush(r);
    }
}

static bool take(void *ctx, const rd_kafka_message_t *m)
{
    struct run *r = ctx;
    struct dead_letter letter;
    int i = 0;
    while (i < r->count - 1 && r->at[i].partition != m->partition) {
        i++;
    }
    if (m->offset >= r->ends[i]) {
        return true;
    }
    dead_letter_read(m, &letter);
    if (r->args->code && !slice_eq(letter.code, slice_str(r->args->code))) {
        return true;
    }
    if (!is_events_topic(r, letter.topic) || letter.partition < 0) {
        leave_out(r, m, "its headers name no events topic and partition of this system");
    } else {
        reinject_one(r, m, &letter);
    }
    return r->err == ERR_OK && r->args->all;
}

/* The partitions to read, from where to where. */
static enum err find_all(struct run *r, struct errmsg *why)
{
    enum err err = kafka_sync_positions(r->ctl->kafka, r->topic, 0, &r->at, &r->count, why);
    r->ends = mem_zalloc(((size_t)r->count + 1) * sizeof *r->ends);
    for (int i = 0; i < r->count && err == ERR_OK; i++) {
        int64_t low = 0;
        err = kafka_sync_ends(r->ctl->kafka, r->topic, r->at[i].partition, &low, &r->ends[i], why);
    }
    return err;
}

static enum err find_one(struct run *r, struct errmsg *why)
{
    int64_t low = 0, high = 0, wanted = r->args->offset;
    int32_t partition = (int32_t)r->args->partition;
    enum err err = kafka_sync_ends(r->ctl->kafka, r->topic, partition, &low, &high, why);
    if (err == ERR_OK && (wanted < low || wanted >= high)) {
        err = errmsg_set(why, ERR_NOT_FOUND, "there is no dead letter in partition %" PRId32 " at offset %" PRId64, partition,
                         wanted);
    }
    r->at = mem_array(NULL, 1, sizeof *r->at);
    r->ends = mem_array(NULL, 1, sizeof *r->ends);
    r->at[0] = (struct kafka_sync_position){partition, wanted};
    r->ends[0] = wanted + 1;
    r->count = 1;
    return err;
}

static enum err run(struct run *r, struct errmsg *why)
{
    enum err err = r->args->all ? find_all(r, why) : find_one(r, why);
    r->why = why;
    if (err == ERR_OK) {
        struct errmsg unread;
        err = kafka_sync_read(r->ctl->kafka, r->topic, r->at, r->count, false, take, r, &unread);
        flush(r);
        if (r->err == ERR_OK && err != ERR_OK) {
            *why = unread;
        }
        err = r->err == ERR_OK ? err : r->err;
    }
    free(r->at);
    free(r->ends);
    return err;
}

static void print_result(const struct run *r)
{
    if (r->ctl->json) {
        (void)printf("{\"reinjected\":%" PRId64 ",\"left_out\":%" PRId64 "}\n", r->done, r->left_out);
    } else {
        (void)printf("%" PRId64 " reinjected, %" PRId64 " left out\n", r->done, r->left_out);
    }
}

static int reinject(struct ctl *ctl, const void *args)
{
    struct run r = {.ctl = ctl, .args = args};
    struct errmsg why;
    bool one = r.args->partition >= 0 && r.args->offset >= 0;
    if (one == r.args->all || (!one && (r.args->partition >= 0 || r.args->offset >= 0)) || (one && r.args->code)) {
        return ctl_usage("give --partition and --offset, or --all (with --code, if only some are meant)");
    }
    topic_name(TOPIC_EVENTS_DLQ, ctl->settings.common.topic_prefix, NULL, r.topic);
    topic_name(TOPIC_EVENTS, ctl->settings.common.topic_prefix, NULL, r.events);
    enum err err = run(&r, &why);
    print_result(&r);
    if (err != ERR_OK) {
        return ctl_fail(err, &why);
    }
    return r.left_out > 0 ? CTL_FAILED : CTL_OK;
}

const struct command command_dlq_reinject = {
    .group = "dlq",
    .name = "reinject",
    .help = "Publishes dead letters again, as they were received, to the topic and partition they came from.\n"
            "They stay in the dead-letter topic until it forgets them. Those that are still not understood come back to it.",
    .needs = COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = reinject,
};
