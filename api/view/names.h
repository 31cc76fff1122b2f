/* Ids of accounts and webhooks as small numbers, so that rows and indexes hold those. What was looked up once stays in memory:
 * there are as many as webhooks and accounts, not as deliveries. */
#ifndef VIEW_NAMES_H
#define VIEW_NAMES_H

#include "view/sql.h"

struct name;

enum { NAMES_STATEMENTS = 2 };

struct names {
    sqlite3 *db;
    sqlite3_stmt *st[NAMES_STATEMENTS];
    struct name *by_text;
};

extern const char names_schema[];

MUST_CHECK enum err names_open(struct names *n, sqlite3 *db, struct errmsg *why);
void names_close(struct names *n);
/* The number of a text; 0: it has none. */
MUST_CHECK enum err names_find(struct names *n, struct slice text, int64_t *key, struct errmsg *why);
/* The same, made when there is none: inside a transaction. */
MUST_CHECK enum err names_key(struct names *n, struct slice text, int64_t *key, struct errmsg *why);
/* After a rollback: what was made in the transaction is not there any more. */
void names_forget(struct names *n);

#endif
