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

static rd_kafka_resp_err_t produce(struct kafka_sync *k, const char *topic, int32_t partition, struct slice key,
                                   struct slice value, struct kafka_sync_ack *ack)
{
    return rd_kafka_producev(k->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                             RD_KAFKA_V_KEY(key.p, key.len), RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.len),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(ack), RD_KAFKA_V_END);
}

enum err kafka_sync_send(struct kafka_sync *k, const char *topic, int32_t partition, struct slice key, struct slice value,
                         struct kafka_sync_ack *ack, struct errmsg *why)
{
    enum err err = start_producer(k, why);
    if (err != ERR_OK) {
        return err;
    }
    *ack = (struct kafka_sync_ack){RD_KAFKA_RESP_ERR__IN_PROGRESS, -1, -1};
    rd_kafka_resp_err_t code = produce(k, topic, partition, key, value, ack);
    /* Whatever is queued leaves it within message.timeout.ms, so this ends. */
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(k->producer, POLL_MS);
        code = produce(k, topic, partition, key, value, ack);
    }
    (void)rd_kafka_poll(k->producer, 0);
    return code ? kafka_sync_failed(k, code, topic, NULL, why) : ERR_OK;
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
