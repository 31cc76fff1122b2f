/* Questions about topics.
 *
 * Partitions and replicas have no asynchronous way in librdkafka 2.0 (rd_kafka_metadata waits for its answer; describing topics
 * came with 2.3), and neither have the ends of partitions, so each of those questions has a short-lived thread that waits for it
 * and wakes the loop. Settings are then asked for with the admin interface. All are asked at start and now and then, never per
 * record. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "io/kafka_admin_internal.h"
#include "util/mem.h"

#define WAIT_SLICE_MS 250 /* how long freeing may have to wait */
#define WAIT_ENDS_MS 1000 /* likewise, for ends: every leader has to answer within it */
#define SETTINGS_WITHIN_MS 5000

typedef void partitions_fn(void *ctx, enum err err, int32_t count);
typedef void topic_fn(void *ctx, enum err err, const struct kafka_topic *topic);
typedef void topics_fn(void *ctx, enum err err, const struct kafka_topic_name *topics, int count);
typedef void ends_fn(void *ctx, enum err err, const struct kafka_end *ends, int count);

struct topic_question {
    struct kafka_admin *admin;
    char *topic;                  /* or the beginning of names, where all are asked for */
    partitions_fn *partitions_fn; /* one of the four */
    topic_fn *topic_fn;
    topics_fn *topics_fn;
    ends_fn *ends_fn;
    rd_kafka_topic_partition_list_t *ends; /* of ends_fn */
    void *ctx;
    pthread_t thread;
    bool joined; /* the thread is over; the settings have been asked for */
    _Atomic bool cancelled;
    _Atomic bool done; /* the thread's last word; the members below are set before */
    enum err err;
    int32_t count;
    int replicas;
    struct kafka_topic_name *names; /* of topics_fn; count of them */
    LIST_ENTRY(topic_question) link;
};

static void forget(struct topic_question *q)
{
    LIST_REMOVE(q, link);
    for (int i = 0; q->names && i < q->count; i++)
        free((char *)(uintptr_t)q->names[i].name);
    free(q->names);
    if (q->ends)
        rd_kafka_topic_partition_list_destroy(q->ends);
    free(q->topic);
    free(q);
}

/* -------- partitions and replicas -------- */

static int smallest_replication(const struct rd_kafka_metadata_topic *t)
{
    int smallest = 0;
    for (int i = 0; i < t->partition_cnt; i++)
        if (i == 0 || t->partitions[i].replica_cnt < smallest)
            smallest = t->partitions[i].replica_cnt;
    return smallest;
}

/* One attempt, at most WAIT_SLICE_MS long, on the question's thread. */
static enum err ask_metadata(struct topic_question *q, rd_kafka_topic_t *rkt)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(q->admin->client.rk, 0, rkt, &metadata, WAIT_SLICE_MS);
    if (err)
        return ERR_AGAIN;
    enum err result = ERR_AGAIN;
    if (metadata->topic_cnt == 1) {
        result = kafka_admin_outcome(metadata->topics[0].err);
        q->count = metadata->topics[0].partition_cnt;
        q->replicas = smallest_replication(&metadata->topics[0]);
        if (result == ERR_OK && q->count == 0)
            result = ERR_AGAIN; /* the topic is being made */
    }
    rd_kafka_metadata_destroy(metadata);
    return result;
}

/* Likewise, for all topics. */
static enum err ask_names(struct topic_question *q)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(q->admin->client.rk, 1, NULL, &metadata, WAIT_SLICE_MS))
        return ERR_AGAIN;
    q->names = mem_zalloc(((size_t)metadata->topic_cnt + 1) * sizeof *q->names);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &metadata->topics[i];
        if (!t->err && t->partition_cnt > 0 && strncmp(t->topic, q->topic, strlen(q->topic)) == 0)
            q->names[q->count++] = (struct kafka_topic_name){mem_strdup(t->topic), t->partition_cnt};
    }
    rd_kafka_metadata_destroy(metadata);
    return ERR_OK;
}

/* Likewise, for the ends of partitions: what is asked for is the offset of a time, and -1 stands for the end. A partition's own
 * error is its own; a leader that is not there or does not answer fails the whole. */
static enum err ask_ends(struct topic_question *q)
{
    for (int i = 0; i < q->ends->cnt; i++) {
        q->ends->elems[i].offset = RD_KAFKA_OFFSET_END;
        q->ends->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return rd_kafka_offsets_for_times(q->admin->client.rk, q->ends, WAIT_ENDS_MS) ? ERR_AGAIN : ERR_OK;
}

static enum err ask_once(struct topic_question *q, rd_kafka_topic_t *rkt)
{
    if (q->ends_fn)
        return ask_ends(q);
    return q->topics_fn ? ask_names(q) : ask_metadata(q, rkt);
}

static void *ask_cluster(void *arg)
{
    struct topic_question *q = arg;
    bool of_topic = !q->topics_fn && !q->ends_fn;
    rd_kafka_topic_t *rkt = of_topic ? rd_kafka_topic_new(q->admin->client.rk, q->topic, NULL) : NULL;
    q->err = rkt || !of_topic ? ERR_AGAIN : ERR_INVALID;
    int64_t waited_ms = 0;
    while (q->err == ERR_AGAIN && waited_ms < KAFKA_ADMIN_WITHIN_MS && !atomic_load(&q->cancelled)) {
        q->err = ask_once(q, rkt);
        waited_ms += q->ends_fn ? WAIT_ENDS_MS : WAIT_SLICE_MS;
    }
    if (rkt)
        rd_kafka_topic_destroy(rkt);
    atomic_store(&q->done, true);
    kafka_client_kick(&q->admin->client);
    return NULL;
}

/* asked: what is to be answered, with one of the four functions. */
static void ask(struct kafka_admin *a, const char *topic, struct topic_question asked, void *ctx)
{
    struct topic_question *q = mem_alloc(sizeof *q);
    *q = asked;
    q->admin = a;
    q->topic = mem_strdup(topic);
    q->ctx = ctx;
    LIST_INSERT_HEAD(&a->topics, q, link);
    check(pthread_create(&q->thread, NULL, ask_cluster, q) == 0);
}

void kafka_admin_partitions(struct kafka_admin *a, const char *topic, void (*fn)(void *ctx, enum err err, int32_t count),
                            void *ctx)
{
    ask(a, topic, (struct topic_question){.partitions_fn = fn}, ctx);
}

void kafka_admin_topic(struct kafka_admin *a, const char *topic,
                       void (*fn)(void *ctx, enum err err, const struct kafka_topic *topic), void *ctx)
{
    ask(a, topic, (struct topic_question){.topic_fn = fn}, ctx);
}

void kafka_admin_topics(struct kafka_admin *a, const char *prefix,
                        void (*fn)(void *ctx, enum err err, const struct kafka_topic_name *topics, int count), void *ctx)
{
    ask(a, prefix, (struct topic_question){.topics_fn = fn}, ctx);
}

void kafka_admin_ends(struct kafka_admin *a, const struct kafka_topic_name *topics, int count,
                      void (*fn)(void *ctx, enum err err, const struct kafka_end *ends, int count), void *ctx)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        for (int32_t p = 0; p < topics[i].partitions; p++)
            rd_kafka_topic_partition_list_add(list, topics[i].name, p);
    ask(a, "", (struct topic_question){.ends_fn = fn, .ends = list}, ctx);
}

/* -------- settings -------- */

static void ask_settings(struct topic_question *q)
{
    rd_kafka_t *rk = q->admin->client.rk;
    char text[256];
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, q->topic);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    check(rd_kafka_AdminOptions_set_request_timeout(options, SETTINGS_WITHIN_MS, text, sizeof text) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_AdminOptions_set_opaque(options, q);
    rd_kafka_DescribeConfigs(rk, &resource, 1, options, q->admin->client.queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
}

static void answer(struct topic_question *q, const char *undescribed, const rd_kafka_ConfigEntry_t **entries, size_t count)
{
    struct kafka_setting *settings = mem_zalloc((count + 1) * sizeof *settings);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        settings[i] = (struct kafka_setting){rd_kafka_ConfigEntry_name(entries[i]), value ? value : ""};
    }
    struct kafka_topic topic = {.partitions = q->count,
                                .replication_factor = q->replicas,
                                .undescribed = undescribed,
                                .settings = settings,
                                .setting_count = (int)count};
    q->topic_fn(q->ctx, ERR_OK, &topic);
    free(settings);
}

void kafka_admin_topic_described(struct kafka_admin *a, rd_kafka_event_t *ev)
{
    struct topic_question *q = rd_kafka_event_opaque(ev);
    size_t resource_count = 0, count = 0;
    const char *text = rd_kafka_event_error_string(ev);
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    const rd_kafka_ConfigEntry_t **entries = NULL;
    (void)a;
    if (!err) {
        const rd_kafka_ConfigResource_t **resources =
            rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev), &resource_count);
        check(resource_count == 1);
        err = rd_kafka_ConfigResource_error(resources[0]);
        text = rd_kafka_ConfigResource_error_string(resources[0]);
        entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    }
    if (err)
        answer(q, text ? text : rd_kafka_err2str(err), NULL, 0);
    else
        answer(q, NULL, entries, count);
    forget(q);
}

/* -------- the turn, and the end -------- */

static void answer_ends(struct topic_question *q)
{
    int count = q->err == ERR_OK ? q->ends->cnt : 0;
    struct kafka_end *ends = mem_zalloc(((size_t)count + 1) * sizeof *ends);
    for (int i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *at = &q->ends->elems[i];
        ends[i] = (struct kafka_end){at->topic, at->partition, at->err ? -1 : at->offset};
    }
    q->ends_fn(q->ctx, q->err, ends, count);
    free(ends);
}

static void answer_cluster(struct topic_question *q)
{
    pthread_join(q->thread, NULL);
    q->joined = true;
    if (q->topic_fn && q->err == ERR_OK) {
        ask_settings(q);
        return;
    }
    if (q->topic_fn)
        q->topic_fn(q->ctx, q->err, NULL);
    else if (q->ends_fn)
        answer_ends(q);
    else if (q->topics_fn)
        q->topics_fn(q->ctx, q->err, q->names, q->err == ERR_OK ? q->count : 0);
    else
        q->partitions_fn(q->ctx, q->err, q->err == ERR_OK ? q->count : 0);
    forget(q);
}

void kafka_admin_topic_turn(struct kafka_admin *a)
{
    struct topic_question *q = LIST_FIRST(&a->topics), *following;
    for (; q; q = following) {
        following = LIST_NEXT(q, link);
        if (!q->joined && atomic_load(&q->done))
            answer_cluster(q);
    }
}

void kafka_admin_topic_join(struct kafka_admin *a)
{
    struct topic_question *q;
    LIST_FOREACH(q, &a->topics, link)
        atomic_store(&q->cancelled, true);
    LIST_FOREACH(q, &a->topics, link)
        if (!q->joined)
            pthread_join(q->thread, NULL);
}

void kafka_admin_topic_free(struct kafka_admin *a)
{
    struct topic_question *q;
    while ((q = LIST_FIRST(&a->topics)))
        forget(q);
}
