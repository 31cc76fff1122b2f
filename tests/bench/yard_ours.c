/* The worker's transport by itself: io/http_client on the loop, with a resolver that knows every name. */
#include <stdbool.h>
#include <stdio.h>

#include "io/http_client.h"
#include "util/mem.h"
#include "yard.h"

static struct {
    const struct yard *y;
    struct loop *loop;
    struct http_client *client;
    struct http_endpoint **endpoints;
    int endpoint_count, started, done, posts;
} o;

static void start(void);

static void on_done(void *ctx, const struct http_result *result)
{
    (void)ctx;
    if (result->error != DELIVERY_ERROR_NONE || result->status != 200)
        fprintf(stderr, "%s\n", result->detail ? result->detail : "");
    check(result->error == DELIVERY_ERROR_NONE && result->status == 200);
    o.done++;
    if (o.started < o.posts)
        start();
    if (o.done == o.posts)
        loop_stop(o.loop);
}

static void start(void)
{
    struct http_post post = {.headers = SLICE(YARD_HEADERS), .body = slice_of(o.y->body, YARD_BODY_LEN), .timeout_ms = 60000};
    http_client_post(o.client, o.endpoints[o.started++ % o.y->endpoints], &post, on_done, NULL);
}

static void prepare(void)
{
    static struct target_policy policy = {.allow_http = true};
    struct address_list *exempt;
    struct errmsg why;
    check(address_list_parse("127.0.0.0/8", &exempt, &why) == ERR_OK);
    policy.exempt = exempt;
    o.loop = loop_new();
    struct http_client_options options = {.loop = o.loop,
                                          .resolver = resolver_new(o.loop, NULL, &why),
                                          .policy = &policy,
                                          .user_agent = "TrueFTP-Webhooks/0.1.0",
                                          .max_connections = 65536};
    o.client = http_client_new(&options);
}

static void add_endpoint(void)
{
    char host[64], url[100];
    struct errmsg why;
    yard_host(o.y, o.endpoint_count, host, sizeof host);
    snprintf(url, sizeof url, "%s://%s:%d/hook", o.y->https ? "https" : "http", host, o.y->port);
    check(http_endpoint_new(o.client, url, NULL, &o.endpoints[o.endpoint_count++], &why) == ERR_OK);
}

void yard_ours(const struct yard *y, int posts)
{
    o.y = y;
    if (!o.client)
        prepare();
    o.endpoints = mem_array(o.endpoints, (size_t)y->endpoints, sizeof(*o.endpoints));
    while (o.endpoint_count < y->endpoints)
        add_endpoint();
    o.started = o.done = 0;
    o.posts = posts;
    while (o.started < y->in_flight && o.started < posts)
        start();
    loop_run(o.loop);
}
