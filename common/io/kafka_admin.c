/* Questions to the cluster: the handle, and committed offsets. What is asked about topics: kafka_admin_topic.c.
 *
 * Committed offsets are asked for with rd_kafka_committed, which waits for its answer, so on a thread, and with a handle that has
 * the group's name, kept for the next question. librdkafka's asynchronous way (rd_kafka_ListConsumerGroupOffsets) ends the
 * process in 2.0.2 when the coordinator moves, or the connection ends, while it is under way: the request is sent again, and
 * answered, after its question was freed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/kafka_admin_internal.h"
#include "util/log.h"
#include "util/mem.h"

#define EVENTS_A_TURN 64
#define SLICE_MS 500 /* how long freeing may have to wait */
#define PAUSE_MS 100 /* after an error that came at once */

typedef void committed_fn(void *ctx, enum err err, const struct kafka_committed *committed, int count);

/* Asks for one group, and is no member of it. */
struct group_handle {
    char *id;
    rd_kafka_t *rk;
    LIST_ENTRY(group_handle) link;
};

struct committed_question {
    struct kafka_admin *admin;
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *list;
    committed_fn *fn;
    void *ctx;
    pthread_t thread;
    _Atomic bool cancelled;
    _Atomic bool done; /* the thread's last word; err and list are set before */
    enum err err;
    LIST_ENTRY(committed_question) link;
};

enum err kafka_admin_outcome(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERR_OK;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        return ERR_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
        return ERR_INVALID;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return ERR_REFUSED;
    default:
        return ERR_AGAIN;
    }
}

/* -------- committed offsets -------- */

static rd_kafka_t *handle_of(struct kafka_admin *a, const char *group_id)
{
    struct group_handle *g;
    char text[256];
    LIST_FOREACH(g, &a->groups, link)
        if (strcmp(g->id, group_id) == 0)
            return g->rk;
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(a->conf);
    rd_kafka_conf_set_log_cb(conf, NULL); /* the other handle says what is to be said of the brokers */
    rd_kafka_t *rk = NULL;
    if (rd_kafka_conf_set(conf, "group.id", group_id, text, sizeof text) == RD_KAFKA_CONF_OK)
        rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!rk) {
        log_error("kafka_group_not_asked", LOG_STR("group", group_id), LOG_STR("message", text));
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    g = mem_alloc(sizeof *g);
    *g = (struct group_handle){.id = mem_strdup(group_id), .rk = rk};
    LIST_INSERT_HEAD(&a->groups, g, link);
    return rk;
}

static void *ask_committed(void *arg)
{
    struct committed_question *q = arg;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    int64_t waited_ms = 0;
    q->err = q->rk ? ERR_AGAIN : ERR_INVALID;
    while (q->err == ERR_AGAIN && waited_ms < KAFKA_ADMIN_WITHIN_MS && !atomic_load(&q->cancelled)) {
        rd_kafka_resp_err_t err = rd_kafka_committed(q->rk, q->list, SLICE_MS);
        q->err = kafka_admin_outcome(err);
        waited_ms += err == RD_KAFKA_RESP_ERR__TIMED_OUT ? SLICE_MS : PAUSE_MS;
        if (q->err == ERR_AGAIN && err != RD_KAFKA_RESP_ERR__TIMED_OUT)
            (void)nanosleep(&pause, NULL);
    }
    atomic_store(&q->done, true);
    kafka_client_kick(&q->admin->client);
    return NULL;
}

void kafka_admin_committed(struct kafka_admin *a, const char *group_id, const char *topic, const int32_t *partitions, int count,
                           committed_fn *fn, void *ctx)
{
    struct committed_question *q = mem_zalloc(sizeof *q);
    q->admin = a;
    q->fn = fn;
    q->ctx = ctx;
    q->rk = handle_of(a, group_id);
    q->list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(q->list, topic, partitions[i]);
    LIST_INSERT_HEAD(&a->committed, q, link);
    check(pthread_create(&q->thread, NULL, ask_committed, q) == 0);
}

/* A partition's own error makes the whole answer one: half a set of positions is of no use. */
static enum err copy_committed(const rd_kafka_topic_partition_list_t *list, struct kafka_committed *out)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        if (at->err)
            return kafka_admin_outcome(at->err);
        out[i] = (struct kafka_committed){
            .partition = at->partition,
            .offset = at->offset < 0 ? -1 : at->offset,
            .metadata = at->metadata_size > 0 ? mem_dup(at->metadata, at->metadata_size) : mem_strdup(""),
        };
    }
    return ERR_OK;
}

static void call_with(struct committed_question *q, const rd_kafka_topic_partition_list_t *list)
{
    struct kafka_committed *out = mem_zalloc(((size_t)list->cnt + 1) * sizeof *out);
    enum err err = copy_committed(list, out);
    q->fn(q->ctx, err, out, err == ERR_OK ? list->cnt : 0);
    for (int i = 0; i < list->cnt; i++)
        free((char *)(uintptr_t)out[i].metadata);
    free(out);
}

static void forget(struct committed_question *q)
{
    pthread_join(q->thread, NULL);
    LIST_REMOVE(q, link);
    rd_kafka_topic_partition_list_destroy(q->list);
    free(q);
}

/* Answers those that the threads are done with. An answer may ask again. */
static void answer_committed(struct kafka_admin *a)
{
    struct committed_question *q, *next;
    for (q = LIST_FIRST(&a->committed); q; q = next) {
        next = LIST_NEXT(q, link);
        if (!atomic_load(&q->done))
            continue;
        if (q->err == ERR_OK)
            call_with(q, q->list);
        else
            q->fn(q->ctx, q->err, NULL, 0);
        forget(q);
    }
}

/* -------- the whole -------- */

static bool drain(void *ctx)
{
    struct kafka_admin *a = ctx;
    kafka_admin_topic_turn(a);
    answer_committed(a);
    for (int i = 0; i < EVENTS_A_TURN; i++) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(a->client.queue, 0);
        if (!ev)
            return false;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT)
            kafka_admin_topic_described(a, ev);
        else
            kafka_client_common_event(&a->client, ev);
        rd_kafka_event_destroy(ev);
    }
    return true;
}

enum err kafka_admin_new(const struct kafka_options *k, struct kafka_admin **out, struct errmsg *why)
{
    /* A consumer without a group: unlike a producer's, its metadata requests do not make topics. */
    static const struct kafka_property tunable[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
    static const struct kafka_property pinned[] = {{NULL, NULL}};
    struct kafka_admin *a = mem_zalloc(sizeof *a);
    LIST_INIT(&a->topics);
    LIST_INIT(&a->committed);
    LIST_INIT(&a->groups);
    rd_kafka_conf_t *conf;
    enum err err = kafka_conf_new(k, tunable, pinned, &conf, why);
    if (err == ERR_OK)
        a->conf = rd_kafka_conf_dup(conf);
    if (err == ERR_OK)
        err = kafka_client_init(&a->client, k, RD_KAFKA_CONSUMER, "admin", conf, drain, a, why);
    if (err != ERR_OK) {
        if (a->conf)
            rd_kafka_conf_destroy(a->conf);
        free(a);
        return err;
    }
    *out = a;
    return ERR_OK;
}

void kafka_admin_free(struct kafka_admin *a)
{
    if (!a)
        return;
    struct committed_question *q;
    struct group_handle *g;
    LIST_FOREACH(q, &a->committed, link)
        atomic_store(&q->cancelled, true);
    while ((q = LIST_FIRST(&a->committed)))
        forget(q);
    kafka_admin_topic_join(a);
    rd_kafka_destroy(kafka_client_take(&a->client));
    while ((g = LIST_FIRST(&a->groups))) {
        LIST_REMOVE(g, link);
        rd_kafka_destroy_flags(g->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        free(g->id);
        free(g);
    }
    rd_kafka_conf_destroy(a->conf);
    kafka_admin_topic_free(a);
    free(a);
}
