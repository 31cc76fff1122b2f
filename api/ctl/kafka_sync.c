/* The handles, and what is asked of the cluster's metadata. librdkafka logs nothing: its last error is kept and told when a
 * call fails. */
#include "ctl/kafka_sync_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/kafka_internal.h"
#include "util/mem.h"

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka_sync *k = opaque;
    (void)rk;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !*k->complaint.text) { /* that one says less than those before it */
        (void)errmsg_set(&k->complaint, ERR_OK, "%.400s", reason);
    }
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka_sync *k = opaque;
    struct kafka_sync_ack *ack = m->_private;
    (void)rk;
    *ack = (struct kafka_sync_ack){m->err, m->partition, m->offset};
    if (m->err && !k->send_error) {
        k->send_error = m->err;
    }
}

enum err kafka_sync_handle(struct kafka_sync *k, rd_kafka_type_t type, const struct kafka_property *tunable,
                           const struct kafka_property *pinned, rd_kafka_t **out, struct errmsg *why)
{
    struct kafka_options options = {.brokers = k->brokers, .config_file = k->config_file, .client_id = "trueftpctl"};
    rd_kafka_conf_t *conf = NULL;
    char text[400];
    enum err err = kafka_conf_new(&options, tunable, pinned, &conf, why);
    if (err != ERR_OK) {
        return err;
    }
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (type == RD_KAFKA_PRODUCER) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return errmsg_set(why, ERR_INVALID, "kafka: %s", text);
    }
    *out = rk;
    return ERR_OK;
}

enum err kafka_sync_open(const char *brokers, const char *config_file, int64_t timeout_ms, struct kafka_sync **out,
                         struct errmsg *why)
{
    /* fetch.wait.max.ms is short since an end is to be seen soon; the embedded broker answers no earlier. */
    static const struct kafka_property tunable[] = {
        {"allow.auto.create.topics", "false"}, {"fetch.wait.max.ms", "20"}, {NULL, NULL}};
    static const struct kafka_property pinned[] = {{"group.id", "trueftpctl"}, /* assigning wants one; it is never joined */
                                                   {"enable.auto.commit", "false"},
                                                   {"enable.auto.offset.store", "false"},
                                                   {"enable.partition.eof", "true"},
                                                   {"auto.offset.reset", "earliest"},
                                                   {NULL, NULL}};
    struct kafka_sync *k = mem_zalloc(sizeof *k);
    k->brokers = mem_strdup(brokers);
    k->config_file = mem_strdup(config_file);
    k->timeout_ms = timeout_ms;
    enum err err = kafka_sync_handle(k, RD_KAFKA_CONSUMER, tunable, pinned, &k->consumer, why);
    if (err != ERR_OK) {
        kafka_sync_close(k);
        return err;
    }
    (void)rd_kafka_poll_set_consumer(k->consumer);
    *out = k;
    return ERR_OK;
}

void kafka_sync_close(struct kafka_sync *k)
{
    if (k->producer) {
        rd_kafka_destroy(k->producer);
    }
    if (k->consumer) {
        rd_kafka_destroy_flags(k->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); /* it is in no group */
    }
    free(k->brokers);
    free(k->config_file);
    free(k);
}

static bool is_absence(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR__RESOLVE || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
}

static enum err kind_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return ERR_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return ERR_EXISTS;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return ERR_TOO_BIG;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return ERR_REFUSED;
    default:
        return ERR_INVALID;
    }
}

/* Errors wait on the handles' queues until those are polled; a consumer's come as messages without a topic. */
static void hear_complaints(struct kafka_sync *k)
{
    rd_kafka_message_t *m = k->consumer ? rd_kafka_consumer_poll(k->consumer, 0) : NULL;
    for (int bound = 100; m && bound > 0; bound--) {
        rd_kafka_message_destroy(m);
        m = rd_kafka_consumer_poll(k->consumer, 0);
    }
    if (m) {
        rd_kafka_message_destroy(m);
    }
    if (k->producer) {
        (void)rd_kafka_poll(k->producer, 0);
    }
}

enum err kafka_sync_failed(struct kafka_sync *k, rd_kafka_resp_err_t code, const char *what, const char *text, struct errmsg *why)
{
    if (!is_absence(code)) {
        return errmsg_set(why, kind_of(code), "%s: %.300s", what, text && *text ? text : rd_kafka_err2str(code));
    }
    hear_complaints(k);
    if (!*k->complaint.text && text) {
        (void)errmsg_set(&k->complaint, ERR_OK, "%.200s", text);
    }
    return errmsg_set(why, ERR_AGAIN, "%s: Kafka (%.100s) did not answer within %" PRId64 " s%s%.200s", what, k->brokers,
                      k->timeout_ms / 1000, *k->complaint.text ? ": " : "", k->complaint.text);
}

/* All topics are asked for: naming one that is not there makes some brokers create it. */
static enum err ask(struct kafka_sync *k, const struct rd_kafka_metadata **out, struct errmsg *why)
{
    rd_kafka_resp_err_t code = rd_kafka_metadata(k->consumer, 1, NULL, out, (int)k->timeout_ms);
    return code ? kafka_sync_failed(k, code, "cannot ask for the cluster's topics", NULL, why) : ERR_OK;
}

enum err kafka_sync_brokers(struct kafka_sync *k, int *count, struct errmsg *why)
{
    const struct rd_kafka_metadata *metadata = NULL;
    enum err err = ask(k, &metadata, why);
    if (err == ERR_OK) {
        *count = metadata->broker_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    return err;
}

static struct kafka_sync_topic describe_topic(const struct rd_kafka_metadata_topic *t)
{
    struct kafka_sync_topic out = {.partitions = t->partition_cnt, .replication_factor = 0, .ready = t->partition_cnt > 0};
    for (int i = 0; i < t->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &t->partitions[i];
        if (i == 0 || p->replica_cnt < out.replication_factor) {
            out.replication_factor = p->replica_cnt;
        }
        out.ready = out.ready && p->leader >= 0;
    }
    return out;
}

enum err kafka_sync_topic(struct kafka_sync *k, const char *topic, struct kafka_sync_topic *out, struct errmsg *why)
{
    const struct rd_kafka_metadata *metadata = NULL;
    enum err err = ask(k, &metadata, why);
    if (err != ERR_OK) {
        return err;
    }
    err = ERR_NOT_FOUND;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, topic) == 0) {
            *out = describe_topic(&metadata->topics[i]);
            err = out->partitions > 0 ? ERR_OK : ERR_NOT_FOUND;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return err == ERR_OK ? ERR_OK : errmsg_set(why, err, "there is no topic %s (`trueftpctl topics ensure` makes it)", topic);
}
