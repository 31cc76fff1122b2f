/* The webhook's JSON. Names of events that are not known are left out, so that programs of two versions can run side by side. */
#include <stdio.h>
#include <stdlib.h>

#include "model/json_members.h"
#include "model/webhook.h"
#include "util/json.h"
#include "util/mem.h"

#define MAX_NAMES 100 /* of events: more than there are, for versions to come */

static const char *const signature_names[] = {
    [WEBHOOK_SIGN_TRUEFTP] = "trueftp", [WEBHOOK_SIGN_STANDARD] = "standard", [WEBHOOK_SIGN_BOTH] = "both"};

static enum err read_texts(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    const struct {
        const char *name;
        char **field;
    } texts[] = {
        {"id", &wh->id},
        {"account_id", &wh->account_id},
        {"url", &wh->url},
        {"description", &wh->description},
        {"disabled_reason", &wh->disabled_reason},
    };
    enum err err = ERR_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && err == ERR_OK; i++) {
        err = json_member_string(o, "", texts[i].name, texts[i].field, why);
    }
    return err;
}

static enum err read_numbers(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    enum err err = json_member_int(o, "", "max_attempts", 1, 20, &wh->max_attempts, why);
    if (err == ERR_OK) {
        err = json_member_int64(o, "", "timeout_ms", 1000, 20000, &wh->timeout_ms, why);
    }
    if (err == ERR_OK) {
        err = json_member_int(o, "", "max_concurrency", 1, 1024, &wh->max_concurrency, why);
    }
    if (err == ERR_OK) {
        err = json_member_int64(o, "", "rate_limit_per_second", 0, INT64_MAX, &wh->rate_limit_per_second, why);
    }
    if (err == ERR_OK) {
        err = json_member_int64(o, "", "version", 0, INT64_MAX, &wh->version, why);
    }
    if (err == ERR_OK) {
        err = json_member_bool(o, "", "enabled", &wh->enabled, why);
    }
    if (err == ERR_OK) {
        err = json_member_time(o, "", "created_at", &wh->created_wall_ms, why);
    }
    return err == ERR_OK ? json_member_time(o, "", "updated_at", &wh->updated_wall_ms, why) : err;
}

static enum err read_events(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    const json_t *names = NULL;
    enum err err = json_member_array(o, "", "events", MAX_NAMES, &names, why);

    for (size_t i = 0; i < json_array_size(names) && err == ERR_OK; i++) {
        const json_t *name = json_array_get(names, i);
        enum event_type type = EVENT_FILE_UPLOADED;
        if (!json_is_string(name)) {
            err = errmsg_set(why, ERR_INVALID, "events[%zu]: must be a string", i);
        } else if (strcmp(json_string_value(name), "*") == 0) {
            wh->all_events = true;
        } else if (event_type_parse(slice_str(json_string_value(name)), &type) == ERR_OK) {
            wh->events |= 1U << (unsigned)type;
        }
    }
    return err;
}

static enum err read_patterns(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    const json_t *patterns = NULL;
    enum err err = json_member_array(o, "", "path_patterns", WEBHOOK_MAX_PATTERNS, &patterns, why);
    size_t count = json_array_size(patterns);

    if (err != ERR_OK || count == 0) {
        return err;
    }
    wh->patterns = mem_array(NULL, count, sizeof *wh->patterns);
    for (size_t i = 0; i < count; i++) {
        const json_t *pattern = json_array_get(patterns, i);
        if (!json_is_string(pattern)) {
            return errmsg_set(why, ERR_INVALID, "path_patterns[%zu]: must be a string", i);
        }
        size_t len = json_string_length(pattern);
        wh->patterns[i] = slice_of(mem_dup(json_string_value(pattern), len), len);
        wh->pattern_count = i + 1;
    }
    return ERR_OK;
}

/* {"sealed":...,"sealed_version":...}, or a text: as records had it before values were sealed. */
static enum err read_header(const json_t *o, struct webhook_header *h, struct errmsg *why)
{
    char where[96];
    (void)snprintf(where, sizeof where, "headers.%.64s.", h->name);
    enum err err = json_member_string(o, where, "sealed", &h->sealed, why);
    if (err == ERR_OK && !*h->sealed) {
        err = errmsg_set(why, ERR_INVALID, "%ssealed: missing", where);
    }
    return err == ERR_OK ? json_member_int64(o, where, "sealed_version", 0, INT64_MAX, &h->sealed_version, why) : err;
}

static enum err read_headers(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    const json_t *headers = NULL;
    const char *name = NULL;
    json_t *value = NULL;
    enum err err = json_member_object(o, "", "headers", &headers, why);

    if (err != ERR_OK) {
        return err;
    }
    if (json_object_size(headers) > WEBHOOK_MAX_HEADERS) {
        return errmsg_set(why, ERR_INVALID, "headers: more than %d", WEBHOOK_MAX_HEADERS);
    }
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        bool sealed = json_is_object(value);
        if (!sealed && !json_is_string(value)) {
            return errmsg_set(why, ERR_INVALID, "headers: the value of %.64s must be a string", name);
        }
        webhook_add_header(wh, slice_str(name), slice_str(sealed ? "" : json_string_value(value)));
        err = sealed ? read_header(value, &wh->headers[wh->header_count - 1], why) : ERR_OK;
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err read_signature(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    char *name = mem_strdup(signature_names[wh->signature]);
    enum err err = json_member_string(o, "", "signature", &name, why);
    bool found = false;

    for (int i = WEBHOOK_SIGN_TRUEFTP; i <= WEBHOOK_SIGN_BOTH; i++) {
        if (strcmp(name, signature_names[i]) == 0) {
            wh->signature = (enum webhook_signature)i;
            found = true;
        }
    }
    if (err == ERR_OK && !found) {
        err = errmsg_set(why, ERR_INVALID, "signature: must be trueftp, standard or both");
    }
    free(name);
    return err;
}

static enum err read_secret(const json_t *o, const char *where, struct webhook_secret *secret, struct errmsg *why)
{
    if (!json_is_object(o)) {
        return errmsg_set(why, ERR_INVALID, "%.*s: must be an object", (int)strlen(where) - 1, where);
    }
    enum err err = json_member_string(o, where, "sealed", &secret->sealed, why);
    if (err == ERR_OK) {
        err = json_member_int64(o, where, "sealed_version", 0, INT64_MAX, &secret->sealed_version, why);
    }
    return err == ERR_OK ? json_member_time(o, where, "expires_at", &secret->expires_wall_ms, why) : err;
}

static enum err read_secrets(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    static const char *const where[] = {"secrets[0].", "secrets[1]."};
    const json_t *secrets = NULL;
    enum err err = json_member_array(o, "", "secrets", 2, &secrets, why);

    size_t count = json_array_size(secrets);

    for (size_t i = 0; i < count && i < sizeof where / sizeof where[0] && err == ERR_OK; i++) {
        wh->secrets[i].sealed = mem_strdup("");
        wh->secret_count = i + 1;
        err = read_secret(json_array_get(secrets, i), where[i], &wh->secrets[i], why);
    }
    return err;
}

static enum err read_tls(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    return webhook_tls_read(o, &wh->tls, why);
}

static enum err read_webhook(const json_t *o, struct webhook *wh, struct errmsg *why)
{
    static enum err (*const readers[])(const json_t *, struct webhook *, struct errmsg *) = {
        read_texts, read_numbers, read_events, read_patterns, read_headers, read_signature, read_secrets, read_tls};
    enum err err = ERR_OK;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0] && err == ERR_OK; i++) {
        err = readers[i](o, wh, why);
    }
    return err == ERR_OK ? webhook_validate(wh, why) : err;
}

enum err webhook_parse(struct slice json, struct webhook **out, struct errmsg *why)
{
    json_t *root = NULL;
    enum err err = json_members_load(json, &root, why);
    if (err != ERR_OK) {
        return err;
    }
    struct webhook *wh = webhook_new();
    err = read_webhook(root, wh, why);
    json_decref(root);
    if (err != ERR_OK) {
        webhook_free(wh);
        return err;
    }
    *out = wh;
    return ERR_OK;
}

static void write_events(struct buf *out, const struct webhook *wh)
{
    const char *comma = "";
    buf_puts(out, ",\"events\":[");
    if (wh->all_events) {
        buf_puts(out, "\"*\"");
        comma = ",";
    }
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (wh->events >> i & 1U) {
            buf_printf(out, "%s\"%s\"", comma, event_type_name((enum event_type)i));
            comma = ",";
        }
    }
    buf_putc(out, ']');
}

static void write_patterns(struct buf *out, const struct webhook *wh)
{
    buf_puts(out, ",\"path_patterns\":[");
    for (size_t i = 0; i < wh->pattern_count; i++) {
        buf_puts(out, i > 0 ? "," : "");
        json_put_string(out, wh->patterns[i]);
    }
    buf_putc(out, ']');
}

static void write_headers(struct buf *out, const struct webhook *wh)
{
    buf_puts(out, ",\"headers\":{");
    for (size_t i = 0; i < wh->header_count; i++) {
        const struct webhook_header *h = &wh->headers[i];
        buf_puts(out, i > 0 ? "," : "");
        json_put_string(out, slice_str(h->name));
        buf_putc(out, ':');
        if (!*h->sealed) {
            json_put_string(out, slice_str(h->value));
            continue;
        }
        buf_puts(out, "{\"sealed\":");
        json_put_string(out, slice_str(h->sealed));
        json_put_member_int(out, "sealed_version", h->sealed_version);
        buf_putc(out, '}');
    }
    buf_putc(out, '}');
}

static void write_secrets(struct buf *out, const struct webhook *wh)
{
    buf_puts(out, ",\"secrets\":[");
    for (size_t i = 0; i < wh->secret_count; i++) {
        buf_puts(out, i > 0 ? ",{\"sealed\":" : "{\"sealed\":");
        json_put_string(out, slice_str(wh->secrets[i].sealed));
        json_put_member_int(out, "sealed_version", wh->secrets[i].sealed_version);
        json_put_member_time(out, "expires_at", wh->secrets[i].expires_wall_ms);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

void webhook_write_settings(struct buf *out, const struct webhook *wh)
{
    json_put_member(out, "url", wh->url);
    write_events(out, wh);
    write_patterns(out, wh);
    json_put_member(out, "description", wh->description);
    json_put_member_int(out, "max_attempts", wh->max_attempts);
    json_put_member_int(out, "timeout_ms", wh->timeout_ms);
    json_put_member_int(out, "max_concurrency", wh->max_concurrency);
    json_put_member_int(out, "rate_limit_per_second", wh->rate_limit_per_second);
    json_put_member(out, "signature", signature_names[wh->signature]);
    buf_puts(out, wh->enabled ? ",\"enabled\":true" : ",\"enabled\":false");
}

void webhook_write(struct buf *out, const struct webhook *wh)
{
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(wh->id));
    json_put_member(out, "account_id", wh->account_id);
    webhook_write_settings(out, wh);
    write_headers(out, wh);
    json_put_member(out, "disabled_reason", wh->disabled_reason);
    write_secrets(out, wh);
    if (wh->tls) {
        buf_puts(out, ",\"tls\":");
        webhook_tls_write(out, wh->tls);
    }
    json_put_member_int(out, "version", wh->version);
    json_put_member_time(out, "created_at", wh->created_wall_ms);
    json_put_member_time(out, "updated_at", wh->updated_wall_ms);
    buf_putc(out, '}');
}
