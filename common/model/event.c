/* Reading events. The record is scanned twice: once whole, which validates it and finds the members, and once more inside
 * `data`, for the path. A parser that builds a tree was rejected: it costs seven times as much. */
#include "model/event.h"

#include "model/account.h"
#include "model/json_reader.h"
#include "model/webhook.h"
#include "util/clock.h"

static const char *const reason_names[] = {
    [EVENT_REASON_TEST] = "test", [EVENT_REASON_REDELIVER] = "redeliver", [EVENT_REASON_PURGE] = "purge"};

static bool type_has_path(enum event_type type)
{
    return type != EVENT_FTP_USER_CREATED && type != EVENT_WEBHOOK_DISABLED;
}

static void read_envelope(struct json_reader *top, struct event *ev)
{
    struct slice id = json_reader_need_plain(top, "event_id");
    struct slice name = json_reader_need_plain(top, "event");
    ev->timestamp = json_reader_need_plain(top, "timestamp");
    ev->account_id = json_reader_need_plain(top, "account_id");
    const struct json_member *data = json_reader_need(top, "data", JSON_KIND_OBJECT);

    if (top->err != ERR_OK) {
        return;
    }
    ev->data = data->value;
    if (uuid_parse(id, &ev->id) != ERR_OK) {
        json_reader_fail(top, "event_id", "must be a UUID");
    }
    if (event_type_parse(name, &ev->type) != ERR_OK) {
        json_reader_fail(top, "event", "no event of that name");
    }
    if (clock_parse_utc(ev->timestamp, &ev->time_wall_ms) != ERR_OK) {
        json_reader_fail(top, "timestamp", "must be an RFC 3339 date-time");
    }
    if (!account_id_valid(ev->account_id)) {
        json_reader_fail(top, "account_id", "must be 1-128 of [A-Za-z0-9_.-]");
    }
}

/* The kinds of the contract's optional members; whatever else stands in data is passed on as it is. */
static void check_data_kinds(struct json_reader *data)
{
    static const char *const strings[] = {"client_ip", "username_base64", "home",         "protocol",           "session_id",
                                          "frontend",  "suspect",         "renamed_from", "renamed_from_base64"};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        (void)json_reader_get(data, strings[i], JSON_KIND_STRING);
    }
    (void)json_reader_int(data, "size", 0, INT64_MAX, 0);
}

/* Scratch has room. Every string of data is decoded once at most. */
static void read_path(struct json_reader *data, const struct json_member *path, const struct json_member *path_base64,
                      struct buf *scratch, struct event *ev)
{
    if (!path) {
        json_reader_fail(data, "path", "missing");
    } else if (json_scratch_path(scratch, path, path_base64, &ev->path) != ERR_OK) {
        json_reader_fail(data, "path_base64", "must be base64 with padding");
    } else if (ev->path.len == 0 || ev->path.p[0] != '/') {
        json_reader_fail(data, path_base64 ? "path_base64" : "path", "must be absolute");
    }
}

static enum err read_data(struct slice json, struct buf *scratch, struct event *ev, struct errmsg *why)
{
    struct json_reader data NOT_ZEROED;
    json_reader_open(&data, ev->data, "data.", why);
    const struct json_member *path = json_reader_get(&data, "path", JSON_KIND_STRING);
    const struct json_member *path_base64 = json_reader_get(&data, "path_base64", JSON_KIND_STRING);
    const struct json_member *username = json_reader_get(&data, "username", JSON_KIND_STRING);

    check_data_kinds(&data);
    if (data.err != ERR_OK) {
        return data.err;
    }
    enum err err = json_scratch_room(scratch, json, path_base64);
    if (err != ERR_OK) {
        return errmsg_set(why, err, "data: too big to be decoded");
    }
    ev->username = json_scratch_text(scratch, username);
    if (ev->type == EVENT_FTP_USER_CREATED && ev->username.len == 0) {
        json_reader_fail(&data, "username", username ? "must not be empty" : "missing");
    }
    if (type_has_path(ev->type)) {
        read_path(&data, path, path_base64, scratch, ev);
    }
    return data.err;
}

static enum event_reason reason_of(struct slice name)
{
    for (int i = EVENT_REASON_TEST; i <= EVENT_REASON_PURGE; i++) {
        if (slice_eq(name, slice_str(reason_names[i]))) {
            return (enum event_reason)i;
        }
    }
    return EVENT_REASON_NONE;
}

static enum err read_target(struct slice text, struct event_target *target, struct errmsg *why)
{
    struct json_reader o NOT_ZEROED;
    struct uuid original;
    json_reader_open(&o, text, "target.", why);
    target->webhook_id = json_reader_need_plain(&o, "webhook_id");
    target->reason = reason_of(json_reader_need_plain(&o, "reason"));
    target->generation = json_reader_int(&o, "generation", 0, INT64_MAX, 0);
    target->original_delivery_id = json_reader_plain(&o, "original_delivery_id");

    if (!webhook_id_valid(target->webhook_id)) {
        json_reader_fail(&o, "webhook_id", "must be 1-64 of [A-Za-z0-9_-]");
    }
    if (target->reason == EVENT_REASON_NONE) {
        json_reader_fail(&o, "reason", "must be test, redeliver or purge");
    }
    if (target->original_delivery_id.len > 0 && uuid_parse(target->original_delivery_id, &original) != ERR_OK) {
        json_reader_fail(&o, "original_delivery_id", "must be a UUID");
    }
    return o.err;
}

enum err event_parse(struct slice json, struct buf *scratch, struct event *out, struct errmsg *why)
{
    struct event ev = {0};
    struct json_reader top NOT_ZEROED;
    enum err err;

    if (json.len > EVENT_MAX_BYTES) {
        return errmsg_set(why, ERR_TOO_BIG, "event: %zu bytes, the limit is %d", json.len, EVENT_MAX_BYTES);
    }
    json_reader_open(&top, json, "", why);
    read_envelope(&top, &ev);
    const struct json_member *target = json_reader_get(&top, "target", JSON_KIND_OBJECT);
    if (top.err != ERR_OK) {
        return top.err;
    }
    err = read_data(json, scratch, &ev, why);
    if (err == ERR_OK && target) {
        err = read_target(target->value, &ev.target, why);
    }
    if (err == ERR_OK) {
        *out = ev;
    }
    return err;
}
