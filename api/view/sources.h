/* The partitions that the view reads: of which topic and pool, and where each is. */
#ifndef VIEW_SOURCES_H
#define VIEW_SOURCES_H

#include <sys/queue.h>

#include "io/kafka.h"
#include "model/topics.h"
#include "view/positions.h"

struct source {
    char topic[TOPIC_NAME_SIZE];
    char pool[TOPIC_NAME_SIZE]; /* of events and deliveries; "" the shared one */
    enum topic kind;            /* TOPIC_EVENTS, _DELIVERIES, _WEBHOOKS or _AUDIT */
    int32_t partition;
    struct position at;
    int64_t committed; /* what was read below this offset is in the file for good */
    bool moved;        /* at has changed and is not saved */
    bool ended;        /* it was read to its end once */
    /* Of events (settled.h): a committed offset that is to be proven, when it was told, and how far the log must be read; -1:
     * none */
    int64_t sample, sample_at_ms, sample_end;
    /* Horizon: an end that is to be reached (-1: none), when it was asked for, and up to when everything is in the file */
    int64_t end, end_wall_ms, whole_until_wall_ms;
    TAILQ_ENTRY(source) link;
};

TAILQ_HEAD(source_list, source);

struct sources {
    struct source_list list;
    struct source *last; /* found: records come in runs */
};

void sources_init(struct sources *s);
void sources_done(struct sources *s);
/* NULL: not among them. */
struct source *sources_find(struct sources *s, const char *topic, int32_t partition);
/* With no position. */
struct source *sources_add(struct sources *s, const char *topic, enum topic kind, const char *pool, int32_t partition);
/* The partition of the delivery log that belongs to one of events; NULL: not there (yet). */
struct source *sources_log_of(struct sources *s, const struct source *events);

/* Whether a topic of that name is one that the view reads; pool: "" or its pool. */
bool sources_wants(const char *prefix, const char *topic, enum topic *kind, char pool[TOPIC_NAME_SIZE]);

#endif
