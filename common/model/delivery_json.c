/* The delivery record's JSON. Both directions are hot: a record is written for each attempt, and millions are read when a worker
 * rebuilds its index. So writing appends text and reading scans, and no tree is built. */
#include <stdio.h>

#include "model/base64.h"
#include "model/delivery.h"
#include "model/json_reader.h"
#include "util/clock.h"
#include "util/utf8.h"

#define SCHEMA "trueftp.delivery/1"
#define PUT(out, literal) buf_put(out, "" literal, sizeof(literal) - 1)

static void put_uuid(struct buf *out, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    buf_put(out, text, sizeof text - 1);
}

/* The times of a record are mostly of one minute: then only seconds and milliseconds are written anew. */
struct stamp {
    int64_t minute; /* that text shows; -1: none yet */
    size_t len;
    char text[CLOCK_UTC_SIZE];
};

static void put_time(struct buf *out, struct stamp *stamp, int64_t wall_ms)
{
    int64_t minute = wall_ms >= 0 ? wall_ms / 60000 : -1;
    if (minute >= 0 && minute == stamp->minute) {
        unsigned ms = (unsigned)(wall_ms % 60000);
        char *seconds = stamp->text + sizeof "2026-06-08T12:00:" - 1;
        seconds[0] = (char)('0' + ms / 10000);
        seconds[1] = (char)('0' + ms / 1000 % 10);
        seconds[3] = (char)('0' + ms / 100 % 10);
        seconds[4] = (char)('0' + ms / 10 % 10);
        seconds[5] = (char)('0' + ms % 10);
    } else {
        stamp->len = clock_format_utc(wall_ms, true, stamp->text);
        stamp->minute = minute;
    }
    buf_put(out, stamp->text, stamp->len);
}

static void put_outcome(struct buf *out, int http_status, enum delivery_error error)
{
    PUT(out, ",\"http_status\":");
    if (http_status != 0) {
        buf_put_i64(out, http_status);
    } else {
        PUT(out, "null");
    }
    if (error == DELIVERY_ERROR_NONE) {
        PUT(out, ",\"error\":null");
        return;
    }
    PUT(out, ",\"error\":\"");
    buf_puts(out, delivery_error_name(error));
    PUT(out, "\"");
}

static void put_identity(struct buf *out, const struct delivery *dl)
{
    PUT(out, "{\"schema\":\"" SCHEMA "\",\"delivery_id\":\"");
    put_uuid(out, &dl->id);
    PUT(out, "\",\"event_id\":\"");
    put_uuid(out, &dl->event_id);
    PUT(out, "\",\"webhook_id\":\""); /* ids have nothing to escape */
    buf_put_slice(out, dl->webhook_id);
    PUT(out, "\",\"account_id\":\"");
    buf_put_slice(out, dl->account_id);
    PUT(out, "\",\"event\":\"");
    buf_puts(out, event_type_name(dl->event));
    PUT(out, "\",\"path\":");
    json_put_string(out, dl->path);
    if (!utf8_valid(dl->path)) {
        PUT(out, ",\"path_base64\":\"");
        base64_put(out, dl->path);
        PUT(out, "\"");
    }
}

static void put_state(struct buf *out, const struct delivery *dl)
{
    PUT(out, ",\"status\":\"");
    buf_puts(out, delivery_status_name(dl->status));
    PUT(out, "\",\"revision\":");
    buf_put_i64(out, dl->revision);
    PUT(out, ",\"attempt\":");
    buf_put_i64(out, dl->attempt);
    PUT(out, ",\"max_attempts\":");
    buf_put_i64(out, dl->max_attempts);
    put_outcome(out, dl->http_status, dl->error);
    if (dl->detail.len > 0) {
        PUT(out, ",\"detail\":");
        json_put_string(out, dl->detail);
    }
}

static void put_times(struct buf *out, struct stamp *stamp, const struct delivery *dl)
{
    PUT(out, ",\"event_time\":\"");
    put_time(out, stamp, dl->event_wall_ms);
    PUT(out, "\",\"created_at\":\"");
    put_time(out, stamp, dl->created_wall_ms);
    PUT(out, "\",\"updated_at\":\"");
    put_time(out, stamp, dl->updated_wall_ms);
    if (!delivery_is_open(dl->status)) {
        PUT(out, "\",\"next_attempt_at\":null");
        return;
    }
    PUT(out, "\",\"next_attempt_at\":\"");
    put_time(out, stamp, dl->next_attempt_wall_ms);
    PUT(out, "\"");
    if (dl->held_wall_ms > 0) {
        PUT(out, ",\"held_at\":\"");
        put_time(out, stamp, dl->held_wall_ms);
        PUT(out, "\"");
    }
}

/* name: ,"...": with its comma */
static void put_ms(struct buf *out, const char *name, int32_t ms)
{
    if (ms >= 0) {
        buf_puts(out, name);
        buf_put_i64(out, ms);
    }
}

static void put_attempt(struct buf *out, struct stamp *stamp, const struct delivery_attempt *at)
{
    PUT(out, "{\"attempt\":");
    buf_put_i64(out, at->number);
    PUT(out, ",\"started_at\":\"");
    put_time(out, stamp, at->started_wall_ms);
    PUT(out, "\"");
    put_outcome(out, at->http_status, at->error);
    if (at->reason != DELIVERY_REASON_NONE) {
        PUT(out, ",\"reason\":\"");
        buf_puts(out, delivery_reason_name(at->reason));
        PUT(out, "\"");
    }
    put_ms(out, ",\"duration_ms\":", at->duration_ms);
    put_ms(out, ",\"queued_ms\":", at->queued_ms);
    put_ms(out, ",\"dns_ms\":", at->dns_ms);
    put_ms(out, ",\"connect_ms\":", at->connect_ms);
    put_ms(out, ",\"tls_ms\":", at->tls_ms);
    put_ms(out, ",\"first_byte_ms\":", at->first_byte_ms);
    if (at->response.len > 0) {
        PUT(out, ",\"response\":");
        json_put_string(out, at->response);
    }
    PUT(out, "}");
}

static void put_origin(struct buf *out, const struct delivery *dl)
{
    PUT(out, ",\"generation\":");
    buf_put_i64(out, dl->generation);
    if (dl->original_delivery_id.len > 0) {
        PUT(out, ",\"original_delivery_id\":");
        json_put_string(out, dl->original_delivery_id);
    }
    if (dl->test) {
        PUT(out, ",\"test\":true");
    }
    PUT(out, ",\"event_ref\":{\"topic\":\"");
    buf_put_slice(out, dl->event_topic); /* nothing to escape in its name */
    PUT(out, "\",\"partition\":");
    buf_put_i64(out, dl->event_partition);
    PUT(out, ",\"offset\":");
    buf_put_i64(out, dl->event_offset);
    PUT(out, "}");
}

void delivery_write(struct buf *out, const struct delivery *dl)
{
    struct stamp stamp = {.minute = -1};

    put_identity(out, dl);
    put_state(out, dl);
    put_times(out, &stamp, dl);
    PUT(out, ",\"attempts\":[");
    for (int i = 0; i < dl->attempt_count; i++) {
        if (i > 0) {
            PUT(out, ",");
        }
        put_attempt(out, &stamp, &dl->attempts[i]);
    }
    PUT(out, "]");
    put_origin(out, dl);
    if (dl->body.len > 0) {
        PUT(out, ",\"body\":");
        json_put_string(out, dl->body);
    }
    if (dl->trace_id.len > 0) {
        PUT(out, ",\"trace_id\":");
        json_put_string(out, dl->trace_id);
        if (dl->trace_unsampled) {
            PUT(out, ",\"trace_flags\":0");
        }
    }
    PUT(out, "}");
}

static struct uuid read_uuid(struct json_reader *r, const char *name)
{
    struct uuid id = {{0}};
    if (uuid_parse(json_reader_need_plain(r, name), &id) != ERR_OK) {
        json_reader_fail(r, name, "must be a UUID");
    }
    return id;
}

static int64_t time_of(struct json_reader *r, const char *name, struct slice text)
{
    int64_t wall_ms = 0;
    if (clock_parse_utc(text, &wall_ms) != ERR_OK) {
        json_reader_fail(r, name, "must be an RFC 3339 date-time");
    }
    return wall_ms;
}

static int64_t need_time(struct json_reader *r, const char *name)
{
    return time_of(r, name, json_reader_need_plain(r, name));
}

static enum delivery_error read_error(struct json_reader *r)
{
    const struct json_member *m = json_reader_get(r, "error", JSON_KIND_STRING);
    if (!m) {
        return DELIVERY_ERROR_NONE;
    }
    struct slice name = slice_of(m->value.p + 1, m->value.len - 2);
    for (int i = DELIVERY_ERROR_NONE + 1; i < DELIVERY_ERROR_COUNT; i++) {
        if (slice_eq(name, slice_str(delivery_error_name((enum delivery_error)i)))) {
            return (enum delivery_error)i;
        }
    }
    json_reader_fail(r, "error", "no error class of that name");
    return DELIVERY_ERROR_NONE;
}

/* One that is not known is left out: it is of a later version, and nothing depends on it. */
static enum delivery_reason read_reason(struct json_reader *r)
{
    struct slice name = json_reader_plain(r, "reason");
    for (int i = DELIVERY_REASON_NONE + 1; name.len > 0 && i < DELIVERY_REASON_COUNT; i++) {
        if (slice_eq(name, slice_str(delivery_reason_name((enum delivery_reason)i)))) {
            return (enum delivery_reason)i;
        }
    }
    return DELIVERY_REASON_NONE;
}

static enum delivery_status read_status(struct json_reader *r)
{
    struct slice name = json_reader_need_plain(r, "status");
    for (int i = DELIVERY_RETRYING; i <= DELIVERY_PURGED; i++) {
        if (slice_eq(name, slice_str(delivery_status_name((enum delivery_status)i)))) {
            return (enum delivery_status)i;
        }
    }
    json_reader_fail(r, "status", "no status of that name");
    return DELIVERY_RETRYING;
}

static void read_identity(struct json_reader *r, struct buf *scratch, struct delivery *dl)
{
    if (!slice_eq(json_reader_need_plain(r, "schema"), SLICE(SCHEMA))) {
        json_reader_fail(r, "schema", "must be " SCHEMA);
    }
    dl->id = read_uuid(r, "delivery_id");
    dl->event_id = read_uuid(r, "event_id");
    dl->webhook_id = json_reader_need_plain(r, "webhook_id");
    dl->account_id = json_reader_need_plain(r, "account_id");
    if (event_type_parse(json_reader_need_plain(r, "event"), &dl->event) != ERR_OK) {
        json_reader_fail(r, "event", "no event of that name");
    }
    const struct json_member *path = json_reader_need(r, "path", JSON_KIND_STRING);
    const struct json_member *path_base64 = json_reader_get(r, "path_base64", JSON_KIND_STRING);
    if (r->err == ERR_OK && json_scratch_path(scratch, path, path_base64, &dl->path) != ERR_OK) {
        json_reader_fail(r, "path_base64", "must be base64 with padding");
    }
}

static void read_state(struct json_reader *r, struct buf *scratch, struct delivery *dl)
{
    dl->status = read_status(r);
    dl->revision = json_reader_need_int(r, "revision", 0, INT64_MAX);
    dl->attempt = (int)json_reader_need_int(r, "attempt", 0, INT32_MAX);
    dl->max_attempts = (int)json_reader_need_int(r, "max_attempts", 0, INT32_MAX);
    dl->http_status = (int)json_reader_int(r, "http_status", 0, INT32_MAX, 0);
    dl->error = read_error(r);
    dl->detail = json_scratch_text(scratch, json_reader_get(r, "detail", JSON_KIND_STRING));
    dl->event_wall_ms = need_time(r, "event_time");
    dl->created_wall_ms = need_time(r, "created_at");
    dl->updated_wall_ms = need_time(r, "updated_at");
    struct slice next = json_reader_plain(r, "next_attempt_at");
    if (next.len > 0) {
        dl->next_attempt_wall_ms = time_of(r, "next_attempt_at", next);
    }
    struct slice held = json_reader_plain(r, "held_at");
    if (held.len > 0) {
        dl->held_wall_ms = time_of(r, "held_at", held);
    }
    if (delivery_is_open(dl->status) && next.len == 0) {
        json_reader_fail(r, "next_attempt_at", "missing in an open delivery");
    }
}

static enum err read_attempt(struct slice text, const char *where, struct buf *scratch, struct delivery_attempt *at,
                             struct errmsg *why)
{
    struct json_reader r NOT_ZEROED;
    json_reader_open(&r, text, where, why);
    at->number = (int)json_reader_need_int(&r, "attempt", 1, INT32_MAX);
    at->started_wall_ms = need_time(&r, "started_at");
    at->http_status = (int)json_reader_int(&r, "http_status", 0, INT32_MAX, 0);
    at->error = read_error(&r);
    at->reason = read_reason(&r);
    at->duration_ms = (int32_t)json_reader_int(&r, "duration_ms", 0, INT32_MAX, -1);
    at->queued_ms = (int32_t)json_reader_int(&r, "queued_ms", 0, INT32_MAX, -1);
    at->dns_ms = (int32_t)json_reader_int(&r, "dns_ms", 0, INT32_MAX, -1);
    at->connect_ms = (int32_t)json_reader_int(&r, "connect_ms", 0, INT32_MAX, -1);
    at->tls_ms = (int32_t)json_reader_int(&r, "tls_ms", 0, INT32_MAX, -1);
    at->first_byte_ms = (int32_t)json_reader_int(&r, "first_byte_ms", 0, INT32_MAX, -1);
    at->response = json_scratch_text(scratch, json_reader_get(&r, "response", JSON_KIND_STRING));
    return r.err;
}

/* The end of the object that starts at *p, in text that has been validated; a brace inside a string does not count. */
static const char *object_end(const char *p)
{
    int depth = 0;
    do {
        if (*p == '"') {
            for (p++; *p != '"'; p++) {
                p += *p == '\\';
            }
        }
        depth += (*p == '{') - (*p == '}');
        p++;
    } while (depth > 0);
    return p;
}

static void read_attempts(struct json_reader *r, struct buf *scratch, struct delivery *dl)
{
    const struct json_member *m = json_reader_need(r, "attempts", JSON_KIND_ARRAY);
    if (!m) {
        return;
    }
    const char *p = m->value.p + 1;
    while (r->err == ERR_OK) {
        char where[32];
        p += strspn(p, " \t\r\n,");
        if (*p == ']') {
            return;
        }
        if (*p != '{') {
            json_reader_fail(r, "attempts", "must hold objects");
            return;
        }
        if (dl->attempt_count == DELIVERY_MAX_ATTEMPTS) {
            json_reader_fail(r, "attempts", "more than 20");
            return;
        }
        const char *end = object_end(p);
        (void)snprintf(where, sizeof where, "attempts[%d].", dl->attempt_count);
        r->err = read_attempt(slice_of(p, (size_t)(end - p)), where, scratch, &dl->attempts[dl->attempt_count++], r->why);
        p = end;
    }
}

static void read_origin(struct json_reader *r, struct buf *scratch, struct delivery *dl)
{
    struct json_reader ref NOT_ZEROED;
    dl->generation = json_reader_int(r, "generation", 0, INT64_MAX, 0);
    dl->original_delivery_id = json_reader_plain(r, "original_delivery_id");
    const struct json_member *test = json_find(r->members, r->count, "test");
    dl->test = test && test->kind == JSON_KIND_TRUE;
    dl->body = json_scratch_text(scratch, json_reader_get(r, "body", JSON_KIND_STRING));
    dl->trace_id = json_reader_plain(r, "trace_id");
    dl->trace_unsampled = dl->trace_id.len > 0 && json_reader_int(r, "trace_flags", 0, 255, 1) % 2 == 0;
    const struct json_member *m = json_reader_need(r, "event_ref", JSON_KIND_OBJECT);
    if (!m) {
        return;
    }
    json_reader_open(&ref, m->value, "event_ref.", r->why);
    dl->event_topic = json_reader_need_plain(&ref, "topic");
    dl->event_partition = (int32_t)json_reader_need_int(&ref, "partition", 0, INT32_MAX);
    dl->event_offset = json_reader_need_int(&ref, "offset", 0, INT64_MAX);
    r->err = ref.err;
}

enum err delivery_parse(struct slice json, struct buf *scratch, struct delivery *out, struct errmsg *why)
{
    struct json_reader r NOT_ZEROED;
    json_reader_open(&r, json, "", why);
    if (r.err != ERR_OK) {
        return r.err;
    }
    enum err err = json_scratch_room(scratch, json, json_find(r.members, r.count, "path_base64"));
    if (err != ERR_OK) {
        return errmsg_set(why, err, "record: too big to be decoded");
    }
    struct delivery dl = {0};
    read_identity(&r, scratch, &dl);
    read_state(&r, scratch, &dl);
    read_attempts(&r, scratch, &dl);
    read_origin(&r, scratch, &dl);
    if (r.err == ERR_OK) {
        *out = dl;
    }
    return r.err;
}
