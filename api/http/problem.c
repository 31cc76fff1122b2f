#include "http/problem.h"

#include <stdio.h>

#include "model/json_members.h"
#include "util/json.h"

static const struct {
    const char *code;
    unsigned status;
    const char *title;
} problems[PROBLEM_COUNT] = {
    [PROBLEM_INVALID_JSON] = {"invalid_json", 400, "The body is not a JSON object"},
    [PROBLEM_INVALID_PARAMETER] = {"invalid_parameter", 400, "A parameter of the request is wrong"},
    [PROBLEM_INVALID_CURSOR] = {"invalid_cursor", 400, "The cursor is not one of ours"},
    [PROBLEM_VALIDATION_FAILED] = {"validation_failed", 422, "Members of the body are wrong"},
    [PROBLEM_UNAUTHORIZED] = {"unauthorized", 401, "A valid key is needed"},
    [PROBLEM_CSRF_FAILED] = {"csrf_failed", 403, "The request does not come from the dashboard"},
    [PROBLEM_SCOPE_REQUIRED] = {"scope_required", 403, "The key's scopes do not allow this"},
    [PROBLEM_PLAN_REQUIRED] = {"plan_required", 403, "The account's plan has no webhooks"},
    [PROBLEM_WEBHOOK_LIMIT] = {"webhook_limit", 403, "The account has as many webhooks as it may have"},
    [PROBLEM_NOT_FOUND] = {"not_found", 404, "There is no such thing"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {"method_not_allowed", 405, "This path does not know that method"},
    [PROBLEM_ALREADY_EXISTS] = {"already_exists", 409, "It is there already"},
    [PROBLEM_IDEMPOTENCY_CONFLICT] = {"idempotency_conflict", 409, "The Idempotency-Key was used for another request"},
    [PROBLEM_BODY_EXPIRED] = {"body_expired", 410, "The delivery's body is not kept any more"},
    [PROBLEM_WEBHOOK_DISABLED] = {"webhook_disabled", 409, "The webhook is disabled"},
    [PROBLEM_VERSION_CONFLICT] = {"version_conflict", 412, "Somebody else has changed it"},
    [PROBLEM_BODY_TOO_LARGE] = {"body_too_large", 413, "The body is too large"},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {"unsupported_media_type", 415, "The body must be application/json"},
    [PROBLEM_RATE_LIMITED] = {"rate_limited", 429, "Too many requests"},
    [PROBLEM_INTERNAL] = {"internal", 500, "Something is wrong on our side"},
    [PROBLEM_UNAVAILABLE] = {"unavailable", 503, "It cannot be done right now"},
};

const char *problem_code(enum problem p)
{
    return problems[p].code;
}

unsigned problem_status(enum problem p)
{
    return problems[p].status;
}

void field_error(struct field_errors *errors, const char *field, const char *code, const char *fmt, ...)
{
    if (errors->count == FIELD_ERRORS_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)snprintf(errors->items[errors->count].field, sizeof errors->items->field, "%s", field);
    (void)snprintf(errors->items[errors->count].code, sizeof errors->items->code, "%s", code);
    (void)vsnprintf(errors->items[errors->count].message, sizeof errors->items->message, fmt, ap);
    va_end(ap);
    errors->count++;
}

void problem_write(struct buf *out, enum problem p, const char *detail, const struct field_errors *errors, const char *request_id)
{
    buf_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"code\":\"%s\"", problems[p].title,
               problems[p].status, problems[p].code);
    if (detail)
        json_put_member(out, "detail", detail);
    json_put_member(out, "request_id", request_id);
    if (errors && errors->count > 0) {
        buf_puts(out, ",\"errors\":[");
        for (size_t i = 0; i < errors->count; i++) {
            buf_puts(out, i > 0 ? ",{\"field\":" : "{\"field\":");
            json_put_string(out, slice_str(errors->items[i].field));
            json_put_member(out, "code", errors->items[i].code);
            json_put_member(out, "message", errors->items[i].message);
            buf_putc(out, '}');
        }
        buf_putc(out, ']');
    }
    buf_putc(out, '}');
}
