/* What the ingest's thread tells the loop: how far it is, what the workers have settled, and the records that changed the view.
 * The only memory that both touch, under one lock. */
#ifndef VIEW_REPORT_H
#define VIEW_REPORT_H

#include <stdatomic.h>

#include "io/loop.h"
#include "util/buf.h"

struct report_settled {
    int64_t source, offset; /* events of that partition (positions.h) below this offset */
};

struct report_state {
    bool complete;                  /* every partition was read to its end */
    unsigned files;                 /* how often the file was made anew */
    int64_t lag_records;            /* not read yet */
    int64_t complete_since_wall_ms; /* see ingest.h */
    int64_t events_until_wall_ms;   /* every event that was in the topics then is in the view (horizon.h) */
    int64_t all_until_wall_ms;      /* every record of any topic likewise */
};

struct report;

enum report_kind {
    REPORT_DELIVERY, /* its record changed the view: told to who watches when it is committed; dropped when too many come */
    REPORT_UNTOLD,   /* deliveries were dropped, or not kept since nobody watched yet; the record is empty */
    REPORT_DISABLED, /* an event webhook.disabled: always told */
};
typedef void report_fn(void *ctx, enum report_kind kind, struct slice record);

/* on_record is called on the loop. */
struct report *report_new(struct loop *l, report_fn *on_record, void *ctx);
void report_free(struct report *r);

/* -------- the ingest's side -------- */

void report_set(struct report *r, const struct report_state *state);
/* Replaces what is known of a source. */
void report_settle(struct report *r, int64_t source, int64_t offset);
/* Forgets what was settled: it is to be proven again. */
void report_unsettle(struct report *r);
/* True: a query has found the file damaged; why: how. */
bool report_take_damage(struct report *r, struct errmsg *why);
/* Keeps a copy of a record for the loop, until the transaction that it is in ends. */
void report_record(struct report *r, enum report_kind kind, struct slice record);
/* The transaction is committed: what it held can be asked for, and is told. */
void report_commit(struct report *r);
/* It was rolled back: nothing of it is told. */
void report_rollback(struct report *r);

/* -------- the loop's side -------- */

struct report_state report_get(struct report *r);
/* The settled offset of a source; -1: not known. */
int64_t report_settled(struct report *r, int64_t source);
void report_watch(struct report *r, bool watched);
/* The file is damaged, and is to be made anew. */
void report_damage(struct report *r, const struct errmsg *why);
/* Records that nobody was told of, since more came than could be handed over. */
uint64_t report_dropped(struct report *r);

#endif
