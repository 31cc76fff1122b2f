#include "view/sql.h"

#define BUILT_MAX 8192

enum err sql_fail(sqlite3 *db, const char *what, struct errmsg *why)
{
    int code = sqlite3_errcode(db) & 0xff; /* without the extension */
    enum err err = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_FATAL : ERR_IO;
    return errmsg_set(why, err, "%.120s: %.300s", what, sqlite3_errmsg(db));
}

enum err sql_exec(sqlite3 *db, const char *text, struct errmsg *why)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : sql_fail(db, text, why);
}

enum err sql_prepare_all(sqlite3 *db, const char *const *texts, int count, sqlite3_stmt **st, struct errmsg *why)
{
    for (int i = 0; i < count; i++) {
        st[i] = NULL;
        if (sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &st[i], NULL) != SQLITE_OK) {
            enum err err = sql_fail(db, texts[i], why);
            sql_finalize_all(st, i);
            return err;
        }
    }
    return ERR_OK;
}

enum err sql_prepare_built(sqlite3 *db, void (*put)(struct buf *out, int i), int count, sqlite3_stmt **st, struct errmsg *why)
{
    struct buf text;
    enum err err = ERR_OK;
    buf_init(&text, BUILT_MAX);
    for (int i = 0; i < count && err == ERR_OK; i++) {
        buf_reset(&text);
        put(&text, i);
        check(text.err == ERR_OK);
        const char *one = buf_cstr(&text);
        err = sql_prepare_all(db, &one, 1, &st[i], why);
    }
    buf_done(&text);
    return err;
}

void sql_finalize_all(sqlite3_stmt **st, int count)
{
    for (int i = 0; i < count; i++) {
        (void)sqlite3_finalize(st[i]);
        st[i] = NULL;
    }
}

/* Binding fails only for an index that the statement does not have: our bug. */
void sql_bind_int(sqlite3_stmt *st, int index, int64_t value)
{
    check(sqlite3_bind_int64(st, index, value) == SQLITE_OK);
}

void sql_bind_blob(sqlite3_stmt *st, int index, struct slice bytes)
{
    check(sqlite3_bind_blob64(st, index, bytes.p, bytes.len, SQLITE_STATIC) == SQLITE_OK);
}

void sql_bind_text(sqlite3_stmt *st, int index, struct slice text)
{
    check(sqlite3_bind_text64(st, index, text.p, text.len, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}

void sql_bind_uuid(sqlite3_stmt *st, int index, const struct uuid *id)
{
    sql_bind_blob(st, index, slice_of((const char *)id->bytes, sizeof id->bytes));
}

enum err sql_next(sqlite3_stmt *st, bool *row, struct errmsg *why)
{
    int code = sqlite3_step(st);
    *row = code == SQLITE_ROW;
    if (*row) {
        return ERR_OK;
    }
    enum err err = code == SQLITE_DONE ? ERR_OK : sql_fail(sqlite3_db_handle(st), sqlite3_sql(st), why);
    (void)sqlite3_reset(st);
    return err;
}

enum err sql_run(sqlite3_stmt *st, struct errmsg *why)
{
    bool row = false;
    enum err err = sql_next(st, &row, why);
    check(!row);
    return err;
}

enum err sql_get_int(sqlite3_stmt *st, bool *found, int64_t *value, struct errmsg *why)
{
    enum err err = sql_next(st, found, why);
    if (err == ERR_OK && *found) {
        *value = sqlite3_column_int64(st, 0);
        (void)sqlite3_reset(st);
    }
    return err;
}

struct slice sql_blob(sqlite3_stmt *st, int column)
{
    const char *bytes = sqlite3_column_blob(st, column); /* before its length */
    return slice_of(bytes, (size_t)sqlite3_column_bytes(st, column));
}
