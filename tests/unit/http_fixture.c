#include "http_fixture.h"

#include <stdio.h>

#include "http_scripts.h"
#include "util/clock.h"

struct http_fixture t;

static void on_alarm(void *ctx)
{
    (void)ctx;
    fail_msg("the loop ran for too long");
}

void make_client(void)
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

int http_set_up_with(const struct script *scripts)
{
    memset(&t, 0, sizeof t);
    stub_resolver_failing_ms = stub_resolver_asked = stub_resolver_open = 0;
    t.loop = loop_new();
    t.resolver = resolver_new(t.loop, NULL, NULL);
    assert_int_equal(address_list_parse("127.0.0.0/8", &t.exempt, NULL), ERR_OK);
    t.policy = (struct target_policy){.allow_http = true, .exempt = t.exempt};
    t.server = scripted_server_start(scripts);
    t.alarm = loop_timer_new(t.loop, on_alarm, NULL);
    make_client();
    return 0;
}

int http_set_up(void **state)
{
    (void)state;
    return http_set_up_with(http_scripts);
}

int http_tear_down(void **state)
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

void on_done(void *ctx, const struct http_result *result)
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

struct http_endpoint *endpoint_of(const char *url)
{
    struct errmsg why;
    struct http_endpoint *ep = NULL;
    if (http_endpoint_new(t.client, url, NULL, &ep, &why) != ERR_OK)
        fail_msg("%s: %s", url, why.text);
    return ep;
}

struct http_endpoint *endpoint(const char *host, const char *path)
{
    char url[300];
    snprintf(url, sizeof url, "http://%s:%d%s", host, scripted_server_port(t.server), path);
    return endpoint_of(url);
}

void post_to(struct http_endpoint *ep, int64_t timeout_ms, struct call *call)
{
    struct http_post post = {
        .headers = SLICE("X-TrueFTP-Event: file.uploaded\r\nX-Empty:\r\n"), .body = SLICE("{\"a\":1}"), .timeout_ms = timeout_ms};
    memset(call, 0, sizeof *call);
    t.posted_ms = clock_mono_ms();
    call->rq = http_client_post(t.client, ep, &post, on_done, call);
    call->posted = true;
}

void wait_for(int calls)
{
    t.waiting = calls;
    loop_timer_arm(t.alarm, 60000);
    loop_run(t.loop);
    loop_timer_cancel(t.alarm);
}

void post_and_wait(const char *host, const char *path, int64_t timeout_ms, struct call *call)
{
    struct http_endpoint *ep = endpoint(host, path);
    post_to(ep, timeout_ms, call);
    http_endpoint_free(ep); /* the request goes on */
    wait_for(1);
    assert_int_equal(http_client_in_flight(t.client), 0);
}

void run_ms(int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(t.loop, (loop_timer_fn *)loop_stop, t.loop);
    loop_timer_arm(timer, ms);
    loop_run(t.loop);
    loop_timer_free(timer);
}

void post_url(const char *url, int64_t timeout_ms, struct call *call)
{
    struct http_endpoint *ep = endpoint_of(url);
    post_to(ep, timeout_ms, call);
    http_endpoint_free(ep);
    wait_for(1);
}

void check_behaviour(const struct behaviour *b)
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
