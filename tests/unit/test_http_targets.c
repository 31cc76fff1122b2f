/* Where the HTTP client connects to: names, the target policy, connections that fail, TLS. */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_server.h"

/* -------- connections that fail -------- */

static int unused_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000005)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    close(fd);
    return ntohs(sa.sin_port);
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
struct deaf {
    int listener, fillers[3];
};

static int deaf_start(struct deaf *d, uint32_t address, int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof sa;
    d->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(d->listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(d->listener, 0), 0);
    assert_int_equal(getsockname(d->listener, (struct sockaddr *)&sa, &len), 0);
    for (int i = 0; i < 3; i++) {
        d->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(d->fillers[i], (struct sockaddr *)&sa, sizeof sa);
    }
    return ntohs(sa.sin_port);
}

static void deaf_stop(struct deaf *d)
{
    for (int i = 0; i < 3; i++)
        close(d->fillers[i]);
    close(d->listener);
}

static void test_connect_timeout(void **state)
{
    (void)state;
    struct call call;
    struct deaf deaf;
    char url[100];
    snprintf(url, sizeof url, "http://one.example:%d/", deaf_start(&deaf, 0x7f000005, 0));
    for (int i = 0; i < 2; i++) { /* the second finds nothing left of the first */
        post_url(url, 300, &call);
        assert_int_equal(call.result.error, DELIVERY_ERROR_CONNECT_TIMEOUT);
        assert_true(call.took_ms >= 290 && call.took_ms < 1500);
    }
    deaf_stop(&deaf);
    assert_int_equal(t.client->open_sockets, 0);
}

/* The first of two addresses refuses: the second is tried without delay. */
static void test_first_address_refuses(void **state)
{
    (void)state;
    struct call call;
    post_and_wait("two.example", "/ok", 5000, &call);
    assert_int_equal(call.result.status, 200);
    if (call.took_ms >= 150)
        fail_msg("%d ms", (int)call.took_ms);
    assert_int_equal(t.client->open_sockets, 1);
}

/* libcurl gives up the first of two addresses and opens the second under the same descriptor. */
static void test_second_address(void **state)
{
    (void)state;
    struct call call;
    struct deaf deaf;
    deaf_start(&deaf, 0x7f000004, scripted_server_port(t.server));
    post_and_wait("two.example", "/slow", 1500, &call);
    deaf_stop(&deaf);
    if (call.result.status != 200)
        fail_msg("error %d, %s", (int)call.result.error, call.detail);
    assert_true(call.took_ms < 1300); /* half of the time for the first, then at once */
    assert_int_equal(t.client->open_sockets, 1);
}

static void test_descriptors_exhausted_is_ours(void **state)
{
    (void)state;
    struct call call;
    struct rlimit old, low;
    post_and_wait("one.example", "/close-after", 5000, &call); /* the shard is open; its connection will be closed */
    run_ms(50);
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
        {"127.0.0.5", 0, DELIVERY_ERROR_NONE, false},
        {"two.example", 0, DELIVERY_ERROR_NONE, false},
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
    assert_int_equal(scripted_server_accepted(t.server), 3);
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
    assert_int_equal(http_endpoint_new(t.client, "http://127.0.0.1:8080/", NULL, &ep, &why), ERR_REFUSED);
    assert_int_equal(http_endpoint_new(t.client, "no url", NULL, &ep, &why), ERR_INVALID);
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

/* A new answer is what the next connection goes to. */
static void test_new_address_is_used(void **state)
{
    (void)state;
    static const struct {
        int turn;
        enum delivery_error error;
    } cases[] = {
        {1, DELIVERY_ERROR_NONE}, {2, DELIVERY_ERROR_CONNECT_REFUSED} /* nobody listens there */, {1, DELIVERY_ERROR_NONE}};
    struct http_endpoint *ep = endpoint("turning.example", "/close-after");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct call call;
        stub_resolver_turn = cases[i].turn;
        ep->host->resolved_ms -= HTTP_FRESH_MS;
        post_to(ep, 5000, &call);
        wait_for(1);
        assert_int_equal(call.result.error, cases[i].error);
    }
    http_endpoint_free(ep);
}

/* A request is on its way over a kept connection; its name changes to an inner address, as the next request of that host finds;
 * then the endpoint closes. The request is not sent once more to where nothing that was checked is left. */
static void test_name_changes_under_a_request(void **state)
{
    (void)state;
    struct call slow, next;
    struct http_endpoint *ok = endpoint("turning.example", "/ok"), *closing = endpoint("turning.example", "/close-slowly");
    stub_resolver_turn = 1;
    post_to(ok, 5000, &next);
    wait_for(1);
    assert_int_equal(next.result.status, 200);
    post_to(closing, 5000, &slow);
    stub_resolver_turn = 3;
    ok->host->resolved_ms -= HTTP_FRESH_MS;
    post_to(ok, 5000, &next);
    wait_for(2);
    stub_resolver_turn = 1;
    assert_int_equal(next.result.error, DELIVERY_ERROR_BLOCKED_TARGET);
    assert_int_equal(slow.result.error, DELIVERY_ERROR_BLOCKED_TARGET);
    assert_string_equal(slow.detail, next.detail);
    assert_true(slow.took_ms >= 150);
    assert_int_equal(scripted_server_accepted(t.server), 1);
    http_endpoint_free(ok);
    http_endpoint_free(closing);
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

static struct http_endpoint *tls_endpoint(struct tls_server *server, const char *trusted)
{
    char url[100];
    http_client_free(t.client);
    setenv("CURL_CA_BUNDLE", trusted, 1);
    make_client();
    snprintf(url, sizeof url, "https://tls.example:%d/", tls_server_port(server));
    return endpoint_of(url);
}

/* Connections are kept; a new one resumes the session of those before it, in its own client alone. */
static void test_tls_connections(void **state)
{
    (void)state;
    struct call call;
    char certificate[64];
    struct tls_server *server = tls_server_start("tls.example", TLS_SERVER_NORMAL, certificate);
    for (int client = 1; client <= 2; client++) {
        struct http_endpoint *ep = tls_endpoint(server, certificate);
        for (int connection = 1; connection <= 3; connection++) {
            for (int i = 0; i < 5; i++) {
                post_to(ep, 5000, &call);
                wait_for(1);
                if (call.result.status != 200)
                    fail_msg("error %d, %s", (int)call.result.error, call.detail);
            }
            http_conn_close(TAILQ_FIRST(&ep->host->idle));
        }
        assert_int_equal(tls_server_accepted(server), 3 * client);
        assert_int_equal(tls_server_resumed(server), 2 * client);
        http_endpoint_free(ep);
    }
    unsetenv("CURL_CA_BUNDLE");
    tls_server_stop(server);
    unlink(certificate);
}

/* More than a socket's buffer and a TLS record hold. */
static void test_tls_large_body(void **state)
{
    (void)state;
    enum { SIZE = 8000000 };
    struct call call = {.posted = true};
    char certificate[64];
    char *bytes = calloc(1, SIZE);
    struct tls_server *server = tls_server_start("tls.example", TLS_SERVER_NORMAL, certificate);
    struct http_endpoint *ep = tls_endpoint(server, certificate);
    struct http_post post = {.body = slice_of(bytes, SIZE), .timeout_ms = 20000};
    http_client_post(t.client, ep, &post, on_done, &call);
    wait_for(1);
    if (call.result.status != 200)
        fail_msg("error %d, %s", (int)call.result.error, call.detail);
    assert_int_equal(tls_server_accepted(server), 1);
    unsetenv("CURL_CA_BUNDLE");
    http_endpoint_free(ep);
    http_client_free(t.client); /* ends the connection, so that the server's thread ends */
    make_client();
    tls_server_stop(server);
    unlink(certificate);
    free(bytes);
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
        {{.end = HTTP_END_HEAD}, DELIVERY_ERROR_NONE, false},
        {{.end = HTTP_END_CLOSED, .connected = true}, DELIVERY_ERROR_RESET, false},
        {{.end = HTTP_END_BAD, .connected = true}, DELIVERY_ERROR_PROTOCOL, false},
        {{.end = HTTP_END_TIMEOUT, .connected = true}, DELIVERY_ERROR_TIMEOUT, false},
        {{.end = HTTP_END_REFUSED}, DELIVERY_ERROR_BLOCKED_TARGET, false},
        {{.end = HTTP_END_NO_SOCKET}, DELIVERY_ERROR_CANCELLED, true},
        {{.end = HTTP_END_NO_NAME}, DELIVERY_ERROR_CANCELLED, true},
        {{.end = HTTP_END_CONNECT, .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED},
         DELIVERY_ERROR_CONNECT_REFUSED,
         false},
        {{.end = HTTP_END_CONNECT, .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNRESET}, DELIVERY_ERROR_RESET, false},
        {{.end = HTTP_END_CONNECT, .code = CURLE_COULDNT_CONNECT, .os_errno = ETIMEDOUT}, DELIVERY_ERROR_CONNECT_TIMEOUT, false},
        {{.end = HTTP_END_CONNECT, .code = CURLE_COULDNT_CONNECT, .os_errno = EADDRNOTAVAIL}, DELIVERY_ERROR_CANCELLED, true},
        {{.end = HTTP_END_CONNECT, .code = CURLE_OPERATION_TIMEDOUT}, DELIVERY_ERROR_CONNECT_TIMEOUT, false},
        {{.end = HTTP_END_CONNECT, .code = CURLE_OPERATION_TIMEDOUT, .connected = true}, DELIVERY_ERROR_TIMEOUT, false},
        {{.end = HTTP_END_CONNECT, .code = CURLE_OUT_OF_MEMORY}, DELIVERY_ERROR_CANCELLED, true},
        {{.end = HTTP_END_CONNECT, .code = CURLE_PEER_FAILED_VERIFICATION, .connected = true}, DELIVERY_ERROR_TLS, false},
        {{.end = HTTP_END_CONNECT, .code = CURLE_RECV_ERROR, .connected = true}, DELIVERY_ERROR_RESET, false},
        {{.end = HTTP_END_CONNECT, .code = CURLE_SSL_CACERT_BADFILE, .connected = true}, DELIVERY_ERROR_CANCELLED, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_verdict v = http_judge(&cases[i].facts);
        if (v.error != cases[i].error || v.ours != cases[i].ours)
            fail_msg("case %zu: error %d, ours %d", i, (int)v.error, v.ours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_connection_refused),
        HTTP_TEST(test_connect_timeout),
        HTTP_TEST(test_first_address_refuses),
        HTTP_TEST(test_second_address),
        HTTP_TEST(test_descriptors_exhausted_is_ours),
        HTTP_TEST(test_names),
        HTTP_TEST(test_loopback_is_refused_without_exemption),
        HTTP_TEST(test_policy_at_the_socket),
        HTTP_TEST(test_new_address_is_used),
        HTTP_TEST(test_name_changes_under_a_request),
        HTTP_TEST(test_environment_proxy_is_ignored),
        HTTP_TEST(test_tls),
        HTTP_TEST(test_tls_connections),
        HTTP_TEST(test_tls_large_body),
        cmocka_unit_test(test_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
