/* Questions to the cluster: the handle, and committed offsets, which are asked for with librdkafka's admin interface, whose
 * answers come on a queue. What is asked about topics: kafka_admin_topic.c. */
#include <stdlib.h>

#include "io/kafka_admin_internal.h"
#include "util/log.h"
#include "util/mem.h"

#define EVENTS_A_TURN 64

struct committed_question {
    void (*fn)(void *ctx, enum err err, const struct kafka_committed *committed, int count);
    void *ctx;
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

void kafka_admin_committed(struct kafka_admin *a, const char *group_id, const char *topic, const int32_t *partitions, int count,
                           void (*fn)(void *ctx, enum err err, const struct kafka_committed *committed, int count), void *ctx)
{
    struct committed_question *q = mem_alloc(sizeof *q);
    *q = (struct committed_question){.fn = fn, .ctx = ctx};
    LIST_INSERT_HEAD(&a->committed, q, link);

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, partitions[i]);
    rd_kafka_ListConsumerGroupOffsets_t *ask = rd_kafka_ListConsumerGroupOffsets_new(group_id, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->client.rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    char text[256];
    check(rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_ADMIN_WITHIN_MS, text, sizeof text) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_AdminOptions_set_opaque(options, q);
    rd_kafka_ListConsumerGroupOffsets(a->client.rk, &ask, 1, options, a->client.queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(ask);
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

static void answer_committed(rd_kafka_event_t *ev)
{
    struct committed_question *q = rd_kafka_event_opaque(ev);
    LIST_REMOVE(q, link);
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    const rd_kafka_topic_partition_list_t *list = NULL;
    if (!err) {
        size_t count = 0;
        const rd_kafka_group_result_t **groups =
            rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(ev), &count);
        check(count == 1);
        const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
        err = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
        list = rd_kafka_group_result_partitions(groups[0]);
    }
    if (err || !list)
        q->fn(q->ctx, err ? kafka_admin_outcome(err) : ERR_AGAIN, NULL, 0);
    else
        call_with(q, list);
    free(q);
}

/* -------- the whole -------- */

static bool drain(void *ctx)
{
    struct kafka_admin *a = ctx;
    kafka_admin_topic_turn(a);
    for (int i = 0; i < EVENTS_A_TURN; i++) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(a->client.queue, 0);
        if (!ev)
            return false;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT)
            answer_committed(ev);
        else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT)
            kafka_admin_topic_described(a, ev);
        else
            kafka_client_common_event(&a->client, ev);
        rd_kafka_event_destroy(ev);
    }
    return true;
}

enum err kafka_admin_new(const struct kafka_options *k, struct kafka_admin **out, struct errmsg *why)
{
    /* A consumer: unlike a producer's, its metadata requests do not make topics. It joins no group, but has the name of one: when
     * a group's coordinator moves, or its connection ends, while it is asked what was committed, librdkafka (2.0.2) tells the
     * handle's own group so, and without one the process ends there. */
    static const struct kafka_property tunable[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
    static const struct kafka_property pinned[] = {{"group.id", "trueftp-admin"}, {NULL, NULL}};
    struct kafka_admin *a = mem_zalloc(sizeof *a);
    LIST_INIT(&a->topics);
    LIST_INIT(&a->committed);
    rd_kafka_conf_t *conf;
    enum err err = kafka_conf_new(k, tunable, pinned, &conf, why);
    if (err == ERR_OK)
        err = kafka_client_init(&a->client, k, RD_KAFKA_CONSUMER, "admin", conf, drain, a, why);
    if (err != ERR_OK) {
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
    kafka_admin_topic_join(a);
    rd_kafka_destroy(kafka_client_take(&a->client));
    struct committed_question *q;
    while ((q = LIST_FIRST(&a->committed))) {
        LIST_REMOVE(q, link);
        free(q);
    }
    kafka_admin_topic_free(a);
    free(a);
}
