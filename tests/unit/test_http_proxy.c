/* Through an egress proxy: what it is told, that the target policy counts as before, and whose failure is whose. */
#include "http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "scripted_proxy.h"
#include "tls_server.h"

static struct {
    struct scripted_proxy *server;
    struct http_proxy *proxy;
    char credentials[64];
} p;

/* The tests' clock: real, and ahead by this. */
static int64_t ahead_ms;
int64_t __real_loop_now(const struct loop *l);
int64_t __wrap_loop_now(const struct loop *l);
int64_t __wrap_loop_now(const struct loop *l)
{
    return __real_loop_now(l) + ahead_ms;
}

static struct http_proxy *proxy_of(const char *url, const char *credentials_file)
{
    const struct http_proxy_options o = {
        .loop = t.loop, .resolver = t.resolver, .url = url, .credentials_file = credentials_file};
    struct http_proxy *proxy = NULL;
    struct errmsg why;
    if (http_proxy_new(&o, &proxy, &why) != ERR_OK)
        fail_msg("%s", why.text);
    return proxy;
}

static void use_proxy(struct http_proxy *proxy)
{
    struct http_client_options o = {.loop = t.loop,
                                    .resolver = t.resolver,
                                    .policy = &t.policy,
                                    .proxy = proxy,
                                    .user_agent = "TrueFTP-Webhooks/0.1.0",
                                    .max_connections = 64};
    http_client_free(t.client);
    http_proxy_free(p.proxy);
    p.proxy = proxy;
    t.client = http_client_new(&o);
}

static void use_url(const char *host, const char *credentials_file)
{
    char url[100];
    snprintf(url, sizeof url, "http://%s:%d", host, scripted_proxy_port(p.server));
    use_proxy(proxy_of(url, credentials_file));
}

static int set_up(void **state)
{
    memset(&p, 0, sizeof p);
    ahead_ms = 0;
    http_set_up(state);
    p.server = scripted_proxy_start(false);
    use_url("127.0.0.9", "");
    return 0;
}

static int tear_down(void **state)
{
    http_client_free(t.client);
    t.client = NULL;
    http_proxy_free(p.proxy);
    scripted_proxy_stop(p.server);
    if (p.credentials[0])
        unlink(p.credentials);
    return http_tear_down(state);
}

static void expect(const char *what, const struct call *call, int status, enum delivery_error error, bool ours)
{
    if (call->result.status != status || call->result.error != error || call->result.ours != ours)
        fail_msg("%s: status %d, error %d, ours %d: %s", what, call->result.status, (int)call->result.error, call->result.ours,
                 call->detail);
}

static bool was_told(const char *text)
{
    return strstr(scripted_proxy_head(p.server), text) != NULL;
}

/* The proxy gets the address that was checked; the endpoint gets its name. Connections are kept. */
static void test_tunnel(void **state)
{
    (void)state;
    struct call call;
    char line[100];
    for (int i = 0; i < 3; i++) {
        post_and_wait("one.example", "/ok", 5000, &call);
        expect("plain", &call, 200, NONE, false);
    }
    snprintf(line, sizeof line, "CONNECT 127.0.0.5:%d HTTP/1.1\r\n", scripted_server_port(t.server));
    assert_true(was_told(line));
    assert_false(was_told("Proxy-Authorization"));
    assert_int_equal(scripted_proxy_asked(p.server), 1);
    post_and_wait("127.0.0.5", "/ok", 5000, &call);
    expect("an address", &call, 200, NONE, false);
    assert_int_equal(scripted_proxy_asked(p.server), 2);
}

/* The proxy may be given by an address, of IPv6 too. */
static void test_a_proxy_by_its_ipv6_address(void **state)
{
    (void)state;
    struct call call;
    struct scripted_proxy *v6 = scripted_proxy_start(true), *v4 = p.server;
    if (!v6)
        skip();
    p.server = v6;
    use_url("[::1]", "");
    post_and_wait("one.example", "/ok", 5000, &call);
    expect("by [::1]", &call, 200, NONE, false);
    assert_int_equal(scripted_proxy_asked(v6), 1);
    p.server = v4;
    use_url("127.0.0.9", "");
    scripted_proxy_stop(v6);
}

static void test_tls_through_it(void **state)
{
    (void)state;
    struct call call;
    char certificate[64], url[100];
    struct tls_server *server = tls_server_start("tls.example", TLS_SERVER_NORMAL, certificate);
    setenv("CURL_CA_BUNDLE", certificate, 1);
    snprintf(url, sizeof url, "https://tls.example:%d/", tls_server_port(server));
    post_url(url, 5000, &call);
    expect("its name is checked", &call, 200, NONE, false);
    use_url("127.0.0.9", ""); /* the server serves one connection at a time */
    setenv("CURL_CA_BUNDLE", certificate, 1);
    snprintf(url, sizeof url, "https://wrong.example:%d/", tls_server_port(server));
    post_url(url, 5000, &call);
    expect("so is a wrong one", &call, 0, DELIVERY_ERROR_TLS, false);
    assert_int_equal(call.result.reason, DELIVERY_REASON_TLS_WRONG_NAME);
    unsetenv("CURL_CA_BUNDLE");
    http_client_free(t.client);
    t.client = NULL;
    tls_server_stop(server);
    unlink(certificate);
}

static void test_credentials(void **state)
{
    (void)state;
    struct call call;
    snprintf(p.credentials, sizeof p.credentials, "/tmp/trueftp-test-XXXXXX");
    int fd = mkstemp(p.credentials);
    assert_int_equal(write(fd, "user:pass:word\n", 15), 15);
    close(fd);
    use_url("127.0.0.9", p.credentials);
    post_and_wait("one.example", "/ok", 5000, &call);
    expect("with credentials", &call, 200, NONE, false);
    assert_true(was_told("Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n"));
    assert_false(was_told("User-Agent: curl"));
}

static void test_target_policy(void **state)
{
    (void)state;
    static const char *const hosts[] = {"private.example", "mixed.example"};
    struct call call;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        post_and_wait(hosts[i], "/ok", 5000, &call);
        expect(hosts[i], &call, 0, DELIVERY_ERROR_BLOCKED_TARGET, false);
    }
    assert_int_equal(scripted_proxy_asked(p.server), 0);
    post_and_wait("one.example", "/ok", 5000, &call);
    t.client->policy.exempt = NULL; /* a policy that changes counts for kept tunnels too */
    struct http_endpoint *ep = NULL;
    struct errmsg why;
    assert_int_equal(http_endpoint_new(t.client, "http://one.example:8080/", NULL, &ep, &why), ERR_OK);
    post_to(ep, 5000, &call);
    wait_for(1);
    http_endpoint_free(ep);
    expect("loopback", &call, 0, DELIVERY_ERROR_BLOCKED_TARGET, false);
    assert_int_equal(scripted_proxy_asked(p.server), 1);
}

static void test_whose_failure(void **state)
{
    (void)state;
    static const struct {
        int does;
        enum delivery_error error;
        bool ours;
    } cases[] = {
        {400, DELIVERY_ERROR_CANCELLED, true},          {403, DELIVERY_ERROR_BLOCKED_TARGET, false},
        {407, DELIVERY_ERROR_CANCELLED, true},          {500, DELIVERY_ERROR_CANCELLED, true},
        {502, DELIVERY_ERROR_CONNECT_REFUSED, false},   {503, DELIVERY_ERROR_CONNECT_REFUSED, false},
        {504, DELIVERY_ERROR_CONNECT_TIMEOUT, false},   {302, DELIVERY_ERROR_CANCELLED, true},
        {PROXY_CLOSES, DELIVERY_ERROR_CANCELLED, true}, {PROXY_MUTE, DELIVERY_ERROR_CONNECT_TIMEOUT, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct call call;
        char what[20];
        snprintf(what, sizeof what, "case %d", cases[i].does);
        scripted_proxy_do(p.server, cases[i].does);
        post_and_wait("one.example", "/ok", 400, &call);
        expect(what, &call, 0, cases[i].error, cases[i].ours);
    }
    assert_int_equal(scripted_server_requests(t.server), 0);
}

/* 503 means the endpoint, unless nobody at all is reached for half a minute; a tunnel ends that. */
static void test_503_of_everybody_is_ours(void **state)
{
    (void)state;
    static const char *const hosts[] = {"one.example", "other.example", "third.example"};
    struct call call;
    scripted_proxy_do(p.server, 503);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 3; i++) {
            post_and_wait(hosts[i], "/ok", 5000, &call);
            expect(hosts[i], &call, 0, round == 2 ? DELIVERY_ERROR_CANCELLED : DELIVERY_ERROR_CONNECT_REFUSED, round == 2);
        }
        ahead_ms += 15500;
    }
    scripted_proxy_do(p.server, PROXY_TUNNELS);
    post_and_wait("one.example", "/close-after", 5000, &call);
    expect("it works again", &call, 200, NONE, false);
    scripted_proxy_do(p.server, 503);
    post_and_wait("one.example", "/ok", 5000, &call);
    expect("one alone", &call, 0, DELIVERY_ERROR_CONNECT_REFUSED, false);
    ahead_ms += 60000;
    post_and_wait("one.example", "/ok", 5000, &call);
    expect("one alone, for long", &call, 0, DELIVERY_ERROR_CONNECT_REFUSED, false);
}

static void test_it_is_away(void **state)
{
    (void)state;
    struct call call;
    use_proxy(proxy_of("http://127.0.0.10:9", ""));
    post_and_wait("one.example", "/ok", 5000, &call);
    expect("refused", &call, 0, DELIVERY_ERROR_CANCELLED, true);
    use_proxy(proxy_of("http://none.example:3128", ""));
    post_and_wait("one.example", "/ok", 5000, &call);
    expect("no such name", &call, 0, DELIVERY_ERROR_DNS, true);
}

static void test_its_name_is_resolved(void **state)
{
    (void)state;
    struct call call;
    char url[100];
    use_url("proxy.example", "");
    snprintf(url, sizeof url, "http://one.example:%d/ok", scripted_server_port(t.server));
    post_url(url, 5000, &call);
    expect("by name", &call, 200, NONE, false);
    assert_int_equal(scripted_proxy_asked(p.server), 1);
}

static void test_environment_plays_no_part(void **state)
{
    (void)state;
    struct call call;
    setenv("no_proxy", "*", 1);
    setenv("http_proxy", "http://127.0.0.1:9/", 1);
    post_and_wait("one.example", "/ok", 5000, &call);
    unsetenv("no_proxy");
    unsetenv("http_proxy");
    expect("through ours", &call, 200, NONE, false);
    assert_int_equal(scripted_proxy_asked(p.server), 1);
}

static void test_settings(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://proxy:3128",    "proxy:3128",         "http://proxy",
                                       "http://u:p@proxy:3128", "http://proxy:0",     "http://proxy:3128/path",
                                       "http://proxy:99999",    "http://proxy:3128?x"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const struct http_proxy_options o = {.loop = t.loop, .resolver = t.resolver, .url = urls[i], .credentials_file = ""};
        struct http_proxy *proxy = NULL;
        struct errmsg why;
        if (http_proxy_new(&o, &proxy, &why) != ERR_INVALID)
            fail_msg("%s was taken", urls[i]);
        assert_null(strstr(why.text, "u:p"));
    }
    const struct http_proxy_options o = {
        .loop = t.loop, .resolver = t.resolver, .url = "http://proxy:3128", .credentials_file = "/nonexistent"};
    struct http_proxy *proxy = NULL;
    struct errmsg why;
    assert_int_equal(http_proxy_new(&o, &proxy, &why), ERR_NOT_FOUND);
}

#define PROXY_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROXY_TEST(test_tunnel),
        PROXY_TEST(test_a_proxy_by_its_ipv6_address),
        PROXY_TEST(test_tls_through_it),
        PROXY_TEST(test_credentials),
        PROXY_TEST(test_target_policy),
        PROXY_TEST(test_whose_failure),
        PROXY_TEST(test_503_of_everybody_is_ours),
        PROXY_TEST(test_it_is_away),
        PROXY_TEST(test_its_name_is_resolved),
        PROXY_TEST(test_environment_plays_no_part),
        PROXY_TEST(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
