/* Redis over TLS, against a real redis-server that wants a client certificate and a user with a password. Left out where hiredis
 * has no TLS: what is refused there is in test_redis_faults.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/redis_tls.h"
#include "redis_fixture.h"
#include "tls_server.h"

#define LEFT_OUT 77
#define SERVERS_NAME "localhost"

/* PEM files; a certificate is its own authority. */
static char folder[] = "/tmp/trueftp-test-XXXXXX";
static const char *const file_names[] = {"server.pem", "server.key", "client.pem", "client.key",
                                         "other.pem",  "other.key",  "password"};
enum { SERVER, SERVER_KEY, CLIENT, CLIENT_KEY, OTHER, OTHER_KEY, PASSWORD, FILE_COUNT };
static char files[FILE_COUNT][64];
static int tls_port;

static void write_file(int which, const char *text)
{
    FILE *f = fopen(files[which], "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void write_identity(int certificate, const char *name)
{
    struct tls_identity id;
    tls_identity_make(&id, name);
    write_file(certificate, id.certificate);
    write_file(certificate + 1, id.key);
    tls_identity_done(&id);
}

static int make_files(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < FILE_COUNT; i++)
        snprintf(files[i], sizeof files[i], "%s/%s", folder, file_names[i]);
    write_identity(CLIENT, "worker");
    write_identity(OTHER, "other");
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    for (int i = 0; i < FILE_COUNT; i++)
        unlink(files[i]);
    return rmdir(folder);
}

static void start_server(void)
{
    char port[16];
    snprintf(port, sizeof port, "%d", tls_port);
    redis_server_start(&server, (const char *const[]){"--tls-port", port, "--tls-cert-file", files[SERVER], "--tls-key-file",
                                                      files[SERVER_KEY], "--tls-ca-cert-file", files[CLIENT],
                                                      "--tls-auth-clients", "yes", NULL});
    redis_server_do(&server, "ACL SETUSER worker on >right ~* +@all");
}

static int setup_tls(void **state)
{
    setup_without_server(state);
    tls_port = free_port();
    write_identity(SERVER, SERVERS_NAME);
    write_file(PASSWORD, "right\n");
    start_server();
    return 0;
}

static const struct redis_tls_files good = {files[SERVER], files[CLIENT], files[CLIENT_KEY]};

static void connect_tls(const char *host, int port, struct redis_tls_files with)
{
    char url[128];
    snprintf(url, sizeof url, "rediss://worker:@%s:%d", host, port);
    connect_with((struct redis_options){.url = url, .password_file = files[PASSWORD], .tls = with});
}

static void expect_up(int times)
{
    if (!spin_until_count(loop, &ups, times, LIMIT_MS))
        fail_msg("not up: %s", redis_trouble(redis));
}

static void by_certificate_user_and_password(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_tls(SERVERS_NAME, tls_port, good);
    expect_up(1);
    SEND(&t, "ACL", "WHOAMI");
    run(&t, 1);
    assert_string_equal(t.last, "worker");
    assert_int_equal(counter("redis_errors_total"), 0);
}

/* Records of TLS are cut elsewhere than replies are, and reads end with bytes that wait in OpenSSL. */
static void many_commands_are_answered_in_order(void **state)
{
    (void)state;
    struct numbered n = {0};
    connect_tls(SERVERS_NAME, tls_port, good);
    expect_up(1);
    send_numbers(&n, 50000);
    assert_true(spin_until_count(loop, &n.calls, 50000, LIMIT_MS));
    assert_int_equal(downs, 0);
}

static void large_values_go_there_and_back(void **state)
{
    (void)state;
    enum { SIZE = 5000000 };
    struct tally t = {0};
    char *value = malloc(SIZE + 1);
    memset(value, 'x', SIZE);
    value[SIZE] = '\0';
    connect_tls(SERVERS_NAME, tls_port, good);
    expect_up(1);
    SEND(&t, "SET", "k", value);
    SEND(&t, "GET", "k");
    SEND(&t, "STRLEN", "k");
    run(&t, 3);
    assert_int_equal(t.last_integer, SIZE);
    assert_int_equal(downs, 0);
    free(value);
}

static void a_certificate_can_be_for_an_address(void **state)
{
    (void)state;
    redis_server_stop(&server);
    write_identity(SERVER, "127.0.0.1");
    start_server();
    connect_tls("127.0.0.1", tls_port, good);
    expect_up(1);
}

static void another_authority_is_said(void **state)
{
    (void)state;
    struct redis_tls_files with = good;
    with.ca = files[OTHER];
    connect_tls(SERVERS_NAME, tls_port, with);
    expect_trouble("TLS: the server's certificate: self-signed certificate");
}

/* Nobody signed it whom this system trusts. */
static void without_a_file_the_systems_authorities_count(void **state)
{
    (void)state;
    struct redis_tls_files with = good;
    with.ca = NULL;
    connect_tls(SERVERS_NAME, tls_port, with);
    expect_trouble("TLS: the server's certificate: self-signed certificate");
}

static void a_certificate_for_another_name_is_said(void **state)
{
    (void)state;
    connect_tls("127.0.0.1", tls_port, good);
    expect_trouble("TLS: the server's certificate: IP address mismatch");
}

static void a_client_certificate_that_is_missing_or_strange_is_said(void **state)
{
    (void)state;
    connect_tls(SERVERS_NAME, tls_port, (struct redis_tls_files){.ca = files[SERVER]});
    expect_trouble("certificate required");
    redis_free(redis);
    connect_tls(SERVERS_NAME, tls_port, (struct redis_tls_files){files[SERVER], files[OTHER], files[OTHER_KEY]});
    expect_trouble("unknown ca");
}

static void a_wrong_password_is_said_and_not_shown(void **state)
{
    (void)state;
    write_file(PASSWORD, "hunter2\n");
    connect_tls(SERVERS_NAME, tls_port, good);
    expect_trouble("WRONGPASS");
    assert_null(strstr(redis_trouble(redis), "hunter2"));
}

static void a_port_without_tls_is_said(void **state)
{
    (void)state;
    connect_tls(SERVERS_NAME, server.port, good);
    expect_trouble("TLS: ");
}

static void a_server_that_hangs_in_the_handshake_meets_the_deadline(void **state)
{
    (void)state;
    redis_server_signal(&server, SIGSTOP);
    connect_tls(SERVERS_NAME, tls_port, good);
    expect_trouble("no answer within 400 ms");
    redis_server_signal(&server, SIGCONT);
    expect_up(1);
}

/* The files are read for each connection. */
static void a_new_certificate_is_taken_without_a_restart(void **state)
{
    (void)state;
    struct tally t = {0};
    connect_tls(SERVERS_NAME, tls_port, good);
    expect_up(1);
    redis_server_stop(&server);
    assert_true(spin_until_count(loop, &downs, 1, LIMIT_MS));
    write_identity(SERVER, SERVERS_NAME);
    start_server();
    expect_up(2);
    SEND(&t, "PING");
    run(&t, 1);
    assert_int_equal(t.replies, 1);
}

static void files_are_looked_at_at_the_start(void **state)
{
    (void)state;
    static const struct {
        struct redis_tls_files files;
        const char *said;
    } cases[] = {
        {{"/nowhere.pem", NULL, NULL}, "/nowhere.pem: no certificates: "},
        {{files[CLIENT_KEY], NULL, NULL}, "client.key: no certificates: "},
        {{NULL, files[CLIENT], NULL}, "a client certificate and its key come together"},
        {{NULL, NULL, files[CLIENT_KEY]}, "a client certificate and its key come together"},
        {{NULL, files[CLIENT_KEY], files[CLIENT_KEY]}, "client.key: no certificate: "},
        {{NULL, files[CLIENT], files[OTHER_KEY]}, "other.key: no key of that certificate: key values mismatch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_tls *tls = NULL;
        struct errmsg why = {""};
        assert_int_equal(redis_tls_new(SERVERS_NAME, &cases[i].files, &tls, &why), ERR_INVALID);
        assert_null(tls);
        if (!strstr(why.text, cases[i].said))
            fail_msg("expected \"%s\", have \"%s\"", cases[i].said, why.text);
    }
}

static bool has_tls(void)
{
    struct redis_tls *tls = NULL;
    struct errmsg why;
    bool has = redis_tls_new(SERVERS_NAME, &(struct redis_tls_files){0}, &tls, &why) == ERR_OK;
    redis_tls_free(tls);
    return has;
}

#define TEST_TLS(name) cmocka_unit_test_setup_teardown(name, setup_tls, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_TLS(by_certificate_user_and_password),
        TEST_TLS(many_commands_are_answered_in_order),
        TEST_TLS(large_values_go_there_and_back),
        TEST_TLS(a_certificate_can_be_for_an_address),
        TEST_TLS(another_authority_is_said),
        TEST_TLS(without_a_file_the_systems_authorities_count),
        TEST_TLS(a_certificate_for_another_name_is_said),
        TEST_TLS(a_client_certificate_that_is_missing_or_strange_is_said),
        TEST_TLS(a_wrong_password_is_said_and_not_shown),
        TEST_TLS(a_port_without_tls_is_said),
        TEST_TLS(a_server_that_hangs_in_the_handshake_meets_the_deadline),
        TEST_TLS(a_new_certificate_is_taken_without_a_restart),
        cmocka_unit_test(files_are_looked_at_at_the_start),
    };
    if (!has_tls()) {
        puts("left out: this hiredis has no TLS");
        return LEFT_OUT;
    }
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
