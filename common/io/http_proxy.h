/* The operator's egress proxy: an HTTP proxy through which all deliveries go, by CONNECT. What fails of it is ours, not the
 * customer's (docs/decisions/0018-egress-proxy.md). */
#ifndef IO_HTTP_PROXY_H
#define IO_HTTP_PROXY_H

#include "io/loop.h"
#include "io/resolver.h"
#include "util/err.h"

struct http_proxy;

struct http_proxy_options {
    struct loop *loop;
    struct resolver *resolver;
    const char *url;              /* "http://host:port" */
    const char *credentials_file; /* one line, "user:password"; "": none */
};

/* ERR_INVALID: why says what is wrong with the URL or the file, never what is in the file; ERR_NOT_FOUND, ERR_IO: the file. A
 * name is resolved from now on, again and again, with the search list of the system. */
MUST_CHECK enum err http_proxy_new(const struct http_proxy_options *o, struct http_proxy **out, struct errmsg *why);
/* After its client. NULL is fine. */
void http_proxy_free(struct http_proxy *p);

#endif
