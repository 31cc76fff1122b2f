#include "view/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

#define PATH_SIZE 4096
#define APPLICATION_ID 0x54465657 /* "TFVW" */

/* page_size: ids are random, so every record changes a page of their index; smaller ones cost less. cache_size: 64 MB.
 * secure_delete: what was purged is overwritten where that costs no further writes. */
static const char pragmas[] = "PRAGMA page_size = 4096;"
                              "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = NORMAL;"
                              "PRAGMA cache_size = -65536;"
                              "PRAGMA temp_store = MEMORY;"
                              "PRAGMA secure_delete = FAST;"
                              "PRAGMA journal_size_limit = 67108864;";

/* -------- the tables -------- */

static enum err create_tables(sqlite3 *db, struct errmsg *why)
{
    const char *const schemas[] = {names_schema,  deliveries_schema, events_schema, counts_schema,
                                   health_schema, history_schema,    trail_schema,  positions_schema};
    char version[96];
    enum err err = sql_exec(db, "BEGIN IMMEDIATE", why);
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas && err == ERR_OK; i++) {
        err = sql_exec(db, schemas[i], why);
    }
    (void)snprintf(version, sizeof version, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, STORE_SCHEMA);
    if (err == ERR_OK) {
        err = sql_exec(db, version, why);
    }
    return err == ERR_OK ? sql_exec(db, "COMMIT", why) : err;
}

static void close_tables(struct store *s)
{
    names_close(&s->names);
    deliveries_close(&s->deliveries);
    events_close(&s->events);
    counts_close(&s->counts);
    health_close(&s->health);
    history_close(&s->history);
    trail_close(&s->trail);
    positions_close(&s->positions);
}

static enum err open_tables(struct store *s, struct errmsg *why)
{
    enum err err = names_open(&s->names, s->db, why);
    err = err == ERR_OK ? deliveries_open(&s->deliveries, s->db, why) : err;
    err = err == ERR_OK ? events_open(&s->events, s->db, why) : err;
    err = err == ERR_OK ? counts_open(&s->counts, s->db, why) : err;
    err = err == ERR_OK ? health_open(&s->health, s->db, why) : err;
    err = err == ERR_OK ? history_open(&s->history, s->db, why) : err;
    err = err == ERR_OK ? trail_open(&s->trail, s->db, why) : err;
    return err == ERR_OK ? positions_open(&s->positions, s->db, why) : err;
}

/* -------- the file -------- */

static void close_file(struct store *s)
{
    close_tables(s);
    (void)sqlite3_close(s->db);
    s->db = NULL;
    s->changing = false;
}

static enum err remove_file(const struct store *s, struct errmsg *why)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        (void)snprintf(path, sizeof path, "%s%s", s->path, suffixes[i]);
        if (unlink(path) != 0 && errno != ENOENT) {
            return errmsg_set(why, ERR_IO, "%s: %s", path, strerror(errno));
        }
    }
    return ERR_OK;
}

static enum err get_pragma(sqlite3 *db, const char *text, int64_t *value, struct errmsg *why)
{
    sqlite3_stmt *st = NULL;
    bool found = false;
    enum err err = sql_prepare_all(db, &text, 1, &st, why);
    if (err == ERR_OK) {
        err = sql_get_int(st, &found, value, why);
        sql_finalize_all(&st, 1);
    }
    return err;
}

/* ERR_NOT_FOUND: the file is not of our schema. A new one is of none. */
static enum err check_schema(sqlite3 *db, bool *empty, struct errmsg *why)
{
    int64_t application = 0, version = 0, tables = 0;
    enum err err = get_pragma(db, "SELECT count(*) FROM sqlite_schema", &tables, why);
    err = err == ERR_OK ? get_pragma(db, "PRAGMA application_id", &application, why) : err;
    err = err == ERR_OK ? get_pragma(db, "PRAGMA user_version", &version, why) : err;
    if (err != ERR_OK) {
        return err;
    }
    *empty = tables == 0;
    if (!*empty && (application != APPLICATION_ID || version != STORE_SCHEMA)) {
        return errmsg_set(why, ERR_NOT_FOUND, "schema %lld", (long long)version);
    }
    return ERR_OK;
}

/* ERR_NOT_FOUND, ERR_FATAL: the file is of no use. */
static enum err open_file(struct store *s, struct errmsg *why)
{
    bool empty = true;
    if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        return sql_fail(s->db, s->path, why);
    }
    (void)sqlite3_extended_result_codes(s->db, 1);
    enum err err = sql_exec(s->db, pragmas, why);
    err = err == ERR_OK ? check_schema(s->db, &empty, why) : err;
    if (err == ERR_OK && empty) {
        err = create_tables(s->db, why);
    }
    return err == ERR_OK ? open_tables(s, why) : err;
}

static enum err lock_folder(struct store *s, const char *folder, struct errmsg *why)
{
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/view.lock", folder);
    if (length < 0 || (size_t)length >= sizeof path) {
        return errmsg_set(why, ERR_TOO_BIG, "%.200s...: the path is too long", folder);
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return errmsg_set(why, ERR_IO, "%s: %s", folder, strerror(errno));
    }
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) {
        return errmsg_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errmsg_set(why, ERR_EXISTS, "%s: another process has it", path);
    }
    return ERR_OK;
}

enum err store_open(struct store *s, const char *folder, struct errmsg *why)
{
    char path[PATH_SIZE];
    *s = (struct store){.lock_fd = -1};
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody asks for it, and it costs a lock an allocation */
    enum err err = lock_folder(s, folder, why);
    if (err == ERR_OK) {
        (void)snprintf(path, sizeof path, "%.4000s/view.db", folder);
        s->path = mem_strdup(path);
        err = open_file(s, why);
    }
    if (err == ERR_NOT_FOUND || err == ERR_FATAL) {
        err = store_rebuild(s, why);
    }
    if (err != ERR_OK) {
        store_close(s);
    }
    return err;
}

void store_close(struct store *s)
{
    if (s->db) {
        store_rollback(s);
        close_file(s);
    }
    if (s->lock_fd >= 0) {
        (void)close(s->lock_fd);
    }
    free(s->path);
    *s = (struct store){.lock_fd = -1};
}

enum err store_rebuild(struct store *s, struct errmsg *why)
{
    close_file(s);
    s->rebuilt = true;
    enum err err = remove_file(s, why);
    return err == ERR_OK ? open_file(s, why) : err;
}

enum err store_open_reader(struct store *s, const char *path, struct errmsg *why)
{
    bool empty = false;
    *s = (struct store){.lock_fd = -1, .path = mem_strdup(path)};
    enum err err = ERR_OK;
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        err = sql_fail(s->db, path, why);
    }
    err = err == ERR_OK ? sql_exec(s->db, "PRAGMA query_only = ON; PRAGMA cache_size = -65536", why) : err;
    err = err == ERR_OK ? check_schema(s->db, &empty, why) : err;
    err = err == ERR_OK ? open_tables(s, why) : err;
    if (err != ERR_OK) {
        store_close(s);
    }
    return err;
}

int64_t store_size_bytes(const struct store *s)
{
    struct stat st;
    return stat(s->path, &st) == 0 ? st.st_size : 0;
}

/* -------- transactions -------- */

enum err store_begin(struct store *s, struct errmsg *why)
{
    if (s->changing) {
        return ERR_OK;
    }
    enum err err = sql_exec(s->db, "BEGIN IMMEDIATE", why);
    s->changing = err == ERR_OK;
    return err;
}

static enum err flush_sums(struct store *s, struct errmsg *why)
{
    enum err err = counts_flush(&s->counts, why);
    return err == ERR_OK ? health_flush(&s->health, why) : err;
}

enum err store_commit(struct store *s, struct errmsg *why)
{
    if (!s->changing) {
        return ERR_OK;
    }
    enum err err = flush_sums(s, why);
    err = err == ERR_OK ? sql_exec(s->db, "COMMIT", why) : err;
    if (err != ERR_OK) {
        store_rollback(s);
    }
    s->changing = false;
    return err;
}

/* A failure of the rollback itself is one that SQLite has answered by rolling back already. */
void store_rollback(struct store *s)
{
    counts_forget(&s->counts);
    health_forget(&s->health);
    if (s->changing) {
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        names_forget(&s->names);
    }
    s->changing = false;
}
