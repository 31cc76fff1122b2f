/* SQLite with our errors. A statement is prepared once, when its table is opened, and is always reset when a call returns, except
 * while its rows are being read.
 *
 * Errors: ERR_FATAL: the file is damaged, make it anew; ERR_IO: anything else (a full disk, no permission), which may pass. */
#ifndef VIEW_SQL_H
#define VIEW_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/uuid.h"
#include "util/buf.h"

MUST_CHECK enum err sql_fail(sqlite3 *db, const char *what, struct errmsg *why);
MUST_CHECK enum err sql_exec(sqlite3 *db, const char *text, struct errmsg *why);

/* Prepares texts[i] as st[i]; on failure none is left. */
MUST_CHECK enum err sql_prepare_all(sqlite3 *db, const char *const *texts, int count, sqlite3_stmt **st, struct errmsg *why);
/* The same for texts that are put together: put appends that of st[i]. */
MUST_CHECK enum err sql_prepare_built(sqlite3 *db, void (*put)(struct buf *out, int i), int count, sqlite3_stmt **st,
                                      struct errmsg *why);
void sql_finalize_all(sqlite3_stmt **st, int count);

void sql_bind_int(sqlite3_stmt *st, int index, int64_t value);
/* Not copied: the bytes must live until the statement is reset. A NULL pointer binds NULL. */
void sql_bind_blob(sqlite3_stmt *st, int index, struct slice bytes);
void sql_bind_text(sqlite3_stmt *st, int index, struct slice text);
/* As a blob of 16 bytes; likewise not copied. */
void sql_bind_uuid(sqlite3_stmt *st, int index, const struct uuid *id);

/* Runs a statement that gives no rows. */
MUST_CHECK enum err sql_run(sqlite3_stmt *st, struct errmsg *why);
/* The next row; *row false: there is none, and the statement is reset. On failure it is reset too. */
MUST_CHECK enum err sql_next(sqlite3_stmt *st, bool *row, struct errmsg *why);
/* The first row's first column; *found false: there is no row. */
MUST_CHECK enum err sql_get_int(sqlite3_stmt *st, bool *found, int64_t *value, struct errmsg *why);

/* A column of the present row; the bytes live until the next step or reset. */
struct slice sql_blob(sqlite3_stmt *st, int column);

#endif
