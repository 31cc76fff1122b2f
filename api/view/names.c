#include "view/names.h"

#include <stdlib.h>

#include "util/mem.h"
#include "util/uthash.h"

struct name {
    char *text;
    int64_t key;
    UT_hash_handle hh;
};

const char names_schema[] = "CREATE TABLE names(key INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;";

enum { FIND, INSERT, STATEMENTS };
_Static_assert((int)STATEMENTS == (int)NAMES_STATEMENTS, "room for each");

static const char *const texts[STATEMENTS] = {
    [FIND] = "SELECT key FROM names WHERE text = ?1",
    [INSERT] = "INSERT INTO names(text) VALUES(?1)",
};

static void keep(struct names *n, struct slice text, int64_t key)
{
    struct name *name = mem_zalloc(sizeof *name);
    name->text = mem_dup(text.p, text.len);
    name->key = key;
    HASH_ADD_KEYPTR(hh, n->by_text, name->text, text.len, name);
}

void names_forget(struct names *n)
{
    struct name *name = NULL, *next = NULL;
    HASH_ITER(hh, n->by_text, name, next) {
        HASH_DEL(n->by_text, name);
        free(name->text);
        free(name);
    }
}

enum err names_open(struct names *n, sqlite3 *db, struct errmsg *why)
{
    *n = (struct names){.db = db};
    return sql_prepare_all(db, texts, STATEMENTS, n->st, why);
}

void names_close(struct names *n)
{
    sql_finalize_all(n->st, STATEMENTS);
    names_forget(n);
}

enum err names_find(struct names *n, struct slice text, int64_t *key, struct errmsg *why)
{
    struct name *name = NULL;
    bool found = false;
    *key = 0;
    HASH_FIND(hh, n->by_text, text.p, text.len, name);
    if (name) {
        *key = name->key;
        return ERR_OK;
    }
    sql_bind_text(n->st[FIND], 1, text);
    enum err err = sql_get_int(n->st[FIND], &found, key, why);
    if (err == ERR_OK && found) {
        keep(n, text, *key);
    }
    return err;
}

enum err names_key(struct names *n, struct slice text, int64_t *key, struct errmsg *why)
{
    enum err err = names_find(n, text, key, why);
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
