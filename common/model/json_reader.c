/* Reading an object's members without building a tree. */
#include "model/json_reader.h"

#include <inttypes.h>
#include <stdio.h>

#include "model/base64.h"

static const char *const must_be[] = {
    [JSON_KIND_OBJECT] = "must be an object", [JSON_KIND_ARRAY] = "must be an array", [JSON_KIND_STRING] = "must be a string",
    [JSON_KIND_NUMBER] = "must be a number",  [JSON_KIND_TRUE] = "must be true",      [JSON_KIND_FALSE] = "must be false",
    [JSON_KIND_NULL] = "must be null",
};

/* Its bit in r->names; others may have the same. */
static uint64_t name_bit(struct slice name)
{
    size_t first = name.len > 0 ? (unsigned char)name.p[0] : 0;
    return (uint64_t)1 << ((name.len + 7 * first) & 63);
}

void json_reader_open(struct json_reader *r, struct slice text, const char *where, struct errmsg *why)
{
    struct errmsg inner NOT_ZEROED;

    r->where = where;
    r->why = why;
    r->count = 0;
    r->next = 0;
    r->names = 0;
    r->err = json_split(text, r->members, JSON_READER_MEMBERS, &r->count, &inner);
    if (r->err != ERR_OK) {
        int len = (int)strlen(where);
        errmsg_set(why, r->err, "%.*s%s%s", len > 0 ? len - 1 : 0, where, len > 0 ? ": " : "", inner.text);
    }
    for (size_t i = 0; i < r->count; i++) {
        r->names |= name_bit(r->members[i].key);
    }
}

void json_reader_fail(struct json_reader *r, const char *name, const char *problem)
{
    if (r->err == ERR_OK) {
        r->err = errmsg_set(r->why, ERR_INVALID, "%s%s: %s", r->where, name, problem);
    }
}

static const struct json_member *find(struct json_reader *r, const char *name)
{
    struct slice key = slice_str(name);
    size_t at = r->next;
    if (!(r->names & name_bit(key))) {
        return NULL;
    }
    for (size_t i = 0; i < r->count; i++, at++) {
        at = at < r->count ? at : 0;
        if (slice_eq(r->members[at].key, key)) {
            r->next = at + 1;
            return &r->members[at];
        }
    }
    return NULL;
}

const struct json_member *json_reader_get(struct json_reader *r, const char *name, enum json_kind kind)
{
    const struct json_member *m = r->err == ERR_OK ? find(r, name) : NULL;
    if (!m || m->kind == kind) {
        return m;
    }
    if (m->kind != JSON_KIND_NULL) {
        json_reader_fail(r, name, must_be[kind]);
    }
    return NULL;
}

const struct json_member *json_reader_need(struct json_reader *r, const char *name, enum json_kind kind)
{
    const struct json_member *m = json_reader_get(r, name, kind);
    if (!m) {
        json_reader_fail(r, name, find(r, name) ? must_be[kind] : "missing");
    }
    return m;
}

static struct slice inner_text(const struct json_member *m)
{
    return m ? slice_of(m->value.p + 1, m->value.len - 2) : (struct slice){0};
}

/* With an escape it would be another text each time that it is read and written. */
static struct slice plain_text(struct json_reader *r, const char *name, const struct json_member *m)
{
    struct slice text = inner_text(m);
    if (text.len > 0 && memchr(text.p, '\\', text.len)) {
        json_reader_fail(r, name, "must have nothing that is escaped");
        return slice_of(NULL, 0);
    }
    return text;
}

struct slice json_reader_plain(struct json_reader *r, const char *name)
{
    return plain_text(r, name, json_reader_get(r, name, JSON_KIND_STRING));
}

struct slice json_reader_need_plain(struct json_reader *r, const char *name)
{
    return plain_text(r, name, json_reader_need(r, name, JSON_KIND_STRING));
}

static int64_t bounded(struct json_reader *r, const struct json_member *m, const char *name, int64_t min, int64_t max)
{
    int64_t value = min;
    if (json_int(m->value, &value) != ERR_OK || value < min || value > max) {
        char problem[96];
        (void)snprintf(problem, sizeof problem, "must be a whole number from %" PRId64 " to %" PRId64, min, max);
        json_reader_fail(r, name, problem);
    }
    return value;
}

int64_t json_reader_int(struct json_reader *r, const char *name, int64_t min, int64_t max, int64_t fallback)
{
    const struct json_member *m = json_reader_get(r, name, JSON_KIND_NUMBER);
    return m ? bounded(r, m, name, min, max) : fallback;
}

int64_t json_reader_need_int(struct json_reader *r, const char *name, int64_t min, int64_t max)
{
    const struct json_member *m = json_reader_need(r, name, JSON_KIND_NUMBER);
    return m ? bounded(r, m, name, min, max) : min;
}

enum err json_scratch_room(struct buf *scratch, struct slice json, const struct json_member *path_base64)
{
    size_t extra = path_base64 ? path_base64->value.len : 0;

    buf_reset(scratch);
    if (extra == 0 && (json.len == 0 || !memchr(json.p, '\\', json.len))) {
        return ERR_OK;
    }
    if (extra > 0 && !memchr(path_base64->value.p, '\\', extra)) {
        extra = 0; /* decoded from the JSON itself, into the room of its own text */
    }
    return buf_reserve(scratch, json.len + extra) ? ERR_OK : scratch->err;
}

struct slice json_scratch_text(struct buf *scratch, const struct json_member *m)
{
    struct slice inner = inner_text(m);
    size_t start = scratch->len;

    if (inner.len == 0 || !memchr(inner.p, '\\', inner.len)) {
        return inner;
    }
    json_unescape(scratch, m->value);
    return slice_of(scratch->p + start, scratch->len - start);
}

enum err json_scratch_path(struct buf *scratch, const struct json_member *path, const struct json_member *path_base64,
                           struct slice *out)
{
    if (!path_base64) {
        *out = json_scratch_text(scratch, path);
        return ERR_OK;
    }
    struct slice text = json_scratch_text(scratch, path_base64);
    size_t start = scratch->len;
    enum err err = base64_decode(scratch, text);
    if (err == ERR_OK) {
        *out = slice_of(scratch->p + start, scratch->len - start);
    }
    return err;
}
