/* The inside of a view, for view*.c alone. */
#ifndef VIEW_VIEW_INTERNAL_H
#define VIEW_VIEW_INTERNAL_H

#include "view/ingest.h"

struct view {
    struct loop *loop;
    struct store store;
    struct ingest *ingest;
    struct view_limits limits;
    struct buf scratch; /* for parsing what a list hands over */
    uint64_t *read_errors;
};

/* Parses a record of the store, which was parsed when it came: failing is damage, counted and left out of the list. */
bool view_parse(struct view *v, struct slice record, struct delivery *out);

#endif
