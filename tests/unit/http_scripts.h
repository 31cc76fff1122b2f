/* How the endpoints of test_http_client behave. */
#ifndef TESTS_HTTP_SCRIPTS_H
#define TESTS_HTTP_SCRIPTS_H

#include "scripted_server.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define SEND(text)                                                                                                               \
    {                                                                                                                            \
        STEP_SEND, text, 0                                                                                                       \
    }
#define FILL(n)                                                                                                                  \
    {                                                                                                                            \
        STEP_FILL, NULL, n                                                                                                       \
    }
#define WAIT(ms)                                                                                                                 \
    {                                                                                                                            \
        STEP_WAIT, NULL, ms                                                                                                      \
    }
#define REPEAT(n)                                                                                                                \
    {                                                                                                                            \
        STEP_REPEAT, NULL, n                                                                                                     \
    }
#define CLOSE                                                                                                                    \
    {                                                                                                                            \
        STEP_CLOSE, NULL, 0                                                                                                      \
    }
#define RESET                                                                                                                    \
    {                                                                                                                            \
        STEP_RESET, NULL, 0                                                                                                      \
    }
#define HANG WAIT(1000000)
#define CHUNKED_HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

#define GZIP_HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"

static const struct script http_scripts[] = {
    {"/ok", {SEND(OK_HEAD "ok")}},
    {"/slow", {WAIT(200), SEND(OK_HEAD "ok")}},
    {"/close-next", {SEND(OK_HEAD "ok"), {STEP_CLOSE_NEXT, NULL, 0}}},
    {"/close-later", {SEND(OK_HEAD "ok"), WAIT(50), CLOSE}},
    {"/close-slowly", {WAIT(200), CLOSE}},
    {"/close-after", {SEND(OK_HEAD "ok"), CLOSE}},
    {"/204", {SEND("HTTP/1.1 204 No Content\r\n\r\n")}},
    {"/201-http10", {SEND("HTTP/1.0 201 Created\r\n\r\nbye"), CLOSE}},
    {"/no-reason", {SEND("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")}},
    {"/301", {SEND("HTTP/1.1 301 Moved\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n")}},
    {"/304", {SEND("HTTP/1.1 304 Not Modified\r\n\r\n")}},
    {"/404", {SEND("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope")}},
    {"/410", {SEND("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")}},
    {"/429", {SEND("HTTP/1.1 429 Too Many Requests\r\nretry-after: \t 120 \r\nContent-Length: 0\r\n\r\n")}},
    {"/503-date", {SEND("HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n")}},
    {"/500", {SEND("HTTP/1.1 500 Oops\r\nContent-Length: 6000\r\n\r\n"), FILL(6000)}},
    {"/999", {SEND("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n")}},
    {"/20", {SEND("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n")}},
    {"/2000", {SEND("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n")}},
    {"/reset-at-once", {RESET}},
    {"/close-at-once", {CLOSE}},
    {"/reset-in-head", {SEND("HTTP/1.1 200 OK\r\nContent-Le"), WAIT(30), RESET}},
    {"/close-in-head", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), WAIT(30), CLOSE}},
    {"/reset-after-head", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), WAIT(30), RESET}},
    {"/close-in-body", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), WAIT(30), CLOSE}},
    {"/bad-chunk", {SEND(CHUNKED_HEAD "2\r\nok\r\nzzz\r\n"), HANG}},
    {"/silence", {HANG}},
    {"/drip-head", {SEND("HTTP/1.1 200 OK\r\n"), SEND("X: y\r\n"), WAIT(20), REPEAT(2)}},
    {"/drip-body", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), SEND("x"), WAIT(20), REPEAT(2)}},
    {"/stall-body", {SEND("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), HANG}},
    {"/endless", {SEND("HTTP/1.1 200 OK\r\n\r\n"), FILL(4096), REPEAT(1)}},
    {"/endless-500", {SEND("HTTP/1.1 500 Oops\r\n\r\n"), FILL(4096), REPEAT(1)}},
    {"/gzip-coding", {SEND(GZIP_HEAD "5\r\n01234\r\n0\r\n\r\n")}},
    {"/trailer", {SEND(CHUNKED_HEAD "2\r\nok\r\n0\r\nRetry-After: 5\r\n\r\n")}},
    {"/odd-trailer", {SEND(CHUNKED_HEAD "2\r\nok\r\n0\r\nHTTP/1.1 500 no\r\n\r\n")}},
    {"/many-fields", {SEND("HTTP/1.1 200 OK\r\n"), SEND("X-Bomb: bang\r\n"), REPEAT(1)}},
    {"/long-field", {SEND("HTTP/1.1 200 OK\r\nX-Long: "), FILL(16384), REPEAT(1)}},
    {"/garbage", {SEND("SSH-2.0-OpenSSH_9.2\r\n"), HANG}},
    {"/http09", {SEND("<html>hello</html>"), CLOSE}},
    {"/late-status", {SEND("HTTP/1.1 500 Oops\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}},
    {"/100-then-200", {SEND("HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" OK_HEAD "ok")}},
    {"/100-flood", {SEND("HTTP/1.1 100 Continue\r\n\r\n"), REPEAT(1)}},
    {"/100-close", {SEND("HTTP/1.1 100 Continue\r\n\r\n"), WAIT(30), CLOSE}},
    {"/101", {SEND("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), HANG}},
    {NULL, {{0}}},
};

#endif
