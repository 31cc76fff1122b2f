/* The Redis connection against a real redis-server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "io/redis.h"
#include "io/redis_tls.h"
#include "redis_server.h"
#include "spin.h"
#include "util/clock.h"

#define LIMIT_MS 15000
#define DEADLINE_MS 400

static struct loop *loop;
static struct resolver *resolver;
static struct metrics *metrics;
static struct redis_server server;
static struct redis *redis;
static int ups, downs;

/* Writes to the socket, counted. */
static int writes;
int __real_redisBufferWrite(redisContext *c, int *done);
int __wrap_redisBufferWrite(redisContext *c, int *done);

int __wrap_redisBufferWrite(redisContext *c, int *done)
{
    writes++;
    return __real_redisBufferWrite(c, done);
}

/* What became of commands. */
struct tally {
    int replies, nulls, errors, calls;
    long long last_integer;
    char last[256];
    int downs_at_null; /* of the last NULL */
};

static void on_reply(void *ctx, redisReply *reply)
{
    struct tally *t = ctx;
    t->calls++;
    if (!reply) {
        t->nulls++;
        t->downs_at_null = downs;
        return;
    }
    t->replies++;
    t->errors += reply->type == REDIS_REPLY_ERROR;
    t->last_integer = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    t->last[0] = '\0';
    if (reply->str)
        snprintf(t->last, sizeof t->last, "%s", reply->str);
}

static void on_up(void *ctx)
{
    assert_ptr_equal(ctx, &server);
    ups++;
}

static void on_down(void *ctx)
{
    assert_ptr_equal(ctx, &server);
    downs++;
}

static void connect_url(const char *url)
{
    struct redis_options o = {.url = url,
                              .deadline_ms = DEADLINE_MS,
                              .on_up = on_up,
                              .on_down = on_down,
                              .ctx = &server,
                              .metrics = metrics,
                              .metrics_prefix = "trueftp_test"};
    struct errmsg why;
    assert_int_equal(redis_new(loop, resolver, &o, &redis, &why), ERR_OK);
}

/* redis://[userinfo]127.0.0.1:port[path] */
static void connect_as(const char *userinfo, const char *host, const char *path)
{
    char url[512];
    snprintf(url, sizeof url, "redis://%s%s:%d%s", userinfo, host, server.port, path);
    connect_url(url);
}

static void connect_up(void)
{
    connect_as("", "127.0.0.1", "");
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    assert_true(redis_is_up(redis));
    assert_string_equal(redis_trouble(redis), "");
}

static int setup_without_server(void **state)
{
    (void)state;
    struct errmsg why;
    loop = loop_new();
    resolver = resolver_new(loop, NULL, &why);
    assert_non_null(resolver);
    metrics = metrics_new();
    server = (struct redis_server){.port = free_port()};
    redis = NULL;
    ups = downs = writes = 0;
    return 0;
}

static int setup(void **state)
{
    setup_without_server(state);
    redis_server_start(&server, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_free(redis);
    redis_server_stop(&server);
    resolver_free(resolver);
    metrics_free(metrics);
    loop_free(loop);
    return 0;
}

/* Sends words; each is an argument. */
#define SEND(tally, ...)                                                                                                         \
    redis_command(redis, on_reply, tally, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                         \
                  (const char *const[]){__VA_ARGS__}, NULL)

static void run(struct tally *t, int calls)
{
    assert_true(spin_until_count(loop, &t->calls, calls, LIMIT_MS));
    assert_int_equal(t->calls, calls);
}

static uint64_t counter(const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "trueftp_test_%s", name);
    return *metrics_counter(metrics, full, "", NULL);
}

static bool is_troubled_by(void *ctx)
{
    return strstr(redis_trouble(redis), ctx) != NULL;
}

static void expect_trouble(const char *part)
{
    char text[128];
    snprintf(text, sizeof text, "%s", part);
    if (!spin_until(loop, is_troubled_by, text, LIMIT_MS))
        fail_msg("expected trouble \"%s\", have \"%s\"", part, redis_trouble(redis));
    assert_false(redis_is_up(redis));
}

static void block_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

/* -------- commands -------- */

static void commands_are_answered_in_order(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    SEND(&t, "SET", "key", "value");
    SEND(&t, "GET", "key");
    run(&t, 2);
    assert_string_equal(t.last, "value");
    SEND(&t, "INCRBY", "n", "41");
    SEND(&t, "INCR", "n");
    run(&t, 4);
    assert_int_equal(t.last_integer, 42);
    SEND(&t, "NONSENSE");
    run(&t, 5);
    assert_int_equal(t.errors, 1);
    assert_true(redis_is_up(redis)); /* an error of one command is only that */
    assert_int_equal(counter("redis_errors_total"), 1);
    assert_true(*metrics_gauge(metrics, "trueftp_test_redis_up", "", NULL) > 0);
}

static void arguments_are_bytes(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    const char *const argv[] = {"SET", "a\0b\r\n", "\xff\0\r\n$3\r\n"};
    const size_t lens[] = {3, 5, 8};
    redis_command(redis, on_reply, &t, 3, argv, lens);
    redis_command(redis, NULL, NULL, 3, argv, lens); /* nobody wants to know */
    const char *const get[] = {"STRLEN", argv[1]};
    redis_command(redis, on_reply, &t, 2, get, (const size_t[]){6, 5});
    SEND(&t, "SET", "empty", "");
    run(&t, 3);
    assert_int_equal(redis_server_ask(&server, "STRLEN %b", "a\0b\r\n", (size_t)5), 8);
    assert_int_equal(redis_server_ask(&server, "EXISTS empty"), 1);
}

static void one_turn_is_one_write(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    writes = 0;
    for (int i = 0; i < 500; i++)
        SEND(&t, "INCR", "n");
    run(&t, 500);
    assert_int_equal(t.last_integer, 500);
    assert_int_equal(writes, 1);
    assert_int_equal(counter("redis_errors_total"), 0);
}

static bool send_late(void *ctx)
{
    struct tally *t = ctx;
    if (t->last_integer == 0) {
        t->last_integer = 1;
        SEND(t, "PING");
    }
    return false;
}

/* A command from work that comes after the flush waits for the next turn, and that comes at once. */
static void a_command_after_the_flush_is_not_left_lying(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    struct loop_turn *late = loop_turn_new(loop, LOOP_ORDER_DEAD, send_late, &t);
    int64_t began_ms = clock_mono_ms();
    run(&t, 1);
    assert_true(clock_mono_ms() - began_ms < DEADLINE_MS);
    assert_int_equal(t.replies, 1);
    loop_turn_free(late);
}

struct numbered {
    int expected; /* of the next reply */
    int calls;
};

static void on_numbered(void *ctx, redisReply *reply)
{
    struct numbered *n = ctx;
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_int_equal(strtol(reply->str, NULL, 10), n->expected);
    n->expected++;
    n->calls++;
}

static void ten_thousand_commands_in_one_turn(void **state)
{
    (void)state;
    struct numbered n = {0};
    char number[160];
    connect_up();
    uint64_t before = counter("redis_commands_total");
    for (int i = 0; i < 10000; i++) {
        snprintf(number, sizeof number, "%d %0100d", i, 0); /* more than the socket takes at once */
        redis_command(redis, on_numbered, &n, 2, (const char *const[]){"ECHO", number}, NULL);
    }
    assert_true(spin_until_count(loop, &n.calls, 10000, LIMIT_MS));
    assert_int_equal(n.expected, 10000);
    assert_int_equal(counter("redis_commands_total") - before, 10000);
    assert_int_equal(downs, 0);
}

static void on_reply_send_again(void *ctx, redisReply *reply)
{
    struct numbered *n = ctx;
    assert_non_null(reply);
    if (++n->calls < 100)
        redis_command(redis, on_reply_send_again, n, 1, (const char *const[]){"PING"}, NULL);
}

static void a_reply_may_send_the_next_command(void **state)
{
    (void)state;
    struct numbered n = {0};
    connect_up();
    redis_command(redis, on_reply_send_again, &n, 1, (const char *const[]){"PING"}, NULL);
    assert_true(spin_until_count(loop, &n.calls, 100, LIMIT_MS));
}

static void while_down_the_answer_is_null_at_once(void **state)
{
    (void)state;
    struct tally t = {0};
    struct redis_script script = {.name = "one", .source = "return 1"};
    connect_as("", "127.0.0.1", "");
    redis_script_register(redis, &script);
    assert_false(redis_is_up(redis));
    assert_string_not_equal(redis_trouble(redis), "");
    SEND(&t, "PING");
    assert_int_equal(t.nulls, 1);
    redis_eval(redis, &script, on_reply, &t, 0, 0, NULL, NULL);
    assert_int_equal(t.nulls, 2);
    redis_command(redis, NULL, NULL, 1, (const char *const[]){"PING"}, NULL);
}

static void freeing_answers_what_is_outstanding(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_up();
    for (int i = 0; i < 10; i++)
        SEND(&t, "PING");
    redis_free(redis);
    redis = NULL;
    assert_int_equal(t.nulls, 10);
    assert_int_equal(downs, 0);
    redis_free(NULL);
}

/* -------- scripts -------- */

static const char SUM[] = "return redis.call('INCRBY', KEYS[1], ARGV[1] + ARGV[2])";

static void scripts_are_loaded_and_called_by_their_hash(void **state)
{
    (void)state;
    struct tally t = {0};
    struct redis_script sum = {.name = "sum", .source = SUM}, late = {.name = "late", .source = "return 'late'"};
    connect_as("", "127.0.0.1", "");
    redis_script_register(redis, &sum);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    redis_eval(redis, &sum, on_reply, &t, 1, 3, (const char *const[]){"k", "40", "2"}, NULL);
    run(&t, 1);
    assert_int_equal(t.last_integer, 42);
    redis_script_register(redis, &late); /* on a connection that is up */
    redis_eval(redis, &late, on_reply, &t, 0, 0, NULL, NULL);
    run(&t, 2);
    assert_string_equal(t.last, "late");
    assert_int_equal(downs, 0);
}

static void a_script_flush_is_cured_by_connecting_again(void **state)
{
    (void)state;
    struct tally t = {0};
    struct redis_script sum = {.name = "sum", .source = SUM};
    connect_as("", "127.0.0.1", "");
    redis_script_register(redis, &sum);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    redis_server_do(&server, "SCRIPT FLUSH");
    redis_eval(redis, &sum, on_reply, &t, 1, 3, (const char *const[]){"k", "1", "1"}, NULL);
    SEND(&t, "PING"); /* behind it in the pipeline: its fate is not known */
    run(&t, 2);
    assert_int_equal(t.errors, 1);
    assert_true(strncmp(t.last, "NOSCRIPT", 8) == 0);
    assert_int_equal(t.nulls, 1);
    assert_int_equal(downs, 1);
    assert_non_null(strstr(redis_trouble(redis), "NOSCRIPT"));
    assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS));
    redis_eval(redis, &sum, on_reply, &t, 1, 3, (const char *const[]){"k", "1", "1"}, NULL);
    run(&t, 3);
    assert_int_equal(t.last_integer, 2);
}

static void a_script_that_does_not_compile_keeps_it_down(void **state)
{
    (void)state;
    struct redis_script broken = {.name = "broken", .source = "return ("};
    connect_as("", "127.0.0.1", "");
    redis_script_register(redis, &broken);
    expect_trouble("loading a script: ERR Error compiling script");
    assert_int_equal(ups, 0);
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
    char number[160];
    connect_up();
    for (int i = 0; i < 5000; i++) {
        snprintf(number, sizeof number, "%d %0100d", i, 0);
        redis_command(redis, on_numbered, &n, 2, (const char *const[]){"ECHO", number}, NULL);
    }
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
    block_ms(2 * DEADLINE_MS);
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
    enum err had = redis_tls_new("localhost", &tls, &why);
    redis_tls_free(tls);
    assert_int_equal(redis_new(loop, resolver, &o, &redis, &why), had);
    if (had == ERR_OK)
        return;
    assert_int_equal(had, ERR_INVALID);
    assert_null(redis);
    assert_non_null(strstr(why.text, "rediss:// needs hiredis 1.0 or newer with TLS"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_NO_SERVER(name) cmocka_unit_test_setup_teardown(name, setup_without_server, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_are_answered_in_order),
        TEST(arguments_are_bytes),
        TEST(one_turn_is_one_write),
        TEST(a_command_after_the_flush_is_not_left_lying),
        TEST(ten_thousand_commands_in_one_turn),
        TEST(a_reply_may_send_the_next_command),
        TEST_NO_SERVER(while_down_the_answer_is_null_at_once),
        TEST(freeing_answers_what_is_outstanding),
        TEST(scripts_are_loaded_and_called_by_their_hash),
        TEST(a_script_flush_is_cured_by_connecting_again),
        TEST(a_script_that_does_not_compile_keeps_it_down),
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
        TEST_NO_SERVER(a_name_that_does_not_exist_is_said),
        TEST_NO_SERVER(an_unusable_url_ends_the_start),
        TEST_NO_SERVER(tls_is_had_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
