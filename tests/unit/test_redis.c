/* The Redis connection against a real redis-server: commands and scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "redis_fixture.h"
#include "util/clock.h"

/* Writes to the socket, counted. */
static int writes;
int __real_redisBufferWrite(redisContext *c, int *done);
int __wrap_redisBufferWrite(redisContext *c, int *done);

int __wrap_redisBufferWrite(redisContext *c, int *done)
{
    writes++;
    return __real_redisBufferWrite(c, done);
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

static void ten_thousand_commands_in_one_turn(void **state)
{
    (void)state;
    struct numbered n = {0};
    connect_up();
    uint64_t before = counter("redis_commands_total");
    send_numbers(&n, 10000);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
