/* Records folded into the view's store, and the store itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "view/prune.h"
#include "view_fixture.h"

static int set_up(void **state)
{
    *state = view_fixture_new();
    return 0;
}

static int tear_down(void **state)
{
    view_fixture_free(*state);
    return 0;
}

static int64_t count_of(struct view_fixture *f, enum delivery_status status)
{
    int64_t counts[VIEW_STATUSES];
    view_counts(&f->view, SLICE("wh_1"), counts);
    return counts[status];
}

static void check_counts(struct view_fixture *f, const char *expected)
{
    int64_t counts[VIEW_STATUSES];
    char text[128];
    view_counts(&f->view, SLICE("wh_1"), counts);
    (void)snprintf(text, sizeof text, "retrying %d parked %d cancelled %d failed %d delivered %d purged %d", (int)counts[0],
                   (int)counts[1], (int)counts[2], (int)counts[3], (int)counts[4], (int)counts[5]);
    assert_string_equal(text, expected);
}

static void keep_revision(void *ctx, const struct delivery *dl)
{
    *(int64_t *)ctx = dl->revision;
}

static int64_t revision_of(struct view_fixture *f, const struct delivery *dl)
{
    struct errmsg why;
    int64_t revision = 0;
    enum err err = view_delivery(&f->view, dl->webhook_id, &dl->id, keep_revision, &revision, &why);
    return err == ERR_OK ? revision : -1;
}

/* -------- the fold -------- */

static void test_the_higher_rank_wins_in_either_order(void **state)
{
    static const struct {
        struct delivery_rank low, high;
    } cases[] = {
        {{DELIVERY_RETRYING, 1, 1}, {DELIVERY_RETRYING, 1, 2}},   {{DELIVERY_PARKED, 0, 1}, {DELIVERY_RETRYING, 1, 2}},
        {{DELIVERY_RETRYING, 2, 9}, {DELIVERY_CANCELLED, 1, 3}},  {{DELIVERY_CANCELLED, 2, 9}, {DELIVERY_FAILED, 1, 3}},
        {{DELIVERY_FAILED, 3, 9}, {DELIVERY_DELIVERED, 1, 1}},    {{DELIVERY_DELIVERED, 3, 9}, {DELIVERY_PURGED, 0, 10}},
        {{DELIVERY_DELIVERED, 1, 1}, {DELIVERY_DELIVERED, 1, 2}},
    };
    struct view_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int order = 0; order < 2; order++) {
            struct delivery dl[2];
            const struct delivery_rank *ranks[2] = {&cases[i].low, &cases[i].high};
            for (int j = 0; j < 2; j++) {
                dl[j] = view_fixture_delivery((int)(2 * i) + order, ranks[j]->status);
                dl[j].attempt = ranks[j]->attempt;
                dl[j].revision = ranks[j]->revision;
            }
            assert_true(view_fixture_fold(f, &dl[order]));
            assert_int_equal(view_fixture_fold(f, &dl[!order]), order == 0);
            assert_int_equal(revision_of(f, &dl[0]), cases[i].high.revision);
        }
    }
    check_counts(f, "retrying 4 parked 0 cancelled 2 failed 2 delivered 4 purged 2");
}

static void test_a_record_that_comes_twice_counts_once(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_DELIVERED);
    struct view_health health;
    struct errmsg why;
    view_fixture_attempt(&dl, NOW_MS - 1000, 200, 12);
    assert_true(view_fixture_fold(f, &dl));
    assert_false(view_fixture_fold(f, &dl));
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 1 purged 0");
    view_fixture_commit(f);
    assert_int_equal(view_health(&f->view, SLICE("wh_1"), NOW_MS, &health, &why), ERR_OK);
    assert_int_equal(health.last_15_min.succeeded, 1);
}

static void test_a_tombstone_removes_and_the_workers_own_are_dropped(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_DELIVERED);
    struct errmsg why;
    char key[UUID_TEXT_SIZE];
    uuid_format(&dl.id, key);
    view_fixture_fold(f, &dl);
    assert_int_equal(view_fixture_fold_bytes(f, "!claim", "{\"schema\":\"trueftp.claim/1\"}", &why), ERR_OK);
    assert_int_equal(view_fixture_fold_bytes(f, "!claim", NULL, &why), ERR_OK);
    assert_int_equal(view_fixture_fold_bytes(f, key, NULL, &why), ERR_OK);
    assert_int_equal(revision_of(f, &dl), -1);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 0 purged 0");
    assert_int_equal(view_fixture_fold_bytes(f, key, NULL, &why), ERR_OK); /* once more */
}

static void test_records_of_no_use_are_refused_and_change_nothing(void **state)
{
    struct view_fixture *f = *state;
    struct errmsg why;
    assert_int_equal(view_fixture_fold_bytes(f, "k", "{", &why), ERR_INVALID);
    assert_int_equal(view_fixture_fold_bytes(f, "k", "{\"schema\":\"trueftp.delivery/2\"}", &why), ERR_INVALID);
    assert_string_equal(why.text, "schema: must be trueftp.delivery/1");
    assert_int_equal(view_fixture_fold_bytes(f, "not a uuid", NULL, &why), ERR_INVALID);
    view_fixture_commit(f);
    assert_int_equal(count_of(f, DELIVERY_DELIVERED), 0);
}

static void find_old(void *ctx, const struct delivery *dl)
{
    (void)dl;
    ++*(int *)ctx;
}

static void test_purged_erases_what_was_held(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_FAILED);
    struct buf body;
    struct errmsg why;
    int seen = 0;
    dl.body = SLICE("{\"secret\":1}");
    view_fixture_fold(f, &dl);
    dl.status = DELIVERY_PURGED;
    dl.revision = 2;
    dl.body = SLICE("");
    dl.path = SLICE("");
    assert_true(view_fixture_fold(f, &dl));
    dl.status = DELIVERY_DELIVERED; /* a late one of before */
    assert_false(view_fixture_fold(f, &dl));
    assert_int_equal(view_delivery(&f->view, SLICE("wh_1"), &dl.id, find_old, &seen, &why), ERR_OK);
    assert_int_equal(seen, 1);
    dl.status = DELIVERY_PURGED;
    buf_init(&body, 1000);
    assert_int_equal(view_body(&f->view, &dl, &body, &why), ERR_NOT_FOUND);
    buf_done(&body);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 0 purged 1");
}

static void test_what_is_older_than_kept_is_left_out(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_DELIVERED);
    dl.created_wall_ms = NOW_MS - 31 * DAY_MS;
    assert_false(view_fixture_fold(f, &dl));
    assert_int_equal(revision_of(f, &dl), -1);
}

/* -------- health -------- */

static void test_health_is_the_sum_of_the_records_in_any_order(void **state)
{
    struct view_fixture *f = *state;
    struct view_health health;
    struct errmsg why;
    for (int i = 0; i < 10; i++) {
        struct delivery first = view_fixture_delivery(i, DELIVERY_RETRYING), second;
        view_fixture_attempt(&first, NOW_MS - 60000, 503, 40);
        second = first;
        second.status = DELIVERY_DELIVERED;
        second.next_attempt_wall_ms = 0;
        second.revision = 2;
        view_fixture_attempt(&second, NOW_MS - 30000, 200, 4);
        view_fixture_fold(f, i % 2 ? &first : &second);
        view_fixture_fold(f, i % 2 ? &second : &first);
    }
    view_fixture_commit(f);
    assert_int_equal(view_health(&f->view, SLICE("wh_1"), NOW_MS, &health, &why), ERR_OK);
    assert_int_equal(health.last_15_min.succeeded, 10);
    assert_int_equal(health.last_15_min.failed, 10);
    assert_int_equal(health.last_24_h.succeeded, 10);
    assert_int_equal(health.state, VIEW_DEGRADED);
    assert_int_equal(health.consecutive_failures, 0);
    assert_in_range(view_latency_ms(&health.last_15_min, 25), 2, 5);
    assert_in_range(view_latency_ms(&health.last_15_min, 99), 30, 50);
}

static void test_failing_since_the_first_failure_after_the_last_success(void **state)
{
    struct view_fixture *f = *state;
    struct view_health health;
    struct errmsg why;
    struct delivery ok = view_fixture_delivery(1, DELIVERY_DELIVERED);
    view_fixture_attempt(&ok, NOW_MS - 9000, 200, 4);
    view_fixture_fold(f, &ok);
    for (int i = 2; i < 5; i++) {
        struct delivery dl = view_fixture_delivery(i, DELIVERY_RETRYING);
        view_fixture_attempt(&dl, NOW_MS - 9000 + i * 1000, 0, 4);
        view_fixture_fold(f, &dl);
        if (i == 3) {
            view_fixture_commit(f); /* the streak goes on from what was written */
        }
    }
    view_fixture_commit(f);
    assert_int_equal(view_health(&f->view, SLICE("wh_1"), NOW_MS, &health, &why), ERR_OK);
    assert_int_equal(health.state, VIEW_FAILING);
    assert_int_equal(health.consecutive_failures, 3);
    assert_int_equal(health.failing_since_wall_ms, NOW_MS - 7000);
    assert_int_equal(health.last_success_wall_ms, NOW_MS - 9000);
}

static void test_a_test_counts_as_delivery_but_not_in_health(void **state)
{
    struct view_fixture *f = *state;
    struct view_health health;
    struct errmsg why;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_FAILED);
    dl.test = true;
    view_fixture_attempt(&dl, NOW_MS - 1000, 500, 4);
    view_fixture_fold(f, &dl);
    view_fixture_commit(f);
    assert_int_equal(view_health(&f->view, SLICE("wh_1"), NOW_MS, &health, &why), ERR_OK);
    assert_int_equal(health.last_24_h.failed, 0);
    assert_int_equal(health.state, VIEW_IDLE);
    assert_int_equal(count_of(f, DELIVERY_FAILED), 1);
}

/* -------- pruning -------- */

static void prune_all(struct view_fixture *f, struct prune *p, int64_t now_wall_ms)
{
    struct errmsg why;
    bool rest = false;
    for (int i = 0; i < 1000 && !rest; i++) {
        assert_int_equal(store_begin(&f->view.store, &why), ERR_OK);
        assert_int_equal(prune_step(p, now_wall_ms, &rest, &why), ERR_OK);
        view_fixture_commit(f);
    }
    assert_true(rest);
}

static void test_pruning_keeps_the_newest_by_number_and_by_age(void **state)
{
    struct view_fixture *f = *state;
    uint64_t deliveries = 0, events = 0;
    struct prune p = {.store = &f->view.store,
                      .limits = {30 * DAY_MS, 30 * DAY_MS, 100},
                      .deliveries_removed = &deliveries,
                      .events_removed = &events};
    for (int i = 0; i < 1000; i++) {
        struct delivery dl = view_fixture_delivery(i, i % 2 ? DELIVERY_DELIVERED : DELIVERY_FAILED);
        dl.created_wall_ms = NOW_MS - DAY_MS + i;
        view_fixture_fold(f, &dl);
        view_fixture_event(f, i, i % 2 ? "acc_1" : "acc_2", "/a", NOW_MS - (i < 300 ? 29 * DAY_MS : 0));
    }
    view_fixture_commit(f);
    prune_all(f, &p, NOW_MS);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 50 delivered 50 purged 0");
    struct delivery newest = view_fixture_delivery(900, DELIVERY_FAILED), next = view_fixture_delivery(899, DELIVERY_FAILED);
    assert_int_equal(revision_of(f, &newest), 1);
    assert_int_equal(revision_of(f, &next), -1);
    assert_int_equal(deliveries, 900);
    assert_int_equal(events, 0);

    prune_all(f, &p, NOW_MS + 2 * DAY_MS);
    assert_int_equal(events, 300);
    prune_all(f, &p, NOW_MS + 31 * DAY_MS);
    assert_int_equal(events, 1000);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 0 purged 0");
}

/* -------- the store -------- */

static void test_what_was_not_committed_is_gone_with_its_position(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl[2] = {view_fixture_delivery(1, DELIVERY_DELIVERED), view_fixture_delivery(2, DELIVERY_DELIVERED)};
    struct position at;
    struct errmsg why;
    for (int i = 0; i < 2; i++) {
        view_fixture_fold(f, &dl[i]);
        assert_int_equal(positions_load(&f->view.store.positions, SLICE("t.deliveries"), 0, &at, &why), ERR_OK);
        at.next = i + 1;
        assert_int_equal(positions_save(&f->view.store.positions, &at, &why), ERR_OK);
        if (i == 0) {
            view_fixture_commit(f);
        }
    }
    view_fixture_reopen(f);
    assert_int_equal(positions_load(&f->view.store.positions, SLICE("t.deliveries"), 0, &at, &why), ERR_OK);
    assert_int_equal(at.next, 1);
    assert_int_equal(revision_of(f, &dl[0]), 1);
    assert_int_equal(revision_of(f, &dl[1]), -1);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 1 purged 0");
}

static void test_after_a_rollback_names_are_those_of_the_file(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_DELIVERED);
    struct errmsg why;
    int64_t key = -1;
    view_fixture_fold(f, &dl);
    store_rollback(&f->view.store);
    assert_int_equal(names_find(&f->view.store.names, SLICE("wh_1"), &key, &why), ERR_OK);
    assert_int_equal(key, 0);
    dl.webhook_id = SLICE("wh_other");
    view_fixture_fold(f, &dl);
    dl = view_fixture_delivery(2, DELIVERY_DELIVERED);
    view_fixture_fold(f, &dl);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 1 purged 0");
}

static void test_a_file_of_another_schema_is_made_anew(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_DELIVERED);
    struct errmsg why;
    view_fixture_fold(f, &dl);
    view_fixture_commit(f);
    assert_int_equal(sql_exec(f->view.store.db, "PRAGMA user_version = 999", &why), ERR_OK);
    view_fixture_reopen(f);
    assert_true(f->view.store.rebuilt);
    assert_int_equal(revision_of(f, &dl), -1);
    view_fixture_fold(f, &dl);
    view_fixture_commit(f);
    view_fixture_reopen(f);
    assert_false(f->view.store.rebuilt);
    assert_int_equal(revision_of(f, &dl), 1);
}

static void overwrite(struct view_fixture *f, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/view.db", f->folder);
    store_close(&f->view.store);
    FILE *file = fopen(path, "wbe");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        assert_true(fputs(text, file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
    view_fixture_reopen(f);
}

static void test_a_damaged_file_is_made_anew(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_DELIVERED);
    overwrite(f, "this is no database");
    assert_true(f->view.store.rebuilt);
    view_fixture_fold(f, &dl);
    view_fixture_commit(f);
    assert_int_equal(revision_of(f, &dl), 1);
}

/* SQLite says "database or disk is full" of both. */
static void test_a_full_file_takes_nothing_by_halves_and_goes_on(void **state)
{
    struct view_fixture *f = *state;
    struct delivery dl = view_fixture_delivery(1, DELIVERY_DELIVERED);
    struct errmsg why;
    enum err err = ERR_OK;
    view_fixture_fold(f, &dl);
    view_fixture_commit(f);
    assert_int_equal(sql_exec(f->view.store.db, "PRAGMA max_page_count = 1", &why), ERR_OK); /* as many as there are */
    for (int i = 2; i < 10000 && err == ERR_OK; i++) {
        dl = view_fixture_delivery(i, DELIVERY_DELIVERED);
        err = view_fixture_try(f, &dl, &why);
    }
    assert_int_equal(err, ERR_IO);
    assert_non_null(strstr(why.text, "full"));
    store_rollback(&f->view.store);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 1 purged 0");
    assert_int_equal(sql_exec(f->view.store.db, "PRAGMA max_page_count = 1000000", &why), ERR_OK);
    for (int i = 2; i < 1000; i++) {
        dl = view_fixture_delivery(i, DELIVERY_DELIVERED);
        view_fixture_fold(f, &dl);
    }
    view_fixture_commit(f);
    check_counts(f, "retrying 0 parked 0 cancelled 0 failed 0 delivered 999 purged 0");
}

/* For root no folder is read-only: the test is somebody else meanwhile. */
static void test_a_folder_that_cannot_be_written_is_said(void **state)
{
    struct view_fixture *f = *state;
    struct store s;
    struct errmsg why;
    char folder[128];
    uid_t self = geteuid();
    (void)snprintf(folder, sizeof folder, "%s/read-only", f->folder);
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(mkdir(folder, 0555), 0);
    if (self == 0) {
        assert_int_equal(seteuid(65534), 0);
    }
    enum err err = store_open(&s, folder, &why);
    assert_int_equal(seteuid(self), 0);
    assert_int_equal(err, ERR_IO);
    assert_non_null(strstr(why.text, "read-only/view.lock: Permission denied"));
    assert_int_equal(rmdir(folder), 0);
}

/* -------- who changed what -------- */

static enum err fold_entry(struct view_fixture *f, int64_t offset, const char *account, const char *value, struct errmsg *why)
{
    struct kafka_record rec = {
        .topic = "t.audit", .partition = 3, .offset = offset, .key = slice_str(account), .value = slice_str(value)};
    assert_int_equal(store_begin(&f->view.store, why), ERR_OK);
    return fold_audit(&f->fold, &rec, NOW_MS, why);
}

static void take_entry(void *ctx, struct slice entry)
{
    const char *at = strstr(entry.p, "\"action\":\"") + 10;
    buf_put(ctx, at, strcspn(at, "\""));
    buf_putc(ctx, ' ');
}

/* Every page of the trail, so many a page. */
static void check_trail(struct view_fixture *f, const char *account, int limit, const char *expected)
{
    struct view_audit_query q = {.account_id = slice_str(account), .limit = limit};
    char next[VIEW_CURSOR_SIZE], cursor[VIEW_CURSOR_SIZE] = "";
    struct errmsg why;
    struct buf text;
    buf_init(&text, 10000);
    do {
        q.cursor = slice_str(cursor);
        assert_int_equal(view_audit(&f->view, &q, take_entry, &text, next, &why), ERR_OK);
        memcpy(cursor, next, sizeof cursor);
    } while (*cursor);
    assert_string_equal(buf_cstr(&text), expected);
    buf_done(&text);
}

static void test_the_trail_is_paged_the_newest_first(void **state)
{
    struct view_fixture *f = *state;
    struct errmsg why;
    for (int i = 0; i < 7; i++) {
        char entry[160];
        (void)snprintf(entry, sizeof entry, "{\"account_id\":\"acc_1\",\"time\":\"2026-06-08T11:0%d:00Z\",\"action\":\"a%d\"}",
                       i / 3, i);
        assert_int_equal(fold_entry(f, i, "acc_1", entry, &why), ERR_OK);
        assert_int_equal(fold_entry(f, i, "acc_1", entry, &why), ERR_OK); /* read again */
    }
    assert_int_equal(
        fold_entry(f, 9, "acc_2", "{\"account_id\":\"acc_2\",\"time\":\"2026-06-08T11:00:00Z\",\"action\":\"b\"}", &why), ERR_OK);
    for (int limit = 1; limit <= 8; limit++) {
        check_trail(f, "acc_1", limit, "a6 a5 a4 a3 a2 a1 a0 ");
    }
    check_trail(f, "acc_2", 5, "b ");
    check_trail(f, "acc_3", 5, "");
    view_fixture_commit(f);
    view_fixture_reopen(f);
    check_trail(f, "acc_1", 3, "a6 a5 a4 a3 a2 a1 a0 ");
}

static void test_what_is_no_line_of_the_trail_is_left_out(void **state)
{
    struct view_fixture *f = *state;
    struct errmsg why;
    static const struct {
        const char *account, *entry;
        enum err err;
    } cases[] = {
        {"acc_1", "{\"account_id\":\"acc_1\",\"time\":\"2026-06-08T11:00:00Z\",\"action\":\"quiet\",\"quiet\":true}", ERR_OK},
        {"acc_1", "{\"account_id\":\"acc_1\",\"time\":\"2024-06-08T11:00:00Z\",\"action\":\"old\"}", ERR_OK},
        {"acc_1", "{\"account_id\":\"acc_2\",\"time\":\"2026-06-08T11:00:00Z\",\"action\":\"another's\"}", ERR_INVALID},
        {"acc_1", "{\"account_id\":\"acc_1\",\"action\":\"timeless\"}", ERR_INVALID},
        {"acc_1", "{\"time\":\"2026-06-08T11:00:00Z\"}", ERR_INVALID},
        {"acc_1", "[]", ERR_INVALID},
        {"acc_1", "{", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fold_entry(f, (int64_t)i, cases[i].account, cases[i].entry, &why), cases[i].err);
    }
    check_trail(f, "acc_1", 5, "");
    check_trail(f, "acc_2", 5, "");
}

static void test_old_entries_of_the_trail_go(void **state)
{
    struct view_fixture *f = *state;
    struct prune p = {.store = &f->view.store, .limits = f->fold.limits};
    uint64_t removed = 0;
    struct errmsg why;
    bool rest = false;
    p.deliveries_removed = p.events_removed = &removed;
    assert_int_equal(
        fold_entry(f, 1, "acc_1", "{\"account_id\":\"acc_1\",\"time\":\"2026-06-08T11:00:00Z\",\"action\":\"one\"}", &why),
        ERR_OK);
    assert_int_equal(
        fold_entry(f, 2, "acc_1", "{\"account_id\":\"acc_1\",\"time\":\"2026-06-08T11:30:00Z\",\"action\":\"two\"}", &why),
        ERR_OK);
    while (!rest) {
        assert_int_equal(prune_step(&p, NOW_MS - 3600000 + 366 * DAY_MS + 1, &rest, &why), ERR_OK);
    }
    check_trail(f, "acc_1", 5, "two ");
}

static void test_a_folder_belongs_to_one_process(void **state)
{
    struct view_fixture *f = *state;
    struct store second;
    struct errmsg why;
    assert_int_equal(store_open(&second, f->folder, &why), ERR_EXISTS);
    assert_non_null(strstr(why.text, "another process has it"));
    assert_int_equal(store_open(&second, "/nowhere/at/all", &why), ERR_IO);
}

/* -------- every statement uses an index -------- */

static void check_plan(sqlite3 *db, const char *sql)
{
    char explain[16384];
    sqlite3_stmt *st = NULL;
    (void)snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
    assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(st, 3);
        bool bad = strstr(detail, "TEMP B-TREE") || (strncmp(detail, "SCAN", 4) == 0);
        if (bad) {
            fail_msg("%s: %s", detail, sql);
        }
    }
    (void)sqlite3_finalize(st);
}

static void test_every_statement_goes_by_an_index(void **state)
{
    struct view_fixture *f = *state;
    sqlite3 *db = f->view.store.db;
    int count = 0;
    char *texts[128];
    for (sqlite3_stmt *st = sqlite3_next_stmt(db, NULL); st; st = sqlite3_next_stmt(db, st)) {
        texts[count++] = strdup(sqlite3_sql(st));
    }
    assert_true(count > 40);
    for (int i = 0; i < count; i++) {
        check_plan(db, texts[i]);
        free(texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_higher_rank_wins_in_either_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_that_comes_twice_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_tombstone_removes_and_the_workers_own_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_records_of_no_use_are_refused_and_change_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_purged_erases_what_was_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_older_than_kept_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_health_is_the_sum_of_the_records_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing_since_the_first_failure_after_the_last_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_test_counts_as_delivery_but_not_in_health, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pruning_keeps_the_newest_by_number_and_by_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_not_committed_is_gone_with_its_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_rollback_names_are_those_of_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_of_another_schema_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_file_takes_nothing_by_halves_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_written_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_trail_is_paged_the_newest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_line_of_the_trail_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_entries_of_the_trail_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_belongs_to_one_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_statement_goes_by_an_index, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
