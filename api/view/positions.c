#include "view/positions.h"

const char positions_schema[] = "CREATE TABLE positions("
                                " source INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " topic TEXT NOT NULL,"
                                " partition INTEGER NOT NULL,"
                                " next INTEGER NOT NULL,"
                                " first_offset INTEGER NOT NULL,"
                                " first_logged INTEGER NOT NULL,"
                                " UNIQUE(topic, partition)) STRICT;";

enum { LOAD, MAKE, SAVE, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [LOAD] = "SELECT source, next, first_offset, first_logged FROM positions WHERE topic = ?1 AND partition = ?2",
    [MAKE] = "INSERT INTO positions(topic, partition, next, first_offset, first_logged) VALUES(?1, ?2, 0, -1, 0)",
    [SAVE] = "UPDATE positions SET next = ?2, first_offset = ?3, first_logged = ?4 WHERE source = ?1",
};

enum err positions_open(struct positions *t, sqlite3 *db, struct errmsg *why)
{
    *t = (struct positions){.db = db};
    return sql_prepare_all(db, texts, STATEMENTS, t->st, why);
}

void positions_close(struct positions *t)
{
    sql_finalize_all(t->st, STATEMENTS);
}

static enum err make(struct positions *t, struct slice topic, int32_t partition, struct position *out, struct errmsg *why)
{
    sql_bind_text(t->st[MAKE], 1, topic);
    sql_bind_int(t->st[MAKE], 2, partition);
    enum err err = sql_run(t->st[MAKE], why);
    *out = (struct position){.source = sqlite3_last_insert_rowid(t->db), .first_offset = -1};
    return err;
}

enum err positions_load(struct positions *t, struct slice topic, int32_t partition, struct position *out, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[LOAD];
    bool row = false;
    sql_bind_text(st, 1, topic);
    sql_bind_int(st, 2, partition);
    enum err err = sql_next(st, &row, why);
    if (err != ERR_OK) {
        return err;
    }
    if (!row) {
        return make(t, topic, partition, out, why);
    }
    *out = (struct position){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
                             sqlite3_column_int64(st, 3)};
    (void)sqlite3_reset(st);
    return ERR_OK;
}

enum err positions_save(struct positions *t, const struct position *at, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[SAVE];
    sql_bind_int(st, 1, at->source);
    sql_bind_int(st, 2, at->next);
    sql_bind_int(st, 3, at->first_offset);
    sql_bind_int(st, 4, at->first_wall_ms);
    return sql_run(st, why);
}
