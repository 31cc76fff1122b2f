/* Producing, idempotent and with acks=all.
 *
 * message.timeout.ms is 0, which is infinite: a record stays with librdkafka until the broker has answered for it. A
 * limit would only give records back that the caller must produce again at once, as new messages, and a message that
 * timed out while it may have been written makes the idempotent producer fatal. What waits is bounded by the callers, who
 * keep one record outstanding per delivery.
 *
 * A fatal error ends a librdkafka handle (the broker lost the producer's sequence, for one). It is then purged, which answers
 * every record it still has; they go back as ERR_AGAIN. Once it is empty it is destroyed, on a thread since that waits for
 * librdkafka's own, and a new one is made after a pause that grows while handles die young. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/kafka_internal.h"
#include "util/log.h"
#include "util/mem.h"

#define ACKS_A_TURN 1024
#define REVIVE_MIN_MS 100
#define REVIVE_MAX_MS 10000
#define OLD_AGE_MS 60000 /* a handle that lived this long did not die young */

struct producer_topic {
    char *name;
    rd_kafka_topic_t *rkt;
};

struct kafka_producer {
    struct kafka_options shared; /* the strings are ours */
    struct kafka_producer_options options;
    struct kafka_client client; /* when alive or dying */
    enum {
        PRODUCER_ALIVE,
        PRODUCER_DYING, /* purged; ends when nothing is outstanding */
        PRODUCER_NONE,  /* ends with the timer */
    } state;
    struct producer_topic *topics; /* of this handle */
    size_t topic_count;
    int outstanding;
    int64_t born_ms;
    int64_t revive_ms;
    struct loop_timer *revive;
    pthread_t reaper;
    bool reaping;
};

static enum err start_handle(struct kafka_producer *p, struct errmsg *why);

/* -------- the handle's life -------- */

static void *reap(void *rk)
{
    rd_kafka_destroy(rk);
    return NULL;
}

static rd_kafka_t *release_handle(struct kafka_producer *p)
{
    for (size_t i = 0; i < p->topic_count; i++) {
        rd_kafka_topic_destroy(p->topics[i].rkt);
        free(p->topics[i].name);
    }
    free(p->topics);
    p->topics = NULL;
    p->topic_count = 0;
    p->state = PRODUCER_NONE;
    return kafka_client_take(&p->client);
}

static void join_reaper(struct kafka_producer *p)
{
    if (p->reaping)
        pthread_join(p->reaper, NULL);
    p->reaping = false;
}

/* The dying handle has answered for all it had. */
static void bury(struct kafka_producer *p)
{
    rd_kafka_t *rk = release_handle(p);
    join_reaper(p); /* the one before: done long ago, as a rule */
    p->reaping = pthread_create(&p->reaper, NULL, reap, rk) == 0;
    if (!p->reaping)
        rd_kafka_destroy(rk);
    if (loop_now(p->shared.loop) - p->born_ms >= OLD_AGE_MS)
        p->revive_ms = REVIVE_MIN_MS;
    loop_timer_arm(p->revive, p->revive_ms);
    p->revive_ms = p->revive_ms * 2 > REVIVE_MAX_MS ? REVIVE_MAX_MS : p->revive_ms * 2;
}

static void on_revive(void *ctx)
{
    struct kafka_producer *p = ctx;
    struct errmsg why;
    if (start_handle(p, &why) == ERR_OK)
        return;
    log_error("kafka_producer_not_made", LOG_STR("message", why.text));
    loop_timer_arm(p->revive, REVIVE_MAX_MS);
}

static void die(struct kafka_producer *p)
{
    if (p->state != PRODUCER_ALIVE)
        return;
    log_warn("kafka_producer_recreated", LOG_INT("outstanding", p->outstanding));
    p->state = PRODUCER_DYING;
    rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

/* -------- acknowledgements -------- */

/* Of a record that librdkafka has taken. What is not known to be hopeless is worth another try. */
static enum err outcome(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERR_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return ERR_TOO_BIG;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: /* the topic's name is not a valid one */
        return ERR_INVALID;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return ERR_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return ERR_REFUSED;
    default:
        return ERR_AGAIN;
    }
}

static int take_acks(struct kafka_producer *p, rd_kafka_event_t *ev)
{
    int count = 0;
    const rd_kafka_message_t *m;
    while ((m = rd_kafka_event_message_next(ev))) {
        p->outstanding--;
        count++;
        p->options.on_ack(p->options.ctx, m->_private, outcome(m->err), m->partition, m->err || m->offset < 0 ? -1 : m->offset);
    }
    return count;
}

static bool drain(void *ctx)
{
    struct kafka_producer *p = ctx;
    int acks = 0;
    rd_kafka_event_t *ev = NULL;
    while (acks < ACKS_A_TURN && (ev = rd_kafka_queue_poll(p->client.queue, 0))) {
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
            acks += take_acks(p, ev);
        else if (kafka_client_common_event(&p->client, ev) && rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR &&
                 rd_kafka_event_error_is_fatal(ev))
            die(p);
        else
            acks++; /* whatever it is counts towards the bound */
        rd_kafka_event_destroy(ev);
    }
    return ev != NULL;
}

/* Buries from outside the drain, which still reads the queue. */
static bool each_turn(void *ctx)
{
    struct kafka_producer *p = ctx;
    if (p->state == PRODUCER_DYING && p->outstanding == 0)
        loop_timer_arm(p->revive, 0);
    return false;
}

/* -------- producing -------- */

static const struct kafka_property pinned[] = {
    {"enable.idempotence", "true"},          {"acks", "all"}, {"message.timeout.ms", "0"},
    {"delivery.report.only.error", "false"}, {NULL, NULL},
};

static enum err start_handle(struct kafka_producer *p, struct errmsg *why)
{
    char linger[16];
    snprintf(linger, sizeof linger, "%d", p->options.linger_ms);
    const struct kafka_property tunable[] = {
        {"linger.ms", linger},
        {"message.max.bytes", "2097152"}, /* the largest delivery record; the topics' own limits are below or equal */
        {"batch.num.messages", "1000"},   /* also how many acknowledgements come in one piece */
        {"batch.size", "524288"}, /* a topic's max.message.bytes counts for a whole batch: below the least, that of events */
        {"queue.buffering.max.kbytes", "131072"},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf;
    enum err err = kafka_conf_new(&p->shared, tunable, pinned, &conf, why);
    if (err == ERR_OK)
        err = kafka_client_init(&p->client, &p->shared, RD_KAFKA_PRODUCER, "producer", conf, drain, p, why);
    if (err != ERR_OK)
        return err;
    p->client.idle_drain = each_turn;
    p->state = PRODUCER_ALIVE;
    p->born_ms = loop_now(p->shared.loop);
    return ERR_OK;
}

static rd_kafka_topic_t *topic_handle(struct kafka_producer *p, const char *name)
{
    for (size_t i = 0; i < p->topic_count; i++)
        if (strcmp(p->topics[i].name, name) == 0)
            return p->topics[i].rkt;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(p->client.rk, name, NULL);
    if (!rkt)
        return NULL;
    p->topics = mem_array(p->topics, p->topic_count + 1, sizeof *p->topics);
    p->topics[p->topic_count++] = (struct producer_topic){mem_strdup(name), rkt};
    return rkt;
}

static int copy_flag(const struct kafka_producer *p)
{
    return p->options.values_kept ? 0 : RD_KAFKA_MSG_F_COPY;
}

/* The less travelled way: headers cost a list of librdkafka's. */
static rd_kafka_resp_err_t produce_with_headers(struct kafka_producer *p, rd_kafka_topic_t *rkt, int32_t partition,
                                                struct slice key, struct slice value, const struct kafka_header *headers,
                                                int count, void *opaque)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new((size_t)count);
    for (int i = 0; i < count; i++)
        rd_kafka_header_add(list, headers[i].name.p, (ssize_t)headers[i].name.len, headers[i].value.p,
                            (ssize_t)headers[i].value.len);
    rd_kafka_resp_err_t err =
        rd_kafka_producev(p->client.rk, RD_KAFKA_V_RKT(rkt), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(copy_flag(p)),
                          RD_KAFKA_V_KEY(key.p, key.len), RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.len),
                          RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    if (err)
        rd_kafka_headers_destroy(list);
    return err;
}

enum err kafka_produce(struct kafka_producer *p, const char *topic, int32_t partition, struct slice key, struct slice value,
                       const struct kafka_header *headers, int header_count, void *opaque)
{
    if (p->state != PRODUCER_ALIVE)
        return ERR_AGAIN;
    rd_kafka_topic_t *rkt = topic_handle(p, topic);
    if (!rkt)
        return ERR_INVALID;
    rd_kafka_resp_err_t err;
    if (header_count > 0)
        err = produce_with_headers(p, rkt, partition, key, value, headers, header_count, opaque);
    else if (rd_kafka_produce(rkt, partition, copy_flag(p), (void *)(uintptr_t)value.p, value.len, key.p, key.len, opaque) == 0)
        err = RD_KAFKA_RESP_ERR_NO_ERROR;
    else
        err = rd_kafka_last_error();
    if (err == RD_KAFKA_RESP_ERR__FATAL)
        die(p);
    if (err)
        return outcome(err);
    p->outstanding++;
    return ERR_OK;
}

int kafka_producer_outstanding(const struct kafka_producer *p)
{
    return p->outstanding;
}

/* -------- the whole -------- */

static void on_timer(void *ctx)
{
    struct kafka_producer *p = ctx;
    if (p->state == PRODUCER_DYING)
        bury(p);
    else
        on_revive(p);
}

static void free_options(struct kafka_options *k)
{
    free((char *)(uintptr_t)k->brokers);
    free((char *)(uintptr_t)k->config_file);
    free((char *)(uintptr_t)k->client_id);
    free((char *)(uintptr_t)k->metrics_prefix);
}

enum err kafka_producer_new(const struct kafka_options *k, const struct kafka_producer_options *o, struct kafka_producer **out,
                            struct errmsg *why)
{
    struct kafka_producer *p = mem_zalloc(sizeof *p);
    p->shared = (struct kafka_options){
        .loop = k->loop,
        .brokers = mem_strdup(k->brokers ? k->brokers : ""),
        .config_file = mem_strdup(k->config_file ? k->config_file : ""),
        .client_id = mem_strdup(k->client_id ? k->client_id : ""),
        .metrics = k->metrics,
        .metrics_prefix = mem_strdup(k->metrics_prefix ? k->metrics_prefix : "trueftp"),
    };
    p->options = *o;
    p->revive_ms = REVIVE_MIN_MS;
    enum err err = start_handle(p, why);
    if (err != ERR_OK) {
        free_options(&p->shared);
        free(p);
        return err;
    }
    p->revive = loop_timer_new(k->loop, on_timer, p);
    *out = p;
    return ERR_OK;
}

void kafka_producer_free(struct kafka_producer *p)
{
    if (!p)
        return;
    join_reaper(p);
    loop_timer_free(p->revive);
    if (p->state != PRODUCER_NONE) {
        rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        rd_kafka_destroy(release_handle(p));
    }
    free_options(&p->shared);
    free(p);
}
