/* Writing events: what producers do. Text that is not UTF-8 is repaired for readers of JSON, and its exact bytes stand beside it.
 */
#include "model/base64.h"
#include "model/event.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/utf8.h"

#define PUT(out, literal) buf_put(out, "" literal, sizeof(literal) - 1)

/* Appends `"name":`, after a comma where a member stands before it. */
static void put_name(struct buf *out, const char *name)
{
    size_t len = strlen(name);
    char *p = buf_reserve(out, len + 4);
    if (!p) {
        return;
    }
    if (out->len > 0 && out->p[out->len - 1] != '{') {
        *p++ = ',';
    }
    *p++ = '"';
    memcpy(p, name, len);
    p += len;
    *p++ = '"';
    *p++ = ':';
    out->len = (size_t)(p - out->p); /* not by buf_grew, as in base64.c: the library has no check() */
    *p = '\0';
}

static void put_text(struct buf *out, const char *name, struct slice text)
{
    if (text.len > 0) {
        put_name(out, name);
        json_put_string(out, text);
    }
}

static void put_bytes(struct buf *out, const char *name, const char *name_base64, struct slice bytes)
{
    put_text(out, name, bytes);
    if (!utf8_valid(bytes)) {
        put_name(out, name_base64);
        buf_putc(out, '"');
        base64_put(out, bytes);
        buf_putc(out, '"');
    }
}

static bool is_file_event(enum event_type type)
{
    return type == EVENT_FILE_UPLOADED || type == EVENT_FILE_DOWNLOADED || type == EVENT_FILE_DELETED ||
           type == EVENT_FILE_RENAMED || type == EVENT_FILE_MISSING;
}

static void put_data(struct buf *out, const struct event_fields *f)
{
    put_bytes(out, "path", "path_base64", f->path);
    if (f->path_lossy) {
        put_name(out, "path_lossy");
        PUT(out, "true");
    }
    if (f->size_bytes >= 0 && is_file_event(f->type)) {
        put_name(out, "size");
        buf_put_i64(out, f->size_bytes);
    }
    put_bytes(out, "username", "username_base64", f->username);
    put_text(out, "client_ip", f->client_ip);
    put_text(out, "home", f->home);
    put_text(out, "protocol", f->protocol);
    put_text(out, "session_id", f->session_id);
    put_text(out, "frontend", f->frontend);
    put_text(out, "suspect", f->suspect);
    put_bytes(out, "renamed_from", "renamed_from_base64", f->renamed_from);
}

void event_write(struct buf *out, const struct event_fields *f)
{
    char id[UUID_TEXT_SIZE];
    char time[CLOCK_UTC_SIZE];

    uuid_format(&f->id, id);
    PUT(out, "{\"event_id\":\"");
    buf_put(out, id, sizeof id - 1);
    PUT(out, "\",\"event\":\"");
    buf_puts(out, event_type_name(f->type));
    PUT(out, "\",\"timestamp\":\"");
    buf_put(out, time, clock_format_utc(f->time_wall_ms, f->time_has_ms, time));
    PUT(out, "\",\"account_id\":");
    json_put_string(out, f->account_id);
    PUT(out, ",\"data\":{");
    put_data(out, f);
    PUT(out, "}}");
}

void event_key(struct buf *out, const struct event_fields *f)
{
    buf_put_slice(out, f->account_id);
    if (f->path.len > 0) {
        buf_put_slice(out, f->path);
    } else {
        buf_putc(out, '/');
        buf_put_slice(out, f->username);
    }
}
