#include "view/events.h"

const char events_schema[] = "CREATE TABLE events("
                             " seq INTEGER PRIMARY KEY,"
                             " id BLOB NOT NULL,"
                             " account INTEGER NOT NULL,"
                             " type INTEGER NOT NULL,"
                             " time INTEGER NOT NULL,"
                             " source INTEGER NOT NULL,"
                             " offset INTEGER NOT NULL,"
                             " logged INTEGER NOT NULL,"
                             " record BLOB NOT NULL) STRICT;"
                             "CREATE UNIQUE INDEX events_id ON events(id);"
                             "CREATE INDEX events_time ON events(account, type, time, id);";

#define COLUMNS "time, id, source, offset, logged, record"

enum { PUT, GET, NEXT_ACCOUNT, PRUNE, STATEMENTS };
_Static_assert((int)STATEMENTS == (int)EVENTS_STATEMENTS, "room for each");

static const char *const texts[STATEMENTS] = {
    [PUT] =
        "INSERT INTO events(id, account, type, time, source, offset, logged, record) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        " ON CONFLICT(id) DO UPDATE SET account = ?2, type = ?3, time = ?4, source = ?5, offset = ?6, logged = ?7, record = ?8"
        " WHERE type = ?9 AND ?3 <> ?9",
    [GET] = "SELECT " COLUMNS " FROM events WHERE id = ?1",
    [NEXT_ACCOUNT] = "SELECT account FROM events WHERE account > ?1 ORDER BY account LIMIT 1",
    [PRUNE] = ("DELETE FROM events WHERE seq IN (SELECT seq FROM events"
               " WHERE account = ?1 AND type = ?2 AND time < ?3 ORDER BY time, id LIMIT ?4)"),
};

enum { LIST_ALL, LIST_TYPE, LIST_WALK };

static void put_list(struct buf *out, int kind)
{
    for (int type = 0; type < (kind == LIST_TYPE ? 1 : EVENT_TYPE_COUNT); type++) {
        buf_puts(out, type > 0 ? " UNION ALL " : "");
        buf_puts(out, "SELECT " COLUMNS " FROM events WHERE account = ?1 AND type = ");
        buf_printf(out, kind == LIST_TYPE ? "?6" : "%d", type);
        buf_puts(out,
                 kind == LIST_WALK ? " AND (time, id) > (?2, ?3) AND time < ?4" : " AND (time, id) < (?2, ?3) AND time >= ?4");
    }
    buf_puts(out, kind == LIST_WALK ? " ORDER BY time, id LIMIT ?5" : " ORDER BY time DESC, id DESC LIMIT ?5");
}

enum err events_open(struct events *t, sqlite3 *db, struct errmsg *why)
{
    *t = (struct events){.db = db};
    enum err err = sql_prepare_all(db, texts, STATEMENTS, t->st, why);
    return err == ERR_OK ? sql_prepare_built(db, put_list, EVENTS_LISTS, t->list, why) : err;
}

void events_close(struct events *t)
{
    sql_finalize_all(t->st, STATEMENTS);
    sql_finalize_all(t->list, EVENTS_LISTS);
}

enum err events_put(struct events *t, int64_t account, const struct event *ev, const struct events_place *place,
                    struct slice record, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[PUT];
    sql_bind_uuid(st, 1, &ev->id);
    sql_bind_int(st, 2, account);
    sql_bind_int(st, 3, ev->target.webhook_id.len > 0 ? EVENTS_COMMAND : (int)ev->type);
    sql_bind_int(st, 4, ev->time_wall_ms);
    sql_bind_int(st, 5, place->source);
    sql_bind_int(st, 6, place->offset);
    sql_bind_int(st, 7, place->logged_wall_ms);
    sql_bind_blob(st, 8, record);
    sql_bind_int(st, 9, EVENTS_COMMAND);
    return sql_run(st, why);
}

static enum err hand_over(sqlite3_stmt *st, events_fn *fn, void *ctx, int *count, bool *stopped, struct errmsg *why)
{
    bool row = false;
    enum err err;
    *count = 0;
    *stopped = false;
    while ((err = sql_next(st, &row, why)) == ERR_OK && row) {
        struct events_row r = {.at = bookmark_of(st),
                               .place = {sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3), sqlite3_column_int64(st, 4)},
                               .record = sql_blob(st, 5)};
        ++*count;
        if (!fn(ctx, &r)) {
            *stopped = true;
            (void)sqlite3_reset(st);
            break;
        }
    }
    return err;
}

static enum err run_list(sqlite3_stmt *st, int64_t account, int64_t begin, int64_t bound, const struct bookmark *from, int limit,
                         events_fn *fn, void *ctx, bool *more, struct errmsg *why)
{
    int count = 0;
    bool stopped = false;
    sql_bind_int(st, 1, account);
    bookmark_bind(st, 2, from, begin);
    sql_bind_int(st, 4, bound);
    sql_bind_int(st, 5, limit);
    enum err err = hand_over(st, fn, ctx, &count, &stopped, why);
    *more = stopped || count == limit;
    return err;
}

enum err events_list(struct events *t, int64_t account, int type, int64_t since_wall_ms, int64_t until_wall_ms,
                     const struct bookmark *from, int limit, events_fn *fn, void *ctx, bool *more, struct errmsg *why)
{
    sqlite3_stmt *st = t->list[type == VIEW_ANY ? LIST_ALL : LIST_TYPE];
    if (type != VIEW_ANY) {
        sql_bind_int(st, 6, type);
    }
    return run_list(st, account, until_wall_ms, since_wall_ms, from, limit, fn, ctx, more, why);
}

enum err events_walk(struct events *t, int64_t account, int64_t since_wall_ms, int64_t until_wall_ms, const struct bookmark *from,
                     int limit, events_fn *fn, void *ctx, bool *more, struct errmsg *why)
{
    return run_list(t->list[LIST_WALK], account, since_wall_ms, until_wall_ms, from, limit, fn, ctx, more, why);
}

enum err events_get(struct events *t, const struct uuid *id, events_fn *fn, void *ctx, struct errmsg *why)
{
    int count = 0;
    bool stopped = false;
    sql_bind_uuid(t->st[GET], 1, id);
    return hand_over(t->st[GET], fn, ctx, &count, &stopped, why);
}

enum err events_next_account(struct events *t, int64_t after, int64_t *account, struct errmsg *why)
{
    bool found = false;
    *account = 0;
    sql_bind_int(t->st[NEXT_ACCOUNT], 1, after);
    return sql_get_int(t->st[NEXT_ACCOUNT], &found, account, why);
}

enum err events_prune(struct events *t, int64_t account, int type, int64_t before_wall_ms, int limit, int *count,
                      struct errmsg *why)
{
    sqlite3_stmt *st = t->st[PRUNE];
    sql_bind_int(st, 1, account);
    sql_bind_int(st, 2, type);
    sql_bind_int(st, 3, before_wall_ms);
    sql_bind_int(st, 4, limit);
    enum err err = sql_run(st, why);
    *count = err == ERR_OK ? sqlite3_changes(t->db) : 0;
    return err;
}
