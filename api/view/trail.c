#include "view/trail.h"

const char trail_schema[] = "CREATE TABLE trail("
                            " account INTEGER NOT NULL,"
                            " time INTEGER NOT NULL,"
                            " id BLOB NOT NULL,"
                            " record BLOB NOT NULL,"
                            " PRIMARY KEY(account, time, id)) STRICT, WITHOUT ROWID;";

enum { PUT, LIST, NEXT_ACCOUNT, PRUNE, STATEMENTS };
_Static_assert((int)STATEMENTS == (int)TRAIL_STATEMENTS, "room for each");

static const char *const texts[STATEMENTS] = {
    [PUT] = "INSERT INTO trail(account, time, id, record) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    [LIST] = ("SELECT time, id, record FROM trail WHERE account = ?1 AND (time, id) < (?2, ?3)"
              " ORDER BY time DESC, id DESC LIMIT ?4"),
    [NEXT_ACCOUNT] = "SELECT account FROM trail WHERE account > ?1 ORDER BY account LIMIT 1",
    [PRUNE] = "DELETE FROM trail WHERE account = ?1 AND time < ?2",
};

enum err trail_open(struct trail *t, sqlite3 *db, struct errmsg *why)
{
    *t = (struct trail){.db = db};
    return sql_prepare_all(db, texts, STATEMENTS, t->st, why);
}

void trail_close(struct trail *t)
{
    sql_finalize_all(t->st, STATEMENTS);
}

/* Sorts as (partition, offset) do. */
static struct uuid id_of(int32_t partition, int64_t offset)
{
    struct uuid id;
    for (unsigned i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)((uint64_t)partition >> (56U - 8U * i));
        id.bytes[8 + i] = (uint8_t)((uint64_t)offset >> (56U - 8U * i));
    }
    return id;
}

enum err trail_put(struct trail *t, int64_t account, int64_t wall_ms, int32_t partition, int64_t offset, struct slice record,
                   struct errmsg *why)
{
    struct uuid id = id_of(partition, offset);
    sqlite3_stmt *st = t->st[PUT];
    sql_bind_int(st, 1, account);
    sql_bind_int(st, 2, wall_ms);
    sql_bind_uuid(st, 3, &id);
    sql_bind_blob(st, 4, record);
    return sql_run(st, why);
}

enum err trail_list(struct trail *t, int64_t account, int limit, const struct bookmark *from, trail_fn *fn, void *ctx,
                    struct bookmark *end, bool *full, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[LIST];
    bool row = false;
    int count = 0;
    enum err err;
    sql_bind_int(st, 1, account);
    bookmark_bind(st, 2, from, INT64_MAX);
    sql_bind_int(st, 4, limit);
    while ((err = sql_next(st, &row, why)) == ERR_OK && row) {
        *end = bookmark_of(st);
        fn(ctx, sql_blob(st, 2));
        count++;
    }
    *full = count == limit;
    return err;
}

enum err trail_next_account(struct trail *t, int64_t after, int64_t *account, struct errmsg *why)
{
    bool found = false;
    *account = 0;
    sql_bind_int(t->st[NEXT_ACCOUNT], 1, after);
    return sql_get_int(t->st[NEXT_ACCOUNT], &found, account, why);
}

enum err trail_prune(struct trail *t, int64_t account, int64_t before_wall_ms, struct errmsg *why)
{
    sql_bind_int(t->st[PRUNE], 1, account);
    sql_bind_int(t->st[PRUNE], 2, before_wall_ms);
    return sql_run(t->st[PRUNE], why);
}
