#include "ctl/field.h"

#include <ctype.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/secret.h"
#include "util/clock.h"
#include "util/mem.h"

#define LINE_MAX_BYTES 8192
#define FILE_MAX_BYTES 32768
#define AGE_MAX 1000000

/* -------- options -------- */

static bool is_list(enum field_kind kind)
{
    return kind == FIELD_LIST || kind == FIELD_HEADERS;
}

static struct opt option_of(const struct field *f, size_t i)
{
    struct opt o = {f->option, OPT_TEXT, f->arg, f->help, i * sizeof(struct slot) + offsetof(struct slot, text), 0, 0, 0};
    if (f->kind == FIELD_INT) {
        o.kind = OPT_INT;
        o.offset = i * sizeof(struct slot) + offsetof(struct slot, number);
        o.min = f->min;
        o.max = f->max;
        o.fallback = FIELD_UNSET;
    } else if (is_list(f->kind)) {
        o.kind = OPT_LIST;
        o.offset = i * sizeof(struct slot) + offsetof(struct slot, list);
    } else if (!f->arg) {
        o.kind = OPT_FLAG;
        o.offset = i * sizeof(struct slot) + offsetof(struct slot, flag);
    }
    return o;
}

struct opt *field_options(const struct field *fields, size_t count)
{
    struct opt *options = mem_array(NULL, count + 1, sizeof *options);
    for (size_t i = 0; i < count; i++) {
        options[i] = option_of(&fields[i], i);
    }
    return options;
}

/* -------- values -------- */

void put_encoded(struct buf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (isalnum(*p) || strchr("-._~", *p)) {
            buf_putc(out, (char)*p);
        } else {
            buf_printf(out, "%%%02X", *p);
        }
    }
}

static int64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

enum err field_time(const char *text, int64_t now_wall_ms, bool ahead, char out[40])
{
    int64_t wall_ms = 0;
    char *end = NULL;
    if (clock_parse_utc(slice_str(text), &wall_ms) == ERR_OK) {
        (void)snprintf(out, 40, "%.39s", text);
        return strlen(text) < 40 ? ERR_OK : ERR_INVALID;
    }
    long long count = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : -1;
    int64_t unit = count >= 0 ? unit_ms(end) : 0;
    if (count > AGE_MAX || unit == 0) {
        return ERR_INVALID;
    }
    (void)clock_format_utc(now_wall_ms + (ahead ? count : -count) * unit, true, out);
    return ERR_OK;
}

/* "": one empty item empties a list. */
static bool is_emptied(const struct opt_list *list)
{
    return list->count == 1 && *list->items[0] == '\0';
}

static json_t *csv_of(const char *text)
{
    json_t *array = json_array();
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ",");
        (void)json_array_append_new(array, json_stringn(p, len));
        p += len;
        if (!*p) {
            return array;
        }
    }
}

static json_t *list_of(const struct opt_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count && !is_emptied(list); i++) {
        (void)json_array_append_new(array, json_string(list->items[i]));
    }
    return array;
}

static enum err headers_of(const struct field *f, const struct opt_list *list, json_t **out, struct errmsg *why)
{
    *out = json_object();
    for (size_t i = 0; i < list->count && !is_emptied(list); i++) {
        const char *colon = strchr(list->items[i], ':');
        if (!colon || colon == list->items[i]) {
            json_decref(*out);
            return errmsg_set(why, ERR_INVALID, "--%s: expected 'Name: value'", f->option);
        }
        char *name = mem_dup(list->items[i], (size_t)(colon - list->items[i]));
        (void)json_object_set_new(*out, name, json_string(colon + 1 + strspn(colon + 1, " \t")));
        free(name);
    }
    return ERR_OK;
}

static bool is_given(const struct field *f, const struct slot *s)
{
    return f->kind == FIELD_INT ? s->number != FIELD_UNSET
           : is_list(f->kind)   ? s->list.count > 0
           : f->arg             ? s->text != NULL
                                : s->flag;
}

static enum err time_of(const struct field *f, const char *text, int64_t now_wall_ms, json_t **out, struct errmsg *why)
{
    char time[40];
    if (field_time(text, now_wall_ms, f->kind == FIELD_FUTURE, time) != ERR_OK) {
        return errmsg_set(why, ERR_INVALID, "--%s: expected a time as 2026-06-08T12:00:00Z, or 90s, 15m, 2h, 7d, not \"%.64s\"",
                          f->option, text);
    }
    *out = json_string(time);
    return ERR_OK;
}

/* A key may be in it: nothing of it stays here. */
static enum err content_of(const struct field *f, const char *file, json_t **out, struct errmsg *why)
{
    struct buf text;
    struct errmsg inner;
    if (*file == '\0') {
        *out = json_null();
        return ERR_OK;
    }
    buf_init(&text, FILE_MAX_BYTES);
    enum err err = read_input(file, &text, &inner);
    *out = err == ERR_OK ? json_stringn(text.p ? text.p : "", text.len) : NULL;
    if (text.p) {
        OPENSSL_cleanse(text.p, text.cap);
    }
    buf_done(&text);
    if (err != ERR_OK) {
        return errmsg_set(why, err, "--%s: %.400s", f->option, inner.text);
    }
    return *out ? ERR_OK : errmsg_set(why, ERR_INVALID, "--%s: %.200s is not UTF-8", f->option, file);
}

static enum err value_of(const struct field *f, const struct slot *s, int64_t now_wall_ms, json_t **out, struct errmsg *why)
{
    switch (f->kind) {
    case FIELD_INT:
        *out = json_integer(s->number);
        return ERR_OK;
    case FIELD_CSV:
        *out = csv_of(s->text);
        return ERR_OK;
    case FIELD_LIST:
        *out = list_of(&s->list);
        return ERR_OK;
    case FIELD_HEADERS:
        return headers_of(f, &s->list, out, why);
    case FIELD_PAST:
    case FIELD_FUTURE:
        return time_of(f, s->text, now_wall_ms, out, why);
    case FIELD_FILE:
        return content_of(f, s->text, out, why);
    case FIELD_ENABLE:
        *out = json_true();
        return ERR_OK;
    case FIELD_FALSE:
    case FIELD_PAUSE:
    case FIELD_DISABLE:
        *out = json_false();
        return ERR_OK;
    case FIELD_TEXT:
        break;
    }
    *out = json_string(s->text);
    return ERR_OK;
}

/* -------- into the request -------- */

static void put_member(json_t *body, const char *name, json_t *value)
{
    const char *dot = strchr(name, '.');
    if (!dot) {
        (void)json_object_set_new(body, name, value);
        return;
    }
    char *outer = mem_dup(name, (size_t)(dot - name));
    if (!json_is_object(json_object_get(body, outer))) {
        (void)json_object_set_new(body, outer, json_object());
    }
    put_member(json_object_get(body, outer), dot + 1, value);
    free(outer);
}

static enum err put_state(const struct field *f, const struct slot *s, json_t *body, bool *stated, struct errmsg *why)
{
    if (*stated) {
        return errmsg_set(why, ERR_INVALID, "--enable, --disable and --pause exclude each other");
    }
    if (f->kind == FIELD_DISABLE && *s->text == '\0') {
        return errmsg_set(why, ERR_INVALID, "--%s: a reason is needed", f->option);
    }
    *stated = true;
    if (f->kind != FIELD_ENABLE) { /* without a reason it is paused */
        put_member(body, "disabled_reason", json_string(f->kind == FIELD_DISABLE ? s->text : ""));
    }
    return ERR_OK;
}

static void put_query(struct buf *query, const char *name, const json_t *value)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    buf_printf(query, "%s%s=", query->len > 0 ? "&" : "", name);
    put_encoded(query, json_is_string(value) ? json_string_value(value) : number);
}

/* jansson takes nothing else, and leaves out what it does not take. */
static bool is_utf8(const char *text)
{
    json_t *value = json_string(text);
    json_decref(value);
    return value != NULL;
}

static bool all_utf8(const struct field *f, const struct slot *s)
{
    for (size_t i = 0; is_list(f->kind) && i < s->list.count; i++) {
        if (!is_utf8(s->list.items[i])) {
            return false;
        }
    }
    bool is_plain = !is_list(f->kind) && f->kind != FIELD_INT && f->kind != FIELD_FILE;
    return !is_plain || !s->text || is_utf8(s->text);
}

static enum err put_field(const struct field *f, const struct slot *s, int64_t now_wall_ms, struct buf *query, json_t *body,
                          bool *stated, struct errmsg *why)
{
    json_t *value = NULL;
    enum err err = all_utf8(f, s) ? ERR_OK : errmsg_set(why, ERR_INVALID, "--%s: is not UTF-8", f->option);
    if (err == ERR_OK && f->kind >= FIELD_ENABLE) {
        err = put_state(f, s, body, stated, why);
    }
    if (err == ERR_OK) {
        err = value_of(f, s, now_wall_ms, &value, why);
    }
    if (err == ERR_OK && f->place == IN_BODY) {
        put_member(body, f->name, value);
    } else if (err == ERR_OK) {
        put_query(query, f->name, value);
        json_decref(value);
    }
    return err;
}

static void put_if_match(const struct slot *s, struct http_headers *headers)
{
    char etag[32];
    if (s->number != FIELD_UNSET) {
        (void)snprintf(etag, sizeof etag, "\"%" PRId64 "\"", s->number);
        http_headers_add(headers, "If-Match", etag);
    }
}

enum err fields_apply(const struct field *fields, size_t count, const struct slot *slots, int64_t now_wall_ms, struct buf *query,
                      json_t *body, struct http_headers *headers, struct errmsg *why)
{
    enum err err = ERR_OK;
    bool stated = false;
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        const struct field *f = &fields[i];
        if (f->place == AS_IF_MATCH) {
            put_if_match(&slots[i], headers);
        } else if (f->place <= IN_BODY && is_given(f, &slots[i])) {
            err = put_field(f, &slots[i], now_wall_ms, query, body, &stated, why);
        } else if (f->required && !json_object_get(body, f->name)) {
            err = errmsg_set(why, ERR_INVALID, "--%s is missing (--help tells more)", f->option);
        }
    }
    return err;
}

const struct slot *field_slot(const struct field *fields, size_t count, const struct slot *slots, enum field_place place)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].place == place) {
            return &slots[i];
        }
    }
    return NULL;
}
