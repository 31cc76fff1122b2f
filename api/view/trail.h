/* Table: who changed what, from the audit topic: the entries of an account as they were written, by (time, id). An entry's id is
 * its place in the topic, which is the same to every replica, so a cursor of one works at another and an entry that is read twice
 * is kept once. */
#ifndef VIEW_TRAIL_H
#define VIEW_TRAIL_H

#include "view/bookmark.h"
#include "view/sql.h"

enum { TRAIL_STATEMENTS = 4 };

struct trail {
    sqlite3 *db;
    sqlite3_stmt *st[TRAIL_STATEMENTS];
};

extern const char trail_schema[];

MUST_CHECK enum err trail_open(struct trail *t, sqlite3 *db, struct errmsg *why);
void trail_close(struct trail *t);
MUST_CHECK enum err trail_put(struct trail *t, int64_t account, int64_t wall_ms, int32_t partition, int64_t offset,
                              struct slice record, struct errmsg *why);

typedef void trail_fn(void *ctx, struct slice record);
/* At most limit, newest first; *end: where the last one stands, *full: the limit was reached. from: NULL for the first page. */
MUST_CHECK enum err trail_list(struct trail *t, int64_t account, int limit, const struct bookmark *from, trail_fn *fn, void *ctx,
                               struct bookmark *end, bool *full, struct errmsg *why);

/* The account after that one (0: the first) that has entries; 0: there is none. */
MUST_CHECK enum err trail_next_account(struct trail *t, int64_t after, int64_t *account, struct errmsg *why);
/* Removes an account's entries from before a time: all of them at once, for people make changes and not programs. */
MUST_CHECK enum err trail_prune(struct trail *t, int64_t account, int64_t before_wall_ms, struct errmsg *why);

#endif
