/* Errors as RFC 9457 has them. A code is stable: programs rely on it; its status and title come with it. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "util/buf.h"

enum problem {
    PROBLEM_INVALID_JSON,
    PROBLEM_INVALID_PARAMETER,
    PROBLEM_INVALID_CURSOR,
    PROBLEM_VALIDATION_FAILED,
    PROBLEM_UNAUTHORIZED,
    PROBLEM_CSRF_FAILED,
    PROBLEM_SCOPE_REQUIRED,
    PROBLEM_PLAN_REQUIRED,
    PROBLEM_WEBHOOK_LIMIT,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_ALREADY_EXISTS,
    PROBLEM_IDEMPOTENCY_CONFLICT,
    PROBLEM_BODY_EXPIRED,
    PROBLEM_WEBHOOK_DISABLED,
    PROBLEM_VERSION_CONFLICT,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,
    PROBLEM_RATE_LIMITED,
    PROBLEM_INTERNAL,
    PROBLEM_UNAVAILABLE,
    PROBLEM_COUNT,
};

const char *problem_code(enum problem p);
unsigned problem_status(enum problem p);

/* The fields that are wrong, gathered while a body or a query is looked at; all zero at first. */
#define FIELD_ERRORS_MAX 32
struct field_errors {
    struct {
        char field[64], code[24], message[200];
    } items[FIELD_ERRORS_MAX];
    size_t count; /* more than fit are left out */
};
/* code: "required", "unknown", "invalid", "out_of_range", "too_long", "refused", ... */
void field_error(struct field_errors *errors, const char *field, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Appends the JSON object. detail, errors: NULL for none. */
void problem_write(struct buf *out, enum problem p, const char *detail, const struct field_errors *errors,
                   const char *request_id);

#endif
