/* A client of the REST API: the address, the key, requests that are repeated where that is safe, and what a refusal means. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>

#include "ctl/field.h"
#include "ctl/http.h"
#include "ctl/settings.h"

struct client_args {
    const char *api, *key_file, *admin_token_file, *ca_file; /* NULL: as the settings have it */
    int64_t timeout_ms;                                      /* of one request */
};

struct client;

/* Reads the key: of the file named, else of TRUEFTP_API_KEY; with admin, the operator's token instead; anonymous: none.
 * ERR_INVALID, ERR_NOT_FOUND, ERR_IO, ERR_REFUSED (others can read the file, or the key would travel unencrypted): why says what.
 */
MUST_CHECK enum err client_open(const struct ctl_settings *s, const struct client_args *args, bool admin, bool anonymous,
                                struct client **out, struct errmsg *why);
void client_free(struct client *c); /* wipes the key */

/* Goes on as long as it takes while the API cannot be reached or is not ready; for commands that follow. */
void client_be_patient(struct client *c);

struct client_request {
    const char *method;
    struct buf target;           /* path and query below the base */
    json_t *body;                /* NULL: none */
    struct http_headers headers; /* besides authorization and content type */
    bool repeatable;             /* asking twice does what asking once does */
    const struct field *fields;  /* to name options in a refusal; may be NULL */
    size_t field_count;
};
void client_request_done(struct client_request *rq);

/* Returns CTL_OK with the answer's JSON (NULL for an empty one), which the caller frees; else the exit status, with the reason
 * printed. 429 is waited for, at most a minute in all. *replayed: the API had done it already. */
MUST_CHECK int client_ask(struct client *c, const struct client_request *rq, json_t **out, bool *replayed);
/* GET of a path below the base. */
MUST_CHECK int client_get(struct client *c, const char *target, json_t **out);

/* For a stream (ctl/stream.h): the way, the whole URL and the headers with the key. */
const struct http_way *client_way(const struct client *c);
void client_url(const struct client *c, const char *target, struct buf *out);
void client_headers(const struct client *c, struct http_headers *out);

void client_sleep_ms(int64_t ms);

/* -------- refusals -------- */

/* Appends what a status of 400 or more and its body (RFC 9457, or anything) mean, in lines, and returns the exit status. Members
 * that an option of the fields stands for are named by it. */
int problem_explain(int status, struct slice body, const struct field *fields, size_t field_count, struct buf *out);

/* Why a URL cannot be the API's address, or NULL. */
const char *client_refuses(const char *url, bool allow_http);

#endif
