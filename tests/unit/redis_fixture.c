#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis_fixture.h"

struct loop *loop;
struct resolver *resolver;
struct metrics *metrics;
struct redis_server server;
struct redis *redis;
int ups, downs;

void on_reply(void *ctx, redisReply *reply)
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

void connect_with(struct redis_options o)
{
    struct errmsg why;
    o.deadline_ms = DEADLINE_MS;
    o.on_up = on_up;
    o.on_down = on_down;
    o.ctx = &server;
    o.metrics = metrics;
    o.metrics_prefix = "trueftp_test";
    assert_int_equal(redis_new(loop, resolver, &o, &redis, &why), ERR_OK);
}

void connect_as(const char *userinfo, const char *host, const char *path)
{
    char url[512];
    snprintf(url, sizeof url, "redis://%s%s:%d%s", userinfo, host, server.port, path);
    connect_with((struct redis_options){.url = url});
}

void connect_up(void)
{
    connect_as("", "127.0.0.1", "");
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    assert_true(redis_is_up(redis));
    assert_string_equal(redis_trouble(redis), "");
}

int setup_without_server(void **state)
{
    (void)state;
    struct errmsg why;
    loop = loop_new();
    resolver = resolver_new(loop, NULL, &why);
    assert_non_null(resolver);
    metrics = metrics_new();
    server = (struct redis_server){.port = free_port()};
    redis = NULL;
    ups = downs = 0;
    return 0;
}

int setup(void **state)
{
    setup_without_server(state);
    redis_server_start(&server, NULL);
    return 0;
}

int teardown(void **state)
{
    (void)state;
    redis_free(redis);
    redis_server_stop(&server);
    resolver_free(resolver);
    metrics_free(metrics);
    loop_free(loop);
    return 0;
}

void run(struct tally *t, int calls)
{
    assert_true(spin_until_count(loop, &t->calls, calls, LIMIT_MS));
    assert_int_equal(t->calls, calls);
}

uint64_t counter(const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "trueftp_test_%s", name);
    return *metrics_counter(metrics, full, "", NULL);
}

static bool is_troubled_by(void *ctx)
{
    return strstr(redis_trouble(redis), ctx) != NULL;
}

void expect_trouble(const char *part)
{
    char text[128];
    snprintf(text, sizeof text, "%s", part);
    if (!spin_until(loop, is_troubled_by, text, LIMIT_MS))
        fail_msg("expected trouble \"%s\", have \"%s\"", part, redis_trouble(redis));
    assert_false(redis_is_up(redis));
}

static void on_numbered(void *ctx, redisReply *reply)
{
    struct numbered *n = ctx;
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_int_equal(strtol(reply->str, NULL, 10), n->expected);
    n->expected++;
    n->calls++;
}

void send_numbers(struct numbered *n, int count)
{
    char number[160];
    for (int i = 0; i < count; i++) {
        snprintf(number, sizeof number, "%d %0100d", i, 0);
        redis_command(redis, on_numbered, n, 2, (const char *const[]){"ECHO", number}, NULL);
    }
}
