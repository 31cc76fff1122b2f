/* Reading partitions to their ends, or on. */
#include <stdlib.h>
#include <string.h>

#include "ctl/kafka_sync_internal.h"
#include "util/clock.h"
#include "util/mem.h"

#define POLL_MS 100

enum err kafka_sync_positions(struct kafka_sync *k, const char *topic, int64_t offset, struct kafka_sync_position **out,
                              int *count, struct errmsg *why)
{
    struct kafka_sync_topic t;
    enum err err = kafka_sync_topic(k, topic, &t, why);
    if (err != ERR_OK) {
        return err;
    }
    struct kafka_sync_position *at = mem_array(NULL, (size_t)t.partitions, sizeof *at);
    for (int32_t i = 0; i < t.partitions; i++) {
        at[i] = (struct kafka_sync_position){i, offset};
    }
    *out = at;
    *count = t.partitions;
    return ERR_OK;
}

enum err kafka_sync_ends(struct kafka_sync *k, const char *topic, int32_t partition, int64_t *low, int64_t *high,
                         struct errmsg *why)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(k->consumer, topic, partition, low, high, (int)k->timeout_ms);
    return code ? kafka_sync_failed(k, code, topic, NULL, why) : ERR_OK;
}

/* One call of kafka_sync_read. */
struct reading {
    struct kafka_sync *k;
    const char *topic;
    struct kafka_sync_position *at;
    bool *ended;
    int count, left; /* partitions, and those whose end was not seen */
    bool (*fn)(void *ctx, const rd_kafka_message_t *m);
    void *ctx;
    bool stopped;
};

static int index_of(const struct reading *r, int32_t partition)
{
    for (int i = 0; i < r->count; i++) {
        if (r->at[i].partition == partition) {
            return i;
        }
    }
    return -1;
}

static enum err assign(struct reading *r, struct errmsg *why)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->count);
    for (int i = 0; i < r->count; i++) {
        rd_kafka_topic_partition_list_add(list, r->topic, r->at[i].partition)->offset = r->at[i].offset;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(r->k->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_sync_failed(r->k, code, r->topic, NULL, why) : ERR_OK;
}

static void end_of(struct reading *r, const rd_kafka_message_t *m)
{
    int i = index_of(r, m->partition);
    if (i >= 0 && !r->ended[i]) {
        r->ended[i] = true;
        r->at[i].offset = m->offset;
        r->left--;
    }
}

/* Errors of a broker or of a moment are left to librdkafka, which goes on trying; the timeout ends that. */
static enum err take(struct reading *r, const rd_kafka_message_t *m, struct errmsg *why)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        end_of(r, m);
        return ERR_OK;
    }
    if (m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || m->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || m->err == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
        m->err == RD_KAFKA_RESP_ERR__FATAL) {
        return kafka_sync_failed(r->k, m->err, r->topic, NULL, why);
    }
    if (m->err) {
        (void)errmsg_set(&r->k->complaint, ERR_OK, "%.400s", rd_kafka_message_errstr(m));
        return ERR_OK;
    }
    int i = index_of(r, m->partition);
    if (i >= 0) {
        r->at[i].offset = m->offset + 1;
        r->stopped = !r->fn(r->ctx, m);
    }
    return ERR_OK;
}

static enum err read_all(struct reading *r, bool follow, struct errmsg *why)
{
    int64_t deadline_ms = clock_mono_ms() + r->k->timeout_ms;
    enum err err = ERR_OK;
    while (err == ERR_OK && !r->stopped && (follow || r->left > 0)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->k->consumer, POLL_MS);
        if (m) {
            bool progress = !m->err || m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            err = take(r, m, why);
            rd_kafka_message_destroy(m);
            deadline_ms = progress ? clock_mono_ms() + r->k->timeout_ms : deadline_ms;
        }
        if (err == ERR_OK && r->left > 0 && clock_mono_ms() > deadline_ms) {
            err = kafka_sync_failed(r->k, RD_KAFKA_RESP_ERR__TIMED_OUT, r->topic, NULL, why);
        }
    }
    return err;
}

enum err kafka_sync_read(struct kafka_sync *k, const char *topic, struct kafka_sync_position *at, int count, bool follow,
                         bool (*fn)(void *ctx, const rd_kafka_message_t *m), void *ctx, struct errmsg *why)
{
    struct reading r = {.k = k, .topic = topic, .at = at, .count = count, .left = count, .fn = fn, .ctx = ctx};
    r.ended = mem_zalloc((size_t)count + 1);
    enum err err = assign(&r, why);
    if (err == ERR_OK) {
        err = read_all(&r, follow, why);
        (void)rd_kafka_assign(k->consumer, NULL);
    }
    free(r.ended);
    return err;
}
