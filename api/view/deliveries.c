#include "view/deliveries.h"

const char deliveries_schema[] = "CREATE TABLE deliveries("
                                 " seq INTEGER PRIMARY KEY,"
                                 " id BLOB NOT NULL,"
                                 " webhook INTEGER NOT NULL,"
                                 " status INTEGER NOT NULL," /* status, attempt, revision: the rank */
                                 " event INTEGER NOT NULL,"
                                 " created INTEGER NOT NULL,"
                                 " attempt INTEGER NOT NULL,"
                                 " revision INTEGER NOT NULL,"
                                 " again BLOB," /* the event's id, in a redelivery */
                                 " record BLOB NOT NULL) STRICT;"
                                 "CREATE UNIQUE INDEX deliveries_id ON deliveries(id);"
                                 "CREATE INDEX deliveries_newest ON deliveries(webhook, created, id);"
                                 "CREATE INDEX deliveries_status ON deliveries(webhook, status, event, created, id);"
                                 "CREATE INDEX deliveries_again ON deliveries(webhook, again, created) WHERE again IS NOT NULL;";

enum { FIND, INSERT, UPDATE, REMOVE, STATUS, AGAIN, OLDEST, STATEMENTS };
_Static_assert((int)STATEMENTS == (int)DELIVERIES_STATEMENTS, "room for each");

static const char *const texts[STATEMENTS] = {
    [FIND] = "SELECT seq, webhook, status, attempt, revision, record FROM deliveries WHERE id = ?1",
    [INSERT] = "INSERT INTO deliveries(id, webhook, status, event, created, attempt, revision, again, record)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(id) DO NOTHING",
    [UPDATE] = "UPDATE deliveries SET status = ?3, event = ?4, created = ?5, attempt = ?6, revision = ?7, again = ?8, record = ?9"
               " WHERE seq = ?10",
    [REMOVE] = "DELETE FROM deliveries WHERE seq = ?1",
    [STATUS] = "SELECT status FROM deliveries WHERE id = ?1",
    [AGAIN] = "SELECT record FROM deliveries WHERE webhook = ?1 AND again = ?2 ORDER BY created",
    [OLDEST] = "SELECT seq, status FROM deliveries WHERE webhook = ?1 AND created < ?2 ORDER BY created, id LIMIT ?3",
};

/* -------- lists: their SQL is made of arms, one for each run of an index that can hold rows of the list -------- */

enum { LIST_STATUS = 1, LIST_EVENT = 2, LIST_OLDEST_FIRST = 4 };

static void put_arm(struct buf *out, unsigned kind, int status, int event)
{
    bool ascending = kind & LIST_OLDEST_FIRST;
    buf_puts(out, out->len > 0 ? " UNION ALL " : "");
    buf_puts(out, "SELECT created, id, record FROM deliveries WHERE webhook = ?1");
    if (kind & (LIST_STATUS | LIST_EVENT)) {
        buf_puts(out, " AND status = ");
        buf_printf(out, kind & LIST_STATUS ? "?5" : "%d", status);
        buf_puts(out, " AND event = ");
        buf_printf(out, kind & LIST_EVENT ? "?6" : "%d", event);
    }
    buf_puts(out,
             ascending ? " AND (created, id) > (?2, ?3) AND created < ?4" : " AND (created, id) < (?2, ?3) AND created >= ?4");
}

static void put_list(struct buf *out, int which)
{
    unsigned kind = (unsigned)which;
    int statuses = (kind & (LIST_STATUS | LIST_EVENT)) == LIST_EVENT ? VIEW_STATUSES : 1;
    int events = (kind & (LIST_STATUS | LIST_EVENT)) == LIST_STATUS ? EVENT_TYPE_COUNT : 1;
    for (int status = 0; status < statuses; status++) {
        for (int event = 0; event < events; event++) {
            put_arm(out, kind, status, event);
        }
    }
    buf_puts(out, kind & LIST_OLDEST_FIRST ? " ORDER BY created, id LIMIT ?7" : " ORDER BY created DESC, id DESC LIMIT ?7");
}

enum err deliveries_open(struct deliveries *t, sqlite3 *db, struct errmsg *why)
{
    *t = (struct deliveries){.db = db};
    enum err err = sql_prepare_all(db, texts, STATEMENTS, t->st, why);
    return err == ERR_OK ? sql_prepare_built(db, put_list, DELIVERIES_LISTS, t->list, why) : err;
}

void deliveries_close(struct deliveries *t)
{
    sql_finalize_all(t->st, STATEMENTS);
    sql_finalize_all(t->list, DELIVERIES_LISTS);
}

/* -------- one row -------- */

enum err deliveries_find(struct deliveries *t, const struct uuid *id, struct deliveries_row *out, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[FIND];
    bool row = false;
    sql_bind_uuid(st, 1, id);
    *out = (struct deliveries_row){0};
    enum err err = sql_next(st, &row, why);
    if (err == ERR_OK && row) {
        out->seq = sqlite3_column_int64(st, 0);
        out->webhook = sqlite3_column_int64(st, 1);
        out->rank = (struct delivery_rank){(enum delivery_status)sqlite3_column_int(st, 2), sqlite3_column_int(st, 3),
                                           sqlite3_column_int64(st, 4)};
        out->record = sql_blob(st, 5);
    }
    return err;
}

void deliveries_release(struct deliveries *t)
{
    (void)sqlite3_reset(t->st[FIND]);
}

/* Parameters 3 to 9 of both. */
static void bind_record(sqlite3_stmt *st, const struct delivery *dl, struct slice record)
{
    sql_bind_int(st, 3, dl->status);
    sql_bind_int(st, 4, dl->event);
    sql_bind_int(st, 5, dl->created_wall_ms);
    sql_bind_int(st, 6, dl->attempt);
    sql_bind_int(st, 7, dl->revision);
    if (dl->generation > 0) {
        sql_bind_uuid(st, 8, &dl->event_id);
    } else {
        sql_bind_blob(st, 8, slice_of(NULL, 0));
    }
    sql_bind_blob(st, 9, record);
}

enum err deliveries_insert(struct deliveries *t, int64_t webhook, const struct delivery *dl, struct slice record, bool *inserted,
                           struct errmsg *why)
{
    sqlite3_stmt *st = t->st[INSERT];
    sql_bind_uuid(st, 1, &dl->id);
    sql_bind_int(st, 2, webhook);
    bind_record(st, dl, record);
    enum err err = sql_run(st, why);
    *inserted = err == ERR_OK && sqlite3_changes(t->db) > 0;
    return err;
}

enum err deliveries_update(struct deliveries *t, int64_t seq, const struct delivery *dl, struct slice record, struct errmsg *why)
{
    bind_record(t->st[UPDATE], dl, record);
    sql_bind_int(t->st[UPDATE], 10, seq);
    return sql_run(t->st[UPDATE], why);
}

enum err deliveries_remove(struct deliveries *t, int64_t seq, struct errmsg *why)
{
    sql_bind_int(t->st[REMOVE], 1, seq);
    return sql_run(t->st[REMOVE], why);
}

enum err deliveries_status(struct deliveries *t, const struct uuid *id, int *status, struct errmsg *why)
{
    bool found = false;
    int64_t value = -1;
    sql_bind_uuid(t->st[STATUS], 1, id);
    enum err err = sql_get_int(t->st[STATUS], &found, &value, why);
    *status = (int)value;
    return err;
}

/* -------- many rows -------- */

/* Where a list begins, and the other bound. */
static void bind_range(sqlite3_stmt *st, const struct view_delivery_query *q, const struct bookmark *from)
{
    bookmark_bind(st, 2, from, q->oldest_first ? q->since_wall_ms : q->until_wall_ms);
    sql_bind_int(st, 4, q->oldest_first ? q->until_wall_ms : q->since_wall_ms);
}

static sqlite3_stmt *list_of(struct deliveries *t, int64_t webhook, const struct view_delivery_query *q,
                             const struct bookmark *from)
{
    unsigned kind = (q->status == VIEW_ANY ? 0U : LIST_STATUS) | (q->event == VIEW_ANY ? 0U : LIST_EVENT) |
                    (q->oldest_first ? LIST_OLDEST_FIRST : 0U);
    sqlite3_stmt *st = t->list[kind];
    sql_bind_int(st, 1, webhook);
    bind_range(st, q, from);
    if (kind & LIST_STATUS) {
        sql_bind_int(st, 5, q->status);
    }
    if (kind & LIST_EVENT) {
        sql_bind_int(st, 6, q->event);
    }
    sql_bind_int(st, 7, q->limit);
    return st;
}

enum err deliveries_list(struct deliveries *t, int64_t webhook, const struct view_delivery_query *q, const struct bookmark *from,
                         deliveries_fn *fn, void *ctx, struct bookmark *end, bool *full, struct errmsg *why)
{
    sqlite3_stmt *st = list_of(t, webhook, q, from);
    bool row = false;
    int count = 0;
    enum err err;
    while ((err = sql_next(st, &row, why)) == ERR_OK && row) {
        *end = bookmark_of(st);
        fn(ctx, sql_blob(st, 2));
        count++;
    }
    *full = count == q->limit;
    return err;
}

enum err deliveries_again(struct deliveries *t, int64_t webhook, const struct uuid *event_id, deliveries_fn *fn, void *ctx,
                          struct errmsg *why)
{
    sqlite3_stmt *st = t->st[AGAIN];
    bool row = false;
    enum err err;
    sql_bind_int(st, 1, webhook);
    sql_bind_uuid(st, 2, event_id);
    while ((err = sql_next(st, &row, why)) == ERR_OK && row) {
        fn(ctx, sql_blob(st, 0));
    }
    return err;
}

enum err deliveries_prune(struct deliveries *t, int64_t webhook, int64_t before_wall_ms, int limit,
                          int64_t removed[VIEW_STATUSES], int *count, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[OLDEST];
    bool row = false;
    enum err err;
    *count = 0;
    sql_bind_int(st, 1, webhook);
    sql_bind_int(st, 2, before_wall_ms);
    sql_bind_int(st, 3, limit);
    while ((err = sql_next(st, &row, why)) == ERR_OK && row) {
        int64_t seq = sqlite3_column_int64(st, 0);
        int status = sqlite3_column_int(st, 1);
        err = deliveries_remove(t, seq, why);
        if (err != ERR_OK) {
            (void)sqlite3_reset(st);
            break;
        }
        removed[status]++;
        ++*count;
    }
    return err;
}
