/* Table: the versions of webhooks that were seen, each with the time its record was logged: what the
 * reconciliation holds events against. Compaction loses old versions, so a view that was made anew knows only those that the
 * topic still had; one that has been running knows all since it began. */
#ifndef VIEW_HISTORY_H
#define VIEW_HISTORY_H

#include "owed/owed.h"
#include "view/sql.h"

enum { HISTORY_STATEMENTS = 5 };

struct history {
    sqlite3 *db;
    sqlite3_stmt *st[HISTORY_STATEMENTS];
};

extern const char history_schema[];

MUST_CHECK enum err history_open(struct history *t, sqlite3 *db, struct errmsg *why);
void history_close(struct history *t);

/* A webhook's version as it was logged; record.p NULL: deleted. account 0: as the version before (a deletion does not say), and
 * nothing is kept when there is none. A version that is not greater than the last is left out. */
MUST_CHECK enum err history_put(struct history *t, int64_t webhook, int64_t account, int64_t version, int64_t logged_wall_ms,
                                struct slice record, struct errmsg *why);
/* The history of an account. */
MUST_CHECK enum err history_of(struct history *t, int64_t account, struct owed *out, struct errmsg *why);
/* Appends the last version's record; nothing when it is deleted or unknown. */
MUST_CHECK enum err history_last(struct history *t, int64_t webhook, struct buf *out, struct errmsg *why);
/* Removes versions that were followed by another before a time. */
MUST_CHECK enum err history_prune(struct history *t, int64_t before_wall_ms, struct errmsg *why);

#endif
