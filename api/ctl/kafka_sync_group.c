/* What a consumer group has committed. */
#include <stdlib.h>

#include "ctl/kafka_sync_internal.h"
#include "io/kafka_internal.h"

static void take(const rd_kafka_topic_partition_list_t *list, struct kafka_sync_position *at)
{
    for (int i = 0; i < list->cnt; i++) {
        if (!list->elems[i].err && list->elems[i].offset > 0) {
            at[i].offset = list->elems[i].offset;
        }
    }
}

/* By a handle of the group's name, which joins nothing; why not by the admin interface: io/kafka_admin.c. */
enum err kafka_sync_committed(struct kafka_sync *k, const char *group, const char *topic, struct kafka_sync_position *at,
                              int count, struct errmsg *why)
{
    const struct kafka_property tunable[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
    const struct kafka_property pinned[] = {{"group.id", group}, {"enable.auto.commit", "false"}, {NULL, NULL}};
    rd_kafka_t *rk = NULL;
    enum err err = kafka_sync_handle(k, RD_KAFKA_CONSUMER, tunable, pinned, &rk, why);
    if (err != ERR_OK) {
        return err;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        at[i].offset = 0;
        rd_kafka_topic_partition_list_add(list, topic, at[i].partition);
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, (int)k->timeout_ms);
    if (code) {
        err = kafka_sync_failed(k, code, group, NULL, why);
    } else {
        take(list, at);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return err;
}
