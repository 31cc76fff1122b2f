#include "http/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/server.h"
#include "util/mem.h"

#define JSON_TYPE "application/json"
#define PROBLEM_TYPE "application/problem+json"
#define HEADER_MAX 1024

void reply_header(struct request *rq, const char *name, const char *fmt, ...)
{
    char value[HEADER_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    check(rq->header_count < REQUEST_HEADERS_MAX);
    rq->headers[rq->header_count++] = (struct request_header){name, mem_strdup(value)};
}

void reply_etag(struct request *rq, int64_t version)
{
    reply_header(rq, "ETag", "\"%" PRId64 "\"", version);
}

static void answer(struct request *rq, unsigned status, const char *content_type)
{
    check(!rq->answered);
    rq->answered = true;
    rq->status = status;
    rq->content_type = content_type;
    server_answered(rq);
}

void reply_json(struct request *rq, unsigned status)
{
    if (rq->out.err != ERR_OK) {
        reply_problem(rq, PROBLEM_INTERNAL, "the answer does not fit into memory");
        return;
    }
    answer(rq, status, JSON_TYPE);
}

void reply_empty(struct request *rq, unsigned status)
{
    buf_reset(&rq->out);
    answer(rq, status, NULL);
}

void reply_constant(struct request *rq, unsigned status, const char *content_type, struct slice bytes)
{
    rq->constant = bytes;
    answer(rq, status, content_type);
}

static void reply_error(struct request *rq, enum problem p, const char *detail, const struct field_errors *errors)
{
    buf_reset(&rq->out);
    problem_write(&rq->out, p, detail, errors, rq->id);
    answer(rq, problem_status(p), PROBLEM_TYPE);
}

void reply_problem(struct request *rq, enum problem p, const char *detail, ...)
{
    char text[HEADER_MAX];
    va_list ap;
    va_start(ap, detail);
    (void)vsnprintf(text, sizeof text, detail, ap);
    va_end(ap);
    reply_error(rq, p, text, NULL);
}

void reply_fields(struct request *rq, enum problem p, const struct field_errors *errors)
{
    char text[HEADER_MAX];
    check(errors->count > 0);
    (void)snprintf(text, sizeof text, "%s: %s%s", errors->items[0].field, errors->items[0].message,
                   errors->count > 1 ? " (and more, see errors)" : "");
    reply_error(rq, p, text, errors);
}

void reply_unavailable(struct request *rq, const char *detail)
{
    reply_header(rq, "Retry-After", "2");
    reply_problem(rq, PROBLEM_UNAVAILABLE, "%s", detail);
}
