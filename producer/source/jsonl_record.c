#include "producer/source/jsonl_record.h"

#include <string.h>

#include "model/account.h"
#include "model/base64.h"
#include "model/json_reader.h"
#include "producer/source/text.h"
#include "util/clock.h"
#include "util/mem.h"

bool jsonl_is_blank(struct slice line)
{
    size_t i = 0;
    while (i < line.len && (line.p[i] == ' ' || line.p[i] == '\t'))
        i++;
    return i == line.len || line.p[i] == '#';
}

static struct slice read_text(struct json_reader *r, struct buf *scratch, const char *name)
{
    struct slice text = json_scratch_text(scratch, json_reader_get(r, name, JSON_KIND_STRING));
    if (text.len > 0 && memchr(text.p, '\0', text.len))
        json_reader_fail(r, name, "must not hold a NUL");
    return text;
}

/* The exact bytes: of <name>_base64 where it is there, else of <name>. */
static struct slice read_bytes(struct json_reader *r, struct buf *scratch, const char *name, const char *name_base64)
{
    struct slice plain = read_text(r, scratch, name);
    const struct json_member *exact = json_reader_get(r, name_base64, JSON_KIND_STRING);
    if (!exact)
        return plain;
    struct slice text = json_scratch_text(scratch, exact);
    size_t start = scratch->len;
    if (base64_decode(scratch, text) != ERR_OK)
        json_reader_fail(r, name_base64, "must be base64");
    struct slice bytes = slice_of(scratch->p + start, scratch->len - start);
    if (bytes.len > 0 && memchr(bytes.p, '\0', bytes.len))
        json_reader_fail(r, name_base64, "must not hold a NUL");
    return bytes;
}

static void read_event(struct json_reader *r, struct source_fact *out)
{
    struct slice name = json_reader_need_plain(r, "event");
    if (r->err == ERR_OK &&
        (event_type_parse(name, &out->type) != ERR_OK || out->type == EVENT_FILE_MISSING || out->type == EVENT_WEBHOOK_DISABLED))
        json_reader_fail(r, "event", "no such event of a frontend");
}

static void read_time(struct json_reader *r, struct source_fact *out)
{
    struct slice text = json_reader_need_plain(r, "timestamp");
    if (r->err != ERR_OK)
        return;
    if (clock_parse_utc(text, &out->time_wall_ms) != ERR_OK)
        json_reader_fail(r, "timestamp", "must be an RFC 3339 time");
    out->time_has_ms = memchr(text.p, '.', text.len) != NULL;
}

static void need_absolute(struct json_reader *r, const char *name, struct slice path)
{
    if (path.len == 0)
        json_reader_fail(r, name, "missing");
    else if (path.p[0] != '/')
        json_reader_fail(r, name, "must be absolute");
}

/* What an event of its type cannot be without. */
static void check_needed(struct json_reader *r, const struct source_fact *f)
{
    if (f->type == EVENT_FTP_USER_CREATED) {
        if (f->username.len == 0)
            json_reader_fail(r, "username", "missing");
        if (f->path.len > 0)
            json_reader_fail(r, "path", "must not stand in ftp_user.created");
        return;
    }
    need_absolute(r, "path", f->path);
    if (f->type == EVENT_FILE_RENAMED || f->renamed_from.len > 0)
        need_absolute(r, "renamed_from", f->renamed_from);
}

static bool is_hex(struct slice s, size_t at, size_t len)
{
    bool zero = true;
    for (size_t i = at; i < at + len; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        zero = zero && c == '0';
    }
    return !zero || len == 2;
}

/* 00-<32 hex>-<16 hex>-<2 hex>, ids not zero. https://www.w3.org/TR/trace-context/#traceparent-header */
static bool is_traceparent(struct slice s)
{
    return s.len == 55 && memcmp(s.p, "00-", 3) == 0 && s.p[35] == '-' && s.p[52] == '-' && is_hex(s, 3, 32) &&
           is_hex(s, 36, 16) && is_hex(s, 53, 2);
}

static void check_forms(struct json_reader *r, const struct source_fact *f)
{
    if (f->client_ip.len > 0 && !text_is_address(f->client_ip))
        json_reader_fail(r, "client_ip", "must be an IPv4 or IPv6 address");
    if (f->account_id.len > 0 && !account_id_valid(f->account_id))
        json_reader_fail(r, "account_id", "must be 1 to 128 of A-Z a-z 0-9 _ . -");
    if (f->traceparent.len > 0 && !is_traceparent(f->traceparent))
        json_reader_fail(r, "traceparent", "must be a W3C traceparent of version 00");
}

static bool read_flag(struct json_reader *r, const char *name)
{
    const struct json_member *m = json_find(r->members, r->count, name);
    if (m && m->kind != JSON_KIND_TRUE && m->kind != JSON_KIND_FALSE && m->kind != JSON_KIND_NULL)
        json_reader_fail(r, name, "must be true or false");
    return m && m->kind == JSON_KIND_TRUE;
}

static void read_members(struct json_reader *r, struct buf *scratch, struct source_fact *out)
{
    read_event(r, out);
    read_time(r, out);
    out->account_id = read_text(r, scratch, "account_id");
    out->path = read_bytes(r, scratch, "path", "path_base64");
    out->size_bytes = json_reader_int(r, "size", 0, INT64_MAX, -1);
    out->username = read_bytes(r, scratch, "username", "username_base64");
    out->client_ip = read_text(r, scratch, "client_ip");
    out->home = read_text(r, scratch, "home");
    out->protocol = read_text(r, scratch, "protocol");
    out->session_id = read_text(r, scratch, "session_id");
    out->frontend = read_text(r, scratch, "frontend");
    out->suspect = read_text(r, scratch, "suspect");
    out->renamed_from = read_bytes(r, scratch, "renamed_from", "renamed_from_base64");
    out->traceparent = read_text(r, scratch, "traceparent");
    out->path_lossy = read_flag(r, "path_lossy");
    if (r->err == ERR_OK) {
        check_needed(r, out);
        check_forms(r, out);
    }
}

bool jsonl_record_parse(struct slice line, struct buf *scratch, struct source_fact *out, enum source_reason *bad,
                        struct errmsg *why)
{
    struct json_reader r;
    *out = (struct source_fact){0};
    buf_reset(scratch);
    (void)mem_reserve(scratch, 2 * line.len + 1); /* it must not move: every text once decoded, every base64 once more */
    *bad = SOURCE_JSON;
    json_reader_open(&r, line, "", why);
    if (r.err != ERR_OK)
        return false;
    *bad = SOURCE_MEMBER;
    read_members(&r, scratch, out);
    return r.err == ERR_OK;
}
