/* The inside of a view, for view*.c alone. */
#ifndef VIEW_VIEW_INTERNAL_H
#define VIEW_VIEW_INTERNAL_H

#include "view/ingest.h"

struct view {
    struct loop *loop;
    struct store filled; /* the ingest's */
    struct store store;  /* the loop's connection to the same file */
    unsigned files;      /* which file that is: report_state.files */
    struct report *report;
    struct ingest *ingest;
    struct view_limits limits;
    int64_t opened_wall_ms;
    struct buf scratch, told_scratch; /* for parsing what a list, or the report, hands over */
    view_delivery_fn *on_delivery;
    void (*on_untold)(void *ctx);
    void *on_delivery_ctx; /* of both */
    view_event_fn *on_disabled;
    void *on_disabled_ctx;
    uint64_t *read_errors;
};

/* What every call begins with: opens the file again when it was made anew. */
MUST_CHECK enum err view_refresh(struct view *v, struct errmsg *why);
/* What every call ends with: a file that was found damaged (ERR_FATAL) is counted and made anew. Returns err. */
MUST_CHECK enum err view_answer(struct view *v, enum err err, const struct errmsg *why);
/* Parses a record of the store, which was parsed when it came: failing is damage, counted and left out of the list. */
bool view_parse(struct view *v, struct slice record, struct delivery *out);

#endif
