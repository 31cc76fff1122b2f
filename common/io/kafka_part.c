/* One partition being read: what comes off its queue, and whether it may be handed over.
 *
 * librdkafka drops records of earlier positions itself. The lowest offset that may come is kept here all the same, because
 * librdkafka can go back on its own (a late "offset out of range" of a position that was left already resets to the
 * earliest) and going back must not show. A position that really was out of range looks alike, a record below the
 * one expected, when the log has become shorter than that; the partition's end, cached from the last fetch,
 * tells the two apart. */
#include <stdlib.h>

#include "io/kafka_internal.h"
#include "util/log.h"
#include "util/mem.h"

void kafka_part_init(struct kafka_part *part, const char *topic, int32_t partition)
{
    *part = (struct kafka_part){.topic = mem_strdup(topic), .partition = partition};
}

void kafka_part_done(struct kafka_part *part)
{
    kafka_part_close(part);
    free(part->topic);
}

void kafka_part_open(struct kafka_part *part, struct kafka_client *c)
{
    kafka_part_close(part);
    part->queue = rd_kafka_queue_get_partition(c->rk, part->topic, part->partition);
    check(part->queue);
    rd_kafka_queue_forward(part->queue, NULL);
    kafka_client_watch(c, part->queue);
}

void kafka_part_close(struct kafka_part *part)
{
    if (part->queue)
        kafka_client_unwatch(part->queue);
    part->queue = NULL;
}

enum position { POSITION_FITS, POSITION_RESET, POSITION_STALE };

/* What an arriving offset (of a record, or of the end) means to a partition that expects part->next. */
static enum position judge(const struct kafka_part *part, struct kafka_client *c, int64_t offset, bool is_end)
{
    if (offset == part->next)
        return POSITION_FITS;
    if (part->from_earliest && offset > part->next)
        return POSITION_FITS;
    int64_t low = -1, high = -1;
    if (rd_kafka_get_watermark_offsets(c->rk, part->topic, part->partition, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
        low = high = -1;
    if (offset < part->next)
        return high >= part->next ? POSITION_STALE : POSITION_RESET;
    /* Holes are made by compaction, and by markers of transactions; what retention took lies below the low watermark. */
    return low > part->next || (low < 0 && !is_end) ? POSITION_RESET : POSITION_FITS;
}

/* Moves the position to offset, which arrived; false: it is stale. */
static bool arrive(struct kafka_part *part, struct kafka_client *c, struct kafka_part_item *item, int64_t offset, bool is_end)
{
    if (!part->started)
        return false;
    enum position position = judge(part, c, offset, is_end);
    if (position == POSITION_STALE)
        return false;
    item->offset = offset;
    if (position == POSITION_RESET) {
        item->reset = true;
        item->reset_from = part->next;
    }
    part->from_earliest = false;
    part->next = offset;
    return true;
}

static void take_record(struct kafka_part *part, struct kafka_client *c, struct kafka_part_item *item)
{
    /* An event of a fetch holds one message; it is ours to read until the event is destroyed. */
    const rd_kafka_message_t *m = rd_kafka_event_message_next(item->event);
    if (!m || m->err || !arrive(part, c, item, m->offset, false))
        return;
    item->what = KAFKA_PART_RECORD;
    item->rec = (struct kafka_record){
        .topic = part->topic,
        .partition = part->partition,
        .offset = m->offset,
        .timestamp_wall_ms = rd_kafka_message_timestamp(m, NULL),
        .key = slice_of(m->key, m->key ? m->key_len : 0),
        .value = slice_of(m->payload, m->payload ? m->len : 0),
        .tombstone = !m->payload,
        .message = (rd_kafka_message_t *)(uintptr_t)m,
    };
    part->next = m->offset + 1;
}

static void take_error(struct kafka_part *part, struct kafka_client *c, struct kafka_part_item *item)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(item->event);
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(item->event);
    int64_t offset = at ? at->offset : -1;
    if (at)
        rd_kafka_topic_partition_destroy(at);
    if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (offset >= 0 && arrive(part, c, item, offset, true))
            item->what = KAFKA_PART_END;
        return;
    }
    kafka_client_count_error(c, err, false);
    log_warn("kafka_partition_error", LOG_STR("handle", c->kind), LOG_STR("topic", part->topic),
             LOG_INT("partition", part->partition), LOG_INT("offset", offset), LOG_STR("error", rd_kafka_err2name(err)),
             LOG_STR("message", rd_kafka_event_error_string(item->event)));
}

void kafka_part_poll(struct kafka_part *part, struct kafka_client *c, struct kafka_part_item *item)
{
    item->what = KAFKA_PART_EMPTY;
    item->reset = false;
    item->event = rd_kafka_queue_poll(part->queue, 0);
    if (!item->event)
        return;
    item->what = KAFKA_PART_NOTHING;
    switch (rd_kafka_event_type(item->event)) {
    case RD_KAFKA_EVENT_FETCH:
        take_record(part, c, item);
        break;
    case RD_KAFKA_EVENT_ERROR:
        take_error(part, c, item);
        break;
    default:
        break;
    }
}
