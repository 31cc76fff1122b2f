/* The transport of deliveries: POSTs over kept-alive connections, many in flight, on the loop. libcurl connects; names are
 * resolved by io/resolver and pinned, every address is checked by the target policy before connecting and before each request.
 * Policy (retries, order, limits) is not here. */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "io/resolver.h"
#include "model/delivery.h"
#include "model/target.h"
#include "util/metrics.h"

struct http_client;
struct http_endpoint;
struct http_request;
struct http_tls;

/* The outcome of one POST. */
struct http_result {
    int status;                /* final status line's code; 0: none */
    enum delivery_error error; /* NONE: a complete response head was read in time (any status); else why not */
    bool ours; /* the failure is our own (descriptors, memory, resolver, egress proxy, shutting down): it uses up no attempt.
                * error is then dns or tls (our resolver, our certificates), else cancelled */
    enum delivery_reason reason; /* more of why, where more is known */
    const char *detail;          /* for people: libcurl's words or the rule that refused the target; valid during the call */
    /* -1: not reached; connect_ms and tls_ms 0 on a connection that was kept. first_byte_ms and duration_ms count from the post.
     */
    int32_t duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms;
    struct slice response;    /* up to 4 KiB of the body; valid during the call */
    struct slice retry_after; /* the Retry-After field's value, trimmed; empty: none */
};

typedef void http_done_fn(void *ctx, const struct http_result *result);

struct http_client_options {
    struct loop *loop;
    struct resolver *resolver;
    const struct target_policy *policy;
    struct http_proxy *proxy;   /* through which all connections go (io/http_proxy.h); NULL: none */
    const char *user_agent;     /* "TrueFTP-Webhooks/0.1.0" */
    int max_connections;        /* idle ones kept included */
    struct metrics *metrics;    /* NULL: none */
    const char *metrics_prefix; /* "trueftp_worker": trueftp_worker_http_requests_total ... */
};

/* Ignores SIGPIPE for the process if that still has its default action. The policy's exemptions must outlive the client. */
struct http_client *http_client_new(const struct http_client_options *o);
/* Requests in flight are answered first, as by http_request_cancel; their done must not post again. All endpoints must have been
 * freed. Not from a done callback. NULL is fine. */
void http_client_free(struct http_client *c);

/* TLS as one customer wants it. Empty slices, no pins: the defaults. */
struct http_tls_options {
    struct slice ca_certificates;                /* PEM; only these are trusted */
    struct slice client_certificate, client_key; /* PEM: certificate and chain; its key */
    const char *const *pins;                     /* "sha256//<base64>" of public keys; one of them must be the server's */
    size_t pin_count;
    bool tls13; /* nothing older */
};
/* ERR_INVALID: why begins with the name of the option, as above, and a colon; it never holds any of the key's text. Nothing of o
 * is kept but what was parsed. */
MUST_CHECK enum err http_tls_new(const struct http_tls_options *o, struct http_tls **out, struct errmsg *why);
struct http_tls *http_tls_ref(struct http_tls *t); /* NULL gives NULL */
void http_tls_unref(struct http_tls *t);           /* NULL is fine */

/* One customer endpoint: the parsed URL and whatever is kept per endpoint. tls (NULL: the defaults) may be unref'd afterwards.
 * Endpoints that want TLS in other ways never share a connection. ERR_INVALID or ERR_REFUSED: why (target_parse). */
MUST_CHECK enum err http_endpoint_new(struct http_client *c, const char *url, struct http_tls *tls, struct http_endpoint **out,
                                      struct errmsg *why);
/* Requests that are in flight go on; memory goes when the last has ended. NULL is fine. */
void http_endpoint_free(struct http_endpoint *ep);

/* Appends "name: value" and its line end. ERR_INVALID, and nothing appended: the name is no token, or the value has a byte that
 * could end the line or is no text (RFC 9110, 5.5). */
MUST_CHECK enum err http_header_put(struct buf *lines, struct slice name, struct slice value);

struct http_post {
    struct slice headers; /* lines as http_header_put makes them; copied. Content-Type and User-Agent are added by the client */
    struct slice body;    /* must stay until done is called */
    int64_t timeout_ms;   /* whole request: name, connect, TLS, response head */
};

/* Starts a POST. done is called exactly once, never before this returns. Responses: redirects are not followed; 2xx with complete
 * headers within the timeout is success whatever the body does; at most 64 KiB or 2 s of a body are read, and 4 KiB kept. */
struct http_request *http_client_post(struct http_client *c, struct http_endpoint *ep, const struct http_post *post,
                                      http_done_fn *done, void *ctx);
/* Ends a request early; done is called before this returns: error cancelled, ours; but with its status where the response's head
 * is complete already. Not after done was called. */
void http_request_cancel(struct http_request *rq);

int http_client_in_flight(const struct http_client *c);

#endif
