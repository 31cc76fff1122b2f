#include "view/names.h"

#include <stdlib.h>
#include <uthash.h>

#include "util/mem.h"

struct name {
    char *text;
    int64_t key;
    UT_hash_handle hh;
};

const char names_schema[] = "CREATE TABLE names(key INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;";

enum { ALL, INSERT, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [ALL] = "SELECT key, text FROM names",
    [INSERT] = "INSERT INTO names(text) VALUES(?1)",
};

static void keep(struct names *n, struct slice text, int64_t key)
{
    struct name *name = mem_zalloc(sizeof *name);
    name->text = mem_dup(text.p, text.len);
    name->key = key;
    HASH_ADD_KEYPTR(hh, n->by_text, name->text, text.len, name);
}

static void forget_all(struct names *n)
{
    struct name *name = NULL, *next = NULL;
    HASH_ITER(hh, n->by_text, name, next) {
        HASH_DEL(n->by_text, name);
        free(name->text);
        free(name);
    }
}

enum err names_reload(struct names *n, struct errmsg *why)
{
    bool row = false;
    enum err err;
    forget_all(n);
    while ((err = sql_next(n->st[ALL], &row, why)) == ERR_OK && row) {
        keep(n, sql_blob(n->st[ALL], 1), sqlite3_column_int64(n->st[ALL], 0));
    }
    n->stale = err != ERR_OK;
    return err;
}

enum err names_open(struct names *n, sqlite3 *db, struct errmsg *why)
{
    *n = (struct names){.db = db};
    enum err err = sql_prepare_all(db, texts, STATEMENTS, n->st, why);
    return err == ERR_OK ? names_reload(n, why) : err;
}

void names_close(struct names *n)
{
    sql_finalize_all(n->st, STATEMENTS);
    forget_all(n);
}

int64_t names_find(const struct names *n, struct slice text)
{
    struct name *name = NULL;
    HASH_FIND(hh, n->by_text, text.p, text.len, name);
    return name ? name->key : 0;
}

enum err names_key(struct names *n, struct slice text, int64_t *key, struct errmsg *why)
{
    enum err err = n->stale ? names_reload(n, why) : ERR_OK;
    *key = names_find(n, text);
    if (err != ERR_OK || *key != 0) {
        return err;
    }
    sql_bind_text(n->st[INSERT], 1, text);
    err = sql_run(n->st[INSERT], why);
    if (err == ERR_OK) {
        *key = sqlite3_last_insert_rowid(n->db);
        keep(n, text, *key);
    }
    return err;
}
