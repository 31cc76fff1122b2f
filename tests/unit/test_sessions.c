/* The sessions that are known, from what the audit topic tells of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/sessions.h"
#include "util/clock.h"
#include "util/mem.h"

#define NOW 1780920000000LL
#define HOUR 3600000LL
#define ONE "ses_00000000000000000000000000000001"
#define TWO "ses_00000000000000000000000000000002"

/* -------- a topic of one reader: what is told is heard at once, when it is acknowledged -------- */

static struct api api;
static int64_t now;
static void (*follower)(void *ctx, const json_t *entry);
static void *follower_ctx;
static size_t told, told_ends;
static enum err fate = ERR_OK; /* of what is told */

struct audit *__wrap_definitions_audit(const struct definitions *d);
void __wrap_audit_follow(struct audit *a, void (*fn)(void *ctx, const json_t *entry), void *ctx);
void __wrap_audit_append(struct audit *a, const struct audit_entry *entry, writer_done_fn *fn, void *ctx);
int64_t __wrap_loop_wall(const struct loop *l);

struct audit *__wrap_definitions_audit(const struct definitions *d)
{
    (void)d;
    return NULL;
}
void __wrap_audit_follow(struct audit *a, void (*fn)(void *ctx, const json_t *entry), void *ctx)
{
    (void)a;
    follower = fn;
    follower_ctx = ctx;
}
void __wrap_audit_append(struct audit *a, const struct audit_entry *entry, writer_done_fn *fn, void *ctx)
{
    (void)a;
    assert_non_null(entry->details);
    told++;
    told_ends += strcmp(entry->action, "session.end") == 0;
    fn(ctx, fate);
}
int64_t __wrap_loop_wall(const struct loop *l)
{
    (void)l;
    return now;
}

static struct sessions *new_sessions(void)
{
    struct sessions *ss = sessions_new(&api);
    now = NOW;
    told = told_ends = 0;
    fate = ERR_OK;
    sessions_follow(ss);
    return ss;
}

static void hear(const char *action, const char *account_id, const char *id, int64_t wall_ms, int64_t expires_wall_ms)
{
    char time[CLOCK_UTC_SIZE], end[CLOCK_UTC_SIZE];
    clock_format_utc(wall_ms, true, time);
    clock_format_utc(expires_wall_ms, true, end);
    json_t *entry = json_pack("{s:s,s:s,s:s,s:s,s:{s:s,s:s,s:s}}", "action", action, "account_id", account_id, "target", id,
                              "time", time, "details", "key_id", "k1", "expires_at", end, "user_agent", "Firefox");
    assert_non_null(entry);
    follower(follower_ctx, entry);
    json_decref(entry);
}

static void count_one(void *ctx, const struct known_session *ks)
{
    (void)ks;
    ++*(size_t *)ctx;
}

static size_t count(const struct sessions *ss, const char *account_id)
{
    size_t n = 0;
    sessions_each(ss, account_id, count_one, &n);
    return n;
}

/* -------- cases -------- */

static void test_a_session_from_its_beginning_to_its_end(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    hear("session.begin", "acc_1", ONE, NOW - 2 * HOUR, NOW + HOUR);
    const struct known_session *ks = sessions_find(ss, "acc_1", ONE);
    assert_non_null(ks);
    assert_string_equal(ks->key_id, "k1");
    assert_string_equal(ks->user_agent, "Firefox");
    assert_true(ks->created_wall_ms == NOW - 2 * HOUR && ks->used_wall_ms == ks->created_wall_ms &&
                ks->expires_wall_ms == NOW + HOUR);
    hear("session.used", "acc_1", ONE, NOW - HOUR, NOW + HOUR);
    assert_true(ks->used_wall_ms == NOW - HOUR && ks->created_wall_ms == NOW - 2 * HOUR);
    assert_false(sessions_has_ended(ss, ONE));
    assert_int_equal(count(ss, "acc_1"), 1);
    hear("session.end", "acc_1", ONE, NOW, NOW + HOUR);
    assert_true(sessions_has_ended(ss, ONE));
    assert_null(sessions_find(ss, "acc_1", ONE));
    assert_int_equal(count(ss, "acc_1"), 0);
    hear("session.begin", "acc_1", ONE, NOW, NOW + HOUR); /* it stays so */
    assert_true(sessions_has_ended(ss, ONE));
    sessions_free(ss);
}

/* Each account has its own, and what another's entry says of an id changes nothing. */
static void test_another_accounts(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    hear("session.begin", "acc_1", ONE, NOW, NOW + HOUR);
    hear("session.begin", "acc_2", TWO, NOW, NOW + HOUR);
    assert_null(sessions_find(ss, "acc_2", ONE));
    assert_null(sessions_find(ss, "acc_1", TWO));
    assert_int_equal(count(ss, "acc_1"), 1);
    hear("session.end", "acc_2", ONE, NOW, NOW + HOUR);
    assert_false(sessions_has_ended(ss, ONE));
    sessions_free(ss);
}

/* The end may be read of a session whose beginning was not: it is no session to be shown, and has ended. */
static void test_an_end_without_a_beginning(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    hear("session.end", "acc_1", ONE, NOW, NOW + HOUR);
    hear("session.used", "acc_1", TWO, NOW, NOW + HOUR);
    assert_true(sessions_has_ended(ss, ONE));
    assert_false(sessions_has_ended(ss, TWO));
    assert_int_equal(count(ss, "acc_1"), 0);
    assert_false(sessions_has_ended(ss, ""));
    assert_false(sessions_has_ended(NULL, ONE));
    sessions_free(ss);
}

static void test_what_is_over_is_forgotten(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    hear("session.begin", "acc_1", ONE, NOW - HOUR, NOW); /* of long ago, read at the start */
    hear("session.begin", "acc_1", TWO, NOW, NOW + HOUR);
    assert_int_equal(count(ss, "acc_1"), 1);
    hear("session.end", "acc_1", TWO, NOW, NOW + HOUR);
    now = NOW + HOUR - 1;
    sessions_sweep(ss, now);
    assert_true(sessions_has_ended(ss, TWO));
    now = NOW + 2 * HOUR;
    sessions_sweep(ss, now);
    assert_false(sessions_has_ended(ss, TWO)); /* its cookie opens nothing: its time is over */
    sessions_free(ss);
}

static void test_entries_that_are_none(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    static const char *const texts[] = {
        "{}",
        "{\"action\":7}",
        "{\"action\":\"session.end\"}",
        "{\"action\":\"session.end\",\"target\":\"" ONE "\",\"account_id\":\"acc_1\"}",
        "{\"action\":\"session.end\",\"target\":\"" ONE "\",\"account_id\":\"acc_1\",\"details\":7}",
        "{\"action\":\"session.end\",\"target\":\"" ONE "\",\"account_id\":\"acc_1\",\"details\":{\"expires_at\":\"soon\"}}",
        "{\"action\":\"session.end\",\"target\":\"" ONE
        "0\",\"account_id\":\"acc_1\",\"details\":{\"expires_at\":\"2100-01-01T00:00:00Z\"}}",
        "{\"action\":\"recovery.end\",\"target\":\"" ONE
        "\",\"account_id\":\"acc_1\",\"details\":{\"expires_at\":\"2100-01-01T00:00:00Z\"}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *entry = json_loads(texts[i], 0, NULL);
        assert_non_null(entry);
        follower(follower_ctx, entry);
        json_decref(entry);
        assert_false(sessions_has_ended(ss, ONE));
    }
    sessions_free(ss);
}

static void done(void *ctx, enum err err)
{
    *(enum err *)ctx = err;
}

static void test_what_is_told_counts_when_kafka_has_it(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    struct session s = {.id = ONE, .account_id = "acc_1", .key_id = "k1", .expires_wall_ms = NOW + HOUR};
    enum err got = ERR_FATAL;
    fate = ERR_AGAIN;
    sessions_begin(ss, &s, "curl", "r1", done, &got);
    assert_int_equal(got, ERR_AGAIN);
    assert_null(sessions_find(ss, "acc_1", ONE));
    fate = ERR_OK;
    sessions_begin(ss, &s, NULL, "r1", done, &got);
    assert_int_equal(got, ERR_OK);
    const struct known_session *ks = sessions_find(ss, "acc_1", ONE);
    assert_non_null(ks);
    assert_string_equal(ks->user_agent, "");
    fate = ERR_AGAIN;
    sessions_end(ss, ks, "key:k1", "r2", done, &got);
    assert_int_equal(got, ERR_AGAIN);
    assert_false(sessions_has_ended(ss, ONE));
    fate = ERR_OK;
    sessions_end(ss, ks, "key:k1", "r3", done, &got);
    assert_true(sessions_has_ended(ss, ONE));
    sessions_free(ss);
}

/* The use is told once an hour, and known here to the moment. */
static void test_the_use_is_told_once_an_hour(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    struct session s = {.id = ONE, .account_id = "acc_1", .key_id = "k1", .expires_wall_ms = NOW + 12 * HOUR};
    sessions_used(ss, &s, NOW);
    assert_int_equal(told, 0); /* nobody knows of it */
    sessions_begin(ss, &s, NULL, "r1", NULL, NULL);
    for (int64_t ms = 0; ms < 3 * HOUR; ms += HOUR / 4)
        sessions_used(ss, &s, NOW + ms);
    assert_int_equal(told, 1 + 2);
    assert_true(sessions_find(ss, "acc_1", ONE)->used_wall_ms == NOW + 3 * HOUR - HOUR / 4);
    sessions_free(ss);
}

static void test_one_too_many_ends_the_oldest(void **state)
{
    (void)state;
    struct sessions *ss = new_sessions();
    char id[SESSION_ID_SIZE];
    for (int i = 0; i < SESSIONS_OF_ACCOUNT; i++) {
        (void)snprintf(id, sizeof id, "ses_%032d", i + 10);
        hear("session.begin", "acc_1", id, NOW - (i == 7 ? HOUR : 0), NOW + HOUR);
    }
    hear("session.begin", "acc_2", ONE, NOW - 2 * HOUR, NOW + HOUR);
    struct session s = {.id = TWO, .account_id = "acc_1", .key_id = "k1", .expires_wall_ms = NOW + HOUR};
    sessions_begin(ss, &s, NULL, "r1", NULL, NULL);
    assert_int_equal(told_ends, 1);
    assert_int_equal(count(ss, "acc_1"), SESSIONS_OF_ACCOUNT);
    (void)snprintf(id, sizeof id, "ses_%032d", 17);
    assert_true(sessions_has_ended(ss, id));
    assert_false(sessions_has_ended(ss, ONE));
    sessions_free(ss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session_from_its_beginning_to_its_end),
        cmocka_unit_test(test_another_accounts),
        cmocka_unit_test(test_an_end_without_a_beginning),
        cmocka_unit_test(test_what_is_over_is_forgotten),
        cmocka_unit_test(test_entries_that_are_none),
        cmocka_unit_test(test_what_is_told_counts_when_kafka_has_it),
        cmocka_unit_test(test_the_use_is_told_once_an_hour),
        cmocka_unit_test(test_one_too_many_ends_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
