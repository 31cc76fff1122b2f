/* Table: the last record of each delivery, as it stands in the log, and what lists need of it in columns.
 *
 * Attempts stay inside the record: a page parses its records, which costs 2 us each, and nothing asks for attempts across
 * deliveries (health.h has its own sums).
 *
 * Two indexes serve all eight kinds of list. `newest` has a webhook's deliveries by (created, id). `status` has them by
 * (status, event, created, id); a filter on only one of the two merges the runs of the other's values, 6 or 9 of them, which
 * SQLite does without sorting. An index for each combination would cost two more writes a record. */
#ifndef VIEW_DELIVERIES_H
#define VIEW_DELIVERIES_H

#include "model/delivery.h"
#include "view/bookmark.h"
#include "view/sql.h"

enum { DELIVERIES_LISTS = 8, DELIVERIES_STATEMENTS = 7 };

struct deliveries {
    sqlite3 *db;
    sqlite3_stmt *st[DELIVERIES_STATEMENTS];
    sqlite3_stmt *list[DELIVERIES_LISTS];
};

extern const char deliveries_schema[];

MUST_CHECK enum err deliveries_open(struct deliveries *t, sqlite3 *db, struct errmsg *why);
void deliveries_close(struct deliveries *t);

/* What is held of a delivery. */
struct deliveries_row {
    int64_t seq; /* 0: nothing */
    int64_t webhook;
    struct delivery_rank rank;
    struct slice record; /* until the next call */
};

/* deliveries_release afterwards. */
MUST_CHECK enum err deliveries_find(struct deliveries *t, const struct uuid *id, struct deliveries_row *out, struct errmsg *why);
void deliveries_release(struct deliveries *t);
/* A new row, unless there is one of that delivery: then nothing is done. */
MUST_CHECK enum err deliveries_insert(struct deliveries *t, int64_t webhook, const struct delivery *dl, struct slice record,
                                      bool *inserted, struct errmsg *why);
MUST_CHECK enum err deliveries_update(struct deliveries *t, int64_t seq, const struct delivery *dl, struct slice record,
                                      struct errmsg *why);
MUST_CHECK enum err deliveries_remove(struct deliveries *t, int64_t seq, struct errmsg *why);

/* -1: no such delivery. */
MUST_CHECK enum err deliveries_status(struct deliveries *t, const struct uuid *id, int *status, struct errmsg *why);

typedef void deliveries_fn(void *ctx, struct slice record);

/* Hands over at most q->limit records in order; *end is where the last one stands, *full: the limit was reached. from: NULL for
 * the first page. */
MUST_CHECK enum err deliveries_list(struct deliveries *t, int64_t webhook, const struct view_delivery_query *q,
                                    const struct bookmark *from, deliveries_fn *fn, void *ctx, struct bookmark *end, bool *full,
                                    struct errmsg *why);
/* Redeliveries of an event for a webhook, in the order they were made. */
MUST_CHECK enum err deliveries_again(struct deliveries *t, int64_t webhook, const struct uuid *event_id, deliveries_fn *fn,
                                     void *ctx, struct errmsg *why);

/* Removes at most limit of a webhook's oldest that were created before a time; removed[status] counts them. */
MUST_CHECK enum err deliveries_prune(struct deliveries *t, int64_t webhook, int64_t before_wall_ms, int limit,
                                     int64_t removed[VIEW_STATUSES], int *count, struct errmsg *why);

#endif
