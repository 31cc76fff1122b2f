/* What the API is compared with: libmicrohttpd on our loop, answering everything with the same bytes. Prints its port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_daemon.h"

struct bare {
    char *body;
    size_t len;
};

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **seen)
{
    struct bare *b = ctx;
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    if (!*seen || *upload_size > 0) {
        *seen = ctx;
        *upload_size = 0;
        return MHD_YES;
    }
    struct MHD_Response *r = MHD_create_response_from_buffer(b->len, b->body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result rc = r ? MHD_add_response_header(r, "Content-Type", "application/json") : MHD_NO;
    if (rc == MHD_YES)
        rc = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return rc;
}

int main(int argc, char **argv)
{
    struct bare b = {.len = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000};
    struct http_daemon_options o = {.what = "the port",
                                    .listen = "127.0.0.1:0",
                                    .max_connections = 1000,
                                    .idle_timeout_s = 60,
                                    .on_request = on_request,
                                    .ctx = &b};
    struct http_daemon *daemon;
    struct errmsg why;
    struct loop *l = loop_new();
    b.body = malloc(b.len + 1);
    if (!b.body)
        return 1;
    memset(b.body, 'x', b.len);
    if (http_daemon_start(l, &o, &daemon, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    (void)printf("%d\n", http_daemon_port(daemon));
    (void)fflush(stdout);
    loop_run(l);
    http_daemon_stop(daemon);
    free(b.body);
    loop_free(l);
    return 0;
}
