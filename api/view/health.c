#include "view/health.h"

#include <stdlib.h>

#include "util/mem.h"
#include "util/uthash.h"

struct health_key {
    int64_t webhook, span_ms, start_wall_ms;
};

struct health_cell {
    struct health_key key;
    struct view_attempts sums;
    UT_hash_handle hh;
};

struct health_streak {
    int64_t webhook;
    struct streak streak;
    UT_hash_handle hh;
};

const char health_schema[] = "CREATE TABLE health("
                             " webhook INTEGER NOT NULL,"
                             " span INTEGER NOT NULL,"
                             " start INTEGER NOT NULL,"
                             " succeeded INTEGER NOT NULL,"
                             " failed INTEGER NOT NULL,"
                             " latency BLOB NOT NULL," /* a 32-bit little-endian count for each bucket */
                             " PRIMARY KEY(webhook, span, start)) WITHOUT ROWID, STRICT;"
                             "CREATE TABLE streaks("
                             " webhook INTEGER PRIMARY KEY,"
                             " last_success INTEGER NOT NULL,"
                             " last_failure INTEGER NOT NULL,"
                             " failing_since INTEGER NOT NULL,"
                             " failures INTEGER NOT NULL) STRICT;";

enum { CELL, PUT_CELL, EACH, PRUNE, STREAK, PUT_STREAK, STATEMENTS };
_Static_assert((int)STATEMENTS == (int)HEALTH_STATEMENTS, "room for each");

static const char *const texts[STATEMENTS] = {
    [CELL] = "SELECT start, succeeded, failed, latency FROM health WHERE webhook = ?1 AND span = ?2 AND start = ?3",
    [PUT_CELL] = "INSERT INTO health(webhook, span, start, succeeded, failed, latency) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
                 " ON CONFLICT DO UPDATE SET succeeded = ?4, failed = ?5, latency = ?6",
    [EACH] = "SELECT start, succeeded, failed, latency FROM health"
             " WHERE webhook = ?1 AND span = ?2 AND start >= ?3 AND start < ?4 ORDER BY start",
    [PRUNE] = "DELETE FROM health WHERE webhook = ?1 AND span = ?2 AND start < ?3",
    [STREAK] = "SELECT last_success, last_failure, failing_since, failures FROM streaks WHERE webhook = ?1",
    [PUT_STREAK] = "INSERT INTO streaks(webhook, last_success, last_failure, failing_since, failures) VALUES(?1, ?2, ?3, ?4, ?5)"
                   " ON CONFLICT DO UPDATE SET last_success = ?2, last_failure = ?3, failing_since = ?4, failures = ?5",
};

const int32_t view_latency_bounds_ms[VIEW_LATENCY_BUCKETS - 1] = {
    1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 20000};

enum err health_open(struct health *t, sqlite3 *db, struct errmsg *why)
{
    *t = (struct health){.db = db};
    return sql_prepare_all(db, texts, STATEMENTS, t->st, why);
}

void health_close(struct health *t)
{
    sql_finalize_all(t->st, STATEMENTS);
    health_forget(t);
}

void health_forget(struct health *t)
{
    struct health_cell *cell = NULL, *next_cell = NULL;
    struct health_streak *streak = NULL, *next_streak = NULL;
    HASH_ITER(hh, t->cells, cell, next_cell) {
        HASH_DEL(t->cells, cell);
        free(cell);
    }
    HASH_ITER(hh, t->streaks, streak, next_streak) {
        HASH_DEL(t->streaks, streak);
        free(streak);
    }
}

/* -------- sums -------- */

static int bucket_of(int32_t duration_ms)
{
    int i = 0;
    while (i < VIEW_LATENCY_BUCKETS - 1 && duration_ms > view_latency_bounds_ms[i]) {
        i++;
    }
    return i;
}

static struct view_attempts *cell_of(struct health *t, int64_t webhook, int64_t span_ms, int64_t wall_ms)
{
    struct health_key key = {webhook, span_ms, wall_ms - wall_ms % span_ms};
    struct health_cell *cell = NULL;
    /* Three numbers, no padding. */ // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign)
    HASH_FIND(hh, t->cells, &key, sizeof key, cell);
    if (!cell) {
        cell = mem_zalloc(sizeof *cell);
        cell->key = key;
        HASH_ADD(hh, t->cells, key, sizeof cell->key, cell);
    }
    return &cell->sums;
}

static void add(struct view_attempts *sums, const struct delivery_attempt *at, int sign)
{
    *(at->error == DELIVERY_ERROR_NONE ? &sums->succeeded : &sums->failed) += sign;
    if (at->http_status > 0 && at->duration_ms >= 0) {
        sums->latency[bucket_of(at->duration_ms)] += sign;
    }
}

void health_count(struct health *t, int64_t webhook, const struct delivery_attempt *at, int sign)
{
    add(cell_of(t, webhook, VIEW_MINUTE_MS, at->started_wall_ms), at, sign);
    add(cell_of(t, webhook, VIEW_HOUR_MS, at->started_wall_ms), at, sign);
}

static void read_latency(struct slice blob, int64_t latency[VIEW_LATENCY_BUCKETS])
{
    const uint8_t *p = (const uint8_t *)blob.p;
    for (size_t i = 0; i < VIEW_LATENCY_BUCKETS && 4 * i + 4 <= blob.len; i++) {
        latency[i] += (int64_t)p[4 * i] | (int64_t)p[4 * i + 1] << 8 | (int64_t)p[4 * i + 2] << 16 | (int64_t)p[4 * i + 3] << 24;
    }
}

static int64_t clamp(int64_t n)
{
    return n < 0 ? 0 : n;
}

static void write_latency(const int64_t latency[VIEW_LATENCY_BUCKETS], uint8_t blob[4 * VIEW_LATENCY_BUCKETS])
{
    for (size_t i = 0; i < VIEW_LATENCY_BUCKETS; i++) {
        int64_t n = clamp(latency[i]);
        for (unsigned byte = 0; byte < 4; byte++) {
            blob[4 * i + byte] = (uint8_t)(n >> 8U * byte);
        }
    }
}

/* Adds the row's sums. */
static void read_sums(sqlite3_stmt *st, struct view_attempts *sums)
{
    sums->start_wall_ms = sqlite3_column_int64(st, 0);
    sums->succeeded += sqlite3_column_int64(st, 1);
    sums->failed += sqlite3_column_int64(st, 2);
    read_latency(sql_blob(st, 3), sums->latency);
}

static void bind_key(sqlite3_stmt *st, const struct health_key *key)
{
    sql_bind_int(st, 1, key->webhook);
    sql_bind_int(st, 2, key->span_ms);
    sql_bind_int(st, 3, key->start_wall_ms);
}

static enum err write_cell(struct health *t, struct health_cell *cell, struct errmsg *why)
{
    uint8_t latency[4 * VIEW_LATENCY_BUCKETS];
    bool row = false;
    bind_key(t->st[CELL], &cell->key);
    enum err err = sql_next(t->st[CELL], &row, why);
    if (err != ERR_OK) {
        return err;
    }
    if (row) {
        read_sums(t->st[CELL], &cell->sums);
        (void)sqlite3_reset(t->st[CELL]);
    }
    write_latency(cell->sums.latency, latency);
    bind_key(t->st[PUT_CELL], &cell->key);
    sql_bind_int(t->st[PUT_CELL], 4, clamp(cell->sums.succeeded));
    sql_bind_int(t->st[PUT_CELL], 5, clamp(cell->sums.failed));
    sql_bind_blob(t->st[PUT_CELL], 6, slice_of((const char *)latency, sizeof latency));
    return sql_run(t->st[PUT_CELL], why);
}

/* -------- the streak -------- */

enum err health_streak_of(struct health *t, int64_t webhook, struct streak *out, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[STREAK];
    bool row = false;
    sql_bind_int(st, 1, webhook);
    *out = (struct streak){0};
    enum err err = sql_next(st, &row, why);
    if (err == ERR_OK && row) {
        *out = (struct streak){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
                               sqlite3_column_int64(st, 3)};
        (void)sqlite3_reset(st);
    }
    return err;
}

static enum err streak_in_hand(struct health *t, int64_t webhook, struct health_streak **out, struct errmsg *why)
{
    struct health_streak *s = NULL;
    HASH_FIND(hh, t->streaks, &webhook, sizeof webhook, s);
    if (!s) {
        struct streak read;
        enum err err = health_streak_of(t, webhook, &read, why);
        if (err != ERR_OK) {
            return err;
        }
        s = mem_zalloc(sizeof *s);
        s->webhook = webhook;
        s->streak = read;
        HASH_ADD(hh, t->streaks, webhook, sizeof s->webhook, s);
    }
    *out = s;
    return ERR_OK;
}

static void succeed(struct streak *s, int64_t at_wall_ms)
{
    if (at_wall_ms > s->last_success_wall_ms) {
        s->last_success_wall_ms = at_wall_ms;
    }
    if (at_wall_ms >= s->last_failure_wall_ms) {
        s->failures = 0;
        s->failing_since_wall_ms = 0;
    }
}

static void fail(struct streak *s, int64_t at_wall_ms)
{
    if (at_wall_ms > s->last_failure_wall_ms) {
        s->last_failure_wall_ms = at_wall_ms;
    }
    if (at_wall_ms <= s->last_success_wall_ms) {
        return;
    }
    s->failures++;
    if (s->failing_since_wall_ms == 0 || at_wall_ms < s->failing_since_wall_ms) {
        s->failing_since_wall_ms = at_wall_ms;
    }
}

enum err health_extend(struct health *t, int64_t webhook, const struct delivery_attempt *at, struct errmsg *why)
{
    struct health_streak *s = NULL;
    enum err err = streak_in_hand(t, webhook, &s, why);
    if (err != ERR_OK) {
        return err;
    }
    if (at->error == DELIVERY_ERROR_NONE) {
        succeed(&s->streak, at->started_wall_ms);
    } else {
        fail(&s->streak, at->started_wall_ms);
    }
    return ERR_OK;
}

static enum err write_streak(struct health *t, const struct health_streak *s, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[PUT_STREAK];
    sql_bind_int(st, 1, s->webhook);
    sql_bind_int(st, 2, s->streak.last_success_wall_ms);
    sql_bind_int(st, 3, s->streak.last_failure_wall_ms);
    sql_bind_int(st, 4, s->streak.failing_since_wall_ms);
    sql_bind_int(st, 5, s->streak.failures);
    return sql_run(st, why);
}

/* -------- the tables -------- */

enum err health_flush(struct health *t, struct errmsg *why)
{
    struct health_cell *cell = NULL, *next_cell = NULL;
    struct health_streak *streak = NULL, *next_streak = NULL;
    enum err err = ERR_OK;
    HASH_ITER(hh, t->cells, cell, next_cell) {
        if ((err = write_cell(t, cell, why)) != ERR_OK) {
            return err;
        }
        HASH_DEL(t->cells, cell); // NOLINT(clang-analyzer-core.NullDereference): it is in the table
        free(cell);
    }
    HASH_ITER(hh, t->streaks, streak, next_streak) {
        if ((err = write_streak(t, streak, why)) != ERR_OK) {
            return err;
        }
    }
    health_forget(t);
    return ERR_OK;
}

enum err health_each(struct health *t, int64_t webhook, int64_t span_ms, int64_t since_wall_ms, int64_t until_wall_ms,
                     view_attempts_fn *fn, void *ctx, struct errmsg *why)
{
    sqlite3_stmt *st = t->st[EACH];
    bool row = false;
    enum err err;
    sql_bind_int(st, 1, webhook);
    sql_bind_int(st, 2, span_ms);
    sql_bind_int(st, 3, since_wall_ms);
    sql_bind_int(st, 4, until_wall_ms);
    while ((err = sql_next(st, &row, why)) == ERR_OK && row) {
        struct view_attempts a = {.span_ms = span_ms};
        read_sums(st, &a);
        fn(ctx, &a);
    }
    return err;
}

enum err health_prune(struct health *t, int64_t webhook, int64_t span_ms, int64_t before_wall_ms, struct errmsg *why)
{
    sql_bind_int(t->st[PRUNE], 1, webhook);
    sql_bind_int(t->st[PRUNE], 2, span_ms);
    sql_bind_int(t->st[PRUNE], 3, before_wall_ms);
    return sql_run(t->st[PRUNE], why);
}

int32_t view_latency_ms(const struct view_attempts *a, double percent)
{
    int64_t sum = 0, below = 0;
    for (int i = 0; i < VIEW_LATENCY_BUCKETS; i++) {
        sum += a->latency[i];
    }
    if (sum == 0) {
        return -1;
    }
    double wanted = (double)sum * percent / 100.0;
    for (int i = 0; i < VIEW_LATENCY_BUCKETS - 1; i++) {
        double low = i == 0 ? 0 : (double)view_latency_bounds_ms[i - 1], high = (double)view_latency_bounds_ms[i];
        if ((double)(below + a->latency[i]) >= wanted && a->latency[i] > 0) {
            return (int32_t)(low + (high - low) * (wanted - (double)below) / (double)a->latency[i] + 0.5);
        }
        below += a->latency[i];
    }
    return view_latency_bounds_ms[VIEW_LATENCY_BUCKETS - 2];
}
