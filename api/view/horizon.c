#include "view/horizon.h"

#include <stdlib.h>

#include "util/mem.h"

struct horizon {
    struct loop *loop;
    struct kafka_admin *admin;
    struct sources *sources;
    bool asked;             /* an answer is to come */
    int64_t asked_wall_ms;  /* when that was */
    int64_t listed_wall_ms; /* the sources are all topics there were at that time */
};

struct horizon *horizon_new(struct loop *l, struct kafka_admin *admin, struct sources *sources)
{
    struct horizon *h = mem_zalloc(sizeof *h);
    *h = (struct horizon){.loop = l, .admin = admin, .sources = sources};
    return h;
}

void horizon_free(struct horizon *h)
{
    free(h);
}

/* -------- asking -------- */

/* One that is still to be reached is not exchanged for a later one: so it is reached also by a view that lags all the time. */
static void on_ends(void *ctx, enum err err, const struct kafka_end *ends, int count)
{
    struct horizon *h = ctx;
    h->asked = false;
    for (int i = 0; err == ERR_OK && i < count; i++) {
        struct source *src = sources_find(h->sources, ends[i].topic, ends[i].partition);
        if (src && ends[i].offset >= 0 && src->end < 0) {
            src->end = ends[i].offset;
            src->end_wall_ms = h->asked_wall_ms;
        }
    }
}

/* Every partition's end; the sources of a topic stand one after another. */
static void ask(struct horizon *h)
{
    struct kafka_topic_name *topics = NULL;
    int count = 0;
    const struct source *src;
    TAILQ_FOREACH(src, &h->sources->list, link) {
        if (src->partition == 0) {
            topics = mem_array(topics, (size_t)count + 1, sizeof *topics);
            topics[count++] = (struct kafka_topic_name){src->topic, 0};
        }
        check(topics); /* partition 0 stands first */
        topics[count - 1].partitions++;
    }
    h->asked = count > 0;
    h->asked_wall_ms = loop_wall(h->loop);
    if (count > 0) {
        kafka_admin_ends(h->admin, topics, count, on_ends, h);
    }
    free(topics);
}

void horizon_listed(struct horizon *h, int64_t asked_wall_ms)
{
    h->listed_wall_ms = asked_wall_ms;
    if (!h->asked) {
        ask(h);
    }
}

/* -------- reaching -------- */

void horizon_look(struct horizon *h)
{
    struct source *src;
    TAILQ_FOREACH(src, &h->sources->list, link) {
        if (src->end >= 0 && src->committed >= src->end) {
            src->whole_until_wall_ms = src->end_wall_ms;
            src->end = -1;
        }
    }
}

void horizon_forget(struct horizon *h)
{
    struct source *src;
    TAILQ_FOREACH(src, &h->sources->list, link) {
        src->end = -1;
        src->committed = 0; /* of the file that is gone */
        src->whole_until_wall_ms = 0;
    }
}

static int64_t earliest(const struct horizon *h, bool events_alone)
{
    int64_t until = h->listed_wall_ms;
    const struct source *src;
    TAILQ_FOREACH(src, &h->sources->list, link) {
        if ((!events_alone || src->kind == TOPIC_EVENTS) && src->whole_until_wall_ms < until) {
            until = src->whole_until_wall_ms;
        }
    }
    return until;
}

int64_t horizon_events_wall_ms(const struct horizon *h)
{
    return earliest(h, true);
}

int64_t horizon_all_wall_ms(const struct horizon *h)
{
    return earliest(h, false);
}
