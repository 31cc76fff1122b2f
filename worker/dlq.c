#include "dlq.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "delivery_log.h"
#include "util/log.h"
#include "util/mem.h"
#include "worker.h"

#define TRACE_MAX 256

struct dlq_letter {
    TAILQ_ENTRY(dlq_letter) link;
    const char *topic;
    int32_t to_partition;
    bool dead;                   /* a dead letter; otherwise an event of our own */
    struct partition *partition; /* of the event that waits; NULL: none does */
    uint64_t event_seq;
    struct job *job;         /* the delivery that waits; NULL: none does */
    struct slice key, value; /* owned copies */
    bool tombstone, produced;
    int32_t from_partition;
    int64_t from_offset;
    char code[32];
    char reason[512];
    char trace[TRACE_MAX]; /* the event's traceparent; "": none */
};

struct dlq {
    struct worker *worker;
    TAILQ_HEAD(, dlq_letter) letters;
    int waiting; /* not produced */
};

struct dlq *dlq_new(struct worker *w)
{
    struct dlq *d = mem_zalloc(sizeof *d);
    d->worker = w;
    TAILQ_INIT(&d->letters);
    return d;
}

static void letter_free(struct dlq *d, struct dlq_letter *letter)
{
    TAILQ_REMOVE(&d->letters, letter, link);
    free((void *)letter->key.p);
    free((void *)letter->value.p);
    free(letter);
}

void dlq_free(struct dlq *d)
{
    struct dlq_letter *letter;
    if (!d)
        return;
    while ((letter = TAILQ_FIRST(&d->letters)) != NULL)
        letter_free(d, letter);
    free(d);
}

static void hand_over(struct dlq *d, struct dlq_letter *letter, const struct kafka_header *headers, int count)
{
    struct slice value = letter->tombstone ? (struct slice){0} : letter->value;
    if (kafka_produce(d->worker->producer, letter->topic, letter->to_partition, letter->key, value, headers, count,
                      delivery_log_letter(letter)) == ERR_OK) {
        letter->produced = true;
        d->waiting--;
    }
}

static void produce(struct dlq *d, struct dlq_letter *letter)
{
    char partition[16], offset[24];
    if (!letter->dead) {
        hand_over(d, letter, NULL, 0);
        return;
    }
    snprintf(partition, sizeof partition, "%" PRId32, letter->from_partition);
    snprintf(offset, sizeof offset, "%" PRId64, letter->from_offset);
    struct kafka_header headers[] = {
        {SLICE("reason"), slice_str(letter->reason)},
        {SLICE("reason_code"), slice_str(letter->code)},
        {SLICE("source_topic"), slice_str(d->worker->events_topic)},
        {SLICE("source_partition"), slice_str(partition)},
        {SLICE("source_offset"), slice_str(offset)},
        {SLICE("traceparent"), slice_str(letter->trace)},
    };
    hand_over(d, letter, headers, letter->trace[0] ? 6 : 5);
}

static struct dlq_letter *letter_new(struct dlq *d, const char *topic, int32_t to_partition, struct slice key, struct slice value)
{
    struct dlq_letter *letter = mem_zalloc(sizeof *letter);
    letter->topic = topic;
    letter->to_partition = to_partition;
    letter->key = slice_of(mem_dup(key.p, key.len), key.len);
    letter->value = slice_of(mem_dup(value.p, value.len), value.len);
    TAILQ_INSERT_TAIL(&d->letters, letter, link);
    d->waiting++;
    return letter;
}

static void keep_trace(struct dlq_letter *letter, const struct kafka_record *rec)
{
    struct kafka_header headers[KAFKA_MAX_HEADERS];
    int count = kafka_record_headers(rec, headers, KAFKA_MAX_HEADERS);
    for (int i = 0; i < count; i++)
        if (slice_eq(headers[i].name, SLICE("traceparent")) && headers[i].value.len < TRACE_MAX)
            snprintf(letter->trace, sizeof letter->trace, "%.*s", (int)headers[i].value.len, headers[i].value.p);
}

void dlq_send(struct dlq *d, struct partition *p, uint64_t event_seq, const struct kafka_record *rec, const char *code,
              const char *reason)
{
    struct dlq_letter *letter = letter_new(d, d->worker->dlq_topic, RD_KAFKA_PARTITION_UA, rec->key, rec->value);
    letter->dead = true;
    letter->partition = p;
    letter->event_seq = event_seq;
    letter->tombstone = rec->tombstone;
    letter->from_partition = rec->partition;
    letter->from_offset = rec->offset;
    snprintf(letter->code, sizeof letter->code, "%s", code);
    snprintf(letter->reason, sizeof letter->reason, "%s", reason);
    keep_trace(letter, rec);
    partition_event_hold(p, event_seq);
    log_warn("event_dead_lettered", LOG_STR("topic", rec->topic), LOG_INT("partition", rec->partition),
             LOG_INT("offset", rec->offset), LOG_STR("code", code), LOG_STR("reason", reason));
    produce(d, letter);
}

/* A redelivery, of the next generation: as the delivery itself it would be known to have ended. The body goes on behind its
 * brace. */
static void write_command(struct buf *out, const struct delivery *dl)
{
    char event_id[UUID_TEXT_SIZE], original[UUID_TEXT_SIZE];
    uuid_format(&dl->event_id, event_id);
    uuid_format(&dl->id, original);
    buf_printf(out, "{\"event_id\":\"%s\",\"target\":{\"webhook_id\":\"%.*s\",\"reason\":\"redeliver\",\"generation\":%" PRId64,
               event_id, (int)dl->webhook_id.len, dl->webhook_id.p, dl->generation + 1);
    buf_printf(out, ",\"original_delivery_id\":\"%s\"},", original);
    buf_put(out, dl->body.p + 1, dl->body.len - 1);
}

void dlq_bury(struct dlq *d, struct job *job)
{
    const struct delivery *dl = &job->dl;
    struct buf key, value;
    char id[UUID_TEXT_SIZE];
    buf_init(&key, EVENT_MAX_BYTES);
    buf_init(&value, 2 * EVENT_MAX_BYTES);
    buf_put_slice(&key, dl->account_id);
    buf_put_slice(&key, dl->path);
    write_command(&value, dl);
    check(key.err == ERR_OK && value.err == ERR_OK && dl->body.len > 1);
    struct dlq_letter *letter = letter_new(d, d->worker->dlq_topic, RD_KAFKA_PARTITION_UA, buf_slice(&key), buf_slice(&value));
    letter->dead = true;
    letter->job = job;
    letter->from_partition = dl->event_partition;
    letter->from_offset = dl->event_offset;
    snprintf(letter->code, sizeof letter->code, "poison");
    snprintf(letter->reason, sizeof letter->reason, "%d workers ended while they had this delivery in hand", POISON_TRIES);
    uuid_format(&dl->id, id);
    ++*d->worker->stats.poison;
    log_error("delivery_is_poison", LOG_STR("delivery_id", id), LOG_SLICE("webhook_id", dl->webhook_id),
              LOG_SLICE("account_id", dl->account_id), LOG_INT("partition", dl->event_partition),
              LOG_INT("offset", dl->event_offset), LOG_STR("reason", letter->reason));
    produce(d, letter);
    buf_done(&key);
    buf_done(&value);
}

void dlq_publish(struct dlq *d, const char *topic, int32_t partition, struct slice key, struct slice value)
{
    produce(d, letter_new(d, topic, partition, key, value));
}

void dlq_turn(struct dlq *d)
{
    struct dlq_letter *letter;
    if (d->waiting == 0)
        return;
    TAILQ_FOREACH(letter, &d->letters, link)
        if (!letter->produced)
            produce(d, letter);
}

/* Too big for the topic, which its own setting then is not: a dead letter with less of the event is better than none. */
static void cut(struct dlq_letter *letter, enum err err)
{
    log_error("dead_letter_cut", LOG_INT("partition", letter->from_partition), LOG_INT("offset", letter->from_offset),
              LOG_STR("error", err_name(err)));
    letter->value.len = letter->value.len / 2;
}

static void settled(struct dlq *d, struct dlq_letter *letter)
{
    struct job *job = letter->job;
    *d->worker->stats.dead_letters += letter->dead;
    if (letter->partition)
        partition_event_unhold(letter->partition, letter->event_seq);
    letter_free(d, letter);
    if (job)
        partition_on_buried(job);
}

void dlq_on_ack(struct dlq *d, struct dlq_letter *letter, enum err err)
{
    if (err == ERR_OK) {
        settled(d, letter);
        return;
    }
    if (!letter->dead && err != ERR_AGAIN) {
        log_error("event_not_published", LOG_STR("topic", letter->topic), LOG_SLICE("key", letter->key),
                  LOG_STR("error", err_name(err)));
        letter_free(d, letter);
        return;
    }
    letter->produced = false;
    d->waiting++;
    if (err != ERR_AGAIN && letter->value.len > 0)
        cut(letter, err);
}
