/* Writing. */
#include <stdio.h>

#include "ctl/kafka_sync_internal.h"
#include "io/kafka_internal.h"
#include "util/clock.h"

#define POLL_MS 100

static enum err start_producer(struct kafka_sync *k, struct errmsg *why)
{
    char timeout[24];
    (void)snprintf(timeout, sizeof timeout, "%lld", (long long)k->timeout_ms);
    /* The largest delivery record and event fit; the topic's own limit decides. */
    static const struct kafka_property tunable[] = {{"message.max.bytes", "2097152"}, {"linger.ms", "5"}, {NULL, NULL}};
    const struct kafka_property pinned[] = {
        {"enable.idempotence", "true"}, {"acks", "all"}, {"message.timeout.ms", timeout}, {NULL, NULL}};
    return k->producer ? ERR_OK : kafka_sync_handle(k, RD_KAFKA_PRODUCER, tunable, pinned, &k->producer, why);
}

/* One record on its way into the queue. */
struct record {
    const char *topic;
    int32_t partition;
    struct slice key, value;
    const struct kafka_sync_header *headers;
    int header_count;
};

static rd_kafka_resp_err_t produce(struct kafka_sync *k, const struct record *rec, struct kafka_sync_ack *ack)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t)rec->header_count);
    for (int i = 0; i < rec->header_count; i++) {
        check(
            !rd_kafka_header_add(headers, rec->headers[i].name, -1, rec->headers[i].value.p, (ssize_t)rec->headers[i].value.len));
    }
    rd_kafka_resp_err_t code = rd_kafka_producev(
        k->producer, RD_KAFKA_V_TOPIC(rec->topic), RD_KAFKA_V_PARTITION(rec->partition), RD_KAFKA_V_KEY(rec->key.p, rec->key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)rec->value.p, rec->value.len), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(ack), RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(headers);
    }
    return code;
}

enum err kafka_sync_send_with(struct kafka_sync *k, const char *topic, int32_t partition, struct slice key, struct slice value,
                              const struct kafka_sync_header *headers, int header_count, struct kafka_sync_ack *ack,
                              struct errmsg *why)
{
    const struct record rec = {topic, partition, key, value, headers, header_count};
    enum err err = start_producer(k, why);
    if (err != ERR_OK) {
        return err;
    }
    *ack = (struct kafka_sync_ack){RD_KAFKA_RESP_ERR__IN_PROGRESS, -1, -1};
    rd_kafka_resp_err_t code = produce(k, &rec, ack);
    /* Whatever is queued leaves it within message.timeout.ms, so this ends. */
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(k->producer, POLL_MS);
        code = produce(k, &rec, ack);
    }
    (void)rd_kafka_poll(k->producer, 0);
    return code ? kafka_sync_failed(k, code, topic, NULL, why) : ERR_OK;
}

enum err kafka_sync_send(struct kafka_sync *k, const char *topic, int32_t partition, struct slice key, struct slice value,
                         struct kafka_sync_ack *ack, struct errmsg *why)
{
    return kafka_sync_send_with(k, topic, partition, key, value, NULL, 0, ack, why);
}

enum err kafka_sync_flush(struct kafka_sync *k, struct errmsg *why)
{
    while (k->producer && rd_kafka_outq_len(k->producer) > 0) {
        (void)rd_kafka_poll(k->producer, POLL_MS);
    }
    rd_kafka_resp_err_t code = k->send_error;
    k->send_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    return code ? kafka_sync_failed(k, code, "cannot write", NULL, why) : ERR_OK;
}
