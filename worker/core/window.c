#include "core/window.h"

void window_init(struct window *w, int limit)
{
    w->limit = limit < 1 ? 1 : limit;
    w->size = w->limit < WINDOW_START ? w->limit : WINDOW_START;
    w->ignore = 0;
}

void window_set_limit(struct window *w, int limit)
{
    w->limit = limit < 1 ? 1 : limit;
    if (w->size > w->limit)
        w->size = w->limit;
}

int window_size(const struct window *w)
{
    return (int)w->size;
}

void window_answer(struct window *w, bool good, bool used, int in_flight)
{
    bool of_the_last_bad_moment = w->ignore > 0;
    if (of_the_last_bad_moment)
        w->ignore--;
    if (good) {
        if (used)
            w->size += 1 / w->size;
        if (w->size > w->limit)
            w->size = w->limit;
    } else if (!of_the_last_bad_moment) {
        w->size = w->size / 2 < 1 ? 1 : w->size / 2;
        w->ignore = in_flight;
    }
}

void window_restart(struct window *w)
{
    w->size = 1;
    w->ignore = 0;
}
