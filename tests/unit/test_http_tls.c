/* TLS as customers want it: their own authorities, client certificates, pinned keys, versions; and what is said of a handshake
 * that fails. */
#include "http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tls_server.h"

/* The endpoint of a server that is met as the options say. */
static struct http_endpoint *endpoint_at(struct tls_server *server, const char *host, const struct http_tls_options *o)
{
    struct http_endpoint *ep = NULL;
    struct http_tls *tls = NULL;
    struct errmsg why;
    char url[100];
    snprintf(url, sizeof url, "https://%s:%d/", host, tls_server_port(server));
    if (http_tls_new(o, &tls, &why) != ERR_OK || http_endpoint_new(t.client, url, tls, &ep, &why) != ERR_OK)
        fail_msg("%s", why.text);
    http_tls_unref(tls);
    return ep;
}

static void post_as(struct tls_server *server, const char *host, const struct http_tls_options *o, struct call *call)
{
    struct http_endpoint *ep = endpoint_at(server, host, o);
    post_to(ep, 3000, call);
    wait_for(1);
    while (!TAILQ_EMPTY(&ep->host->idle)) /* the server serves one at a time */
        http_conn_close(TAILQ_FIRST(&ep->host->idle));
    http_endpoint_free(ep);
}

static void expect(const char *what, const struct call *call, enum delivery_reason reason)
{
    enum delivery_error error = reason == DELIVERY_REASON_NONE ? NONE : DELIVERY_ERROR_TLS;
    if (call->result.error != error || call->result.reason != reason || call->result.ours)
        fail_msg("%s: status %d, error %d, reason %s, ours %d: %s", what, call->result.status, (int)call->result.error,
                 call->result.reason ? delivery_reason_name(call->result.reason) : "none", call->result.ours, call->detail);
    assert_int_equal(call->result.status, error == NONE ? 200 : 0);
}

#define CA(text) .ca_certificates = slice_str(text)

static void test_authorities(void **state)
{
    (void)state;
    struct call call;
    struct tls_identity other;
    struct tls_server *server = tls_server_start("tls.example", TLS_SERVER_NORMAL, NULL);
    struct tls_server *expired = tls_server_start("tls.example", TLS_SERVER_EXPIRED, NULL);
    tls_identity_make(&other, "tls.example");
    setenv("CURL_CA_BUNDLE", "/nonexistent.pem", 1); /* what we trust by default plays no part */

    post_as(server, "tls.example", &(struct http_tls_options){CA(tls_server_certificate(server))}, &call);
    expect("the right one", &call, DELIVERY_REASON_NONE);
    post_as(server, "tls.example", &(struct http_tls_options){CA(other.certificate)}, &call);
    expect("another", &call, DELIVERY_REASON_TLS_UNTRUSTED);
    post_as(server, "wrong.example", &(struct http_tls_options){CA(tls_server_certificate(server))}, &call);
    expect("another name", &call, DELIVERY_REASON_TLS_WRONG_NAME);
    post_as(expired, "tls.example", &(struct http_tls_options){CA(tls_server_certificate(expired))}, &call);
    expect("expired", &call, DELIVERY_REASON_TLS_EXPIRED);

    unsetenv("CURL_CA_BUNDLE");
    tls_identity_done(&other);
    tls_server_stop(server);
    tls_server_stop(expired);
}

static void test_client_certificate(void **state)
{
    (void)state;
    static const enum tls_server_kind kinds[] = {TLS_SERVER_NORMAL, TLS_SERVER_1_2};
    struct tls_identity client, other;
    tls_identity_make(&client, "client.example");
    tls_identity_make(&other, "other.example");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct call call;
        struct tls_server *server = tls_server_start_asking("tls.example", kinds[i], client.certificate, NULL);
        struct http_tls_options o = {CA(tls_server_certificate(server))};
        post_as(server, "tls.example", &o, &call);
        expect("none", &call, DELIVERY_REASON_TLS_CLIENT_CERTIFICATE);
        o.client_certificate = slice_str(other.certificate);
        o.client_key = slice_str(other.key);
        post_as(server, "tls.example", &o, &call);
        expect("another", &call, DELIVERY_REASON_TLS_CLIENT_CERTIFICATE);
        o.client_certificate = slice_str(client.certificate);
        o.client_key = slice_str(client.key);
        post_as(server, "tls.example", &o, &call);
        expect("the right one", &call, DELIVERY_REASON_NONE);
        tls_server_stop(server);
    }
    tls_identity_done(&client);
    tls_identity_done(&other);
}

static void test_pins(void **state)
{
    (void)state;
    struct call call;
    struct tls_identity other;
    struct tls_server *server = tls_server_start("tls.example", TLS_SERVER_NORMAL, NULL);
    tls_identity_make(&other, "tls.example");
    const char *pins[] = {other.pin, tls_server_pin(server)};
    struct http_tls_options o = {CA(tls_server_certificate(server)), .pins = pins, .pin_count = 1};
    post_as(server, "tls.example", &o, &call);
    expect("another key", &call, DELIVERY_REASON_TLS_PIN_MISMATCH);
    o.pin_count = 2;
    post_as(server, "tls.example", &o, &call);
    expect("two, one of them right", &call, DELIVERY_REASON_NONE);
    o.pins = pins + 1;
    o.pin_count = 1;
    post_as(server, "tls.example", &o, &call);
    expect("the right one", &call, DELIVERY_REASON_NONE);
    o.ca_certificates = slice_str(other.certificate);
    post_as(server, "tls.example", &o, &call);
    expect("a pin is no authority", &call, DELIVERY_REASON_TLS_UNTRUSTED);
    tls_identity_done(&other);
    tls_server_stop(server);
}

static void test_versions(void **state)
{
    (void)state;
    struct call call;
    struct tls_server *newest = tls_server_start("tls.example", TLS_SERVER_NORMAL, NULL);
    struct tls_server *older = tls_server_start("tls.example", TLS_SERVER_1_2, NULL);
    post_as(newest, "tls.example", &(struct http_tls_options){CA(tls_server_certificate(newest)), .tls13 = true}, &call);
    expect("1.3 is wanted and spoken", &call, DELIVERY_REASON_NONE);
    post_as(older, "tls.example", &(struct http_tls_options){CA(tls_server_certificate(older)), .tls13 = true}, &call);
    expect("1.3 is wanted, 1.2 spoken", &call, DELIVERY_REASON_TLS_VERSION);
    post_as(older, "tls.example", &(struct http_tls_options){CA(tls_server_certificate(older))}, &call);
    expect("1.2 will do", &call, DELIVERY_REASON_NONE);
    tls_server_stop(newest);
    tls_server_stop(older);
}

/* Kept connections, and sessions to resume, are for those alone who would have made the same. */
static void test_nothing_is_shared(void **state)
{
    (void)state;
    struct call call;
    struct tls_server *server = tls_server_start("tls.example", TLS_SERVER_NORMAL, NULL);
    struct tls_identity other;
    tls_identity_make(&other, "tls.example");
    const char *pins[] = {tls_server_pin(server)};
    struct http_tls_options plain = {CA(tls_server_certificate(server))}, pinned = plain, untrusting = {CA(other.certificate)};
    pinned.pins = pins;
    pinned.pin_count = 1;
    struct http_endpoint *one = endpoint_at(server, "tls.example", &plain), *same = endpoint_at(server, "tls.example", &plain);
    struct http_endpoint *third = endpoint_at(server, "tls.example", &pinned);
    struct http_endpoint *fourth = endpoint_at(server, "tls.example", &untrusting);

    assert_ptr_equal(one->host, same->host);
    assert_ptr_not_equal(one->host, third->host);
    post_to(one, 3000, &call);
    wait_for(1);
    post_to(same, 3000, &call);
    wait_for(1);
    expect("the same wishes", &call, DELIVERY_REASON_NONE);
    assert_int_equal(tls_server_accepted(server), 1);
    http_conn_close(TAILQ_FIRST(&one->host->idle)); /* the server serves one at a time */
    post_to(fourth, 3000, &call);
    wait_for(1);
    expect("it trusts others", &call, DELIVERY_REASON_TLS_UNTRUSTED);
    post_to(third, 3000, &call);
    wait_for(1);
    expect("pinned", &call, DELIVERY_REASON_NONE);
    assert_int_equal(tls_server_accepted(server), 3);
    assert_int_equal(tls_server_resumed(server), 0);

    http_endpoint_free(one);
    http_endpoint_free(same);
    http_endpoint_free(third);
    http_endpoint_free(fourth);
    http_client_free(t.client); /* ends the connection, so that the server's thread ends */
    make_client();
    tls_identity_done(&other);
    tls_server_stop(server);
}

/* libcurl keeps certificate stores by multi handle: hosts of one shard are where one's trust could become another's. */
static void test_trust_is_not_kept_by_the_shard(void **state)
{
    (void)state;
    struct call call;
    char trusted[64];
    struct tls_server *known = tls_server_start("tls.example", TLS_SERVER_NORMAL, trusted);
    struct tls_server *own = tls_server_start("tls.example", TLS_SERVER_NORMAL, NULL);
    struct http_tls_options o = {CA(tls_server_certificate(own))};
    struct http_endpoint *eps[3] = {endpoint_at(own, "tls.example", &o), NULL, NULL};
    char url[100];
    setenv("CURL_CA_BUNDLE", trusted, 1);
    snprintf(url, sizeof url, "https://tls.example:%d/", tls_server_port(own));
    eps[1] = endpoint_of(url);
    snprintf(url, sizeof url, "https://tls.example:%d/", tls_server_port(known));
    eps[2] = endpoint_of(url);
    static const enum delivery_reason expected[3] = {DELIVERY_REASON_NONE, DELIVERY_REASON_TLS_UNTRUSTED, DELIVERY_REASON_NONE};
    for (int i = 0; i < 6; i++) { /* each after each */
        struct http_endpoint *ep = eps[i < 3 ? i : 5 - i];
        check(ep);
        ep->host->shard = &t.client->shards[0];
        post_to(ep, 3000, &call);
        wait_for(1);
        expect("in one shard", &call, expected[i < 3 ? i : 5 - i]);
        while (!TAILQ_EMPTY(&ep->host->idle))
            http_conn_close(TAILQ_FIRST(&ep->host->idle));
    }
    unsetenv("CURL_CA_BUNDLE");
    for (int i = 0; i < 3; i++)
        http_endpoint_free(eps[i]);
    tls_server_stop(known);
    tls_server_stop(own);
    unlink(trusted);
}

static void test_options(void **state)
{
    (void)state;
    struct tls_identity id, other;
    tls_identity_make(&id, "client.example");
    tls_identity_make(&other, "client.example");
    const struct {
        struct http_tls_options o;
        const char *why;
    } cases[] = {
        {{CA("junk")}, "ca_certificates: no certificate"},
        {{CA("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}, "ca_certificates: certificate 1 cannot be read"},
        {{CA(id.key)}, "ca_certificates: holds a private key"},
        {{.client_certificate = slice_str(id.certificate)}, "client_key: no private key"},
        {{.client_certificate = slice_str(id.certificate), .client_key = slice_str(other.key)}, "client_key: is not the key"},
        {{.client_certificate = slice_str(id.certificate),
          .client_key = SLICE("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")},
         "client_key: the key is encrypted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_tls *tls = NULL;
        struct errmsg why;
        assert_int_equal(http_tls_new(&cases[i].o, &tls, &why), ERR_INVALID);
        if (strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("case %zu: %s", i, why.text);
        assert_null(tls);
    }
    tls_identity_done(&id);
    tls_identity_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_authorities),
        HTTP_TEST(test_client_certificate),
        HTTP_TEST(test_pins),
        HTTP_TEST(test_versions),
        HTTP_TEST(test_nothing_is_shared),
        HTTP_TEST(test_options),
        HTTP_TEST(test_trust_is_not_kept_by_the_shard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
