/* The HTTP client against endpoints that behave, misbehave and hang. */
#include "http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "util/clock.h"
#include "util/mem.h"

/* -------- what endpoints answer -------- */

static const struct behaviour behaviours[] = {
    {"/ok", 200, NONE, QUICK, 0, "ok", ""},
    {"/204", 204, NONE, QUICK, 0, "", ""},
    {"/201-http10", 201, NONE, QUICK, 1, "bye", ""},
    {"/no-reason", 200, NONE, QUICK, 0, "", ""},
    {"/301", 301, NONE, QUICK, 0, "", ""},
    {"/304", 304, NONE, QUICK, 0, "", ""},
    {"/404", 404, NONE, QUICK, 0, "nope", ""},
    {"/410", 410, NONE, QUICK, 0, "", ""},
    {"/429", 429, NONE, QUICK, 0, "", "120"},
    {"/503-date", 503, NONE, QUICK, 0, "", "Wed, 21 Oct 2026 07:28:00 GMT"},
    {"/999", 999, NONE, QUICK, 0, "", ""},
    {"/20", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/2000", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/reset-at-once", 0, DELIVERY_ERROR_RESET, QUICK, 2, "", ""},
    {"/close-at-once", 0, DELIVERY_ERROR_RESET, QUICK, 2, "", ""},
    {"/reset-in-head", 0, DELIVERY_ERROR_RESET, QUICK, 1, "", ""},
    {"/close-in-head", 0, DELIVERY_ERROR_RESET, QUICK, 1, "", ""},
    {"/reset-after-head", 200, NONE, QUICK, 1, "ab", ""},
    {"/close-in-body", 200, NONE, QUICK, 1, "ab", ""},
    {"/bad-chunk", 200, NONE, QUICK, 1, "ok", ""},
    {"/silence", 0, DELIVERY_ERROR_TIMEOUT, 300, 290, 900, 1, "", ""},
    {"/drip-head", 0, DELIVERY_ERROR_TIMEOUT, 300, 290, 900, 1, "", ""},
    {"/drip-body", 200, NONE, 10000, 1900, 3500, 1, NULL, ""},
    {"/stall-body", 200, NONE, 10000, 1900, 3500, 1, "abc", ""},
    {"/stall-body", 200, NONE, 300, 0, 900, 1, "abc", ""},
    {"/endless", 200, NONE, QUICK, 1, NULL, ""},
    {"/endless-500", 500, NONE, QUICK, 1, NULL, ""},
    {"/gzip-coding", 200, NONE, QUICK, 0, "01234", ""},
    {"/trailer", 200, NONE, QUICK, 0, "ok", ""},
    {"/odd-trailer", 200, NONE, QUICK, 0, "ok", ""},
    {"/many-fields", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/long-field", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/garbage", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/http09", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/late-status", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/100-then-200", 200, NONE, QUICK, 0, "ok", ""},
    {"/100-flood", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/100-close", 0, DELIVERY_ERROR_RESET, QUICK, 1, "", ""},
    {"/101", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
};

static void test_behaviours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof behaviours / sizeof behaviours[0]; i++)
        check_behaviour(&behaviours[i]);
}

static void test_response_is_cut_at_4_kib(void **state)
{
    (void)state;
    struct call call;
    post_and_wait("one.example", "/500", 5000, &call);
    assert_int_equal(call.result.status, 500);
    assert_int_equal(call.result.error, DELIVERY_ERROR_NONE);
    assert_int_equal(call.result.response.len, 4096);
    assert_true(strspn(call.response, "a") == 4096);
}

/* -------- the request -------- */

static void test_request_bytes(void **state)
{
    (void)state;
    struct call call;
    struct buf last;
    char expected[500];
    buf_init(&last, 65536);
    post_and_wait("one.example", "/ok", 5000, &call);
    scripted_server_last(t.server, &last);
    snprintf(expected, sizeof expected,
             "POST /ok HTTP/1.1\r\nHost: one.example:%d\r\nContent-Type: application/json\r\n"
             "User-Agent: TrueFTP-Webhooks/0.1.0\r\nX-TrueFTP-Event: file.uploaded\r\nX-Empty:\r\n"
             "Content-Length: 7\r\n\r\n{\"a\":1}",
             scripted_server_port(t.server));
    assert_string_equal(buf_cstr(&last), expected);
    buf_done(&last);
}

/* Every byte value, an empty body, and one that libcurl would announce with Expect. */
static void test_bodies_are_exact(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 256, 70000, 1500000};
    struct http_endpoint *ep = endpoint("one.example", "/ok");
    char *bytes = mem_alloc(1500000);
    for (size_t i = 0; i < 1500000; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct call call = {.posted = true};
        struct buf last;
        buf_init(&last, 1 << 21);
        struct http_post post = {.body = slice_of(bytes, sizes[i]), .timeout_ms = 5000};
        call.rq = http_client_post(t.client, ep, &post, on_done, &call);
        wait_for(1);
        assert_int_equal(call.result.status, 200);
        scripted_server_last(t.server, &last);
        const char *body = strstr(buf_cstr(&last), "\r\n\r\n") + 4;
        assert_int_equal(last.len - (size_t)(body - last.p), sizes[i]);
        assert_memory_equal(body, bytes, sizes[i]);
        assert_null(memmem(last.p, (size_t)(body - last.p), "Expect", 6));
        buf_done(&last);
    }
    free(bytes);
    http_endpoint_free(ep);
}

static void test_header_lines(void **state)
{
    (void)state;
    static const struct {
        struct slice name, value;
        const char *line; /* NULL: refused */
    } cases[] = {
        {SLICE("X-A"), SLICE("b"), "X-A: b\r\n"},
        {SLICE("X-A"), SLICE(""), "X-A:\r\n"},
        {SLICE("X-A"), SLICE("tab\there, \xc3\xa9"), "X-A: tab\there, \xc3\xa9\r\n"},
        {SLICE("X-A"), SLICE("b\r\nX-C: d"), NULL},
        {SLICE("X-A"), SLICE("b\nX-C: d"), NULL},
        {SLICE("X-A"), SLICE("b\r"), NULL},
        {SLICE("X-A"), SLICE("b\0c"), NULL},
        {SLICE("X-A"), SLICE("b\x7f"), NULL},
        {SLICE("X-A:"), SLICE("b"), NULL},
        {SLICE("X A"), SLICE("b"), NULL},
        {SLICE("X-A\r\nX-B"), SLICE("b"), NULL},
        {SLICE(""), SLICE("b"), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf line;
        buf_init(&line, 100);
        assert_int_equal(http_header_put(&line, cases[i].name, cases[i].value), cases[i].line ? ERR_OK : ERR_INVALID);
        assert_string_equal(buf_cstr(&line), cases[i].line ? cases[i].line : "");
        buf_done(&line);
    }
}

/* -------- connections -------- */

static void test_connection_is_kept(void **state)
{
    (void)state;
    struct http_endpoint *ep = endpoint("one.example", "/ok");
    for (int i = 0; i < 100; i++) {
        struct call call;
        post_to(ep, 5000, &call);
        wait_for(1);
        assert_int_equal(call.result.status, 200);
        assert_true(i == 0 || (call.result.connect_ms == 0 && call.result.tls_ms == 0));
    }
    assert_int_equal(scripted_server_accepted(t.server), 1);
    assert_int_equal(scripted_server_requests(t.server), 100);
    assert_true(stub_resolver_asked < 10);
    http_endpoint_free(ep);
}

/* The server closes a kept connection just as we use it: it is sent once more, on a new one. */
static void test_stale_connection_is_retried(void **state)
{
    (void)state;
    struct call call;
    post_and_wait("one.example", "/close-next", 5000, &call);
    assert_int_equal(call.result.status, 200);
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(call.result.status, 200);
    assert_int_equal(call.result.error, DELIVERY_ERROR_NONE);
    assert_int_equal(scripted_server_requests(t.server), 3);
    assert_int_equal(scripted_server_accepted(t.server), 2);
}

/* An endpoint that dies of each request gets it twice in one attempt, however many connections to it are kept. */
static void test_kept_connections_are_tried_once(void **state)
{
    (void)state;
    struct call calls[4], last;
    for (int i = 0; i < 4; i++) {
        struct http_endpoint *ep = endpoint("one.example", "/close-next");
        post_to(ep, 5000, &calls[i]);
        http_endpoint_free(ep);
    }
    wait_for(4);
    assert_int_equal(scripted_server_accepted(t.server), 4);
    post_and_wait("one.example", "/close-at-once", 5000, &last);
    assert_int_equal(last.result.error, DELIVERY_ERROR_RESET);
    assert_false(last.result.ours);
    assert_int_equal(last.result.status, 0);
    assert_int_equal(scripted_server_requests(t.server), 6);
    assert_int_equal(scripted_server_accepted(t.server), 5);
}

static int64_t cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* The server closes a connection that nobody uses: the loop must not spin on it. */
static void test_closed_idle_connection(void **state)
{
    (void)state;
    struct call call;
    post_and_wait("one.example", "/close-later", 5000, &call);
    assert_int_equal(call.result.status, 200);
    int64_t before_ms = cpu_ms();
    run_ms(500);
    assert_true(cpu_ms() - before_ms < 200);
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(call.result.status, 200);
    assert_int_equal(scripted_server_accepted(t.server), 2);
}

/* -------- cancel -------- */

static void cancel_after(const char *host, const char *path, int64_t after_ms, struct call *call)
{
    struct http_endpoint *ep = endpoint(host, path);
    post_to(ep, 20000, call);
    if (after_ms)
        run_ms(after_ms);
    assert_false(call->ended);
    http_request_cancel(call->rq);
    assert_true(call->ended);
    http_endpoint_free(ep);
    run_ms(5);
    assert_int_equal(http_client_in_flight(t.client), 0);
}

static void test_cancel(void **state)
{
    (void)state;
    static const struct {
        const char *host, *path;
        int64_t after_ms;
    } cases[] = {
        {"never.example", "/ok", 0},  {"never.example", "/ok", 30},    {"later.example", "/ok", 0},
        {"one.example", "/ok", 0},    {"none.example", "/ok", 0},      {"mixed.example", "/ok", 0},
        {"one.example", "/slow", 50}, {"one.example", "/silence", 50}, {"one.example", "/drip-head", 50},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct call call;
        cancel_after(cases[i].host, cases[i].path, cases[i].after_ms, &call);
        assert_int_equal(call.result.error, DELIVERY_ERROR_CANCELLED);
        assert_true(call.result.ours);
    }
    assert_int_equal(stub_resolver_open, 0);
}

/* What was delivered is not undone by a cancel. */
static void test_cancel_while_reading_the_body(void **state)
{
    (void)state;
    struct call call;
    cancel_after("one.example", "/stall-body", 100, &call);
    assert_int_equal(call.result.error, DELIVERY_ERROR_NONE);
    assert_int_equal(call.result.status, 200);
}

static void test_client_free_answers_all(void **state)
{
    (void)state;
    static const char *const hosts[] = {"never.example", "one.example", "none.example"};
    struct call calls[3];
    for (int i = 0; i < 3; i++) {
        struct http_endpoint *ep = endpoint(hosts[i], "/silence");
        post_to(ep, 20000, &calls[i]);
        http_endpoint_free(ep);
    }
    http_client_free(t.client);
    for (int i = 0; i < 3; i++) {
        assert_true(calls[i].ended && calls[i].result.ours);
        assert_int_equal(calls[i].result.error, DELIVERY_ERROR_CANCELLED);
    }
    make_client();
}

/* -------- many -------- */

#define MANY 2000
#define HOSTS 200

static void test_many_in_flight(void **state)
{
    (void)state;
    struct http_endpoint *eps[HOSTS];
    struct call *calls = mem_zalloc(MANY * sizeof *calls);
    for (int i = 0; i < HOSTS; i++) {
        char host[40];
        snprintf(host, sizeof host, "h%d.example", i);
        eps[i] = endpoint(host, "/slow");
    }
    for (int wave = 0; wave < 3; wave++) {
        for (int i = 0; i < MANY; i++)
            post_to(eps[i % HOSTS], 20000, &calls[i]);
        assert_int_equal(http_client_in_flight(t.client), MANY);
        wait_for(MANY);
        for (int i = 0; i < MANY; i++)
            if (calls[i].result.status != 200)
                fail_msg("wave %d, call %d: error %d, %s", wave, i, (int)calls[i].result.error, calls[i].detail);
    }
    assert_int_equal(scripted_server_accepted(t.server), MANY);
    assert_int_equal(scripted_server_requests(t.server), 3 * MANY);
    for (int i = 0; i < HOSTS; i++)
        http_endpoint_free(eps[i]);
    free(calls);
}

/* More connections than allowed are closed as requests end, in whatever shards they are; and those without requests, too. */
static void test_connections_are_limited(void **state)
{
    (void)state;
    static struct call calls[400];
    struct http_endpoint *slow[40], *quick[40];
    t.client->max_connections = 100;
    for (int i = 0; i < 40; i++) {
        char host[40];
        snprintf(host, sizeof host, "h%d.example", i);
        slow[i] = endpoint(host, "/slow");
        quick[i] = endpoint(host, "/ok");
    }
    for (int i = 0; i < 400; i++)
        post_to(slow[i % 40], 20000, &calls[i]);
    wait_for(400);
    assert_int_equal(scripted_server_accepted(t.server), 400);
    assert_true(t.client->open_sockets <= 100);
    for (int64_t until_ms = clock_mono_ms() + 2500; clock_mono_ms() < until_ms;) {
        for (int i = 0; i < 40; i++)
            post_to(quick[i], 20000, &calls[i]);
        wait_for(40);
        run_ms(20);
    }
    assert_true(t.client->open_sockets >= 20 && t.client->open_sockets <= 100);
    for (int i = 0; i < 400; i++)
        post_to(slow[i % 40], 20000, &calls[i]);
    wait_for(400);
    run_ms(2500);
    assert_true(t.client->open_sockets <= 100);
    for (int i = 0; i < 40; i++) {
        http_endpoint_free(slow[i]);
        http_endpoint_free(quick[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_behaviours),
        HTTP_TEST(test_response_is_cut_at_4_kib),
        HTTP_TEST(test_request_bytes),
        HTTP_TEST(test_bodies_are_exact),
        cmocka_unit_test(test_header_lines),
        HTTP_TEST(test_connection_is_kept),
        HTTP_TEST(test_stale_connection_is_retried),
        HTTP_TEST(test_kept_connections_are_tried_once),
        HTTP_TEST(test_closed_idle_connection),
        HTTP_TEST(test_cancel),
        HTTP_TEST(test_cancel_while_reading_the_body),
        HTTP_TEST(test_client_free_answers_all),
        HTTP_TEST(test_many_in_flight),
        HTTP_TEST(test_connections_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
