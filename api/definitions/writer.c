#include "definitions/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/uuid.h"
#include "util/mem.h"
#include "util/uthash.h"

#define HEADER "trueftp-write"
#define DEADLINE_MS 10000
#define LOOK_MS 50
#define LINGER_MS 1

struct write {
    uint64_t number;
    char *topic;
    int32_t partition;
    char *key, *value; /* value NULL: a tombstone */
    size_t key_len, value_len;
    bool read_back;
    bool unsent; /* to be produced at the next look */
    int64_t deadline_ms;
    writer_done_fn *fn;
    void *ctx;
    UT_hash_handle hh;
};

struct writer {
    struct loop *loop;
    struct kafka_producer *producer;
    struct loop_timer *timer;
    char instance[UUID_TEXT_SIZE];
    uint64_t next_number;
    struct write *writes;
};

static void finish(struct writer *w, struct write *wr, enum err err)
{
    HASH_DEL(w->writes, wr);
    if (wr->fn)
        wr->fn(wr->ctx, err);
    free(wr->topic);
    free(wr->key);
    free(wr->value);
    free(wr);
}

static struct write *find(struct writer *w, uint64_t number)
{
    struct write *wr;
    HASH_FIND(hh, w->writes, &number, sizeof number, wr);
    return wr;
}

static void produce(struct writer *w, struct write *wr)
{
    char name[UUID_TEXT_SIZE + 24];
    int len = snprintf(name, sizeof name, "%s/%" PRIu64, w->instance, wr->number);
    struct kafka_header header = {SLICE(HEADER), slice_of(name, (size_t)len)};
    enum err err = kafka_produce(w->producer, wr->topic, wr->partition, slice_of(wr->key, wr->key_len),
                                 slice_of(wr->value, wr->value_len), &header, 1, (void *)(uintptr_t)wr->number);
    wr->unsent = err != ERR_OK;
    if (err != ERR_OK && err != ERR_AGAIN)
        wr->deadline_ms = 0; /* the next look ends it */
}

static void on_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    struct writer *w = ctx;
    struct write *wr = find(w, (uintptr_t)opaque);
    (void)partition;
    (void)offset;
    if (!wr)
        return;
    if (err == ERR_AGAIN)
        wr->unsent = true;
    else if (err != ERR_OK || !wr->read_back)
        finish(w, wr, err);
}

static void look(void *ctx)
{
    struct writer *w = ctx;
    struct write *wr, *next;
    HASH_ITER(hh, w->writes, wr, next) {
        if (wr->deadline_ms <= loop_now(w->loop))
            finish(w, wr, ERR_AGAIN);
        else if (wr->unsent)
            produce(w, wr);
    }
    if (w->writes)
        loop_timer_arm(w->timer, LOOK_MS);
}

void writer_send(struct writer *w, const char *topic, int32_t partition, struct slice key, struct slice value, bool read_back,
                 writer_done_fn *fn, void *ctx)
{
    struct write *wr = mem_zalloc(sizeof *wr);
    *wr = (struct write){.number = w->next_number++,
                         .topic = mem_strdup(topic),
                         .partition = partition,
                         .key = mem_dup(key.p, key.len),
                         .key_len = key.len,
                         .value = value.p ? mem_dup(value.p, value.len) : NULL,
                         .value_len = value.len,
                         .read_back = read_back,
                         .deadline_ms = loop_now(w->loop) + DEADLINE_MS,
                         .fn = fn,
                         .ctx = ctx};
    HASH_ADD(hh, w->writes, number, sizeof wr->number, wr);
    produce(w, wr);
    if (!loop_timer_armed(w->timer))
        loop_timer_arm(w->timer, LOOK_MS);
}

/* The number in our own header; false: the record is another's. */
static bool number_of(const struct writer *w, const struct kafka_record *rec, uint64_t *out)
{
    struct kafka_header headers[KAFKA_MAX_HEADERS];
    int count = kafka_record_headers(rec, headers, KAFKA_MAX_HEADERS);
    size_t own = strlen(w->instance);
    for (int i = 0; i < count; i++) {
        struct slice value = headers[i].value;
        if (!slice_eq(headers[i].name, SLICE(HEADER)) || value.len <= own + 1 || value.len > own + 21 ||
            memcmp(value.p, w->instance, own) != 0)
            continue;
        char digits[24] = "";
        memcpy(digits, value.p + own + 1, value.len - own - 1);
        *out = strtoull(digits, NULL, 10);
        return true;
    }
    return false;
}

bool writer_saw(struct writer *w, const struct kafka_record *rec, bool won)
{
    uint64_t number = 0;
    if (!number_of(w, rec, &number))
        return false;
    struct write *wr = find(w, number);
    if (wr && wr->read_back)
        finish(w, wr, won ? ERR_OK : ERR_EXISTS);
    return true;
}

enum err writer_new(const struct kafka_options *k, struct writer **out, struct errmsg *why)
{
    struct writer *w = mem_zalloc(sizeof *w);
    struct kafka_producer_options o = {.linger_ms = LINGER_MS, .on_ack = on_ack, .ctx = w};
    struct uuid id = uuid_v4();
    w->loop = k->loop;
    w->next_number = 1;
    uuid_format(&id, w->instance);
    enum err err = kafka_producer_new(k, &o, &w->producer, why);
    if (err != ERR_OK) {
        free(w);
        return err;
    }
    w->timer = loop_timer_new(k->loop, look, w);
    *out = w;
    return ERR_OK;
}

unsigned writer_outstanding(const struct writer *w)
{
    return HASH_COUNT(w->writes);
}

void writer_free(struct writer *w)
{
    struct write *wr, *next;
    if (!w)
        return;
    HASH_ITER(hh, w->writes, wr, next)
        finish(w, wr, ERR_AGAIN);
    loop_timer_free(w->timer);
    kafka_producer_free(w->producer);
    free(w);
}
