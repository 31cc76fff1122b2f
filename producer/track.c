#include "producer/track.h"

void track_init(struct track *t)
{
    TAILQ_INIT(&t->marks);
    t->count = 0;
}

void track_begin(struct track *t, struct track_mark *mark, int64_t offset, int64_t now_ms)
{
    struct track_mark *before = TAILQ_LAST(&t->marks, track_list);
    mark->offset = offset;
    mark->since_ms = now_ms;
    while (before && before->offset > offset)
        before = TAILQ_PREV(before, track_list, link);
    if (before)
        TAILQ_INSERT_AFTER(&t->marks, before, mark, link);
    else
        TAILQ_INSERT_HEAD(&t->marks, mark, link);
    t->count++;
}

void track_end(struct track *t, struct track_mark *mark)
{
    TAILQ_REMOVE(&t->marks, mark, link);
    t->count--;
}

int64_t track_lowest(const struct track *t)
{
    const struct track_mark *first = TAILQ_FIRST(&t->marks);
    return first ? first->offset : INT64_MAX;
}
