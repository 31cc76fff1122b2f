#include "webhooks/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definitions/definitions.h"
#include "model/webhook_seal.h"
#include "util/mem.h"
#include "webhooks/tls.h"

#define URL_MAX 2048
#define DESCRIPTION_MAX 1024
#define REASON_MAX 512
#define RATE_MAX 1000000
#define RECORD_MAX (1024UL * 1024)

struct applying {
    struct webhook *wh;
    const struct target_policy *policy;
    struct field_errors *errors;
};

static void replace(char **field, const char *text)
{
    free(*field);
    *field = mem_strdup(text);
}

/* -------- kinds of members -------- */

/* NULL: it is no text of that length, which has been told. */
static const char *text_of(struct applying *ap, const char *name, const json_t *value, size_t max)
{
    if (!json_is_string(value)) {
        field_error(ap->errors, name, "invalid", "must be a string");
        return NULL;
    }
    if (json_string_length(value) > max) {
        field_error(ap->errors, name, "too_long", "has %zu bytes at most", max);
        return NULL;
    }
    return json_string_value(value);
}

static int64_t number_of(struct applying *ap, const char *name, const json_t *value, int64_t min, int64_t max, int64_t otherwise)
{
    int64_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= min && number <= max)
        return number;
    field_error(ap->errors, name, "out_of_range", "must be a whole number from %lld to %lld", (long long)min, (long long)max);
    return otherwise;
}

/* -------- members -------- */

static void apply_url(struct applying *ap, const json_t *value)
{
    const char *url = text_of(ap, "url", value, URL_MAX);
    struct target target = {0};
    struct errmsg why;
    if (!url)
        return;
    if (target_parse(ap->policy, url, &target, &why) != ERR_OK)
        field_error(ap->errors, "url", "refused", "%.190s", why.text);
    target_done(&target);
    replace(&ap->wh->url, url);
}

static void apply_events(struct applying *ap, const json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) == 0 || json_array_size(value) > 64) {
        field_error(ap->errors, "events", "invalid", "must be an array of 1 to 64 names of events, or \"*\"");
        return;
    }
    ap->wh->events = 0;
    ap->wh->all_events = false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        enum event_type type = EVENT_FILE_UPLOADED;
        char field[32];
        (void)snprintf(field, sizeof field, "events[%zu]", i);
        if (name && strcmp(name, "*") == 0)
            ap->wh->all_events = true;
        else if (name && event_type_parse(slice_str(name), &type) == ERR_OK)
            ap->wh->events |= 1U << (unsigned)type;
        else
            field_error(ap->errors, field, "unknown", "there is no event of that name");
    }
}

static void free_patterns(struct webhook *wh)
{
    for (size_t i = 0; i < wh->pattern_count; i++)
        free((void *)(uintptr_t)wh->patterns[i].p);
    wh->pattern_count = 0;
}

static void apply_patterns(struct applying *ap, const json_t *value)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count > WEBHOOK_MAX_PATTERNS) {
        field_error(ap->errors, "path_patterns", "invalid", "must be an array of at most %d patterns", WEBHOOK_MAX_PATTERNS);
        return;
    }
    free_patterns(ap->wh);
    ap->wh->patterns = mem_array(ap->wh->patterns, count + 1, sizeof *ap->wh->patterns);
    for (size_t i = 0; i < count; i++) {
        const json_t *pattern = json_array_get(value, i);
        char field[32];
        (void)snprintf(field, sizeof field, "path_patterns[%zu]", i);
        if (!json_is_string(pattern)) {
            field_error(ap->errors, field, "invalid", "must be a string");
            return;
        }
        size_t len = json_string_length(pattern);
        ap->wh->patterns[ap->wh->pattern_count++] = slice_of(mem_dup(json_string_value(pattern), len), len);
    }
}

static void apply_description(struct applying *ap, const json_t *value)
{
    const char *text = text_of(ap, "description", value, DESCRIPTION_MAX);
    if (text)
        replace(&ap->wh->description, text);
}

static void apply_max_attempts(struct applying *ap, const json_t *value)
{
    ap->wh->max_attempts = (int)number_of(ap, "max_attempts", value, 1, 20, 3);
}

static void apply_timeout(struct applying *ap, const json_t *value)
{
    ap->wh->timeout_ms = number_of(ap, "timeout_ms", value, 1000, 20000, 10000);
}

static void apply_concurrency(struct applying *ap, const json_t *value)
{
    ap->wh->max_concurrency = (int)number_of(ap, "max_concurrency", value, 1, 1024, 16);
}

static void apply_rate(struct applying *ap, const json_t *value)
{
    ap->wh->rate_limit_per_second = number_of(ap, "rate_limit_per_second", value, 0, RATE_MAX, 0);
}

static void apply_headers(struct applying *ap, const json_t *value)
{
    const char *name = NULL;
    json_t *text = NULL;
    if (!json_is_object(value) || json_object_size(value) > WEBHOOK_MAX_HEADERS) {
        field_error(ap->errors, "headers", "invalid", "must be an object of at most %d headers", WEBHOOK_MAX_HEADERS);
        return;
    }
    webhook_clear_headers(ap->wh);
    json_object_foreach((json_t *)(uintptr_t)value, name, text)
    {
        if (!json_is_string(text)) {
            field_error(ap->errors, "headers", "invalid", "the value of %.64s must be a string", name);
            return;
        }
        webhook_add_header(ap->wh, slice_str(name), slice_str(json_string_value(text)));
    }
}

static void apply_signature(struct applying *ap, const json_t *value)
{
    static const char *const names[] = {
        [WEBHOOK_SIGN_TRUEFTP] = "trueftp", [WEBHOOK_SIGN_STANDARD] = "standard", [WEBHOOK_SIGN_BOTH] = "both"};
    const char *text = json_string_value(value);
    for (int i = WEBHOOK_SIGN_TRUEFTP; text && i <= WEBHOOK_SIGN_BOTH; i++) {
        if (strcmp(text, names[i]) == 0) {
            ap->wh->signature = (enum webhook_signature)i;
            return;
        }
    }
    field_error(ap->errors, "signature", "invalid", "must be trueftp, standard or both");
}

static void apply_enabled(struct applying *ap, const json_t *value)
{
    if (!json_is_boolean(value)) {
        field_error(ap->errors, "enabled", "invalid", "must be true or false");
        return;
    }
    ap->wh->enabled = json_is_true(value);
    if (ap->wh->enabled)
        replace(&ap->wh->disabled_reason, "");
}

static void apply_reason(struct applying *ap, const json_t *value)
{
    const char *text = text_of(ap, "disabled_reason", value, REASON_MAX);
    if (!text)
        return;
    if (strcmp(text, WEBHOOK_DELETED) == 0)
        field_error(ap->errors, "disabled_reason", "refused", "this one is ours");
    replace(&ap->wh->disabled_reason, text);
}

static const struct {
    const char *name;
    void (*apply)(struct applying *ap, const json_t *value);
    bool changing_only;
} members[] = {
    {"url", apply_url, false},
    {"events", apply_events, false},
    {"path_patterns", apply_patterns, false},
    {"description", apply_description, false},
    {"max_attempts", apply_max_attempts, false},
    {"timeout_ms", apply_timeout, false},
    {"max_concurrency", apply_concurrency, false},
    {"rate_limit_per_second", apply_rate, false},
    {"headers", apply_headers, false},
    {"signature", apply_signature, false},
    {"enabled", apply_enabled, false},
    {"disabled_reason", apply_reason, true},
};

static const size_t member_count = sizeof members / sizeof members[0];

static void tell_unknown(const json_t *body, bool creating, struct field_errors *errors)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        bool known = false;
        for (size_t i = 0; i < member_count; i++)
            known = known || (strcmp(name, members[i].name) == 0 && !(creating && members[i].changing_only));
        known = known || strcmp(name, "tls") == 0;
        if (!known)
            field_error(errors, name, "unknown", "there is no such member");
    }
}

/* The model's own check; its message begins with the field's name. */
static void check_whole(const struct webhook *wh, struct field_errors *errors)
{
    struct errmsg why;
    char field[64];
    if (webhook_validate(wh, &why) == ERR_OK)
        return;
    size_t len = strcspn(why.text, ":");
    (void)snprintf(field, sizeof field, "%.*s", (int)(len < 63 ? len : 63), why.text);
    field_error(errors, field, "invalid", "%.190s", why.text[len] == ':' ? why.text + len + 2 : why.text);
}

/* What was checked fits into an envelope. */
static void seal(struct webhook *wh, const struct keyring *keys)
{
    enum err err = webhook_seal_headers(wh, keys);
    if (err == ERR_NO_MEMORY)
        mem_exhausted();
    check(err == ERR_OK);
}

void webhook_fields_apply(json_t *body, bool creating, const struct webhook_rules *rules, struct webhook *wh,
                          struct field_errors *errors)
{
    struct applying ap = {wh, rules->policy, errors};
    tell_unknown(body, creating, errors);
    if (creating && !json_object_get(body, "url"))
        field_error(errors, "url", "required", "is needed");
    if (!creating && json_object_size(body) == 0)
        field_error(errors, "", "required", "nothing to change is given");
    for (size_t i = 0; i < member_count; i++) {
        const json_t *value = json_object_get(body, members[i].name);
        if (value && !(creating && members[i].changing_only))
            members[i].apply(&ap, value);
    }
    webhook_tls_apply(body, rules->keys, rules->now_wall_ms, wh, errors);
    if (wh->enabled && *wh->disabled_reason)
        field_error(errors, "disabled_reason", "invalid", "is for a webhook that is disabled: give enabled false too");
    if (errors->count == 0)
        check_whole(wh, errors);
    if (errors->count == 0)
        seal(wh, rules->keys);
    else
        webhook_clear_headers(wh);
}

char *json_member_names(const json_t *body)
{
    struct buf names;
    const char *name = NULL;
    json_t *value = NULL;
    buf_init(&names, 1024);
    json_object_foreach((json_t *)(uintptr_t)body, name, value) buf_printf(&names, "%s%s", names.len > 0 ? " " : "", name);
    mem_appended(&names);
    char *text = mem_strdup(buf_cstr(&names));
    buf_done(&names);
    return text;
}

struct webhook *webhook_copy(const struct webhook *wh)
{
    struct webhook *copy = NULL;
    struct buf record;
    struct errmsg why;
    buf_init(&record, RECORD_MAX);
    webhook_write(&record, wh);
    mem_appended(&record);
    check(record.err == ERR_OK && webhook_parse(buf_slice(&record), &copy, &why) == ERR_OK);
    buf_done(&record);
    return copy;
}
