/* One request from its head to its answer. The server makes it, finds its route, authenticates it, parses its body, and hands it
 * to the route's handler, which answers it once, now or later: until then the connection is suspended, and the request stays
 * valid whatever the client does. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "http/problem.h"
#include "http/uri.h"
#include "util/buf.h"

#define REQUEST_ID_SIZE 65
#define REQUEST_BODY_MAX (64 * 1024)
#define REQUEST_PARAMS_MAX 4
#define REQUEST_HEADERS_MAX 10
#define SESSION_ID_SIZE 37 /* "ses_", 32 digits and a NUL */

struct api;
struct request;
struct server;
struct stream;

enum method { METHOD_GET = 1, METHOD_POST = 2, METHOD_PATCH = 4, METHOD_DELETE = 8, METHOD_OTHER = 0 };

enum scope {
    SCOPE_NONE,    /* everybody */
    SCOPE_READ,    /* a key of an account, or a session */
    SCOPE_WRITE,   /* likewise */
    SCOPE_OWN,     /* likewise, whatever its scopes: the handler looks whose the thing is */
    SCOPE_SESSION, /* the dashboard's session alone */
    SCOPE_ADMIN,   /* the operator's token */
};

enum body_rule { BODY_NONE, BODY_OPTIONAL, BODY_REQUIRED };

/* A row of the one table of routes (routes/routes.c). {webhook_id}, {account_id}, {expectation_id} and {session_id} of a pattern
 * are looked up before the handler runs: what is not there, or is another account's, has been answered with 404 then. */
struct route {
    enum method method;
    const char *pattern; /* "/api/ext/v1/webhooks/{webhook_id}" */
    enum scope scope;
    enum body_rule body; /* what is read as JSON into rq->json */
    void (*handler)(struct request *rq);
};

/* Who asks. */
struct principal {
    enum { PRINCIPAL_NOBODY, PRINCIPAL_KEY, PRINCIPAL_SESSION, PRINCIPAL_ADMIN } kind;
    char account_id[129];             /* of a key or a session */
    char key_id[65];                  /* likewise: the key that it began with */
    char session_id[SESSION_ID_SIZE]; /* of a session, else "" */
    bool may_read, may_write;
};

struct request_param {
    struct slice name; /* in the pattern */
    const char *value;
};

struct request_header {
    const char *name;
    char *value;
};

struct request {
    struct api *api;
    struct server *server;
    struct MHD_Connection *connection;
    TAILQ_ENTRY(request) link;
    char id[REQUEST_ID_SIZE];
    enum method method;
    char method_name[16];
    char *target; /* as it came, without its query */
    struct uri uri;
    bool uri_bad;
    struct errmsg uri_why;
    const struct route *route;
    struct request_param params[REQUEST_PARAMS_MAX];
    size_t param_count;
    struct principal principal;
    struct buf body;
    json_t *json; /* the body, an object; NULL: there was none */
    int64_t started_us;
    size_t discarded_bytes; /* of a body that is too large */
    bool dispatched, suspended;

    /* the answer, see response.h */
    bool answered;
    unsigned status;
    const char *content_type; /* NULL: no body */
    struct buf out;
    struct slice constant; /* instead of out */
    struct request_header headers[REQUEST_HEADERS_MAX];
    size_t header_count;
    struct stream *stream;
};

/* The value of a pattern's parameter; it is there. */
const char *request_param(const struct request *rq, const char *name);
/* A header of the request, NULL: it is not there. */
const char *request_header(const struct request *rq, const char *name);
/* `limit` (1-100, default 50) of the query. False: it is wrong, and the request has been answered. */
bool request_limit(struct request *rq, int *out);
/* An RFC 3339 time of the query; *out is left as it is when it is missing. False: as above. */
bool request_time(struct request *rq, const char *name, int64_t *out);
/* "admin", "key:<id>": who asks, as the audit log has it. */
void request_actor(const struct request *rq, char out[80]);

#endif
