/* Typed members of a jansson object. */
#include "model/json_members.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/mem.h"

/* jansson's failures for want of memory look like bad input, which a program would put aside and go on. So its memory is ours. */
__attribute__((constructor)) static void take_memory(void)
{
    json_set_alloc_funcs(mem_alloc, free);
}

enum err json_members_load(struct slice text, json_t **out, struct errmsg *why)
{
    json_error_t error;
    json_t *root = json_loadb(text.p ? text.p : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        return errmsg_set(why, ERR_INVALID, "not JSON: %s at byte %d", error.text, error.position);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return errmsg_set(why, ERR_INVALID, "not a JSON object");
    }
    *out = root;
    return ERR_OK;
}

/* The member, or NULL when it is missing or null. */
static const json_t *present(const json_t *o, const char *name)
{
    const json_t *value = json_object_get(o, name);
    return json_is_null(value) ? NULL : value;
}

static enum err bad(struct errmsg *why, const char *where, const char *name, const char *problem)
{
    return errmsg_set(why, ERR_INVALID, "%s%s: %s", where, name, problem);
}

enum err json_member_string(const json_t *o, const char *where, const char *name, char **field, struct errmsg *why)
{
    const json_t *value = present(o, name);
    if (value && !json_is_string(value)) {
        return bad(why, where, name, "must be a string");
    }
    if (value) {
        free(*field);
        *field = mem_strdup(json_string_value(value));
    }
    return ERR_OK;
}

enum err json_member_int64(const json_t *o, const char *where, const char *name, int64_t min, int64_t max, int64_t *field,
                           struct errmsg *why)
{
    const json_t *value = present(o, name);
    if (!value) {
        return ERR_OK;
    }
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < min || number > max) {
        return errmsg_set(why, ERR_INVALID, "%s%s: must be a whole number from %" PRId64 " to %" PRId64, where, name, min, max);
    }
    *field = number;
    return ERR_OK;
}

enum err json_member_int(const json_t *o, const char *where, const char *name, int min, int max, int *field, struct errmsg *why)
{
    int64_t number = *field;
    enum err err = json_member_int64(o, where, name, min, max, &number, why);
    if (err == ERR_OK) {
        *field = (int)number;
    }
    return err;
}

enum err json_member_bool(const json_t *o, const char *where, const char *name, bool *field, struct errmsg *why)
{
    const json_t *value = present(o, name);
    if (value && !json_is_boolean(value)) {
        return bad(why, where, name, "must be true or false");
    }
    if (value) {
        *field = json_is_true(value);
    }
    return ERR_OK;
}

enum err json_member_time(const json_t *o, const char *where, const char *name, int64_t *field, struct errmsg *why)
{
    const json_t *value = present(o, name);
    if (!value) {
        return ERR_OK;
    }
    if (!json_is_string(value) || clock_parse_utc(slice_str(json_string_value(value)), field) != ERR_OK) {
        return bad(why, where, name, "must be an RFC 3339 date-time");
    }
    return ERR_OK;
}

void json_take_text(char *out, size_t size, const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    (void)snprintf(out, size, "%s", text ? text : "");
}

int64_t json_take_time(const json_t *o, const char *name)
{
    int64_t wall_ms = 0;
    struct errmsg why;
    return json_member_time(o, "", name, &wall_ms, &why) == ERR_OK ? wall_ms : 0;
}

enum err json_member_array(const json_t *o, const char *where, const char *name, size_t max, const json_t **out,
                           struct errmsg *why)
{
    const json_t *value = present(o, name);
    if (value && !json_is_array(value)) {
        return bad(why, where, name, "must be an array");
    }
    if (value && json_array_size(value) > max) {
        return errmsg_set(why, ERR_INVALID, "%s%s: more than %zu", where, name, max);
    }
    *out = value;
    return ERR_OK;
}

enum err json_member_object(const json_t *o, const char *where, const char *name, const json_t **out, struct errmsg *why)
{
    const json_t *value = present(o, name);
    if (value && !json_is_object(value)) {
        return bad(why, where, name, "must be an object");
    }
    *out = value;
    return ERR_OK;
}

static void put_name(struct buf *out, const char *name)
{
    buf_puts(out, ",\"");
    buf_puts(out, name);
    buf_puts(out, "\":");
}

void json_put_member(struct buf *out, const char *name, const char *value)
{
    put_name(out, name);
    json_put_string(out, slice_str(value));
}

void json_put_member_int(struct buf *out, const char *name, int64_t value)
{
    put_name(out, name);
    buf_put_i64(out, value);
}

void json_put_member_time(struct buf *out, const char *name, int64_t wall_ms)
{
    char time[CLOCK_UTC_SIZE];
    put_name(out, name);
    if (wall_ms == 0) {
        buf_puts(out, "null");
        return;
    }
    buf_putc(out, '"');
    buf_put(out, time, clock_format_utc(wall_ms, true, time));
    buf_putc(out, '"');
}
