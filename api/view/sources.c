#include "view/sources.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

void sources_init(struct sources *s)
{
    TAILQ_INIT(&s->list);
    s->last = NULL;
}

void sources_done(struct sources *s)
{
    struct source *src;
    while ((src = TAILQ_FIRST(&s->list))) {
        TAILQ_REMOVE(&s->list, src, link);
        free(src);
    }
    s->last = NULL;
}

static bool is(const struct source *src, const char *topic, int32_t partition)
{
    return src->partition == partition && strcmp(src->topic, topic) == 0;
}

struct source *sources_find(struct sources *s, const char *topic, int32_t partition)
{
    struct source *src;
    if (s->last && is(s->last, topic, partition)) {
        return s->last;
    }
    TAILQ_FOREACH(src, &s->list, link) {
        if (is(src, topic, partition)) {
            s->last = src;
            return src;
        }
    }
    return NULL;
}

struct source *sources_add(struct sources *s, const char *topic, enum topic kind, const char *pool, int32_t partition)
{
    struct source *src = mem_zalloc(sizeof *src);
    (void)snprintf(src->topic, sizeof src->topic, "%s", topic);
    (void)snprintf(src->pool, sizeof src->pool, "%s", pool);
    src->kind = kind;
    src->partition = partition;
    src->sample = src->sample_end = src->end = -1;
    struct source *last = NULL, *it; /* those of a topic stand one after another, also when it got partitions later */
    TAILQ_FOREACH(it, &s->list, link) {
        if (strcmp(it->topic, topic) == 0)
            last = it;
    }
    if (last)
        TAILQ_INSERT_AFTER(&s->list, last, src, link);
    else
        TAILQ_INSERT_TAIL(&s->list, src, link);
    return src;
}

struct source *sources_log_of(struct sources *s, const struct source *events)
{
    struct source *src;
    TAILQ_FOREACH(src, &s->list, link) {
        if (src->kind == TOPIC_DELIVERIES && src->partition == events->partition && strcmp(src->pool, events->pool) == 0) {
            return src;
        }
    }
    return NULL;
}

bool sources_wants(const char *prefix, const char *topic, enum topic *kind, char pool[TOPIC_NAME_SIZE])
{
    static const enum topic kinds[] = {TOPIC_EVENTS, TOPIC_DELIVERIES, TOPIC_WEBHOOKS, TOPIC_AUDIT};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char plain[TOPIC_NAME_SIZE], full[TOPIC_NAME_SIZE];
        topic_name(kinds[i], prefix, NULL, plain);
        size_t length = strlen(plain);
        if (strncmp(topic, plain, length) != 0 || (topic[length] != '\0' && topic[length] != '.')) {
            continue;
        }
        const char *rest = topic[length] == '.' ? topic + length + 1 : "";
        if (topic[length] == '.' && !topic_pool_valid(rest)) {
            continue;
        }
        topic_name(kinds[i], prefix, rest, full); /* only events and deliveries have pools */
        if (strcmp(full, topic) == 0) {
            *kind = kinds[i];
            (void)snprintf(pool, TOPIC_NAME_SIZE, "%s", rest);
            return true;
        }
    }
    return false;
}
