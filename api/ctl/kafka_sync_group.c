/* What a consumer group has committed. */
#include <stdlib.h>

#include "ctl/kafka_sync_internal.h"

static enum err committed(struct kafka_sync *k, const char *group, rd_kafka_event_t *event, struct kafka_sync_position *at,
                          int count, struct errmsg *why)
{
    size_t groups = 0;
    if (rd_kafka_event_error(event)) {
        return kafka_sync_failed(k, rd_kafka_event_error(event), group, rd_kafka_event_error_string(event), why);
    }
    const rd_kafka_group_result_t **results =
        rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event), &groups);
    check(groups == 1);
    const rd_kafka_error_t *error = rd_kafka_group_result_error(results[0]);
    if (error) {
        return kafka_sync_failed(k, rd_kafka_error_code(error), group, rd_kafka_error_string(error), why);
    }
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(results[0]);
    for (int i = 0; list && i < list->cnt; i++) {
        for (int j = 0; j < count; j++) {
            if (at[j].partition == list->elems[i].partition && !list->elems[i].err && list->elems[i].offset > 0) {
                at[j].offset = list->elems[i].offset;
            }
        }
    }
    return ERR_OK;
}

enum err kafka_sync_committed(struct kafka_sync *k, const char *group, const char *topic, struct kafka_sync_position *at,
                              int count, struct errmsg *why)
{
    char text[256];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        at[i].offset = 0;
        rd_kafka_topic_partition_list_add(list, topic, at[i].partition);
    }
    rd_kafka_ListConsumerGroupOffsets_t *ask = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(k->consumer, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    check(rd_kafka_AdminOptions_set_request_timeout(options, (int)k->timeout_ms, text, sizeof text) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(k->consumer);
    rd_kafka_ListConsumerGroupOffsets(k->consumer, &ask, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, -1); /* ends with the request's timeout */
    enum err err = committed(k, group, event, at, count, why);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(ask);
    return err;
}
