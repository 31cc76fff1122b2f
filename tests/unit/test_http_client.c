/* The HTTP client against endpoints that behave, misbehave and hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_scripts.h"
#include "io/http_internal.h"
#include "stub_resolver.h"
#include "tls_server.h"
#include "util/clock.h"
#include "util/mem.h"

/* One POST and what came of it. */
struct call {
    struct http_request *rq;
    bool posted, ended; /* http_client_post has returned; done was called */
    struct http_result result;
    char detail[300], response[8192], retry_after[200];
    int64_t took_ms;
};

static struct {
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *client;
    struct address_list *exempt;
    struct target_policy policy;
    struct scripted_server *server;
    struct loop_timer *alarm;
    int waiting; /* the loop stops when this many more calls have ended */
    int64_t posted_ms;
} t;

static void on_alarm(void *ctx)
{
    (void)ctx;
    fail_msg("the loop ran for too long");
}

static void make_client(void)
{
    struct http_client_options o = {
        .loop = t.loop,
        .resolver = t.resolver,
        .policy = &t.policy,
        .user_agent = "TrueFTP-Webhooks/0.1.0",
        .max_connections = 4096,
    };
    t.client = http_client_new(&o);
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    stub_resolver_failing_ms = stub_resolver_asked = stub_resolver_open = 0;
    t.loop = loop_new();
    t.resolver = resolver_new(t.loop, NULL, NULL);
    assert_int_equal(address_list_parse("127.0.0.0/8", &t.exempt, NULL), ERR_OK);
    t.policy = (struct target_policy){.allow_http = true, .exempt = t.exempt};
    t.server = scripted_server_start(http_scripts);
    t.alarm = loop_timer_new(t.loop, on_alarm, NULL);
    make_client();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(t.client);
    loop_timer_free(t.alarm);
    scripted_server_stop(t.server);
    resolver_free(t.resolver);
    address_list_free(t.exempt);
    loop_free(t.loop);
    return 0;
}

static void on_done(void *ctx, const struct http_result *result)
{
    struct call *call = ctx;
    assert_true(call->posted);
    assert_false(call->ended);
    call->ended = true;
    call->rq = NULL;
    call->result = *result;
    call->took_ms = clock_mono_ms() - t.posted_ms;
    snprintf(call->detail, sizeof call->detail, "%s", result->detail ? result->detail : "");
    assert_true(result->response.len <= DELIVERY_RESPONSE_BYTES);
    memcpy(call->response, result->response.p ? result->response.p : "", result->response.len);
    call->result.response.p = call->response;
    snprintf(call->retry_after, sizeof call->retry_after, "%.*s", (int)result->retry_after.len,
             result->retry_after.p ? result->retry_after.p : "");
    if (--t.waiting == 0)
        loop_stop(t.loop);
}

static struct http_endpoint *endpoint(const char *host, const char *path)
{
    char url[300];
    struct errmsg why;
    struct http_endpoint *ep = NULL;
    snprintf(url, sizeof url, "http://%s:%d%s", host, scripted_server_port(t.server), path);
    if (http_endpoint_new(t.client, url, &ep, &why) != ERR_OK)
        fail_msg("%s: %s", url, why.text);
    return ep;
}

static void post_to(struct http_endpoint *ep, int64_t timeout_ms, struct call *call)
{
    static const char *const headers[] = {"X-TrueFTP-Event: file.uploaded", "X-Empty:"};
    struct http_post post = {.headers = headers, .header_count = 2, .body = SLICE("{\"a\":1}"), .timeout_ms = timeout_ms};
    memset(call, 0, sizeof *call);
    t.posted_ms = clock_mono_ms();
    call->rq = http_client_post(t.client, ep, &post, on_done, call);
    call->posted = true;
}

static void wait_for(int calls)
{
    t.waiting = calls;
    loop_timer_arm(t.alarm, 60000);
    loop_run(t.loop);
    loop_timer_cancel(t.alarm);
}

static void post_and_wait(const char *host, const char *path, int64_t timeout_ms, struct call *call)
{
    struct http_endpoint *ep = endpoint(host, path);
    post_to(ep, timeout_ms, call);
    http_endpoint_free(ep); /* the request goes on */
    wait_for(1);
    assert_int_equal(http_client_in_flight(t.client), 0);
}

static void run_ms(int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(t.loop, (loop_timer_fn *)loop_stop, t.loop);
    loop_timer_arm(timer, ms);
    loop_run(t.loop);
    loop_timer_free(timer);
}

/* -------- what endpoints answer -------- */

struct behaviour {
    const char *path;
    int status;
    enum delivery_error error;
    int64_t timeout_ms, least_ms, most_ms;
    int renewed; /* connections made until the next request is answered: 0 where this one is kept, 2 where libcurl tried again */
    const char *response;
    const char *retry_after;
};

#define NONE DELIVERY_ERROR_NONE
#define QUICK 5000, 0, 1500

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
    {"/trailers", 200, NONE, QUICK, 0, "ok", ""},
    {"/many-fields", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/long-field", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/garbage", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/http09", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/late-status", 500, NONE, QUICK, 1, "", ""},
    {"/100-then-200", 200, NONE, QUICK, 0, "ok", ""},
    {"/100-flood", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/100-close", 0, DELIVERY_ERROR_RESET, QUICK, 1, "", ""},
    {"/101", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
};

static void check_behaviour(const struct behaviour *b)
{
    struct call call;
    int accepted = scripted_server_accepted(t.server);
    post_and_wait("one.example", b->path, b->timeout_ms, &call);
    bool right = call.result.status == b->status && call.result.error == b->error && !call.result.ours &&
                 call.took_ms >= b->least_ms && call.took_ms <= b->most_ms && strcmp(call.retry_after, b->retry_after) == 0 &&
                 (!b->response || slice_eq(call.result.response, slice_str(b->response)));
    if (!right)
        fail_msg("%s: status %d, error %s, ours %d, %d ms, retry-after '%s', response '%.*s', detail '%s'", b->path,
                 call.result.status, call.result.error ? delivery_error_name(call.result.error) : "none", call.result.ours,
                 (int)call.took_ms, call.retry_after, (int)call.result.response.len, call.response, call.detail);
    assert_true(b->error == NONE || call.detail[0]);
    assert_true(b->error != NONE || call.result.first_byte_ms >= 0);
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(call.result.status, 200);
    int expected = accepted == 0 ? 1 : accepted; /* the first begins without a connection */
    if (scripted_server_accepted(t.server) != expected + b->renewed)
        fail_msg("%s: %d new connections", b->path, scripted_server_accepted(t.server) - expected);
}

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

static void test_bad_headers_are_not_sent(void **state)
{
    (void)state;
    static const char *const bad[] = {"X-A: b\r\nX-C: d", "X-A: b\nX-C: d", "X-A: b\r", "no colon", ": no name"};
    struct http_endpoint *ep = endpoint("one.example", "/ok");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct call call = {.posted = true};
        struct http_post post = {.headers = &bad[i], .header_count = 1, .timeout_ms = 5000};
        call.rq = http_client_post(t.client, ep, &post, on_done, &call);
        wait_for(1);
        assert_int_equal(call.result.error, DELIVERY_ERROR_PROTOCOL);
    }
    assert_int_equal(scripted_server_accepted(t.server), 0);
    http_endpoint_free(ep);
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

/* The server closes a kept connection just as we use it: libcurl tries once more on a new one. */
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

/* The server closes a connection that nobody uses: the loop must not spin on it. */
static void test_closed_idle_connection(void **state)
{
    (void)state;
    struct call call;
    struct rusage before, after;
    post_and_wait("one.example", "/close-after", 5000, &call);
    assert_int_equal(call.result.status, 200);
    getrusage(RUSAGE_THREAD, &before);
    run_ms(300);
    getrusage(RUSAGE_THREAD, &after);
    assert_true(after.ru_utime.tv_sec == before.ru_utime.tv_sec || after.ru_utime.tv_usec < 100000);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 50);
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(call.result.status, 200);
    assert_int_equal(scripted_server_accepted(t.server), 2);
}

static int unused_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    close(fd);
    return ntohs(sa.sin_port);
}

static void post_url(const char *url, int64_t timeout_ms, struct call *call)
{
    struct errmsg why;
    struct http_endpoint *ep = NULL;
    if (http_endpoint_new(t.client, url, &ep, &why) != ERR_OK)
        fail_msg("%s: %s", url, why.text);
    post_to(ep, timeout_ms, call);
    http_endpoint_free(ep);
    wait_for(1);
}

static void test_connection_refused(void **state)
{
    (void)state;
    struct call call;
    char url[100];
    snprintf(url, sizeof url, "http://one.example:%d/", unused_port());
    post_url(url, 5000, &call);
    assert_int_equal(call.result.error, DELIVERY_ERROR_CONNECT_REFUSED);
    assert_false(call.result.ours);
    assert_int_equal(call.result.connect_ms, -1);
    assert_int_equal(call.result.first_byte_ms, -1);
}

/* A listener whose queue is full does not answer SYNs. */
static void test_connect_timeout(void **state)
{
    (void)state;
    struct call call;
    char url[100];
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fillers[3], listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
    for (int i = 0; i < 3; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&sa, sizeof sa);
    }
    snprintf(url, sizeof url, "http://one.example:%d/", ntohs(sa.sin_port));
    post_url(url, 300, &call);
    assert_int_equal(call.result.error, DELIVERY_ERROR_CONNECT_TIMEOUT);
    assert_true(call.took_ms >= 290 && call.took_ms < 1500);
    for (int i = 0; i < 3; i++)
        close(fillers[i]);
    close(listener);
}

static void test_descriptors_exhausted_is_ours(void **state)
{
    (void)state;
    struct call call;
    struct rlimit old, low;
    post_and_wait("one.example", "/close-after", 5000, &call); /* the shard is open; its connection will be closed */
    run_ms(50);
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 3; /* below all that are open: none can be added */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(call.result.ours);
    assert_int_not_equal(call.result.error, DELIVERY_ERROR_NONE);
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(call.result.status, 200);
}

/* -------- names and addresses -------- */

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int64_t failing_ms;
        enum delivery_error error;
        bool ours;
    } cases[] = {
        {"later.example", 0, DELIVERY_ERROR_NONE, false},
        {"none.example", 0, DELIVERY_ERROR_DNS, false},
        {"none.example", 60000, DELIVERY_ERROR_DNS, false},
        {"empty.example", 0, DELIVERY_ERROR_DNS, false},
        {"failing.example", 0, DELIVERY_ERROR_DNS, false},
        {"failing.example", 29999, DELIVERY_ERROR_DNS, false},
        {"failing.example", 30000, DELIVERY_ERROR_DNS, true},
        {"private.example", 0, DELIVERY_ERROR_BLOCKED_TARGET, false},
        {"mixed.example", 0, DELIVERY_ERROR_BLOCKED_TARGET, false},
        {"127.0.0.1", 0, DELIVERY_ERROR_NONE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct call call;
        int requests = scripted_server_requests(t.server);
        stub_resolver_failing_ms = cases[i].failing_ms;
        post_and_wait(cases[i].host, "/ok", 5000, &call);
        if (call.result.error != cases[i].error || call.result.ours != cases[i].ours)
            fail_msg("%s: error %d, ours %d: %s", cases[i].host, (int)call.result.error, call.result.ours, call.detail);
        assert_int_equal(scripted_server_requests(t.server) - requests, cases[i].error == DELIVERY_ERROR_NONE ? 1 : 0);
        assert_int_equal(call.result.connect_ms >= 0, cases[i].error == DELIVERY_ERROR_NONE);
    }
    assert_int_equal(scripted_server_accepted(t.server), 2);
}

static void test_loopback_is_refused_without_exemption(void **state)
{
    (void)state;
    struct call call;
    http_client_free(t.client);
    t.policy.exempt = NULL;
    make_client();
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(call.result.error, DELIVERY_ERROR_BLOCKED_TARGET);
    assert_string_equal(call.detail, "loopback");
    assert_int_equal(scripted_server_accepted(t.server), 0);
    struct http_endpoint *ep = NULL;
    struct errmsg why;
    assert_int_equal(http_endpoint_new(t.client, "http://127.0.0.1:8080/", &ep, &why), ERR_REFUSED);
    assert_int_equal(http_endpoint_new(t.client, "no url", &ep, &why), ERR_INVALID);
}

/* The belts behind the check of the answer: asked when a socket is made, and again before a kept connection is used. */
static void test_policy_at_the_socket(void **state)
{
    (void)state;
    struct call call;
    post_and_wait("one.example", "/ok", 5000, &call);
    assert_int_equal(call.result.status, 200);
    struct http_endpoint *kept = endpoint("one.example", "/ok"), *other = endpoint("other.example", "/close-after");
    post_to(kept, 5000, &call); /* resolved: the answer holds for a second */
    wait_for(1);
    post_to(other, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.status, 200);
    int accepted = scripted_server_accepted(t.server), requests = scripted_server_requests(t.server);
    t.client->policy.exempt = NULL;
    post_to(kept, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.error, DELIVERY_ERROR_BLOCKED_TARGET);
    post_to(other, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.error, DELIVERY_ERROR_BLOCKED_TARGET);
    assert_int_equal(scripted_server_accepted(t.server), accepted);
    assert_int_equal(scripted_server_requests(t.server), requests);
    http_endpoint_free(kept);
    http_endpoint_free(other);
}

static struct http_host *host_of(struct http_endpoint *ep)
{
    return ep->host;
}

/* A new answer replaces the old one in libcurl's cache. */
static void test_new_address_is_used(void **state)
{
    (void)state;
    struct call call;
    stub_resolver_turn = 1;
    struct http_endpoint *ep = endpoint("turning.example", "/close-after");
    post_to(ep, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.status, 200);
    assert_true(host_of(ep)->pin_loaded);
    stub_resolver_turn = 2; /* nobody listens there */
    host_of(ep)->resolved_ms -= HTTP_FRESH_MS;
    post_to(ep, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.error, DELIVERY_ERROR_CONNECT_REFUSED);
    stub_resolver_turn = 1;
    host_of(ep)->resolved_ms -= HTTP_FRESH_MS;
    post_to(ep, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.status, 200);
    http_endpoint_free(ep);
}

/* libcurl's entry is gone though we believe it there: pinned again, never resolved by libcurl. */
static void test_lost_pin_is_restored(void **state)
{
    (void)state;
    struct call call;
    struct http_endpoint *ep = endpoint("turning.example", "/close-after");
    stub_resolver_turn = 1;
    post_to(ep, 5000, &call);
    wait_for(1);
    char entry[100];
    snprintf(entry, sizeof entry, "-%s", host_of(ep)->key);
    ep->shard->forget = curl_slist_append(NULL, entry);
    post_to(ep, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.status, 200);
    http_endpoint_free(ep); /* and for real: the next one of this name begins without an entry */
    ep = endpoint("turning.example", "/ok");
    post_to(ep, 5000, &call);
    wait_for(1);
    assert_int_equal(call.result.status, 200);
    http_endpoint_free(ep);
}

static void test_environment_proxy_is_ignored(void **state)
{
    (void)state;
    struct call call;
    setenv("http_proxy", "http://127.0.0.1:9/", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:9/", 1);
    post_and_wait("one.example", "/ok", 5000, &call);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(call.result.status, 200);
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
        {"never.example", "/ok", 0},   {"never.example", "/ok", 30},     {"later.example", "/ok", 0},
        {"one.example", "/ok", 0},     {"none.example", "/ok", 0},       {"mixed.example", "/ok", 0},
        {"one.example", "/slow", 50},  {"one.example", "/silence", 50},  {"one.example", "/drip-head", 50},
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

/* More connections than allowed are closed as the requests end, in whatever shards they are. */
static void test_connections_are_limited(void **state)
{
    (void)state;
    static struct call calls[400];
    struct http_endpoint *eps[40];
    t.client->max_connections = 100;
    for (int i = 0; i < 40; i++) {
        char host[40];
        snprintf(host, sizeof host, "h%d.example", i);
        eps[i] = endpoint(host, "/slow");
    }
    for (int wave = 0; wave < 3; wave++) {
        for (int i = 0; i < 400; i++)
            post_to(eps[i % 40], 20000, &calls[i]);
        wait_for(400);
        run_ms(1100); /* the sweep */
    }
    for (int i = 0; i < 40; i++) {
        post_to(eps[i], 20000, &calls[i]);
        http_endpoint_free(eps[i]);
    }
    wait_for(40);
    assert_true(t.client->open_sockets <= 100 + HTTP_SHARDS);
    run_ms(2200); /* still above: those without requests close */
    assert_true(t.client->open_sockets <= 100);
}

/* -------- TLS -------- */

static void tls_case(struct tls_server *server, const char *host, const char *trusted, struct call *call)
{
    char url[100];
    http_client_free(t.client);
    setenv("CURL_CA_BUNDLE", trusted, 1);
    make_client();
    snprintf(url, sizeof url, "https://%s:%d/", host, tls_server_port(server));
    post_url(url, 1000, call);
    unsetenv("CURL_CA_BUNDLE");
}

static void test_tls(void **state)
{
    (void)state;
    struct call call;
    char ours[64], others[64];
    struct tls_server *server = tls_server_start("tls.example", TLS_SERVER_NORMAL, ours);
    struct tls_server *other = tls_server_start("tls.example", TLS_SERVER_OLD, others);
    struct tls_server *mute = tls_server_start("tls.example", TLS_SERVER_MUTE, NULL);

    tls_case(server, "tls.example", ours, &call);
    if (call.result.status != 200)
        fail_msg("trusted: error %d, %s", (int)call.result.error, call.detail);
    assert_true(call.result.tls_ms >= 0);
    tls_case(server, "tls.example", others, &call); /* self-signed, not ours */
    assert_int_equal(call.result.error, DELIVERY_ERROR_TLS);
    assert_false(call.result.ours);
    tls_case(server, "wrong.example", ours, &call);
    assert_int_equal(call.result.error, DELIVERY_ERROR_TLS);
    tls_case(other, "tls.example", others, &call); /* TLS 1.1 only */
    assert_int_equal(call.result.error, DELIVERY_ERROR_TLS);
    tls_case(mute, "tls.example", ours, &call);
    assert_int_equal(call.result.error, DELIVERY_ERROR_TIMEOUT);
    tls_case(server, "tls.example", "/nonexistent.pem", &call); /* we have nothing to trust with */
    assert_int_equal(call.result.error, DELIVERY_ERROR_TLS);
    assert_true(call.result.ours);

    tls_server_stop(server);
    tls_server_stop(other);
    tls_server_stop(mute);
    unlink(ours);
    unlink(others);
}

/* -------- judging -------- */

static void test_judge(void **state)
{
    (void)state;
    static const struct {
        struct http_facts facts;
        enum delivery_error error;
        bool ours;
    } cases[] = {
        {{.code = CURLE_OK, .head_complete = true}, DELIVERY_ERROR_NONE, false},
        {{.code = CURLE_RECV_ERROR, .head_complete = true}, DELIVERY_ERROR_NONE, false},
        {{.code = CURLE_WRITE_ERROR, .head_complete = true, .stop = HTTP_STOP_ENOUGH}, DELIVERY_ERROR_NONE, false},
        {{.code = CURLE_OK, .requested = true}, DELIVERY_ERROR_RESET, false},
        {{.code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED}, DELIVERY_ERROR_CONNECT_REFUSED, false},
        {{.code = CURLE_COULDNT_CONNECT, .os_errno = ETIMEDOUT}, DELIVERY_ERROR_CONNECT_TIMEOUT, false},
        {{.code = CURLE_COULDNT_CONNECT, .os_errno = EADDRNOTAVAIL}, DELIVERY_ERROR_CANCELLED, true},
        {{.code = CURLE_COULDNT_CONNECT, .stop = HTTP_STOP_REFUSED}, DELIVERY_ERROR_BLOCKED_TARGET, false},
        {{.code = CURLE_COULDNT_CONNECT, .stop = HTTP_STOP_NO_SOCKET}, DELIVERY_ERROR_CANCELLED, true},
        {{.code = CURLE_OPERATION_TIMEDOUT}, DELIVERY_ERROR_CONNECT_TIMEOUT, false},
        {{.code = CURLE_OPERATION_TIMEDOUT, .connected = true}, DELIVERY_ERROR_TIMEOUT, false},
        {{.code = CURLE_OUT_OF_MEMORY}, DELIVERY_ERROR_CANCELLED, true},
        {{.code = CURLE_OUT_OF_MEMORY, .requested = true}, DELIVERY_ERROR_PROTOCOL, false},
        {{.code = CURLE_PEER_FAILED_VERIFICATION, .connected = true}, DELIVERY_ERROR_TLS, false},
        {{.code = CURLE_SSL_CACERT_BADFILE, .connected = true}, DELIVERY_ERROR_CANCELLED, true},
        {{.code = CURLE_UNSUPPORTED_PROTOCOL, .requested = true}, DELIVERY_ERROR_PROTOCOL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_verdict v = http_judge(&cases[i].facts);
        if (v.error != cases[i].error || v.ours != cases[i].ours)
            fail_msg("case %zu: error %d, ours %d", i, (int)v.error, v.ours);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_behaviours),
        TEST(test_response_is_cut_at_4_kib),
        TEST(test_request_bytes),
        TEST(test_bodies_are_exact),
        TEST(test_bad_headers_are_not_sent),
        TEST(test_connection_is_kept),
        TEST(test_stale_connection_is_retried),
        TEST(test_closed_idle_connection),
        TEST(test_connection_refused),
        TEST(test_connect_timeout),
        TEST(test_descriptors_exhausted_is_ours),
        TEST(test_names),
        TEST(test_loopback_is_refused_without_exemption),
        TEST(test_policy_at_the_socket),
        TEST(test_new_address_is_used),
        TEST(test_lost_pin_is_restored),
        TEST(test_environment_proxy_is_ignored),
        TEST(test_cancel),
        TEST(test_cancel_while_reading_the_body),
        TEST(test_client_free_answers_all),
        TEST(test_many_in_flight),
        TEST(test_connections_are_limited),
        TEST(test_tls),
        cmocka_unit_test(test_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
