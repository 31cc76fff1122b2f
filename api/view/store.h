/* The file: an SQLite database with all tables of the view, opened by one process: on one connection by the thread that fills it
 * (ingest.h), and on another by the loop, which asks. Readers see what was committed, and nobody waits for anybody.
 *
 * It is an index of the topics, so nothing in it is precious: synchronous=NORMAL keeps it whole through a crash of the machine
 * but may lose the last transactions, which are then read again, because the positions go with them. A file of another schema, or
 * one that SQLite finds damaged, is removed and made anew. */
#ifndef VIEW_STORE_H
#define VIEW_STORE_H

#include "view/counts.h"
#include "view/deliveries.h"
#include "view/events.h"
#include "view/health.h"
#include "view/history.h"
#include "view/names.h"
#include "view/positions.h"
#include "view/trail.h"

#define STORE_SCHEMA 4 /* changes with any CREATE statement, and with what a column means */

struct store {
    char *path;
    int lock_fd;
    sqlite3 *db;
    bool changing; /* a transaction is open */
    bool rebuilt;  /* there was a file, and it was made anew */
    struct names names;
    struct deliveries deliveries;
    struct events events;
    struct counts counts;
    struct health health;
    struct history history;
    struct trail trail;
    struct positions positions;
};

/* Opens or makes folder/view.db, and the folder itself. ERR_EXISTS: another process has it; ERR_IO. */
MUST_CHECK enum err store_open(struct store *s, const char *folder, struct errmsg *why);
/* A second connection to a file that is open, for queries alone. */
MUST_CHECK enum err store_open_reader(struct store *s, const char *path, struct errmsg *why);
/* What the open transaction holds is given up. */
void store_close(struct store *s);
/* Empties the store: removes the file and makes it anew. */
MUST_CHECK enum err store_rebuild(struct store *s, struct errmsg *why);

/* Opens a transaction where none is open. */
MUST_CHECK enum err store_begin(struct store *s, struct errmsg *why);
/* Writes the gathered sums and commits; on failure everything is rolled back. Nothing is open: nothing to do. */
MUST_CHECK enum err store_commit(struct store *s, struct errmsg *why);
void store_rollback(struct store *s);

int64_t store_size_bytes(const struct store *s);

#endif
