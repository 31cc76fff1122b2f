/* After a fork librdkafka's threads are missing in the child, so a client is of use to the process alone that made it: the child
 * leaves its copy as it lies (nothing of it can be freed without those threads) and makes another from the same configuration.
 *
 * Which partition: the topic's partitioner, a callback, finds it from the record's key when librdkafka knows how many there are.
 */
#include "producer/lib/kafka_link.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "model/partition.h"
#include "model/topics.h"
#include "producer/lib/event_form.h"

#define DEFAULT_OUTSTANDING 10000
#define MAX_OUTSTANDING 1000000
#define FLUSH_STEP_MS 100
#define MAKING ((pid_t)-1) /* of kafka_link.pid: a thread is making the client */

struct kafka_link {
    _Atomic(rd_kafka_t *) rk; /* of process `pid`; NULL: could not be made */
    _Atomic pid_t pid;
    atomic_int outstanding; /* in this process */
    rd_kafka_conf_t *conf;  /* what clients are made from */
    char topic[TOPIC_NAME_SIZE];
    void (*acknowledged)(void *ctx, void *opaque, const char *event_id, int error);
    void (*log)(void *ctx, int level, const char *line);
    void *ctx;
};

/* An event on its way. */
struct flight {
    void *opaque;
    char event_id[UUID_TEXT_SIZE];
};

/* -------- librdkafka's callbacks -------- */

/* The key is account_id/path, and an account id has no slash. */
static int32_t pick_partition(const rd_kafka_topic_t *rkt, const void *key, size_t key_len, int32_t count, void *rkt_opaque,
                              void *message_opaque)
{
    const char *slash = key_len > 0 ? memchr(key, '/', key_len) : NULL;
    int32_t partition;
    (void)rkt;
    (void)rkt_opaque;
    (void)message_opaque;
    if (!slash)
        return RD_KAFKA_PARTITION_UA;
    size_t account_len = (size_t)(slash - (const char *)key);
    return partition_find(slice_of(key, account_len), slice_of(slash, key_len - account_len), count, &partition) == ERR_OK
               ? partition
               : RD_KAFKA_PARTITION_UA;
}

static int fate(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return TRUEFTP_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return TRUEFTP_ERR_REFUSED;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return TRUEFTP_ERR_FULL;
    default:
        return TRUEFTP_ERR_CLOSED;
    }
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *ctx)
{
    struct kafka_link *k = ctx;
    struct flight *flight = message->_private;
    (void)rk;
    atomic_fetch_sub(&k->outstanding, 1);
    if (k->acknowledged)
        k->acknowledged(k->ctx, flight->opaque, flight->event_id, fate(message->err));
    free(flight);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *line)
{
    const struct kafka_link *k = rd_kafka_opaque(rk);
    (void)facility;
    if (k && k->log)
        k->log(k->ctx, level, line);
}

/* -------- configuration -------- */

static const char *const refused[] = {"acks",
                                      "request.required.acks",
                                      "enable.idempotence",
                                      "enable.gapless.guarantee",
                                      "transactional.id",
                                      "message.timeout.ms",
                                      "delivery.timeout.ms",
                                      "retries",
                                      "message.send.max.retries",
                                      "delivery.report.only.error",
                                      "partitioner",
                                      "partitioner_cb",
                                      "dr_cb",
                                      "dr_msg_cb",
                                      "log_cb",
                                      "opaque",
                                      "default_topic_conf",
                                      "log.queue",
                                      "enabled_events",
                                      "bootstrap.servers",
                                      "metadata.broker.list"};

static bool is_refused(const char *name)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (strcmp(refused[i], name) == 0)
            return true;
    }
    return false;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, char *why, size_t why_size)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return TRUEFTP_OK;
    snprintf(why, why_size, "%s: %s", name, text);
    return TRUEFTP_ERR_INVALID;
}

static int set_properties(rd_kafka_conf_t *conf, const char *const *list, char *why, size_t why_size)
{
    int result = TRUEFTP_OK;
    for (; list && *list && result == TRUEFTP_OK; list += 2) {
        if (!list[1] || is_refused(list[0])) {
            snprintf(why, why_size, "%s: %s", list[0], list[1] ? "is set by the library" : "has no value");
            return TRUEFTP_ERR_INVALID;
        }
        result = set(conf, list[0], list[1], why, why_size);
    }
    return result;
}

static int set_all(struct kafka_link *k, const struct trueftp_config *config, char *why, size_t why_size)
{
    char outstanding[16];
    int count = config->max_outstanding ? config->max_outstanding : DEFAULT_OUTSTANDING;
    snprintf(outstanding, sizeof(outstanding), "%d", count);
    /* The events topic's max.message.bytes counts for a whole batch: the default of batch.size is above it. */
    const char *const ours[] = {"client.id",
                                "libtrueftp-producer",
                                "reconnect.backoff.max.ms",
                                "1000",
                                "queue.buffering.max.kbytes",
                                "131072",
                                "batch.size",
                                "524288",
                                NULL};
    const char *const pinned[] = {
        "queue.buffering.max.messages", outstanding, "enable.idempotence", "true",          "acks", "all",
        "message.timeout.ms",           "0",         "bootstrap.servers",  config->brokers, NULL};
    int result = set_properties(k->conf, ours, why, why_size);
    if (result == TRUEFTP_OK)
        result = set_properties(k->conf, config->kafka_properties, why, why_size);
    for (size_t i = 0; pinned[i] && result == TRUEFTP_OK; i += 2)
        result = set(k->conf, pinned[i], pinned[i + 1], why, why_size);
    if (result != TRUEFTP_OK)
        return result;
    rd_kafka_topic_conf_t *topic = rd_kafka_conf_get_default_topic_conf(k->conf); /* there since message.timeout.ms was set */
    if (!topic)
        return TRUEFTP_ERR_NO_MEMORY;
    rd_kafka_topic_conf_set_partitioner_cb(topic, pick_partition);
    rd_kafka_conf_set_dr_msg_cb(k->conf, on_delivery);
    rd_kafka_conf_set_log_cb(k->conf, on_log);
    rd_kafka_conf_set_opaque(k->conf, k);
    return TRUEFTP_OK;
}

static const char *check_config(const struct trueftp_config *config)
{
    if (config->topic_prefix && !topic_prefix_valid(config->topic_prefix))
        return "topic_prefix: must be 1-64 of A-Z a-z 0-9 . _ -, and not begin with a dot";
    if (config->pool && *config->pool && !topic_pool_valid(config->pool))
        return "pool: must be 1-32 of a-z 0-9 -, and not \"dlq\"";
    if (config->max_outstanding < 0 || config->max_outstanding > MAX_OUTSTANDING)
        return "max_outstanding: must be 1 to 1000000";
    return NULL;
}

/* -------- the client -------- */

static rd_kafka_t *make_client(const struct kafka_link *k, char *why, size_t why_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(k->conf);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size);
    if (!rk)
        rd_kafka_conf_destroy(conf);
    return rk;
}

/* This process's client. NULL: there is none and it could not be made. */
static rd_kafka_t *client(struct kafka_link *k)
{
    pid_t me = getpid();
    pid_t seen = atomic_load(&k->pid);
    char why[256];
    while (seen != me) { /* after a fork */
        if (seen != MAKING && atomic_compare_exchange_strong(&k->pid, &seen, MAKING)) {
            atomic_store(&k->outstanding, 0);
            atomic_store(&k->rk, make_client(k, why, sizeof(why)));
            atomic_store(&k->pid, me);
        } else {
            sched_yield();
        }
        seen = atomic_load(&k->pid);
    }
    return atomic_load(&k->rk);
}

int kafka_link_new(const struct trueftp_config *config, struct kafka_link **out, char *why, size_t why_size)
{
    const char *wrong = check_config(config);
    if (wrong) {
        snprintf(why, why_size, "%s", wrong);
        return TRUEFTP_ERR_INVALID;
    }
    struct kafka_link *k = calloc(1, sizeof(*k));
    if (!k)
        return TRUEFTP_ERR_NO_MEMORY;
    bool pooled = config->pool && *config->pool;
    snprintf(k->topic, sizeof(k->topic), "%s.events%s%s", config->topic_prefix ? config->topic_prefix : "trueftp",
             pooled ? "." : "", pooled ? config->pool : "");
    k->acknowledged = config->acknowledged;
    k->log = config->log;
    k->ctx = config->ctx;
    k->conf = rd_kafka_conf_new();
    int result = set_all(k, config, why, why_size);
    if (result == TRUEFTP_OK) {
        atomic_store(&k->rk, make_client(k, why, why_size));
        result = atomic_load(&k->rk) ? TRUEFTP_OK : TRUEFTP_ERR_INVALID;
    }
    if (result != TRUEFTP_OK) {
        rd_kafka_conf_destroy(k->conf);
        free(k);
        return result;
    }
    atomic_store(&k->pid, getpid());
    *out = k;
    return TRUEFTP_OK;
}

void kafka_link_free(struct kafka_link *k)
{
    if (!k)
        return;
    rd_kafka_t *rk = atomic_load(&k->rk);
    if (atomic_load(&k->pid) == getpid() && rk) {
        rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        while (atomic_load(&k->outstanding) > 0)
            rd_kafka_poll(rk, FLUSH_STEP_MS);
        rd_kafka_destroy(rk);
    }
    rd_kafka_conf_destroy(k->conf);
    free(k);
}

/* -------- events -------- */

static int produce(struct kafka_link *k, rd_kafka_t *rk, const struct buf *key, const struct buf *value, struct slice trace,
                   struct flight *flight)
{
    rd_kafka_headers_t *headers = NULL;
    if (trace.len > 0) {
        headers = rd_kafka_headers_new(1);
        rd_kafka_header_add(headers, "traceparent", -1, trace.p, (ssize_t)trace.len);
    }
    atomic_fetch_add(&k->outstanding, 1);
    rd_kafka_resp_err_t err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(k->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                                RD_KAFKA_V_KEY(key->p, key->len), RD_KAFKA_V_VALUE(value->p, value->len),
                                                RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(flight), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return TRUEFTP_OK;
    atomic_fetch_sub(&k->outstanding, 1);
    if (headers)
        rd_kafka_headers_destroy(headers);
    return fate(err);
}

int kafka_link_publish(struct kafka_link *k, const struct spool_event *ev, void *opaque)
{
    struct event_fields fields;
    struct buf key, value;
    rd_kafka_t *rk = client(k);
    if (!rk)
        return TRUEFTP_ERR_CLOSED;
    struct flight *flight = malloc(sizeof(*flight));
    if (!flight)
        return TRUEFTP_ERR_NO_MEMORY;
    flight->opaque = opaque;
    uuid_format(&ev->id, flight->event_id);
    buf_init(&key, TRUEFTP_ACCOUNT_MAX + TRUEFTP_PATH_MAX + 1);
    buf_init(&value, EVENT_MAX_BYTES);
    event_form_fields(ev, &fields);
    event_key(&key, &fields);
    event_write(&value, &fields);
    int result = key.err == ERR_NO_MEMORY || value.err == ERR_NO_MEMORY ? TRUEFTP_ERR_NO_MEMORY : TRUEFTP_ERR_REFUSED;
    if (key.err == ERR_OK && value.err == ERR_OK)
        result = produce(k, rk, &key, &value, ev->fields[SPOOL_TRACEPARENT], flight);
    if (result != TRUEFTP_OK)
        free(flight);
    buf_done(&key);
    buf_done(&value);
    return result;
}

int kafka_link_poll(struct kafka_link *k, int timeout_ms)
{
    rd_kafka_t *rk = client(k);
    int before = atomic_load(&k->outstanding);
    if (!rk)
        return 0;
    rd_kafka_poll(rk, timeout_ms < 0 ? 0 : timeout_ms);
    int after = atomic_load(&k->outstanding);
    return before > after ? before - after : 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 : 0;
}

int kafka_link_flush(struct kafka_link *k, int timeout_ms)
{
    rd_kafka_t *rk = client(k);
    int64_t deadline_ms = now_ms() + timeout_ms;
    while (rk && atomic_load(&k->outstanding) > 0) {
        int64_t left_ms = timeout_ms < 0 ? FLUSH_STEP_MS : deadline_ms - now_ms();
        if (left_ms <= 0)
            return TRUEFTP_ERR_TIMEOUT;
        rd_kafka_flush(rk, left_ms < FLUSH_STEP_MS ? (int)left_ms : FLUSH_STEP_MS);
    }
    return TRUEFTP_OK;
}

int kafka_link_outstanding(struct kafka_link *k)
{
    return client(k) ? atomic_load(&k->outstanding) : 0;
}
