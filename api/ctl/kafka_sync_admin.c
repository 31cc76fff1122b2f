/* Making topics and asking for their settings. */
#include <stdio.h>

#include "ctl/kafka_sync_internal.h"

static rd_kafka_AdminOptions_t *admin_options(struct kafka_sync *k, rd_kafka_admin_op_t op, int64_t wait_ms, bool validate_only)
{
    char text[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(k->consumer, op);
    check(rd_kafka_AdminOptions_set_request_timeout(options, (int)wait_ms, text, sizeof text) == RD_KAFKA_RESP_ERR_NO_ERROR);
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS) {
        check(rd_kafka_AdminOptions_set_operation_timeout(options, (int)wait_ms, text, sizeof text) ==
              RD_KAFKA_RESP_ERR_NO_ERROR);
        check(rd_kafka_AdminOptions_set_validate_only(options, validate_only, text, sizeof text) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    return options;
}

/* The topic's own error, else the request's. */
static enum err created(struct kafka_sync *k, const char *topic, rd_kafka_event_t *event, struct errmsg *why)
{
    char what[TOPIC_NAME_SIZE + 32];
    size_t count = 0;
    (void)snprintf(what, sizeof what, "cannot create %s", topic);
    if (rd_kafka_event_error(event)) {
        return kafka_sync_failed(k, rd_kafka_event_error(event), what, rd_kafka_event_error_string(event), why);
    }
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    check(count == 1);
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[0]);
    return code ? kafka_sync_failed(k, code, what, rd_kafka_topic_result_error_string(topics[0]), why) : ERR_OK;
}

static enum err create(struct kafka_sync *k, const char *topic, rd_kafka_NewTopic_t *new_topic, bool validate_only,
                       struct errmsg *why)
{
    rd_kafka_AdminOptions_t *options = admin_options(k, RD_KAFKA_ADMIN_OP_CREATETOPICS, k->timeout_ms, validate_only);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(k->consumer);
    rd_kafka_CreateTopics(k->consumer, &new_topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, -1); /* ends with the request's timeout */
    enum err err = created(k, topic, event, why);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return err;
}

enum err kafka_sync_create(struct kafka_sync *k, const char *topic, int partitions, int replication_factor,
                           const struct topic_setting *settings, bool validate_only, struct errmsg *why)
{
    char text[256];
    rd_kafka_NewTopic_t *new_topic = rd_kafka_NewTopic_new(topic, partitions, replication_factor, text, sizeof text);
    if (!new_topic) {
        return errmsg_set(why, ERR_INVALID, "%s: %s", topic, text);
    }
    for (const struct topic_setting *s = settings; s->name; s++) {
        check(rd_kafka_NewTopic_set_config(new_topic, s->name, s->value) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    enum err err = create(k, topic, new_topic, validate_only, why);
    rd_kafka_NewTopic_destroy(new_topic);
    return err;
}

static enum err described(struct kafka_sync *k, const char *topic, rd_kafka_event_t *event,
                          void (*fn)(void *ctx, const char *name, const char *value), void *ctx, struct errmsg *why)
{
    size_t count = 0, entries = 0;
    if (rd_kafka_event_error(event)) {
        return kafka_sync_failed(k, rd_kafka_event_error(event), topic, rd_kafka_event_error_string(event), why);
    }
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    check(count == 1);
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[0]);
    if (code) {
        return kafka_sync_failed(k, code, topic, rd_kafka_ConfigResource_error_string(resources[0]), why);
    }
    const rd_kafka_ConfigEntry_t **list = rd_kafka_ConfigResource_configs(resources[0], &entries);
    for (size_t i = 0; i < entries; i++) {
        const char *value = rd_kafka_ConfigEntry_value(list[i]);
        fn(ctx, rd_kafka_ConfigEntry_name(list[i]), value ? value : "");
    }
    return ERR_OK;
}

enum err kafka_sync_describe(struct kafka_sync *k, const char *topic, int64_t wait_ms,
                             void (*fn)(void *ctx, const char *name, const char *value), void *ctx, struct errmsg *why)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options = admin_options(k, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, wait_ms, false);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(k->consumer);
    rd_kafka_DescribeConfigs(k->consumer, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, -1); /* ends with the request's timeout */
    enum err err = described(k, topic, event, fn, ctx, why);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    return err;
}
