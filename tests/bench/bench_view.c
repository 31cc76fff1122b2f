/* What the deliveries view costs, beside bare SQLite inserts of the same bytes in the same run, and how long its pages take.
 *
 *     bench_view [records] [webhooks] [folder]
 *
 * Records are folded as the loop does it, 256 a turn, a transaction ending at 8192 records or 200 ms; each turn is timed, since a
 * request waits for one. Rounds of 50,000 of the view and of the bare table take turns. CPU is user + system of this process.
 * Then lists of a webhook with all the deliveries are asked for, each filter a thousand times, from cursors all over it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/mem.h"
#include "view/view_internal.h"

#define TURN 256
#define BATCH 16384
#define BATCH_US 200000
#define ROUND 50000
#define DAY_MS 86400000LL
#define TURNS_MAX 1000000
#define PAGES 1000

static struct {
    int records, webhooks;
    const char *folder;
    struct view view;
    struct fold fold;
    sqlite3 *bare;
    sqlite3_stmt *insert;
    int64_t now_wall_ms;
    int32_t *turns_us;
    int turn_count;
} b;

static int64_t cpu_us(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static struct uuid event_id(int number)
{
    struct uuid namespace_id = {{0}};
    char name[16];
    int length = snprintf(name, sizeof name, "%d", number);
    return uuid_v5(&namespace_id, slice_of(name, (size_t)length));
}

/* -------- records -------- */

static void make_record(int number, struct buf *value, struct delivery *dl)
{
    static char webhook[64], path[64];
    static const enum event_type types[] = {EVENT_FILE_UPLOADED, EVENT_FILE_UPLOADED, EVENT_FILE_DOWNLOADED, EVENT_FILE_DELETED};
    int64_t at = b.now_wall_ms - (b.records - number) * 10LL;
    bool failed = number % 50 == 0;
    (void)snprintf(webhook, sizeof webhook, "wh_%032d", number % b.webhooks);
    (void)snprintf(path, sizeof path, "/incoming/orders/2026/order-%08d.csv", number);
    *dl = (struct delivery){.event_id = event_id(number),
                            .webhook_id = slice_str(webhook),
                            .account_id = SLICE("acc_0123456789abcdef"),
                            .event = types[number % 4],
                            .path = slice_str(path),
                            .status = failed ? DELIVERY_FAILED : DELIVERY_DELIVERED,
                            .revision = 1,
                            .attempt = 1,
                            .max_attempts = 3,
                            .http_status = failed ? 500 : 200,
                            .error = failed ? DELIVERY_ERROR_HTTP_STATUS : DELIVERY_ERROR_NONE,
                            .event_wall_ms = at - 20,
                            .created_wall_ms = at,
                            .updated_wall_ms = at,
                            .attempt_count = 1,
                            .event_topic = SLICE("trueftp.events"),
                            .event_partition = number % 24,
                            .event_offset = number / 24};
    dl->attempts[0] = (struct delivery_attempt){.number = 1,
                                                .started_wall_ms = at - 12,
                                                .http_status = dl->http_status,
                                                .error = dl->error,
                                                .duration_ms = 5 + number % 40,
                                                .queued_ms = 0,
                                                .dns_ms = -1,
                                                .connect_ms = 1,
                                                .tls_ms = 3,
                                                .first_byte_ms = 4,
                                                .response = SLICE("ok")};
    dl->id = delivery_id(&dl->event_id, dl->webhook_id, 0);
    buf_reset(value);
    delivery_write(value, dl);
}

/* -------- the two sides -------- */

struct side {
    const char *name;
    int64_t wall_us, cpu_us, bytes;
    int count;
};

static void fold_one(struct slice key, struct slice value)
{
    struct kafka_record rec = {.topic = "t", .timestamp_wall_ms = b.now_wall_ms, .key = key, .value = value};
    struct errmsg why;
    bool changed = false;
    check(fold_delivery(&b.fold, &rec, b.now_wall_ms, &changed, &why) == ERR_OK && changed);
}

static void insert_one(const struct uuid *id, struct slice value)
{
    struct errmsg why;
    sql_bind_blob(b.insert, 1, slice_of((const char *)id->bytes, sizeof id->bytes));
    sql_bind_blob(b.insert, 2, value);
    check(sql_run(b.insert, &why) == ERR_OK);
}

static void end_turn(int64_t began_us)
{
    if (b.turn_count < TURNS_MAX) {
        b.turns_us[b.turn_count++] = (int32_t)(clock_mono_us() - began_us);
    }
}

/* All records are made before the clock starts. */
static void run_round(struct side *side, int from, int count, bool is_view)
{
    struct {
        struct uuid id;
        size_t at, length;
    } *made = mem_array(NULL, (size_t)count, sizeof *made);
    struct buf all, value;
    struct errmsg why;
    buf_init(&all, 1UL << 30U);
    buf_init(&value, 1UL << 20U);
    for (int i = 0; i < count; i++) {
        struct delivery dl;
        make_record(from + i, &value, &dl);
        made[i].id = dl.id;
        made[i].at = all.len;
        made[i].length = value.len;
        buf_put_slice(&all, buf_slice(&value));
    }
    int64_t began_us = clock_mono_us(), began_cpu_us = cpu_us(), turn_us = began_us, batch_us = began_us;
    int batch = 0;
    for (int i = 0; i < count; i++) {
        struct slice record = slice_of(all.p + made[i].at, made[i].length);
        if (is_view) {
            check(store_begin(&b.view.store, &why) == ERR_OK);
            fold_one(SLICE("k"), record);
        } else {
            check(batch > 0 || sql_exec(b.bare, "BEGIN", &why) == ERR_OK);
            insert_one(&made[i].id, record);
        }
        batch++;
        if ((i + 1) % TURN == 0 || i + 1 == count) {
            if (batch >= BATCH || i + 1 == count || clock_mono_us() - batch_us >= BATCH_US) {
                check((is_view ? store_commit(&b.view.store, &why) : sql_exec(b.bare, "COMMIT", &why)) == ERR_OK);
                batch = 0;
                batch_us = clock_mono_us();
            }
            if (is_view) {
                end_turn(turn_us);
            }
            turn_us = clock_mono_us();
        }
    }
    side->wall_us += clock_mono_us() - began_us;
    side->cpu_us += cpu_us() - began_cpu_us;
    side->bytes += (int64_t)all.len;
    side->count += count;
    buf_done(&all);
    buf_done(&value);
    free(made);
}

static int by_size(const void *x, const void *y)
{
    return (*(const int32_t *)x > *(const int32_t *)y) - (*(const int32_t *)x < *(const int32_t *)y);
}

static void print_times(const char *what, int32_t *us, int count)
{
    qsort(us, (size_t)count, sizeof *us, by_size);
    const int32_t p50 = us[count / 2], p99 = us[(int64_t)count * 99 / 100], p999 = us[(int64_t)count * 999 / 1000];
    (void)printf("%-44s p50 %7.2f ms  p99 %7.2f ms  p99.9 %7.2f ms  max %7.2f ms\n", what, p50 / 1e3, p99 / 1e3, p999 / 1e3,
                 us[count - 1] / 1e3);
}

static void print_side(const struct side *s)
{
    check(s->count > 0);
    (void)printf("%-12s %8.0f records/s  %6.1f us CPU a record  (%d records of %lld bytes)\n", s->name,
                 s->count / ((double)s->wall_us / 1e6), (double)s->cpu_us / s->count, s->count, (long long)(s->bytes / s->count));
}

/* -------- pages -------- */

static void see(void *ctx, const struct delivery *dl)
{
    *(int64_t *)ctx += dl->attempt_count;
}

static void time_pages(const char *what, int status, int event)
{
    static int32_t us[PAGES];
    char webhook[64];
    struct errmsg why;
    int64_t seen = 0;
    (void)snprintf(webhook, sizeof webhook, "wh_%032d", 0);
    for (int i = 0; i < PAGES; i++) {
        struct view_delivery_query q = {.webhook_id = slice_str(webhook), .status = status, .event = event, .limit = 50};
        char next[VIEW_CURSOR_SIZE];
        q.until_wall_ms = b.now_wall_ms - (int64_t)((uint64_t)i * 2654435761U % (uint64_t)b.records) * 10;
        int64_t began_us = clock_mono_us();
        check(view_deliveries(&b.view, &q, see, &seen, next, &why) == ERR_OK);
        us[i] = (int32_t)(clock_mono_us() - began_us);
    }
    print_times(what, us, PAGES);
}

/* -------- the whole -------- */

static void open_all(void)
{
    static const struct view_limits limits = {400 * DAY_MS, 400 * DAY_MS, 1000000000, 400 * DAY_MS};
    char path[512];
    struct errmsg why = {""};
    if (store_open(&b.view.store, b.folder, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    fold_init(&b.fold, &b.view.store, &limits);
    buf_init(&b.view.scratch, 1UL << 20U);
    (void)snprintf(path, sizeof path, "%s/bare.db", b.folder);
    check(sqlite3_open(path, &b.bare) == SQLITE_OK);
    check(sql_exec(b.bare,
                   "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;"
                   "CREATE TABLE t(id BLOB NOT NULL, record BLOB NOT NULL)",
                   &why) == ERR_OK);
    static const char *const insert = "INSERT INTO t(id, record) VALUES(?1, ?2)";
    check(sql_prepare_all(b.bare, &insert, 1, &b.insert, &why) == ERR_OK);
}

int main(int argc, char **argv)
{
    struct side view = {.name = "view"}, bare = {.name = "bare SQLite"};
    char folder[] = "/tmp/bench_view_XXXXXX", command[600];
    b.records = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1000000;
    b.webhooks = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
    b.folder = argc > 3 ? argv[3] : mkdtemp(folder);
    b.now_wall_ms = clock_wall_ms();
    b.turns_us = mem_array(NULL, TURNS_MAX, sizeof *b.turns_us);
    open_all();
    for (int at = 0; at < b.records; at += ROUND) {
        int count = b.records - at < ROUND ? b.records - at : ROUND;
        run_round(&view, at, count, true);
        run_round(&bare, at, count, false);
    }
    print_side(&view);
    print_side(&bare);
    (void)printf("the view costs %.2f times the bare inserts; its file has %.0f MB\n",
                 (double)view.cpu_us / view.count / ((double)bare.cpu_us / bare.count),
                 (double)store_size_bytes(&b.view.store) / 1e6);
    print_times("a turn of 256 records", b.turns_us, b.turn_count);
    time_pages("a page of 50", VIEW_ANY, VIEW_ANY);
    time_pages("a page of 50 failed ones", DELIVERY_FAILED, VIEW_ANY);
    time_pages("a page of 50 of one event", VIEW_ANY, EVENT_FILE_DELETED);
    time_pages("a page of 50 delivered ones of one event", DELIVERY_DELIVERED, EVENT_FILE_DOWNLOADED);
    sql_finalize_all(&b.insert, 1);
    (void)sqlite3_close(b.bare);
    fold_done(&b.fold);
    store_close(&b.view.store);
    buf_done(&b.view.scratch);
    free(b.turns_us);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", b.folder);
    return system(command) == 0 ? 0 : 1; // NOLINT(cert-env33-c,bugprone-command-processor)
}
