#include "http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/response.h"
#include "util/clock.h"

#define LIMIT_MAX 100
#define LIMIT_DEFAULT 50

const char *request_param(const struct request *rq, const char *name)
{
    for (size_t i = 0; i < rq->param_count; i++)
        if (slice_eq(rq->params[i].name, slice_str(name)))
            return rq->params[i].value;
    check(false); /* the route has no such parameter */
    return "";
}

const char *request_header(const struct request *rq, const char *name)
{
    return MHD_lookup_connection_value(rq->connection, MHD_HEADER_KIND, name);
}

bool request_limit(struct request *rq, int *out)
{
    const char *text = uri_query(&rq->uri, "limit");
    *out = LIMIT_DEFAULT;
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    long value = digits > 0 && digits <= 4 && text[digits] == '\0' ? strtol(text, NULL, 10) : 0;
    *out = (int)value;
    if (value >= 1 && value <= LIMIT_MAX)
        return true;
    struct field_errors errors = {0};
    field_error(&errors, "limit", "out_of_range", "must be a whole number from 1 to %d", LIMIT_MAX);
    reply_fields(rq, PROBLEM_INVALID_PARAMETER, &errors);
    return false;
}

bool request_time(struct request *rq, const char *name, int64_t *out)
{
    const char *text = uri_query(&rq->uri, name);
    if (!text || clock_parse_utc(slice_str(text), out) == ERR_OK)
        return true;
    struct field_errors errors = {0};
    field_error(&errors, name, "invalid", "must be an RFC 3339 time, as 2026-06-08T12:00:00Z");
    reply_fields(rq, PROBLEM_INVALID_PARAMETER, &errors);
    return false;
}

void request_actor(const struct request *rq, char out[80])
{
    if (rq->principal.kind == PRINCIPAL_ADMIN)
        (void)snprintf(out, 80, "admin");
    else
        (void)snprintf(out, 80, "key:%s", rq->principal.key_id);
}
