#include "dlq.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "delivery_log.h"
#include "util/log.h"
#include "util/mem.h"
#include "worker.h"

struct dlq_letter {
    TAILQ_ENTRY(dlq_letter) link;
    struct partition *partition;
    uint64_t event_seq;
    struct slice key, value; /* owned copies */
    bool tombstone, produced;
    int32_t from_partition;
    int64_t from_offset;
    char code[32];
    char reason[512];
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

static void produce(struct dlq *d, struct dlq_letter *letter)
{
    struct worker *w = d->worker;
    char partition[16], offset[24];
    snprintf(partition, sizeof partition, "%" PRId32, letter->from_partition);
    snprintf(offset, sizeof offset, "%" PRId64, letter->from_offset);
    struct kafka_header headers[] = {
        {SLICE("reason"), slice_str(letter->reason)},        {SLICE("reason_code"), slice_str(letter->code)},
        {SLICE("source_topic"), slice_str(w->events_topic)}, {SLICE("source_partition"), slice_str(partition)},
        {SLICE("source_offset"), slice_str(offset)},
    };
    struct slice value = letter->tombstone ? (struct slice){0} : letter->value;
    if (kafka_produce(w->producer, w->dlq_topic, RD_KAFKA_PARTITION_UA, letter->key, value, headers, 5, delivery_log_letter(letter)) == ERR_OK) {
        letter->produced = true;
        d->waiting--;
    }
}

void dlq_send(struct dlq *d, struct partition *p, uint64_t event_seq, const struct kafka_record *rec, const char *code, const char *reason)
{
    struct dlq_letter *letter = mem_zalloc(sizeof *letter);
    letter->partition = p;
    letter->event_seq = event_seq;
    letter->key = slice_of(mem_dup(rec->key.p, rec->key.len), rec->key.len);
    letter->value = slice_of(mem_dup(rec->value.p, rec->value.len), rec->value.len);
    letter->tombstone = rec->tombstone;
    letter->from_partition = rec->partition;
    letter->from_offset = rec->offset;
    snprintf(letter->code, sizeof letter->code, "%s", code);
    snprintf(letter->reason, sizeof letter->reason, "%s", reason);
    TAILQ_INSERT_TAIL(&d->letters, letter, link);
    d->waiting++;
    partition_event_hold(p, event_seq);
    log_warn("event_dead_lettered", LOG_STR("topic", rec->topic), LOG_INT("partition", rec->partition), LOG_INT("offset", rec->offset),
             LOG_STR("code", code), LOG_STR("reason", reason));
    produce(d, letter);
}

void dlq_turn(struct dlq *d)
{
    struct dlq_letter *letter;
    if (d->waiting == 0)
        return;
    TAILQ_FOREACH (letter, &d->letters, link)
        if (!letter->produced)
            produce(d, letter);
}

void dlq_on_ack(struct dlq *d, struct dlq_letter *letter, enum err err)
{
    if (err == ERR_OK) {
        ++*d->worker->stats.dead_letters;
        partition_event_unhold(letter->partition, letter->event_seq);
        letter_free(d, letter);
        return;
    }
    letter->produced = false;
    d->waiting++;
    if (err != ERR_AGAIN && letter->value.len > 0) {
        log_error("dead_letter_cut", LOG_INT("partition", letter->from_partition), LOG_INT("offset", letter->from_offset),
                  LOG_STR("error", err_name(err)));
        letter->value.len = letter->value.len / 2;
    }
}
