/* A list's cursor: where the page before ended, as text. It holds the row's place in the order of the list (a time and an id) and
 * a mark of the query, so that a cursor given to another query is refused. It grants nothing: whose rows are listed is the
 * query's to say, so a forged cursor shows its maker his own rows from another place on. */
#ifndef VIEW_BOOKMARK_H
#define VIEW_BOOKMARK_H

#include "model/uuid.h"
#include "view/sql.h"
#include "view/view.h"

struct bookmark {
    int64_t wall_ms;
    struct uuid id;
};

/* mark: of whatever makes two queries different lists. */
void bookmark_write(const struct bookmark *c, uint32_t mark, char out[VIEW_CURSOR_SIZE]);
/* ERR_INVALID. */
MUST_CHECK enum err bookmark_read(struct slice text, uint32_t mark, struct bookmark *out, struct errmsg *why);
/* Adds bytes to a mark; begins with 0. */
uint32_t bookmark_mark(uint32_t mark, struct slice bytes);
uint32_t bookmark_mark_int(uint32_t mark, int64_t value);

/* Binds where a list begins, at index a time and after it an id: behind from; NULL: at a time, before any id. from must live
 * until the statement is reset. */
void bookmark_bind(sqlite3_stmt *st, int index, const struct bookmark *from, int64_t begin_wall_ms);
/* Of the present row, whose first two columns are a time and an id. */
struct bookmark bookmark_of(sqlite3_stmt *st);

#endif
