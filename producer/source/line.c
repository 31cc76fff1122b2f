#include "producer/source/line.h"

#include <string.h>

size_t line_frame(struct slice bytes, size_t max)
{
    size_t len = bytes.len < max ? bytes.len : max;
    const char *lf = len > 0 ? memchr(bytes.p, '\n', len) : NULL;
    if (lf)
        return (size_t)(lf - bytes.p) + 1;
    return len == max ? len : 0;
}

bool line_take(struct line_state *ls, int64_t offset, struct slice frame, struct slice *line)
{
    bool complete = frame.p[frame.len - 1] == '\n';
    bool begun = ls->cut;
    if (!begun)
        ls->cut_offset = offset;
    ls->cut = !complete;
    if (!complete || begun)
        return false;
    frame.len--;
    if (frame.len > 0 && frame.p[frame.len - 1] == '\r')
        frame.len--;
    *line = frame;
    return true;
}

int64_t line_pending(const struct line_state *ls)
{
    return ls->cut ? ls->cut_offset : INT64_MAX;
}
