#include "view/counts.h"

#include <stdlib.h>

#include "util/mem.h"
#include "util/uthash.h"

struct count {
    int64_t webhook;
    int64_t change[VIEW_STATUSES];
    UT_hash_handle hh;
};

const char counts_schema[] = "CREATE TABLE counts("
                             " webhook INTEGER NOT NULL,"
                             " status INTEGER NOT NULL,"
                             " n INTEGER NOT NULL,"
                             " PRIMARY KEY(webhook, status)) WITHOUT ROWID, STRICT;";

enum { ADD, GET, NEXT, STATEMENTS };
_Static_assert((int)STATEMENTS == (int)COUNTS_STATEMENTS, "room for each");

static const char *const texts[STATEMENTS] = {
    [ADD] = "INSERT INTO counts(webhook, status, n) VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + ?3",
    [GET] = "SELECT status, n FROM counts WHERE webhook = ?1",
    [NEXT] = "SELECT webhook FROM counts WHERE webhook > ?1 ORDER BY webhook LIMIT 1",
};

enum err counts_open(struct counts *t, sqlite3 *db, struct errmsg *why)
{
    *t = (struct counts){.db = db};
    return sql_prepare_all(db, texts, STATEMENTS, t->st, why);
}

void counts_close(struct counts *t)
{
    sql_finalize_all(t->st, STATEMENTS);
    counts_forget(t);
}

void counts_add(struct counts *t, int64_t webhook, int status, int64_t change)
{
    struct count *c = NULL;
    HASH_FIND(hh, t->changed, &webhook, sizeof webhook, c);
    if (!c) {
        c = mem_zalloc(sizeof *c);
        c->webhook = webhook;
        HASH_ADD(hh, t->changed, webhook, sizeof c->webhook, c);
    }
    c->change[status] += change;
}

void counts_forget(struct counts *t)
{
    struct count *c = NULL, *next = NULL;
    HASH_ITER(hh, t->changed, c, next) {
        HASH_DEL(t->changed, c);
        free(c);
    }
}

static enum err write_one(struct counts *t, const struct count *c, struct errmsg *why)
{
    enum err err = ERR_OK;
    for (int status = 0; status < VIEW_STATUSES && err == ERR_OK; status++) {
        if (c->change[status] != 0) {
            sql_bind_int(t->st[ADD], 1, c->webhook);
            sql_bind_int(t->st[ADD], 2, status);
            sql_bind_int(t->st[ADD], 3, c->change[status]);
            err = sql_run(t->st[ADD], why);
        }
    }
    return err;
}

enum err counts_flush(struct counts *t, struct errmsg *why)
{
    struct count *c = NULL, *next = NULL;
    enum err err = ERR_OK;
    HASH_ITER(hh, t->changed, c, next) {
        if ((err = write_one(t, c, why)) != ERR_OK) {
            return err;
        }
    }
    counts_forget(t);
    return ERR_OK;
}

enum err counts_get(struct counts *t, int64_t webhook, int64_t counts[VIEW_STATUSES], struct errmsg *why)
{
    struct count *c = NULL;
    bool row = false;
    enum err err;
    HASH_FIND(hh, t->changed, &webhook, sizeof webhook, c);
    for (int i = 0; i < VIEW_STATUSES; i++) {
        counts[i] = c ? c->change[i] : 0;
    }
    sql_bind_int(t->st[GET], 1, webhook);
    while ((err = sql_next(t->st[GET], &row, why)) == ERR_OK && row) {
        counts[sqlite3_column_int(t->st[GET], 0)] += sqlite3_column_int64(t->st[GET], 1);
    }
    return err;
}

enum err counts_next(struct counts *t, int64_t after, int64_t *webhook, struct errmsg *why)
{
    bool found = false;
    *webhook = 0;
    sql_bind_int(t->st[NEXT], 1, after);
    return sql_get_int(t->st[NEXT], &found, webhook, why);
}
