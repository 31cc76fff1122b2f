/* Answers that no honest server gives, or that only a careless one does. Whatever comes, the outcome is theirs, in time, and the
 * next request gets its own answer. */
#include "http_fixture.h"
#include "http_scripts.h"

#define LENGTHS(fields) SEND("HTTP/1.1 200 OK\r\n" fields "\r\nhello"), HANG
#define METADATA "http://169.254.169.254/latest/meta-data/"
#define RETRY(value) SEND("HTTP/1.1 429 Slow\r\nRetry-After: " value "\r\nContent-Length: 0\r\n\r\n")
#define GOAWAY "\x01\x01\x08\x07\x01\x01\x01\x01\x01\x01\x01\x01"

static const struct script scripts[] = {
    {"/ok", {SEND(OK_HEAD "ok")}},
    /* lengths */
    {"/two-lengths", {LENGTHS("Content-Length: 5\r\nContent-Length: 6\r\n")}},
    {"/same-lengths", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello")}},
    {"/list-of-lengths", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello")}},
    {"/odd-length", {LENGTHS("Content-Length: five\r\n")}},
    {"/no-length-in-it", {LENGTHS("Content-Length: \r\n")}},
    {"/negative-length", {LENGTHS("Content-Length: -5\r\n")}},
    {"/signed-length", {LENGTHS("Content-Length: +5\r\n")}},
    {"/hexadecimal-length", {LENGTHS("Content-Length: 0x5\r\n")}},
    {"/huge-length", {LENGTHS("Content-Length: 99999999999999999999999\r\n")}},
    {"/length-and-chunked",
     {SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")}},
    {"/chunked-not-last", {SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nraw"), CLOSE}},
    {"/chunked-in-http10",
     {SEND("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")}},
    {"/more-than-it-says", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Smuggled\r\n\r\n")}},
    {"/body-with-204", {SEND("HTTP/1.1 204 No Content\r\n\r\nbody")}},
    {"/length-with-304", {SEND("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n")}},
    /* chunks */
    {"/chunk-too-large", {SEND(CHUNKED_HEAD "ffffffffffffffff1\r\nok"), HANG}},
    {"/chunk-huge", {SEND(CHUNKED_HEAD "7fffffffffffffff\r\nok"), WAIT(50), CLOSE}},
    {"/chunk-negative", {SEND(CHUNKED_HEAD "-2\r\nok"), HANG}},
    {"/chunk-without-end", {SEND(CHUNKED_HEAD "2\r\nokxx0\r\n\r\n"), HANG}},
    {"/chunk-extension", {SEND(CHUNKED_HEAD "2;name=value\r\nok\r\n0\r\n\r\n")}},
    {"/endless-extension", {SEND(CHUNKED_HEAD "2;"), FILL(4096), REPEAT(1)}},
    {"/endless-trailers", {SEND(CHUNKED_HEAD "2\r\nok\r\n0\r\n"), SEND("X-Trailer: more\r\n"), REPEAT(1)}},
    {"/tiny-chunks", {SEND(CHUNKED_HEAD), SEND("1\r\na\r\n"), REPEAT(1)}},
    {"/reset-in-chunk", {SEND(CHUNKED_HEAD "8\r\nok"), WAIT(30), RESET}},
    /* heads */
    {"/bare-lf", {SEND("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")}},
    {"/folded", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n c\r\n\r\nok")}},
    {"/space-before-colon", {SEND("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"), HANG}},
    {"/no-colon", {SEND("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"), HANG}},
    {"/control-byte", {SEND("HTTP/1.1 200 OK\r\nX-A: \x01\r\n\r\n"), HANG}},
    {"/not-ascii", {SEND("HTTP/1.1 200 \xc3\x96K\r\nX-A: \xff\xfe\r\nContent-Length: 2\r\n\r\nok")}},
    {"/099", {SEND("HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"), HANG}},
    {"/http2-in-name", {SEND("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"), HANG}},
    {"/goaway", {SEND(GOAWAY), HANG}},
    {"/two-thousand-fields", {SEND("HTTP/1.1 200 OK\r\n"), SEND("X-A: b\r\nX-A: b\r\nX-A: b\r\n"), REPEAT(1)}},
    {"/byte-by-byte",
     {SEND("HTTP/1.1 "), WAIT(5), SEND("200 OK\r"), WAIT(5), SEND("\nContent-Length: 2\r\n\r"), WAIT(5), SEND("\nok")}},
    {"/spaced-status", {SEND("HTTP/1.1   200   OK\r\nContent-Length: 2\r\n\r\nok")}},
    {"/early-hints-drip", {SEND("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"), WAIT(20), REPEAT(2)}},
    {"/102-then-reset", {SEND("HTTP/1.1 102 Processing\r\n\r\n"), WAIT(30), RESET}},
    {"/close-field", {SEND("HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 2\r\n\r\nok"), HANG}},
    {"/http10-kept", {SEND("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok")}},
    /* where to go, when to come back */
    {"/to-metadata", {SEND("HTTP/1.1 302 Found\r\nLocation: " METADATA "\r\nContent-Length: 0\r\n\r\n")}},
    {"/refresh", {SEND("HTTP/1.1 200 OK\r\nRefresh: 0; url=" METADATA "\r\nContent-Length: 0\r\n\r\n")}},
    {"/retry-0", {RETRY("0")}},
    {"/retry-10", {RETRY("10")}},
    {"/retry-1e9", {RETRY("1000000000")}},
    {"/retry-minus-1", {RETRY("-1")}},
    {"/retry-junk", {RETRY("soon, \xe2\x8f\xb3")}},
    {"/retry-twice", {SEND("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n")}},
    {NULL, {{0}}},
};

static const struct behaviour behaviours[] = {
    {"/two-lengths", 200, NONE, QUICK, 1, "", ""},
    {"/same-lengths", 200, NONE, QUICK, 0, "hello", ""},
    {"/list-of-lengths", 200, NONE, QUICK, 0, "hello", ""},
    {"/odd-length", 200, NONE, QUICK, 1, "", ""},
    {"/no-length-in-it", 200, NONE, QUICK, 1, "", ""},
    {"/negative-length", 200, NONE, QUICK, 1, "", ""},
    {"/signed-length", 200, NONE, QUICK, 1, "", ""},
    {"/hexadecimal-length", 200, NONE, QUICK, 1, "", ""},
    {"/huge-length", 200, NONE, QUICK, 1, "", ""},
    {"/length-and-chunked", 200, NONE, QUICK, 1, "ok", ""},
    {"/chunked-not-last", 200, NONE, QUICK, 1, "raw", ""},
    {"/chunked-in-http10", 200, NONE, QUICK, 1, "ok", ""},
    {"/more-than-it-says", 200, NONE, QUICK, 1, "ok", ""},
    {"/body-with-204", 204, NONE, QUICK, 1, "", ""},
    {"/length-with-304", 304, NONE, QUICK, 0, "", ""},
    {"/chunk-too-large", 200, NONE, QUICK, 1, "", ""},
    {"/chunk-huge", 200, NONE, QUICK, 1, "ok", ""},
    {"/chunk-negative", 200, NONE, QUICK, 1, "", ""},
    {"/chunk-without-end", 200, NONE, QUICK, 1, "ok", ""},
    {"/chunk-extension", 200, NONE, QUICK, 0, "ok", ""},
    {"/endless-extension", 200, NONE, QUICK, 1, "", ""},
    {"/endless-trailers", 200, NONE, QUICK, 1, "ok", ""},
    {"/tiny-chunks", 200, NONE, QUICK, 1, NULL, ""},
    {"/reset-in-chunk", 200, NONE, QUICK, 1, "ok", ""},
    {"/bare-lf", 200, NONE, QUICK, 0, "ok", ""},
    {"/folded", 200, NONE, QUICK, 1, "ok", ""},
    {"/space-before-colon", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/no-colon", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/control-byte", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/not-ascii", 200, NONE, QUICK, 0, "ok", ""},
    {"/099", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/http2-in-name", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/goaway", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/two-thousand-fields", 0, DELIVERY_ERROR_PROTOCOL, QUICK, 1, "", ""},
    {"/byte-by-byte", 200, NONE, QUICK, 0, "ok", ""},
    {"/spaced-status", 200, NONE, QUICK, 0, "ok", ""},
    {"/early-hints-drip", 0, DELIVERY_ERROR_TIMEOUT, 300, 290, 900, 1, "", ""},
    {"/102-then-reset", 0, DELIVERY_ERROR_RESET, QUICK, 1, "", ""},
    {"/close-field", 200, NONE, QUICK, 1, "ok", ""},
    {"/http10-kept", 200, NONE, QUICK, 0, "ok", ""},
    {"/to-metadata", 302, NONE, QUICK, 0, "", ""},
    {"/refresh", 200, NONE, QUICK, 0, "", ""},
    {"/retry-0", 429, NONE, QUICK, 0, "", "0"},
    {"/retry-10", 429, NONE, QUICK, 0, "", "10"},
    {"/retry-1e9", 429, NONE, QUICK, 0, "", "1000000000"},
    {"/retry-minus-1", 429, NONE, QUICK, 0, "", "-1"},
    {"/retry-junk", 429, NONE, QUICK, 0, "", "soon, \xe2\x8f\xb3"},
    {"/retry-twice", 503, NONE, QUICK, 0, "", "2"},
};

static int set_up(void **state)
{
    (void)state;
    return http_set_up_with(scripts);
}

static void test_behaviours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof behaviours / sizeof behaviours[0]; i++)
        check_behaviour(&behaviours[i]);
}

/* All of them at once, three times over: nobody gets another's answer, and nothing is left open in between. */
static void test_all_at_once(void **state)
{
    (void)state;
    enum { COUNT = sizeof behaviours / sizeof behaviours[0], ROUNDS = 3 };
    static struct call calls[COUNT * ROUNDS];
    struct http_endpoint *eps[COUNT];
    for (int i = 0; i < COUNT; i++)
        eps[i] = endpoint("one.example", behaviours[i].path);
    for (int i = 0; i < COUNT * ROUNDS; i++)
        post_to(eps[i % COUNT], 3000, &calls[i]);
    wait_for(COUNT * ROUNDS);
    for (int i = 0; i < COUNT * ROUNDS; i++)
        if (calls[i].result.status != behaviours[i % COUNT].status || calls[i].result.error != behaviours[i % COUNT].error)
            fail_msg("%s: status %d, error %d", behaviours[i % COUNT].path, calls[i].result.status, (int)calls[i].result.error);
    for (int i = 0; i < COUNT; i++)
        http_endpoint_free(eps[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_behaviours, set_up, http_tear_down),
        cmocka_unit_test_setup_teardown(test_all_at_once, set_up, http_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
