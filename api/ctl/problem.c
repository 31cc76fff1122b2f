/* Problems (RFC 9457) of the API, for a person. */
#include <stdio.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/display.h"

static int exit_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return CTL_DENIED;
    case 404:
        return CTL_NOT_FOUND;
    case 409:
    case 412:
        return CTL_CONFLICT;
    default:
        return status == 429 || status >= 500 ? CTL_UNAVAILABLE : CTL_FAILED;
    }
}

static void put_text(struct buf *out, const json_t *problem, const char *member)
{
    const char *text = json_string_value(json_object_get(problem, member));
    display_put(out, slice_str(text ? text : ""));
}

/* --option where one stands for the member, else its name: "limits.webhooks", "events[2]". */
static void put_name(struct buf *out, const char *member, const struct field *fields, size_t count)
{
    size_t len = strcspn(member, "[");
    for (size_t i = 0; i < count; i++) {
        if (fields[i].place <= IN_BODY && strlen(fields[i].name) == len && strncmp(fields[i].name, member, len) == 0) {
            buf_printf(out, "--%s", fields[i].option);
            display_put(out, slice_str(member + len));
            return;
        }
    }
    display_put(out, slice_str(*member ? member : "the body"));
}

static void put_fields(struct buf *out, const json_t *errors, const struct field *fields, size_t count)
{
    const json_t *error = NULL;
    size_t i = 0;
    json_array_foreach((json_t *)(uintptr_t)errors, i, error)
    {
        const char *member = json_string_value(json_object_get(error, "field"));
        buf_puts(out, "\n  ");
        put_name(out, member ? member : "", fields, count);
        buf_puts(out, ": ");
        put_text(out, error, "message");
    }
}

/* What to do about it, where that can be said. */
static const char *advice(int status)
{
    switch (status) {
    case 401:
        return "\n  a key is made by `trueftpctl keys create ACCOUNT`; it is given by --key-file, TRUEFTP_API_KEY_FILE or "
               "TRUEFTP_API_KEY (the operator's token by --admin-token-file or TRUEFTP_ADMIN_TOKEN_FILE)";
    case 412:
        return "\n  it was changed since that version: look at what it is now (`get`), and give its version";
    default:
        return "";
    }
}

int problem_explain(int status, struct slice body, const struct field *fields, size_t field_count, struct buf *out)
{
    json_t *problem = json_loadb(body.p ? body.p : "", body.len, 0, NULL);
    if (!json_string_value(json_object_get(problem, "code"))) {
        buf_printf(out, "the answer was %d, and none of the API's: is that its address?", status);
        json_decref(problem);
        return exit_status(status);
    }
    put_text(out, problem, "title");
    buf_puts(out, " (");
    put_text(out, problem, "code");
    buf_puts(out, ")");
    if (json_string_value(json_object_get(problem, "detail"))) {
        buf_puts(out, ": ");
        put_text(out, problem, "detail");
    }
    put_fields(out, json_object_get(problem, "errors"), fields, field_count);
    buf_puts(out, advice(status));
    buf_puts(out, "\n  request ");
    put_text(out, problem, "request_id");
    json_decref(problem);
    return exit_status(status);
}
