#include "view/settled.h"

#include <stdlib.h>

#include "util/mem.h"

#define TICK_MS 1000
#define ASK_TICKS 5
#define END_AFTER_MS 1500 /* by then the reader's cached end is younger than the sample: it fetches every half second */
#define PARTITIONS_MAX 4096

/* One question: of one topic. */
struct question {
    struct settled *settled;
    char topic[TOPIC_NAME_SIZE];
    LIST_ENTRY(question) link;
};

struct settled {
    struct loop *loop;
    struct kafka_admin *admin;
    struct kafka_reader *reader;
    struct sources *sources;
    struct report *report;
    const char *topic_prefix;
    struct loop_timer *timer;
    int ticks;
    LIST_HEAD(, question) asked; /* questions without an answer */
};

static void take_sample(struct settled *s, struct source *src, int64_t offset)
{
    if (src && src->sample < 0 && offset >= 0) {
        src->sample = offset;
        src->sample_at_ms = loop_now(s->loop);
        src->sample_end = -1;
    }
}

static void on_committed(void *ctx, enum err err, const struct kafka_committed *committed, int count)
{
    struct question *q = ctx;
    for (int i = 0; err == ERR_OK && i < count; i++) {
        take_sample(q->settled, sources_find(q->settled->sources, q->topic, committed[i].partition), committed[i].offset);
    }
    LIST_REMOVE(q, link);
    free(q);
}

/* Asks for all partitions of the topic that begins with this source (they stand one after another). */
static void ask(struct settled *s, const struct source *first)
{
    int32_t partitions[PARTITIONS_MAX];
    char group[TOPIC_NAME_SIZE];
    int count = 0;
    for (const struct source *src = first; src && count < PARTITIONS_MAX; src = TAILQ_NEXT(src, link)) {
        if (src->kind == TOPIC_EVENTS && strcmp(src->topic, first->topic) == 0) {
            partitions[count++] = src->partition;
        }
    }
    struct question *q = mem_zalloc(sizeof *q);
    q->settled = s;
    memcpy(q->topic, first->topic, sizeof q->topic);
    topic_worker_group(s->topic_prefix, first->pool, group);
    LIST_INSERT_HEAD(&s->asked, q, link);
    kafka_admin_committed(s->admin, group, q->topic, partitions, count, on_committed, q);
}

static void ask_all(struct settled *s)
{
    struct source *src;
    TAILQ_FOREACH(src, &s->sources->list, link) {
        if (src->kind == TOPIC_EVENTS && src->partition == 0) {
            ask(s, src);
        }
    }
}

static void prove(struct settled *s, struct source *src)
{
    struct source *log = sources_log_of(s->sources, src);
    if (!log || loop_now(s->loop) < src->sample_at_ms + END_AFTER_MS) {
        return;
    }
    if (src->sample_end < 0) {
        src->sample_end = kafka_reader_known_end(s->reader, log->topic, log->partition);
    }
    if (src->sample_end >= 0 && log->committed >= src->sample_end) {
        report_settle(s->report, src->at.source, src->sample);
        src->sample = -1;
    }
}

static void on_tick(void *ctx)
{
    struct settled *s = ctx;
    struct source *src;
    TAILQ_FOREACH(src, &s->sources->list, link) {
        if (src->kind == TOPIC_EVENTS && src->sample >= 0) {
            prove(s, src);
        }
    }
    if (s->ticks++ % ASK_TICKS == 0 && LIST_EMPTY(&s->asked)) {
        ask_all(s);
    }
    loop_timer_arm(s->timer, TICK_MS);
}

struct settled *settled_new(struct loop *l, struct kafka_admin *admin, struct kafka_reader *reader, struct sources *sources,
                            struct report *report, const char *topic_prefix)
{
    struct settled *s = mem_zalloc(sizeof *s);
    *s = (struct settled){
        .loop = l, .admin = admin, .reader = reader, .sources = sources, .report = report, .topic_prefix = topic_prefix};
    s->timer = loop_timer_new(l, on_tick, s);
    loop_timer_arm(s->timer, TICK_MS);
    return s;
}

void settled_free(struct settled *s)
{
    struct question *q;
    if (!s) {
        return;
    }
    while ((q = LIST_FIRST(&s->asked))) {
        LIST_REMOVE(q, link);
        free(q);
    }
    loop_timer_free(s->timer);
    free(s);
}
