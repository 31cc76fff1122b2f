/* One HTTP exchange at a time, synchronously, by libcurl: http and https alone, certificates verified, no redirects, no proxy and
 * no credentials but those that are given here (the environment's and .netrc are not looked at). */
#ifndef CTL_HTTP_H
#define CTL_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

/* How a server is reached; the strings outlive the exchanges. */
struct http_way {
    const char *ca_file; /* certificates to trust instead of the system's; NULL or "": the system's */
    const char *proxy;   /* URL; NULL or "": none */
};

struct http_header {
    char *name, *value;
};

struct http_headers {
    struct http_header *items;
    size_t count;
};

/* Both texts are copied. */
void http_headers_add(struct http_headers *h, const char *name, const char *value);
/* NULL: there is none of that name, in any case of letters. */
const char *http_headers_find(const struct http_headers *h, const char *name);
void http_headers_free(struct http_headers *h);

struct http_request {
    const char *method, *url;
    const struct http_headers *headers; /* NULL: none */
    struct slice body;                  /* p NULL: none */
    int64_t timeout_ms;                 /* of the whole exchange */
};

struct http_answer {
    int status;
    struct http_headers headers;
    struct buf body;
    int64_t duration_ms;
};

/* ERR_AGAIN: no complete answer came (why says it); ERR_TOO_BIG: it is longer than max_body; ERR_INVALID: the URL, or a
 * certificate that is not accepted. Any status is ERR_OK. http_answer_done afterwards, also on failure. */
MUST_CHECK enum err http_exchange(const struct http_way *way, const struct http_request *rq, size_t max_body,
                                  struct http_answer *out, struct errmsg *why);
void http_answer_done(struct http_answer *a);

/* For exchanges of another kind (ctl/stream.h): what all have in common. *list is the caller's to free. */
void http_prepare(CURL *curl, const struct http_way *way, const char *url, const struct http_headers *headers,
                  struct curl_slist **list, char error[CURL_ERROR_SIZE]);
/* What went wrong, as http_exchange says it. */
enum err http_failed(CURLcode code, const char *url, const char *error, struct errmsg *why);
/* Whether it is a URL of http or https with a host. */
bool http_is_url(const char *url);
/* scheme://host:port of a URL, without credentials, path and query: what may be shown. */
void http_origin(const char *url, char *out, size_t size);

#endif
