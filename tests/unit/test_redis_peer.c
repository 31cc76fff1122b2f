/* The Redis connection against a peer that says exactly what a script says: what a real server says rarely, or never should. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/listen.h"
#include "io/redis.h"
#include "io/redis_patience.h"
#include "spin.h"

#define LIMIT_MS 10000
#define DEADLINE_MS 300
#define MAX_PEERS 32

#define GOOD_ROLE "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define GOOD_POLICY "*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n"

/* -------- the peer -------- */

struct peer {
    struct loop_io *io;
    int fd;
};

static struct loop *loop;
static struct loop_io *listener;
static int listen_fd;
static struct peer peers[MAX_PEERS];
static int accepted;
static const char *greeting;     /* sent when the greeting is complete (or at once, see below) */
static const char *later;        /* sent when anything comes after that */
static bool at_once, then_close; /* greeting as soon as the connection is accepted; closed after the greeting */
static int greetings_sent;

static void say(struct peer *p, const char *text)
{
    assert_int_equal(send(p->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void hang_up(struct peer *p)
{
    loop_io_free(p->io);
    p->io = NULL;
    close(p->fd);
}

static void greet(struct peer *p)
{
    say(p, greeting);
    greetings_sent++;
    if (then_close)
        hang_up(p);
}

static void on_peer(void *ctx, int events)
{
    struct peer *p = ctx;
    char bytes[4096];
    (void)events;
    ssize_t n = read(p->fd, bytes, sizeof bytes);
    if (n <= 0)
        hang_up(p);
    else if (memmem(bytes, (size_t)n, "maxmemory-policy", 16))
        greet(p);
    else
        say(p, later);
}

static void on_accept(void *ctx, int events)
{
    (void)ctx;
    (void)events;
    assert_true(accepted < MAX_PEERS);
    struct peer *p = &peers[accepted++];
    p->fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(p->fd >= 0);
    p->io = loop_io_new(loop, p->fd, LOOP_READ, on_peer, p);
    if (at_once)
        greet(p);
}

/* -------- the connection -------- */

static struct resolver *resolver;
static struct metrics *metrics;
static struct redis *redis;
static int ups, downs, answers, nulls, errors;

static void on_up(void *ctx)
{
    (void)ctx;
    ups++;
}

static void on_down(void *ctx)
{
    (void)ctx;
    downs++;
}

static void on_reply(void *ctx, redisReply *reply)
{
    (void)ctx;
    answers++;
    nulls += reply == NULL;
    errors += reply && reply->type == REDIS_REPLY_ERROR;
}

static int setup(void **state)
{
    (void)state;
    struct errmsg why;
    char url[64];
    loop = loop_new();
    resolver = resolver_new(loop, NULL, &why);
    metrics = metrics_new();
    memset(peers, 0, sizeof peers);
    accepted = greetings_sent = ups = downs = answers = nulls = errors = 0;
    greeting = GOOD_ROLE GOOD_POLICY;
    later = "+PONG\r\n";
    at_once = then_close = false;
    assert_int_equal(listen_open("127.0.0.1:0", &listen_fd, &why), ERR_OK);
    listener = loop_io_new(loop, listen_fd, LOOP_READ, on_accept, NULL);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", listen_port(listen_fd));
    struct redis_options o = {.url = url,
                              .deadline_ms = DEADLINE_MS,
                              .on_up = on_up,
                              .on_down = on_down,
                              .metrics = metrics,
                              .metrics_prefix = "trueftp_test"};
    assert_int_equal(redis_new(loop, resolver, &o, &redis, &why), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_free(redis);
    for (int i = 0; i < accepted; i++) {
        if (peers[i].io)
            hang_up(&peers[i]);
    }
    loop_io_free(listener);
    close(listen_fd);
    resolver_free(resolver);
    metrics_free(metrics);
    loop_free(loop);
    return 0;
}

static void ping(void)
{
    redis_command(redis, on_reply, NULL, 1, (const char *const[]){"PING"}, NULL);
}

static bool is_troubled_by(void *ctx)
{
    return strstr(redis_trouble(redis), ctx) != NULL;
}

/* -------- greetings -------- */

struct bad_greeting {
    const char *says;
    bool at_once, then_close;
    const char *trouble;
};

/* Each is said in redis_trouble, tried again, and overcome when the peer changes its mind. */
static void bad_greetings_are_said_and_tried_again(void **state)
{
    static const struct bad_greeting cases[] = {
        {"-LOADING Redis is loading the dataset in memory\r\n", false, false, "LOADING"},
        {GOOD_ROLE "-LOADING Redis is loading the dataset in memory\r\n", false, false, "LOADING"},
        {"-MASTERDOWN Link with MASTER is down\r\n", false, false, "MASTERDOWN"},
        {"-ERR max number of clients reached\r\n", true, true, "max number of clients reached"},
        {"-ERR max number of clients reached\r\n", true, false, "max number of clients reached"},
        {"", true, true, "the connection was lost"},
        {GOOD_ROLE, false, true, "the connection was lost"},
        {"*2\r\n$16\r\nmaxmem", false, true, "the connection was lost"},
        {GOOD_ROLE "*2\r\n$16\r\nmaxmem", false, false, "no answer within 300 ms"},
        {"", false, false, "no answer within 300 ms"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", false, false, "malformed reply"},
        {"*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$1\r\nx\r\n:0\r\n", false, false, "not a primary (role slave)"},
        {"*1\r\n$8\r\nsentinel\r\n", false, false, "not a primary (role sentinel)"},
        {"+OK\r\n", false, false, "not a primary (role unknown)"},
        {"*0\r\n", false, false, "not a primary (role unknown)"},
        {GOOD_ROLE "*2\r\n$16\r\nmaxmemory-policy\r\n$12\r\nvolatile-ttl\r\n", false, false, "maxmemory-policy is volatile-ttl"},
        {GOOD_ROLE "-ERR something else\r\n", false, false, "reading maxmemory-policy: ERR something else"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup(state);
        greeting = cases[i].says;
        at_once = cases[i].at_once;
        then_close = cases[i].then_close;
        char trouble[64];
        snprintf(trouble, sizeof trouble, "%s", cases[i].trouble);
        if (!spin_until(loop, is_troubled_by, trouble, LIMIT_MS))
            fail_msg("case %zu: expected \"%s\", have \"%s\"", i, trouble, redis_trouble(redis));
        assert_false(redis_is_up(redis));
        assert_true(spin_until_count(loop, &accepted, 2, LIMIT_MS)); /* again */
        greeting = GOOD_ROLE GOOD_POLICY;
        at_once = then_close = false;
        assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
        assert_string_equal(redis_trouble(redis), "");
        assert_int_equal(downs, 0);
        teardown(state);
    }
}

/* Managed servers take commands away; that is a warning, not a failure. */
static void a_policy_that_cannot_be_read_is_a_warning(void **state)
{
    static const char *const cases[] = {
        GOOD_ROLE "-ERR unknown command 'CONFIG', with args beginning with: 'GET'\r\n",
        GOOD_ROLE "-NOPERM this user has no permissions to run the 'config|get' command\r\n",
        GOOD_ROLE "*0\r\n",
        "-NOPERM this user has no permissions to run the 'role' command\r\n*0\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup(state);
        greeting = cases[i];
        assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
        assert_non_null(strstr(redis_warning(redis), "maxmemory-policy could not be checked"));
        assert_string_equal(redis_trouble(redis), "");
        teardown(state);
    }
}

/* -------- replies -------- */

struct ending {
    const char *says;
    int nulls, errors; /* of two commands */
    int downs;
};

static void some_replies_end_the_connection(void **state)
{
    static const struct ending cases[] = {
        {"+PONG\r\n+PONG\r\n", 0, 0, 0},
        {"-BUSY Redis is busy running a script\r\n-OOM command not allowed\r\n", 0, 2, 0},
        {"-READONLY You can't write against a read only replica.\r\n", 1, 1, 1},
        {"-LOADING Redis is loading the dataset in memory\r\n", 1, 1, 1},
        {"-MASTERDOWN Link with MASTER is down\r\n", 1, 1, 1},
        {"-NOAUTH Authentication required.\r\n", 1, 1, 1},
        {"-NOSCRIPT No matching script.\r\n+PONG\r\n", 1, 1, 1}, /* what stands behind it is not looked at */
        {"+PONG\r\n!\r\n", 1, 0, 1},
        {"+PONG\r\n", 1, 0, 1}, /* and nothing more within the deadline */
        {"+PONG\r\n+PONG\r\n+MORE\r\n", 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup(state);
        assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
        later = cases[i].says;
        ping();
        ping();
        assert_true(spin_until_count(loop, &answers, 2, LIMIT_MS));
        if (cases[i].downs > 0)
            assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS));
        assert_int_equal(nulls, cases[i].nulls);
        assert_int_equal(errors, cases[i].errors);
        assert_int_equal(downs, cases[i].downs);
        assert_int_equal(answers, 2);
        teardown(state);
    }
}

/* -------- a slow peer -------- */

static struct loop_timer *pace;
static int replies_left, pace_ms;

static void on_pace(void *ctx)
{
    (void)ctx;
    say(&peers[accepted - 1], "+PONG\r\n");
    if (--replies_left > 0)
        loop_timer_arm(pace, pace_ms);
}

static void answer_late(int count, int ms)
{
    later = "";
    replies_left = count;
    pace_ms = ms;
    loop_timer_arm(pace, ms);
}

/* Five commands, answered one by one: the last comes long after the deadline. */
static void a_peer_that_answers_slowly_is_not_given_up(void **state)
{
    setup(state);
    pace = loop_timer_new(loop, on_pace, NULL);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    answer_late(5, DEADLINE_MS * 2 / 3);
    for (int i = 0; i < 5; i++)
        ping();
    assert_true(spin_until_count(loop, &answers, 5, LIMIT_MS));
    assert_int_equal(nulls, 0);
    assert_int_equal(downs, 0);
    loop_timer_free(pace);
    teardown(state);
}

/* The same silence twice: the first ends the connection, the second is borne. */
static void a_silence_that_was_too_long_is_borne_the_next_time(void **state)
{
    setup(state);
    pace = loop_timer_new(loop, on_pace, NULL);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    later = "";
    ping();
    assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS));
    assert_int_equal(nulls, 1);
    answer_late(1, DEADLINE_MS * 3 / 2);
    ping();
    assert_true(spin_until_count(loop, &answers, 2, LIMIT_MS));
    assert_int_equal(nulls, 1);
    assert_int_equal(downs, 1);
    loop_timer_free(pace);
    teardown(state);
}

/* Eight times the deadline at most; back to it after a minute of quick answers. */
static void patience_grows_and_comes_back(void **state)
{
    struct redis_patience p;
    (void)state;
    redis_patience_init(&p, 2000);
    for (int i = 0; i < 5; i++)
        redis_patience_lost(&p, 1000);
    assert_int_equal(p.wait_ms, 16000);
    redis_patience_answered(&p, 10, 60999);
    assert_int_equal(p.wait_ms, 16000);
    redis_patience_answered(&p, 2500, 61000); /* late: the minute begins again */
    redis_patience_answered(&p, 10, 120999);
    assert_int_equal(p.wait_ms, 16000);
    redis_patience_answered(&p, 10, 121000);
    assert_int_equal(p.wait_ms, 2000);
}

/* An idle connection that the server closes is made again without anybody asking. */
static void an_idle_connection_that_is_closed_is_made_again(void **state)
{
    setup(state);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    hang_up(&peers[0]);
    assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS));
    assert_int_equal(downs, 1);
    teardown(state);
}

static void commands_beyond_the_bound_break_the_connection(void **state)
{
    setup(state);
    assert_true(spin_until_count(loop, &ups, 1, LIMIT_MS));
    static char big[8 << 20];
    memset(big, 'x', sizeof big - 1);
    for (int i = 0; i < 9; i++)
        redis_command(redis, on_reply, NULL, 3, (const char *const[]){"SET", "k", big}, NULL);
    assert_false(redis_is_up(redis));
    assert_non_null(strstr(redis_trouble(redis), "more than 64 MiB"));
    assert_int_equal(answers, 1); /* the one after the one that did not fit */
    assert_true(spin_until_count(loop, &downs, 1, LIMIT_MS));
    assert_int_equal(nulls, 9);
    assert_true(spin_until_count(loop, &ups, 2, LIMIT_MS));
    teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_greetings_are_said_and_tried_again),
        cmocka_unit_test(a_policy_that_cannot_be_read_is_a_warning),
        cmocka_unit_test(some_replies_end_the_connection),
        cmocka_unit_test(an_idle_connection_that_is_closed_is_made_again),
        cmocka_unit_test(a_peer_that_answers_slowly_is_not_given_up),
        cmocka_unit_test(a_silence_that_was_too_long_is_borne_the_next_time),
        cmocka_unit_test(patience_grows_and_comes_back),
        cmocka_unit_test(commands_beyond_the_bound_break_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
