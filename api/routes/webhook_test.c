/* A test delivery: an event that never happened, for one webhook, with "test": true in its data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "commands/command.h"
#include "http/response.h"
#include "model/delivery.h"
#include "routes/accepted.h"
#include "routes/routes.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/mem.h"

#define PATH_MAX_BYTES 4096
#define DATA_MAX (16UL * 1024)
#define PATH_DEFAULT "/trueftp-test.txt"
#define USER "trueftp-test"

struct wanted {
    enum event_type event;
    const char *path;
};

static bool read_wanted(struct request *rq, struct wanted *out)
{
    struct field_errors errors = {0};
    const char *name = NULL;
    json_t *value = NULL;
    *out = (struct wanted){EVENT_FILE_UPLOADED, PATH_DEFAULT};
    json_object_foreach(rq->json, name, value)
    {
        const char *text = json_string_value(value);
        if (strcmp(name, "event") == 0) {
            if (!text || event_type_parse(slice_str(text), &out->event) != ERR_OK)
                field_error(&errors, name, "unknown", "there is no event of that name");
        } else if (strcmp(name, "path") == 0) {
            if (!text || text[0] != '/' || json_string_length(value) > PATH_MAX_BYTES)
                field_error(&errors, name, "invalid", "must begin with / and have %d bytes at most", PATH_MAX_BYTES);
            else
                out->path = text;
        } else {
            field_error(&errors, name, "unknown", "there is no such member");
        }
    }
    if (errors.count > 0)
        reply_fields(rq, PROBLEM_VALIDATION_FAILED, &errors);
    return errors.count == 0;
}

static bool may_test(struct request *rq, const struct webhook *wh)
{
    struct api *api = rq->api;
    if (!may_send(rq, wh))
        return false;
    int64_t wait_ms = limiter_take(api->tests, wh->account_id, loop_now(api->loop));
    if (wait_ms == 0)
        return true;
    ++*api->stats.rate_limited;
    reply_header(rq, "Retry-After", "%d", (int)((wait_ms + 999) / 1000));
    reply_problem(rq, PROBLEM_RATE_LIMITED, "a few tests a minute");
    return false;
}

static void write_data(struct buf *out, const struct webhook *wh, const struct wanted *wanted, const char *now)
{
    buf_putc(out, '{');
    if (wanted->event == EVENT_WEBHOOK_DISABLED) {
        buf_printf(out, "\"webhook_id\":\"%s\",\"version\":%lld,\"reason\":\"failing\",\"since\":\"%s\"", wh->id,
                   (long long)wh->version, now);
    } else if (wanted->event == EVENT_FTP_USER_CREATED) {
        buf_puts(out, "\"username\":\"" USER "\",\"home\":\"/" USER "\"");
    } else {
        buf_puts(out, "\"path\":");
        json_put_string(out, slice_str(wanted->path));
        if (wanted->event == EVENT_FILE_UPLOADED || wanted->event == EVENT_FILE_DOWNLOADED)
            buf_puts(out, ",\"size\":0");
        buf_puts(out, ",\"username\":\"" USER "\"");
    }
    buf_puts(out, ",\"test\":true}");
}

void webhooks_test(struct request *rq)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, request_param(rq, "webhook_id"));
    struct wanted wanted;
    char now[CLOCK_UTC_SIZE];
    struct buf data;
    if (!read_wanted(rq, &wanted) || !may_test(rq, wh))
        return;
    clock_format_utc(loop_wall(rq->api->loop), true, now);
    buf_init(&data, DATA_MAX);
    write_data(&data, wh, &wanted, now);
    struct command cmd = {.event_id = uuid_v7(loop_wall(rq->api->loop)),
                          .event = wanted.event,
                          .timestamp = slice_str(now),
                          .account_id = wh->account_id,
                          .data = buf_slice(&data),
                          .path = wanted.event == EVENT_FTP_USER_CREATED ? SLICE("/" USER) : slice_str(wanted.path),
                          .webhook_id = wh->id,
                          .reason = EVENT_REASON_TEST};
    accepted_send(rq, &cmd);
    buf_done(&data);
}
