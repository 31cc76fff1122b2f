/* Ids of accounts and webhooks as small numbers, so that rows and indexes hold those. All are in memory too: there are as many as
 * webhooks and accounts, not as deliveries. */
#ifndef VIEW_NAMES_H
#define VIEW_NAMES_H

#include "view/sql.h"

struct name;

struct names {
    sqlite3 *db;
    sqlite3_stmt *st[2];
    struct name *by_text;
    bool stale; /* reading them failed: they are read again before the next is made */
};

extern const char names_schema[];

MUST_CHECK enum err names_open(struct names *n, sqlite3 *db, struct errmsg *why);
void names_close(struct names *n);
/* The number of a text, made when there is none: inside a transaction. */
MUST_CHECK enum err names_key(struct names *n, struct slice text, int64_t *key, struct errmsg *why);
/* 0: there is none. */
int64_t names_find(const struct names *n, struct slice text);
/* After a rollback: what was made in the transaction is forgotten. */
MUST_CHECK enum err names_reload(struct names *n, struct errmsg *why);

#endif
