/* Reading explicit partitions. librdkafka wants a group.id for assigning them; the group is never joined and never committed to.
 *
 * Starting over takes the partition out of the assignment and puts it in again: librdkafka's own state machine then sees to it
 * that the old fetching has ended before the new begins, where a seek is lost if it comes while a partition still waits to be
 * started. Records of the earlier start carry an older version and never leave the queue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "io/kafka_internal.h"
#include "util/log.h"
#include "util/mem.h"

#define RECORDS_A_VISIT 64
#define EVENTS_A_TURN 64

struct reader_part {
    struct kafka_part part; /* first: its started tells whether it is assigned */
    TAILQ_ENTRY(reader_part) link;
};

struct kafka_reader {
    struct kafka_client client;
    struct kafka_reader_options options;
    TAILQ_HEAD(, reader_part) parts; /* all that were ever started */
    int part_count;
};

/* -------- records -------- */

static void hand_over(struct kafka_reader *r, const struct kafka_part *part, const struct kafka_part_item *item)
{
    if (item->what == KAFKA_PART_RECORD)
        r->options.on_record(r->options.ctx, &item->rec);
    else if (item->what == KAFKA_PART_END)
        r->options.on_end(r->options.ctx, part->topic, part->partition, item->offset);
}

static int read_part(struct kafka_reader *r, struct kafka_part *part, int bound)
{
    int taken = 0;
    while (taken < bound && part->started) {
        struct kafka_part_item item;
        kafka_part_poll(part, &r->client, &item);
        if (item.what == KAFKA_PART_EMPTY)
            break;
        hand_over(r, part, &item);
        rd_kafka_event_destroy(item.event);
        taken++;
    }
    return taken;
}

/* Partitions take turns; the one visited goes to the end of the list. */
static bool drain_records(struct kafka_reader *r)
{
    int left = (int)r->options.poll_bound;
    int quiet = 0;
    while (left > 0 && quiet < r->part_count) {
        struct reader_part *rp = TAILQ_FIRST(&r->parts);
        TAILQ_REMOVE(&r->parts, rp, link);
        TAILQ_INSERT_TAIL(&r->parts, rp, link);
        int bound = left < RECORDS_A_VISIT ? left : RECORDS_A_VISIT;
        int taken = read_part(r, &rp->part, bound);
        quiet = taken < bound ? quiet + 1 : 0;
        left -= taken;
    }
    return left <= 0;
}

static bool drain(void *ctx)
{
    struct kafka_reader *r = ctx;
    rd_kafka_event_t *ev = NULL;
    for (int i = 0; i < EVENTS_A_TURN && (ev = rd_kafka_queue_poll(r->client.queue, 0)); i++) {
        kafka_client_common_event(&r->client, ev);
        rd_kafka_event_destroy(ev);
    }
    return drain_records(r) || ev != NULL;
}

/* -------- positions -------- */

static struct kafka_part *find_part(const struct kafka_reader *r, const char *topic, int32_t partition)
{
    struct reader_part *rp;
    TAILQ_FOREACH(rp, &r->parts, link)
        if (rp->part.partition == partition && strcmp(rp->part.topic, topic) == 0)
            return &rp->part;
    return NULL;
}

static struct kafka_part *add_part(struct kafka_reader *r, const char *topic, int32_t partition)
{
    struct reader_part *rp = mem_zalloc(sizeof *rp);
    kafka_part_init(&rp->part, topic, partition);
    TAILQ_INSERT_TAIL(&r->parts, rp, link);
    r->part_count++;
    return &rp->part;
}

/* Failure is our bug: a partition assigned twice, or taken away when it was not there. */
static void change_assignment(struct kafka_reader *r, const struct kafka_part *part, bool add)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = part->next;
    rd_kafka_error_t *error =
        add ? rd_kafka_incremental_assign(r->client.rk, list) : rd_kafka_incremental_unassign(r->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    check(!error);
}

void kafka_reader_start(struct kafka_reader *r, const char *topic, int32_t partition, int64_t offset)
{
    struct kafka_part *part = find_part(r, topic, partition);
    if (!part)
        part = add_part(r, topic, partition);
    kafka_reader_stop(r, topic, partition);
    part->next = offset < 0 ? 0 : offset;
    part->from_earliest = part->next == 0;
    part->started = part->reading = true;
    kafka_part_open(part, &r->client);
    change_assignment(r, part, true);
}

void kafka_reader_stop(struct kafka_reader *r, const char *topic, int32_t partition)
{
    struct kafka_part *part = find_part(r, topic, partition);
    if (!part || !part->started)
        return;
    part->started = part->reading = false;
    change_assignment(r, part, false);
    kafka_part_close(part);
}

int64_t kafka_reader_known_end(const struct kafka_reader *r, const char *topic, int32_t partition)
{
    int64_t low, high;
    if (!find_part(r, topic, partition) ||
        rd_kafka_get_watermark_offsets(r->client.rk, topic, partition, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    return high < 0 ? -1 : high;
}

/* -------- the whole -------- */

static const struct kafka_property pinned[] = {
    {"group.id", "trueftp-reader"},
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "earliest"},
    {"isolation.level", "read_committed"},
    {NULL, NULL},
};

enum err kafka_reader_new(const struct kafka_options *k, const struct kafka_reader_options *o, struct kafka_reader **out,
                          struct errmsg *why)
{
    char fetch_wait[16];
    snprintf(fetch_wait, sizeof fetch_wait, "%d", o->fetch_wait_ms);
    const struct kafka_property tunable[] = {
        {"fetch.wait.max.ms", fetch_wait},
        {"fetch.error.backoff.ms", "200"},
        {"queued.min.messages", "20000"}, /* per partition */
        {"queued.max.messages.kbytes", "2048"},
        {"allow.auto.create.topics", "false"},
        {NULL, NULL},
    };
    struct kafka_reader *r = mem_zalloc(sizeof *r);
    TAILQ_INIT(&r->parts);
    r->options = *o;
    if (r->options.poll_bound <= 0 || r->options.poll_bound > 1000000)
        r->options.poll_bound = 512;
    rd_kafka_conf_t *conf;
    enum err err = kafka_conf_new(k, tunable, pinned, &conf, why);
    if (err == ERR_OK)
        err = kafka_client_init(&r->client, k, RD_KAFKA_CONSUMER, "reader", conf, drain, r, why);
    if (err != ERR_OK) {
        free(r);
        return err;
    }
    *out = r;
    return ERR_OK;
}

void kafka_reader_free(struct kafka_reader *r)
{
    if (!r)
        return;
    struct reader_part *rp;
    while ((rp = TAILQ_FIRST(&r->parts))) {
        TAILQ_REMOVE(&r->parts, rp, link);
        kafka_part_done(&rp->part);
        free(rp);
    }
    rd_kafka_destroy_flags(kafka_client_take(&r->client), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(r);
}
