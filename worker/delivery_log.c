#include "delivery_log.h"

#include <stdlib.h>

#include "crash.h"
#include "dlq.h"
#include "ownership.h"
#include "util/log.h"
#include "util/mem.h"
#include "worker.h"

#define LINGER_MS 20 /* librdkafka 2.0 spins through the last millisecond of each linger */

/* What the producer's opaque pointer points to; the kind is in its two lowest bits (all of these are aligned). */
enum append_kind { APPEND_RECORD = 0, APPEND_CLAIM = 1, APPEND_REPAIR = 2, APPEND_LETTER = 3 };

static void *tag(void *p, enum append_kind kind)
{
    check(((uintptr_t)p & 3) == 0);
    return (void *)((uintptr_t)p | (uintptr_t)kind);
}

void *delivery_log_letter(struct dlq_letter *letter)
{
    return tag(letter, APPEND_LETTER);
}

static void on_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    struct worker *w = ctx;
    enum append_kind kind = (enum append_kind)((uintptr_t)opaque & 3);
    void *p = (void *)((uintptr_t)opaque & ~(uintptr_t)3);
    (void)partition;
    if (err != ERR_OK)
        ++*w->stats.record_failures;
    switch (kind) {
    case APPEND_RECORD:
        CRASH_POINT("after_ack");
        partition_on_record_ack(p, err, offset);
        break;
    case APPEND_CLAIM:
        CRASH_POINT("after_claim");
        partition_on_claim_ack(p, err, offset);
        break;
    case APPEND_REPAIR:
        CRASH_POINT("after_repair");
        partition_on_repair_ack(p, err, offset);
        break;
    case APPEND_LETTER:
        dlq_on_ack(w->dlq, p, err);
        break;
    }
}

static enum err append(struct worker *w, struct partition *p, struct slice key, struct slice value, void *opaque)
{
    enum err err = kafka_produce(w->producer, w->deliveries_topic, partition_number(p), key, value, NULL, 0, opaque);
    if (err != ERR_OK && err != ERR_AGAIN)
        log_error("record_not_accepted", LOG_STR("topic", w->deliveries_topic), LOG_INT("partition", partition_number(p)),
                  LOG_INT("bytes", value.len), LOG_STR("error", err_name(err)));
    return err;
}

bool delivery_log_append_claim(struct worker *w, struct partition *p, struct slice value)
{
    CRASH_POINT("before_claim");
    return append(w, p, SLICE(CLAIM_KEY), value, tag(p, APPEND_CLAIM)) == ERR_OK;
}

bool delivery_log_append_repair(struct worker *w, struct partition *p, struct slice key, struct slice value)
{
    CRASH_POINT("before_repair");
    return append(w, p, key, value, tag(p, APPEND_REPAIR)) == ERR_OK;
}

bool delivery_log_append_record(struct worker *w, struct job *job)
{
    char key[UUID_TEXT_SIZE];
    uuid_format(&job->dl.id, key);
    enum err err;
    do
        err = append(w, job->partition, slice_of(key, UUID_TEXT_SIZE - 1), buf_slice(&job->record), tag(job, APPEND_RECORD));
    while (err == ERR_TOO_BIG && job_shrink(job));
    CRASH_POINT("after_produce");
    return err == ERR_OK;
}

void delivery_log_read(struct worker *w, struct partition *p, int64_t from)
{
    kafka_reader_start(w->log_reader, w->deliveries_topic, partition_number(p), from);
}

void delivery_log_stop(struct worker *w, struct partition *p)
{
    kafka_reader_stop(w->log_reader, w->deliveries_topic, partition_number(p));
}

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct partition *p = ownership_partition(((struct worker *)ctx)->ownership, rec->partition);
    if (p)
        partition_on_log_record(p, rec->offset, rec->key, rec->tombstone ? (struct slice){0} : rec->value);
}

static void on_end(void *ctx, const char *topic, int32_t partition, int64_t end)
{
    struct partition *p = ownership_partition(((struct worker *)ctx)->ownership, partition);
    (void)topic;
    if (p)
        partition_on_log_end(p, end);
}

enum err delivery_log_open(struct worker *w, struct errmsg *why)
{
    struct kafka_producer_options po = {.linger_ms = LINGER_MS, .on_ack = on_ack, .ctx = w};
    struct kafka_reader_options ro = {
        .on_record = on_record, .on_end = on_end, .ctx = w, .fetch_wait_ms = 20, .poll_bound = 2000};
    enum err err = kafka_producer_new(&w->kafka, &po, &w->producer, why);
    if (err == ERR_OK)
        err = kafka_reader_new(&w->kafka, &ro, &w->log_reader, why);
    return err;
}
