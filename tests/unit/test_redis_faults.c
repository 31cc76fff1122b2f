/* The Redis connection against a real redis-server that goes, hangs or refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "io/redis_tls.h"
#include "redis_fixture.h"
#include "scripted_dns.h"
#include "util/clock.h"

static void block_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

/* -------- servers that go -------- */

/* It must have been sent: wait until the flush. */
static void flush_turn(void)
{
    spin_for(loop, 5);
}

static void a_killed_server_answers_null_and_is_found_again(void **state)
{
    (void)state;
    struct tally t = {0};
    struct redis_script sum = {.name = "sum", .source = SUM};
    connect_as("", "127.0.0.1", "");
    redis_script_register(redis, &sum);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    redis_server_signal(&server, SIGSTOP);
    for (int i = 0; i < 1000; i++)
        SEND(&t, "INCR", "n");
    flush_turn();
    assert_int_equal(t.calls, 0);
    redis_server_signal(&server, SIGKILL);
    assert_true(spin_until_count(loop, &downs, 1, LIMIT_MS));
    assert_int_equal(t.nulls, 1000);
    assert_int_equal(t.replies, 0);
    assert_int_equal(t.downs_at_null, 0); /* on_down comes after the answers */
    assert_false(redis_is_up(redis));
    assert_string_not_equal(redis_trouble(redis), "");
    assert_true(*metrics_gauge(metrics, "trueftp_test_redis_up", "", NULL) < 1);
    expect_trouble("Connection refused");

    redis_server_start(&server, NULL);
    assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS));
    redis_eval(redis, &sum, on_reply, &t, 1, 3, (const char *const[]){"k", "1", "1"}, NULL);
    run(&t, 1001);
    assert_int_equal(t.last_integer, 2); /* the script is there again */
    assert_int_equal(t.errors, 0);
}

static void on_null_send_again(void *ctx, redisReply *reply)
{
    struct tally *t = ctx;
    on_reply(t, reply);
    if (!reply && t->calls == 1)
        SEND(t, "PING");
}

/* An asker that tries again from its NULL is told NULL again, not queued behind a dead connection. */
static void a_command_from_a_lost_reply_is_null_at_once(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    redis_server_signal(&server, SIGSTOP);
    redis_command(redis, on_null_send_again, &t, 1, (const char *const[]){"PING"}, NULL);
    flush_turn();
    redis_server_signal(&server, SIGKILL);
    assert_true(spin_until_count(loop, &downs, 1, LIMIT_MS));
    assert_int_equal(t.nulls, 2);
}

static void a_server_that_comes_later_is_found(void **state)
{
    (void)state;
    connect_as("", "127.0.0.1", "");
    expect_trouble("Connection refused");
    redis_server_start(&server, NULL);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    assert_int_equal(downs, 0);
}

static void a_hanging_server_meets_the_deadline(void **state)
{
    (void)state;
    struct tally slow = {0}, behind = {0};
    connect_up();
    int64_t began_ms = clock_mono_ms();
    SEND(&slow, "DEBUG", "SLEEP", "1.5");
    flush_turn();
    SEND(&behind, "PING");
    assert_true(spin_until_count(loop, &downs, 1, LIMIT_MS));
    int64_t took_ms = clock_mono_ms() - began_ms;
    assert_in_range(took_ms, DEADLINE_MS, DEADLINE_MS + 600);
    assert_int_equal(slow.nulls, 1);
    assert_int_equal(behind.nulls, 1);
    assert_non_null(strstr(redis_trouble(redis), "no answer within 400 ms"));
    assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS)); /* when it is awake again */
    SEND(&behind, "PING");
    run(&behind, 2);
    assert_int_equal(behind.replies, 1);
}

static void a_server_that_hangs_in_the_greeting_meets_it_too(void **state)
{
    (void)state;
    redis_server_signal(&server, SIGSTOP);
    connect_as("", "127.0.0.1", "");
    expect_trouble("no answer within 400 ms");
    assert_int_equal(ups, 0);
    redis_server_signal(&server, SIGCONT);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
}

struct stall {
    struct loop_timer *timer;
    int64_t ms;
};

static void on_stall(void *ctx)
{
    const struct stall *s = ctx;
    block_ms(s->ms);
}

/* It was this process that stood still; the answers wait in the socket, more of them than one read takes. */
static void a_stall_of_our_own_is_not_the_servers(void **state)
{
    (void)state;
    struct numbered n = {0};
    struct stall stall = {.ms = 3 * DEADLINE_MS};
    connect_up();
    send_numbers(&n, 5000);
    stall.timer = loop_timer_new(loop, on_stall, &stall);
    loop_timer_arm(stall.timer, 1); /* after the first write */
    assert_true(spin_until_count(loop, &n.calls, 5000, LIMIT_MS));
    assert_int_equal(downs, 0);
    loop_timer_free(stall.timer);
}

static void on_stall_and_send(void *ctx)
{
    struct tally *t = ctx;
    SEND(t, "PING");
    block_ms(DEADLINE_MS + 100);
}

/* The deadline runs from the write, not from the beginning of the long turn in which the command was given. */
static void a_long_turn_does_not_use_up_the_deadline(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    struct loop_timer *timer = loop_timer_new(loop, on_stall_and_send, &t);
    loop_timer_arm(timer, 0);
    run(&t, 1);
    assert_int_equal(t.replies, 1);
    assert_int_equal(downs, 0);
    loop_timer_free(timer);
}

/* -------- servers that refuse -------- */

static void a_primary_that_becomes_a_replica_is_left_and_found_again(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    redis_server_do(&server, "REPLICAOF 127.0.0.1 1");
    SEND(&t, "SET", "k", "v");
    run(&t, 1);
    assert_true(strncmp(t.last, "READONLY", 8) == 0);
    assert_int_equal(downs, 1);
    expect_trouble("not a primary (role slave)");
    redis_server_do(&server, "REPLICAOF NO ONE");
    assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS));
    SEND(&t, "SET", "k", "v");
    run(&t, 2);
    assert_int_equal(t.errors, 1);
}

static void a_wrong_password_is_said_and_not_shown(void **state)
{
    (void)state;
    redis_server_start(&server, (const char *const[]){"--requirepass", "right", NULL});
    connect_as(":hunter2@", "127.0.0.1", "");
    expect_trouble("authentication: WRONGPASS");
    assert_null(strstr(redis_trouble(redis), "hunter2"));
    spin_for(loop, 300);
    assert_int_equal(ups, 0);
    assert_true(counter("redis_errors_total") >= 2);
}

static void a_missing_password_is_said(void **state)
{
    (void)state;
    redis_server_start(&server, (const char *const[]){"--requirepass", "right", NULL});
    connect_as("", "127.0.0.1", "");
    expect_trouble("NOAUTH");
    assert_int_equal(ups, 0);
}

static void the_right_password_and_database_are_used(void **state)
{
    (void)state;
    struct tally t = {0};
    redis_server_start(&server, (const char *const[]){"--requirepass", "r:@/%", NULL});
    connect_as(":r%3A%40%2f%25@", "127.0.0.1", "/5");
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    SEND(&t, "CLIENT", "INFO");
    run(&t, 1);
    assert_non_null(strstr(t.last, " db=5 "));
    assert_string_equal(redis_warning(redis), "");
}

static void a_database_that_does_not_exist_is_said(void **state)
{
    (void)state;
    connect_as("", "127.0.0.1", "/999");
    expect_trouble("choosing the database: ERR");
}

static void a_user_without_config_gets_a_warning(void **state)
{
    (void)state;
    struct tally t = {0};
    redis_server_do(&server, "ACL SETUSER worker on >pw ~* +@all -config -role");
    connect_as("worker:pw@", "127.0.0.1", "");
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    assert_non_null(strstr(redis_warning(redis), "maxmemory-policy could not be checked (NOPERM"));
    SEND(&t, "ACL", "WHOAMI");
    run(&t, 1);
    assert_string_equal(t.last, "worker");
}

static void a_policy_that_evicts_keeps_it_down_until_it_is_changed(void **state)
{
    (void)state;
    redis_server_do(&server, "CONFIG SET maxmemory-policy allkeys-lru");
    connect_as("", "127.0.0.1", "");
    expect_trouble("maxmemory-policy is allkeys-lru; it must be noeviction");
    spin_for(loop, 300);
    assert_int_equal(ups, 0);
    redis_server_do(&server, "CONFIG SET maxmemory-policy noeviction");
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    assert_string_equal(redis_warning(redis), "");
}

static void an_out_of_memory_error_is_only_that(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    redis_server_do(&server, "CONFIG SET maxmemory 1");
    SEND(&t, "SET", "k", "v");
    SEND(&t, "GET", "k");
    run(&t, 2);
    assert_int_equal(t.errors, 1);
    assert_int_equal(t.replies, 2);
    assert_int_equal(downs, 0);
}

/* -------- names -------- */

static void a_host_name_is_resolved(void **state)
{
    (void)state;
    connect_as("", "localhost", ""); /* ::1 too, where nobody listens */
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
}

/* One after the other, before there is talk of failure. */
static void all_addresses_of_a_name_are_tried(void **state)
{
    (void)state;
    static const struct dns_name zone[] = {
        {"redis.test", DNS_ANSWERS, "127.0.0.2 127.0.0.3 127.0.0.1", "", 1, NULL, 0}, /* it listens on the last */
        {NULL, DNS_ANSWERS, NULL, NULL, 0, NULL, 0},
    };
    struct errmsg why;
    struct scripted_dns *dns = scripted_dns_start(loop, zone);
    resolver_free(resolver);
    resolver = resolver_new(loop, scripted_dns_address(dns), &why);
    connect_as("", "redis.test", "");
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    assert_int_equal(counter("redis_errors_total"), 0);
    scripted_dns_stop(dns);
}

static void a_name_that_does_not_exist_is_said(void **state)
{
    (void)state;
    connect_as("", "nowhere.onion", ""); /* refused by resolvers without asking anybody (RFC 7686) */
    expect_trouble("nowhere.onion: no such host");
}

static void an_unusable_url_ends_the_start(void **state)
{
    (void)state;
    static const char *const urls[] = {"", "localhost:6379", "redis://:hunter2@host:x", "redis://hunter2@host"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct redis_options o = {.url = urls[i], .deadline_ms = 1, .metrics = metrics, .metrics_prefix = "trueftp_test"};
        struct redis *r = NULL;
        struct errmsg why = {""};
        assert_int_equal(redis_new(loop, resolver, &o, &r, &why), ERR_INVALID);
        assert_null(r);
        assert_string_not_equal(why.text, "");
        assert_null(strstr(why.text, "hunter2"));
    }
}

/* TLS is as hiredis was built; without it a rediss:// URL must not quietly become a plain connection. */
static void tls_is_had_or_refused(void **state)
{
    (void)state;
    struct redis_options o = {
        .url = "rediss://:hunter2@localhost", .deadline_ms = 1, .metrics = metrics, .metrics_prefix = "trueftp_test"};
    struct redis_tls *tls = NULL;
    struct errmsg why = {""};
    const struct redis_tls_files files = {0};
    enum err had = redis_tls_new("localhost", &files, &tls, &why);
    redis_tls_free(tls);
    assert_int_equal(redis_new(loop, resolver, &o, &redis, &why), had);
    if (had == ERR_OK)
        return;
    assert_int_equal(had, ERR_INVALID);
    assert_null(redis);
    assert_non_null(strstr(why.text, "rediss:// needs hiredis 1.0 or newer with TLS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_server_answers_null_and_is_found_again),
        TEST(a_command_from_a_lost_reply_is_null_at_once),
        TEST_NO_SERVER(a_server_that_comes_later_is_found),
        TEST(a_hanging_server_meets_the_deadline),
        TEST(a_server_that_hangs_in_the_greeting_meets_it_too),
        TEST(a_stall_of_our_own_is_not_the_servers),
        TEST(a_long_turn_does_not_use_up_the_deadline),
        TEST(a_primary_that_becomes_a_replica_is_left_and_found_again),
        TEST_NO_SERVER(a_wrong_password_is_said_and_not_shown),
        TEST_NO_SERVER(a_missing_password_is_said),
        TEST_NO_SERVER(the_right_password_and_database_are_used),
        TEST(a_database_that_does_not_exist_is_said),
        TEST(a_user_without_config_gets_a_warning),
        TEST(a_policy_that_evicts_keeps_it_down_until_it_is_changed),
        TEST(an_out_of_memory_error_is_only_that),
        TEST(a_host_name_is_resolved),
        TEST(all_addresses_of_a_name_are_tried),
        TEST_NO_SERVER(a_name_that_does_not_exist_is_said),
        TEST_NO_SERVER(an_unusable_url_ends_the_start),
        TEST_NO_SERVER(tls_is_had_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
