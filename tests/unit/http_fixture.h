/* A client, a scripted server and a stub resolver around each test of io/http_client. */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/http_internal.h"
#include "scripted_server.h"
#include "stub_resolver.h"

/* What an endpoint does at a path, and what is to come of a POST to it. */
struct behaviour {
    const char *path;
    int status;
    enum delivery_error error;
    int64_t timeout_ms, least_ms, most_ms;
    int renewed; /* connections made until the next request is answered: 0 where this one is kept, 2 where it was tried again */
    const char *response;
    const char *retry_after;
};

#define NONE DELIVERY_ERROR_NONE
#define QUICK 5000, 0, 1500

/* One POST and what came of it. */
struct call {
    struct http_request *rq;
    bool posted, ended;        /* http_client_post has returned; done was called */
    struct http_result result; /* its slices and its detail are the copies below */
    char detail[300], response[8192], retry_after[200];
    int64_t took_ms;
};

struct http_fixture {
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *client;
    struct address_list *exempt; /* 127.0.0.0/8 */
    struct target_policy policy;
    struct scripted_server *server; /* plays http_scripts.h */
    struct loop_timer *alarm;
    int waiting; /* the loop stops when this many more calls have ended */
    int64_t posted_ms;
};

extern struct http_fixture t;

int http_set_up(void **state);
int http_set_up_with(const struct script *scripts);
int http_tear_down(void **state);
#define HTTP_TEST(fn) cmocka_unit_test_setup_teardown(fn, http_set_up, http_tear_down)

/* A client with the fixture's policy, in place of one that was freed. */
void make_client(void);
struct http_endpoint *endpoint(const char *host, const char *path); /* on the scripted server's port */
struct http_endpoint *endpoint_of(const char *url);
void on_done(void *ctx, const struct http_result *result); /* ctx: a struct call with posted set */
void post_to(struct http_endpoint *ep, int64_t timeout_ms, struct call *call);
/* Runs the loop until so many calls have ended; fails after a minute. */
void wait_for(int calls);
void post_and_wait(const char *host, const char *path, int64_t timeout_ms, struct call *call);
void post_url(const char *url, int64_t timeout_ms, struct call *call);
void run_ms(int64_t ms);
/* POSTs to its path, then to /ok. */
void check_behaviour(const struct behaviour *b);

#endif
