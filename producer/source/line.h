/* Logs whose records are lines. A line longer than the format allows comes in pieces: all of them are put aside, the last one (up
 * to the LF) too, so that the end of a long line is never taken for a record of its own. */
#ifndef PRODUCER_SOURCE_LINE_H
#define PRODUCER_SOURCE_LINE_H

#include "producer/source.h"

struct line_state {
    bool cut; /* inside a line that is too long */
    int64_t cut_offset;
};

/* As source_format.frame: up to the LF, at most max bytes. */
size_t line_frame(struct slice bytes, size_t max);
/* Takes a frame that line_frame gave. False: it is a piece of a line that is too long; else *line is the frame without its LF and
 * a CR before it. */
bool line_take(struct line_state *ls, int64_t offset, struct slice frame, struct slice *line);
/* As source_format.pending_offset: where the line began whose end was not read yet. */
int64_t line_pending(const struct line_state *ls);

#endif
