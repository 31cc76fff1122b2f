/* Table: the events of the topics, as they were written: the account's audit log, the source of bodies that records do not hold
 * any more, and one side of the reconciliation. Commands (test, redeliver) are kept for their bodies alone: their type is
 * EVENTS_COMMAND, which no list asks for.
 *
 * One index, by (account, type, time, id): a list of all types merges the runs of each. */
#ifndef VIEW_EVENTS_H
#define VIEW_EVENTS_H

#include "model/event.h"
#include "view/bookmark.h"
#include "view/sql.h"

#define EVENTS_COMMAND EVENT_TYPE_COUNT

enum { EVENTS_STATEMENTS = 4, EVENTS_LISTS = 3 };

struct events {
    sqlite3 *db;
    sqlite3_stmt *st[EVENTS_STATEMENTS];
    sqlite3_stmt *list[EVENTS_LISTS];
};

extern const char events_schema[];

MUST_CHECK enum err events_open(struct events *t, sqlite3 *db, struct errmsg *why);
void events_close(struct events *t);

/* Where an event stands in the topics. */
struct events_place {
    int64_t source; /* positions.h: number of the topic and partition */
    int64_t offset;
    int64_t logged_wall_ms; /* when Kafka took it */
};

/* An event that comes twice is kept as it came first, except that an event takes the place of a command with its id (a
 * redelivery).
 */
MUST_CHECK enum err events_put(struct events *t, int64_t account, const struct event *ev, const struct events_place *place,
                               struct slice record, struct errmsg *why);

struct events_row {
    struct bookmark at;
    struct events_place place;
    struct slice record;
};

/* false: no more rows are wanted. */
typedef bool events_fn(void *ctx, const struct events_row *row);

/* Newest first; type may be VIEW_ANY. *more: rows may be left, fn having said that it wants none or limit having been reached. */
MUST_CHECK enum err events_list(struct events *t, int64_t account, int type, int64_t since_wall_ms, int64_t until_wall_ms,
                                const struct bookmark *from, int limit, events_fn *fn, void *ctx, bool *more, struct errmsg *why);
/* Oldest first, of all types. */
MUST_CHECK enum err events_walk(struct events *t, int64_t account, int64_t since_wall_ms, int64_t until_wall_ms,
                                const struct bookmark *from, int limit, events_fn *fn, void *ctx, bool *more, struct errmsg *why);
/* Hands the record over, if there is one: an event or a command. */
MUST_CHECK enum err events_get(struct events *t, const struct uuid *id, events_fn *fn, void *ctx, struct errmsg *why);

/* The account after that one (0: the first) that has events; 0: there is none. */
MUST_CHECK enum err events_next_account(struct events *t, int64_t after, int64_t *account, struct errmsg *why);
/* Removes at most limit of an account's events of one type (or EVENTS_COMMAND) from before a time. */
MUST_CHECK enum err events_prune(struct events *t, int64_t account, int type, int64_t before_wall_ms, int limit, int *count,
                                 struct errmsg *why);

#endif
