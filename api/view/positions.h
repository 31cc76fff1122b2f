/* Table: where reading of each partition of the topics goes on. It changes in the transaction that holds what was read, so that
 * after a crash nothing is taken twice or left out. */
#ifndef VIEW_POSITIONS_H
#define VIEW_POSITIONS_H

#include "view/sql.h"

struct position {
    int64_t source;        /* its number; never used again for another partition */
    int64_t next;          /* offset */
    int64_t first_offset;  /* of the first record that was read; -1: none yet */
    int64_t first_wall_ms; /* when that was logged */
};

enum { POSITIONS_STATEMENTS = 3 };

struct positions {
    sqlite3 *db;
    sqlite3_stmt *st[POSITIONS_STATEMENTS];
};

extern const char positions_schema[];

MUST_CHECK enum err positions_open(struct positions *t, sqlite3 *db, struct errmsg *why);
void positions_close(struct positions *t);
/* Made, at offset 0, when there is none: inside a transaction. */
MUST_CHECK enum err positions_load(struct positions *t, struct slice topic, int32_t partition, struct position *out,
                                   struct errmsg *why);
MUST_CHECK enum err positions_save(struct positions *t, const struct position *at, struct errmsg *why);

#endif
