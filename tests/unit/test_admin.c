#include <arpa/inet.h>
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

#include "io/admin.h"
#include "io/listen.h"
#include "spin.h"
#include "util/buf.h"

#define LIMIT_MS 5000

static struct loop *loop;
static struct metrics *metrics;
static struct admin *admin;
static const char *live_reason, *ready_reason;

static const char *live(void *ctx)
{
    assert_ptr_equal(ctx, &loop);
    return live_reason;
}

static const char *ready(void *ctx)
{
    assert_ptr_equal(ctx, &loop);
    return ready_reason;
}

static void start(const char *listen)
{
    struct admin_checks checks = {.live = live, .ready = ready, .ctx = &loop};
    struct errmsg why;
    loop = loop_new();
    metrics = metrics_new();
    assert_int_equal(admin_start(loop, listen, metrics, checks, &admin, &why), ERR_OK);
    live_reason = ready_reason = NULL;
}

static int setup(void **state)
{
    (void)state;
    start("127.0.0.1:0");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    admin_stop(admin);
    metrics_free(metrics);
    loop_free(loop);
    return 0;
}

/* -------- a client on the same loop -------- */

struct client {
    int fd;
    struct loop_io *io;
    struct buf received;
    bool closed;
};

static void on_client(void *ctx, int events)
{
    struct client *c = ctx;
    (void)events;
    char bytes[4096];
    ssize_t n = read(c->fd, bytes, sizeof bytes);
    if (n > 0) {
        buf_put(&c->received, bytes, (size_t)n);
        return;
    }
    assert_true(n == 0 || errno == ECONNRESET);
    c->closed = true;
    loop_io_set(c->io, 0);
}

static int connect_to(const char *address, int port)
{
    struct sockaddr_in6 sa6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in sa4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    bool v6 = inet_pton(AF_INET6, address, &sa6.sin6_addr) == 1;
    if (!v6)
        assert_int_equal(inet_pton(AF_INET, address, &sa4.sin_addr), 1);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct sockaddr *sa = v6 ? (const struct sockaddr *)&sa6 : (const struct sockaddr *)&sa4;
    assert_int_equal(connect(fd, sa, v6 ? sizeof sa6 : sizeof sa4), 0);
    return fd;
}

static void client_open(struct client *c, const char *address)
{
    *c = (struct client){.fd = connect_to(address, admin_port(admin))};
    buf_init(&c->received, 1 << 20);
    c->io = loop_io_new(loop, c->fd, LOOP_READ, on_client, c);
}

static void client_send(struct client *c, const char *text)
{
    assert_int_equal(send(c->fd, text, strlen(text), 0), strlen(text));
}

static void client_close(struct client *c)
{
    loop_io_free(c->io);
    close(c->fd);
    buf_done(&c->received);
}

static bool is_closed(void *ctx)
{
    const struct client *c = ctx;
    return c->closed;
}

static bool has(const struct client *c, const char *text)
{
    return strstr(buf_cstr(&c->received), text) != NULL;
}

/* One request on a connection of its own, up to the close that it asks for. */
static void ask(struct client *c, const char *address, const char *method, const char *path)
{
    char request[256];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, path);
    client_open(c, address);
    client_send(c, request);
    assert_true(spin_until(loop, is_closed, c, LIMIT_MS));
}

/* -------- what is answered -------- */

struct answer {
    const char *method, *path;
    const char *live_reason, *ready_reason;
    const char *status; /* the response begins with it */
    const char *head;   /* a line of the head */
    const char *body;   /* the response ends with it */
};

static void each_request_has_its_answer(void **state)
{
    (void)state;
    static const struct answer cases[] = {
        {"GET", "/livez", NULL, "starting", "HTTP/1.1 200 ", "Content-Type: text/plain; charset=utf-8\r\n", "\r\n\r\nok\n"},
        {"GET", "/livez", "the loop stands", NULL, "HTTP/1.1 503 ", "text/plain", "\r\n\r\nthe loop stands\n"},
        {"GET", "/readyz", "the loop stands", NULL, "HTTP/1.1 200 ", "text/plain", "\r\n\r\nok\n"},
        {"GET", "/readyz", NULL, "no metadata yet", "HTTP/1.1 503 ", "text/plain", "\r\n\r\nno metadata yet\n"},
        {"GET", "/readyz?verbose=1", NULL, NULL, "HTTP/1.1 200 ", "text/plain", "\r\n\r\nok\n"},
        {"HEAD", "/readyz", NULL, NULL, "HTTP/1.1 200 ", "Content-Length: 3\r\n", "\r\n\r\n"},
        {"GET", "/", NULL, NULL, "HTTP/1.1 404 ", "text/plain", "only /livez, /readyz and /metrics\n"},
        {"GET", "/livez/", NULL, NULL, "HTTP/1.1 404 ", "text/plain", "\n"},
        {"GET", "/LIVEZ", NULL, NULL, "HTTP/1.1 404 ", "text/plain", "\n"},
        {"POST", "/livez", NULL, NULL, "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n", "only GET and HEAD\n"},
        {"DELETE", "/metrics", NULL, NULL, "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n", "\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct answer *a = &cases[i];
        struct client c;
        live_reason = a->live_reason;
        ready_reason = a->ready_reason;
        ask(&c, "127.0.0.1", a->method, a->path);
        const char *text = buf_cstr(&c.received);
        assert_int_equal(strncmp(text, a->status, strlen(a->status)), 0);
        assert_true(has(&c, a->head));
        assert_true(c.received.len >= strlen(a->body));
        assert_string_equal(text + c.received.len - strlen(a->body), a->body);
        client_close(&c);
    }
}

static void the_metrics_are_served(void **state)
{
    (void)state;
    *metrics_counter(metrics, "trueftp_test_total", "A test.", NULL) = 42;
    struct client c;
    ask(&c, "127.0.0.1", "GET", "/metrics");
    assert_true(has(&c, "HTTP/1.1 200 "));
    assert_true(has(&c, "Content-Type: text/plain; version=0.0.4"));
    assert_true(has(&c, "\ntrueftp_test_total 42\n"));
    client_close(&c);
}

static void large_metrics_arrive_whole(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "trueftp_number_%d_total", i);
        *metrics_counter(metrics, name, "One of many.", NULL) = (uint64_t)i;
    }
    struct client c;
    ask(&c, "127.0.0.1", "GET", "/metrics");
    assert_true(c.received.len > 300000);
    assert_true(has(&c, "\ntrueftp_number_0_total 0\n"));
    assert_true(has(&c, "\ntrueftp_number_4999_total 4999\n"));
    client_close(&c);
}

static void no_checks_mean_yes(void **state)
{
    (void)state;
    struct errmsg why;
    admin_stop(admin);
    assert_int_equal(admin_start(loop, "127.0.0.1:0", metrics, (struct admin_checks){0}, &admin, &why), ERR_OK);
    struct client c;
    ask(&c, "127.0.0.1", "GET", "/readyz");
    assert_true(has(&c, "HTTP/1.1 200 "));
    client_close(&c);
}

/* -------- connections -------- */

struct expected {
    const struct client *client;
    const char *text;
    int times;
};

static bool has_times(void *ctx)
{
    const struct expected *e = ctx;
    int times = 0;
    for (const char *p = buf_cstr(&e->client->received); (p = strstr(p, e->text)); p++)
        times++;
    return times >= e->times;
}

static void a_connection_is_kept_and_pipelined(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, "127.0.0.1");
    client_send(&c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(spin_until(loop, has_times, &(struct expected){&c, "\r\n\r\nok\n", 1}, LIMIT_MS));
    client_send(&c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET /li");
    assert_true(spin_until(loop, has_times, &(struct expected){&c, "\r\n\r\nok\n", 3}, LIMIT_MS));
    client_send(&c, "vez HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(spin_until(loop, has_times, &(struct expected){&c, "\r\n\r\nok\n", 4}, LIMIT_MS));
    assert_false(c.closed);
    client_close(&c);
}

static void a_body_is_dropped(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, "127.0.0.1");
    client_send(&c, "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    assert_true(spin_until(loop, is_closed, &c, LIMIT_MS));
    assert_true(has(&c, "HTTP/1.1 405 "));
    client_close(&c);
}

static void garbage_ends_its_own_connection_only(void **state)
{
    (void)state;
    struct client bad, good;
    client_open(&bad, "127.0.0.1");
    client_send(&bad, "\x16\x03\x01 this is not HTTP\r\n\r\n\r\n");
    assert_true(spin_until(loop, is_closed, &bad, LIMIT_MS));
    ask(&good, "127.0.0.1", "GET", "/livez");
    assert_true(has(&good, "HTTP/1.1 200 "));
    client_close(&bad);
    client_close(&good);
}

static void silent_connections_do_not_hold_others_up(void **state)
{
    (void)state;
    struct client silent[20], c;
    for (int i = 0; i < 20; i++) {
        client_open(&silent[i], "127.0.0.1");
        client_send(&silent[i], "GET /liv");
    }
    ask(&c, "127.0.0.1", "GET", "/livez");
    assert_true(has(&c, "HTTP/1.1 200 "));
    client_close(&c);
    for (int i = 0; i < 20; i++)
        client_close(&silent[i]);
}

/* Beyond the limit a connection is refused, and there is room again when one goes. */
static void connections_are_bounded(void **state)
{
    (void)state;
    static struct client many[80];
    for (int i = 0; i < 80; i++)
        client_open(&many[i], "127.0.0.1");
    spin_for(loop, 50);
    for (int i = 0; i < 80; i++)
        client_close(&many[i]);
    struct client c;
    ask(&c, "127.0.0.1", "GET", "/livez");
    assert_true(has(&c, "HTTP/1.1 200 "));
    client_close(&c);
}

static void stopping_closes_the_port_and_its_connections(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, "127.0.0.1");
    client_send(&c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(spin_until(loop, has_times, &(struct expected){&c, "\r\n\r\nok\n", 1}, LIMIT_MS));
    int port = admin_port(admin);
    admin_stop(admin);
    admin = NULL;
    assert_true(spin_until(loop, is_closed, &c, LIMIT_MS));
    char spec[32];
    int fd;
    struct errmsg why;
    snprintf(spec, sizeof spec, "127.0.0.1:%d", port);
    assert_int_equal(listen_open(spec, &fd, &why), ERR_OK); /* the port is free */
    close(fd);
    client_close(&c);
}

/* -------- where it listens -------- */

static void no_host_means_all_addresses(void **state)
{
    start(":0");
    struct client c;
    ask(&c, "127.0.0.1", "GET", "/livez");
    assert_true(has(&c, "HTTP/1.1 200 "));
    client_close(&c);
    teardown(state);
}

static bool has_ipv6(void)
{
    int fd;
    if (listen_open("[::1]:0", &fd, NULL) != ERR_OK)
        return false;
    close(fd);
    return true;
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    if (!has_ipv6()) {
        assert_int_equal(errno, EADDRNOTAVAIL); /* a machine without IPv6 */
        return;
    }
    start("[::1]:0");
    struct client c;
    ask(&c, "::1", "GET", "/livez");
    assert_true(has(&c, "HTTP/1.1 200 "));
    client_close(&c);
    teardown(state);
}

static void bad_listen_addresses_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *why;
    } cases[] = {
        {"", "no port"},
        {"127.0.0.1", "no port"},
        {"127.0.0.1:", "the port is a number"},
        {"127.0.0.1:http", "the port is a number"},
        {"127.0.0.1:-1", "the port is a number"},
        {"127.0.0.1:65536", "the port is a number"},
        {"127.0.0.1:99999999999999999999", "the port is a number"},
        {"127.0.0.1:80 ", "the port is a number"},
        {"::1:80", "in brackets"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct errmsg why = {""};
        int fd = -1;
        assert_int_equal(listen_open(cases[i].spec, &fd, &why), ERR_INVALID);
        assert_non_null(strstr(why.text, cases[i].why));
        assert_int_equal(fd, -1);
    }
}

static void a_port_in_use_is_an_environment_error(void **state)
{
    (void)state;
    struct errmsg why;
    struct admin *second = NULL;
    char spec[32];
    snprintf(spec, sizeof spec, "127.0.0.1:%d", admin_port(admin));
    assert_int_equal(admin_start(loop, spec, metrics, (struct admin_checks){0}, &second, &why), ERR_IO);
    assert_non_null(strstr(why.text, strerror(EADDRINUSE)));
    assert_null(second);
    assert_int_equal(admin_start(loop, "192.0.2.1:0", metrics, (struct admin_checks){0}, &second, &why), ERR_IO);
    assert_null(second);
    admin_stop(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_request_has_its_answer),
        TEST(the_metrics_are_served),
        TEST(large_metrics_arrive_whole),
        TEST(no_checks_mean_yes),
        TEST(a_connection_is_kept_and_pipelined),
        TEST(a_body_is_dropped),
        TEST(garbage_ends_its_own_connection_only),
        TEST(silent_connections_do_not_hold_others_up),
        TEST(connections_are_bounded),
        TEST(stopping_closes_the_port_and_its_connections),
        cmocka_unit_test(no_host_means_all_addresses),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(bad_listen_addresses_are_named),
        TEST(a_port_in_use_is_an_environment_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
