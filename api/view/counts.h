/* Table: how many deliveries of each status a webhook has. Counting a million rows takes longer than a request may, so the sums
 * change with the rows. Within a transaction the changes are gathered in memory and written once a webhook. */
#ifndef VIEW_COUNTS_H
#define VIEW_COUNTS_H

#include "view/sql.h"
#include "view/view.h"

struct count;

enum { COUNTS_STATEMENTS = 3 };

struct counts {
    sqlite3 *db;
    sqlite3_stmt *st[COUNTS_STATEMENTS];
    struct count *changed;
};

extern const char counts_schema[];

MUST_CHECK enum err counts_open(struct counts *t, sqlite3 *db, struct errmsg *why);
void counts_close(struct counts *t);
/* In a transaction. */
void counts_add(struct counts *t, int64_t webhook, int status, int64_t change);
/* Writes what was added: before the commit. */
MUST_CHECK enum err counts_flush(struct counts *t, struct errmsg *why);
/* After a rollback. */
void counts_forget(struct counts *t);
/* With what was added. */
MUST_CHECK enum err counts_get(struct counts *t, int64_t webhook, int64_t counts[VIEW_STATUSES], struct errmsg *why);
/* The webhook after that one (0: the first) that has counts; 0: there is none. */
MUST_CHECK enum err counts_next(struct counts *t, int64_t after, int64_t *webhook, struct errmsg *why);

#endif
