/* What the tests of the Redis connection share: a loop, a private server, the connection, and what became of commands. */
#ifndef TESTS_REDIS_FIXTURE_H
#define TESTS_REDIS_FIXTURE_H

#include <stdint.h>

#include "io/redis.h"
#include "redis_server.h"
#include "spin.h"

#define LIMIT_MS 15000
#define DEADLINE_MS 400

extern struct loop *loop;
extern struct resolver *resolver;
extern struct metrics *metrics;
extern struct redis_server server;
extern struct redis *redis;
extern int ups, downs; /* calls of on_up and on_down */

/* What became of commands. */
struct tally {
    int replies, nulls, errors, calls;
    long long last_integer;
    char last[256];
    int downs_at_null; /* of the last NULL */
};

int setup(void **state);
int setup_without_server(void **state); /* its port is chosen */
int teardown(void **state);

/* URL, password file and TLS are the test's; what is called and counted is filled in. */
void connect_with(struct redis_options o);
/* redis://[userinfo]host:port[path] */
void connect_as(const char *userinfo, const char *host, const char *path);
/* And wait until it is up. */
void connect_up(void);

/* Counts into a tally. */
void on_reply(void *ctx, redisReply *reply);
/* Sends words; each is an argument. */
#define SEND(tally, ...)                                                                                                         \
    redis_command(redis, on_reply, tally, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                         \
                  (const char *const[]){__VA_ARGS__}, NULL)
/* Runs until so many were answered, and no more. */
void run(struct tally *t, int calls);

/* Of <prefix>_<name>. */
uint64_t counter(const char *name);
/* Runs until redis_trouble has that part. */
void expect_trouble(const char *part);

/* A script for tests: adds its arguments to its key. */
#define SUM "return redis.call('INCRBY', KEYS[1], ARGV[1] + ARGV[2])"

/* ECHO of numbers, more bytes of them than the socket takes at once; the replies must come in order. */
struct numbered {
    int expected; /* of the next reply */
    int calls;
};
void send_numbers(struct numbered *n, int count);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_NO_SERVER(name) cmocka_unit_test_setup_teardown(name, setup_without_server, teardown)

#endif
