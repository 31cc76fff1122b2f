#include "view/history.h"

const char history_schema[] = "CREATE TABLE definitions("
                              " seq INTEGER PRIMARY KEY,"
                              " webhook INTEGER NOT NULL,"
                              " account INTEGER NOT NULL,"
                              " version INTEGER NOT NULL,"
                              " logged INTEGER NOT NULL,"
                              " followed INTEGER,"    /* when the next version was logged */
                              " record BLOB) STRICT;" /* NULL: deleted */
                              "CREATE INDEX definitions_webhook ON definitions(webhook, seq);"
                              "CREATE INDEX definitions_account ON definitions(account, seq);"
                              "CREATE INDEX definitions_followed ON definitions(followed) WHERE followed IS NOT NULL;";

enum { LAST, FOLLOW, INSERT, HISTORY, PRUNE, STATEMENTS };
_Static_assert((int)STATEMENTS == (int)HISTORY_STATEMENTS, "room for each");

static const char *const texts[STATEMENTS] = {
    [LAST] = "SELECT seq, account, version, record FROM definitions WHERE webhook = ?1 ORDER BY seq DESC LIMIT 1",
    [FOLLOW] = "UPDATE definitions SET followed = ?2 WHERE seq = ?1",
    [INSERT] = "INSERT INTO definitions(webhook, account, version, logged, record) VALUES(?1, ?2, ?3, ?4, ?5)",
    [HISTORY] = ("SELECT n.text, d.logged, d.record FROM definitions d JOIN names n ON n.key = d.webhook"
                 " WHERE d.account = ?1 ORDER BY d.seq"),
    [PRUNE] = "DELETE FROM definitions WHERE followed < ?1",
};

enum err history_open(struct history *t, sqlite3 *db, struct errmsg *why)
{
    *t = (struct history){.db = db};
    return sql_prepare_all(db, texts, STATEMENTS, t->st, why);
}

void history_close(struct history *t)
{
    sql_finalize_all(t->st, STATEMENTS);
}

/* -------- webhooks -------- */

struct last {
    int64_t seq; /* 0: none */
    int64_t account, version;
    bool deleted;
};

static enum err find_last(struct history *t, int64_t webhook, struct last *out, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[LAST];
    bool row = false;
    sql_bind_int(st, 1, webhook);
    *out = (struct last){0};
    enum err err = sql_next(st, &row, why);
    if (err == ERR_OK && row) {
        *out = (struct last){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
                             sqlite3_column_type(st, 3) == SQLITE_NULL};
        (void)sqlite3_reset(st);
    }
    return err;
}

/* The first record of a version wins; after a deletion every version is a new beginning. */
static bool counts_after(const struct last *last, int64_t version, bool deletes)
{
    if (last->seq == 0) {
        return !deletes;
    }
    return deletes ? !last->deleted : last->deleted || version > last->version;
}

enum err history_put(struct history *t, int64_t webhook, int64_t account, int64_t version, int64_t logged_wall_ms,
                     struct slice record, struct errmsg *why)
{
    struct last last;
    enum err err = find_last(t, webhook, &last, why);
    if (err != ERR_OK || !counts_after(&last, version, record.p == NULL)) {
        return err;
    }
    if (last.seq != 0) {
        sql_bind_int(t->st[FOLLOW], 1, last.seq);
        sql_bind_int(t->st[FOLLOW], 2, logged_wall_ms);
        err = sql_run(t->st[FOLLOW], why);
    }
    if (err != ERR_OK) {
        return err;
    }
    sqlite3_stmt *st = t->st[INSERT];
    sql_bind_int(st, 1, webhook);
    sql_bind_int(st, 2, account != 0 ? account : last.account);
    sql_bind_int(st, 3, version);
    sql_bind_int(st, 4, logged_wall_ms);
    sql_bind_blob(st, 5, record);
    return sql_run(st, why);
}

enum err history_last(struct history *t, int64_t webhook, struct buf *out, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[LAST];
    bool row = false;
    sql_bind_int(st, 1, webhook);
    enum err err = sql_next(st, &row, why);
    if (err == ERR_OK && row) {
        buf_put_slice(out, sql_blob(st, 3));
        (void)sqlite3_reset(st);
    }
    return err;
}

enum err history_prune(struct history *t, int64_t before_wall_ms, struct errmsg *why)
{
    sql_bind_int(t->st[PRUNE], 1, before_wall_ms);
    return sql_run(t->st[PRUNE], why);
}

/* -------- the history of an account -------- */

enum err history_of(struct history *t, int64_t account, struct owed *out, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[HISTORY];
    bool row = false;
    enum err err;
    sql_bind_int(st, 1, account);
    while ((err = sql_next(st, &row, why)) == ERR_OK && row) {
        err = owed_add_webhook(out, sql_blob(st, 0), sql_blob(st, 2), sqlite3_column_int64(st, 1), why);
        if (err != ERR_OK) {
            (void)sqlite3_reset(st);
            return err;
        }
    }
    return err;
}
