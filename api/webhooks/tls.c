#include "webhooks/tls.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_client.h"
#include "model/json_members.h"
#include "model/pem.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/mem.h"

struct applying {
    struct webhook_tls *tls;
    const struct webhook *wh;
    const struct keyring *keys;
    int64_t now_wall_ms;
    struct field_errors *errors;
};

static void replace(char **field, const char *text)
{
    free(*field);
    *field = mem_strdup(text);
}

/* NULL: it is no text of that length, which has been told. */
static const char *text_of(struct applying *ap, const char *field, const json_t *value, size_t max)
{
    if (!json_is_string(value)) {
        field_error(ap->errors, field, "invalid", "must be a string or null");
        return NULL;
    }
    if (json_string_length(value) > max) {
        field_error(ap->errors, field, "too_long", "has %zu bytes at most", max);
        return NULL;
    }
    return json_string_value(value);
}

/* -------- certificates -------- */

/* Tells when the certificate, or all of several, are out of date: nothing could work with them. */
static void check_dates(struct applying *ap, const char *field, const STACK_OF(X509) * certificates, int count)
{
    char text[CLOCK_UTC_SIZE];
    int64_t last_ms = 0;
    for (int i = 0; i < count; i++) {
        int64_t end_ms = pem_not_after_ms(sk_X509_value(certificates, i));
        last_ms = end_ms > last_ms ? end_ms : last_ms;
    }
    if (last_ms > ap->now_wall_ms)
        return;
    clock_format_utc(last_ms, false, text);
    field_error(ap->errors, field, "refused", "expired at %s", text);
}

/* What is kept is what was understood, and nothing else of the text. all: any of them will do; else the first must be valid. */
static void apply_certificates(struct applying *ap, const char *field, const char *text, bool all, char **out)
{
    STACK_OF(X509) *certificates = NULL;
    struct errmsg why;
    struct buf pem;
    if (pem_certificates_parse(slice_str(text), all ? WEBHOOK_TLS_MAX_CA : WEBHOOK_TLS_MAX_CHAIN, &certificates, &why) !=
        ERR_OK) {
        field_error(ap->errors, field, "invalid", "%.190s", why.text);
        return;
    }
    check_dates(ap, field, certificates, all ? sk_X509_num(certificates) : 1);
    buf_init(&pem, 2UL * WEBHOOK_TLS_MAX_CA_BYTES);
    pem_certificates_write(&pem, certificates);
    replace(out, buf_cstr(&pem));
    buf_done(&pem);
    pem_certificates_free(certificates);
}

static void apply_ca(struct applying *ap, json_t *value)
{
    static const char field[] = "tls.ca_certificates";
    if (json_is_null(value)) {
        replace(&ap->tls->ca_certificates, "");
        return;
    }
    const char *text = text_of(ap, field, value, WEBHOOK_TLS_MAX_CA_BYTES);
    if (text)
        apply_certificates(ap, field, text, true, &ap->tls->ca_certificates);
}

/* Without its certificate the key is of no use: it goes too. */
static void apply_certificate(struct applying *ap, json_t *value)
{
    static const char field[] = "tls.client_certificate";
    if (json_is_null(value)) {
        replace(&ap->tls->client_certificate, "");
        replace(&ap->tls->client_key, "");
        return;
    }
    const char *text = text_of(ap, field, value, WEBHOOK_TLS_MAX_CHAIN_BYTES);
    if (text)
        apply_certificates(ap, field, text, false, &ap->tls->client_certificate);
}

static void apply_key(struct applying *ap, json_t *value)
{
    static const char field[] = "tls.client_key";
    const struct webhook *wh = ap->wh;
    EVP_PKEY *key = NULL;
    struct errmsg why;
    if (json_is_null(value)) {
        replace(&ap->tls->client_key, "");
        return;
    }
    const char *text = text_of(ap, field, value, WEBHOOK_TLS_MAX_KEY_BYTES);
    if (!text)
        return;
    if (pem_key_parse(slice_str(text), &key, &why) != ERR_OK)
        field_error(ap->errors, field, "invalid", "%.190s", why.text);
    else
        check(webhook_tls_seal_key(ap->tls, ap->keys, wh->account_id, wh->id, wh->version, slice_str(text)) == ERR_OK);
    EVP_PKEY_free(key);
}

/* -------- pins and version -------- */

static void free_pins(struct webhook_tls *t)
{
    for (size_t i = 0; i < t->pin_count; i++)
        free(t->pins[i]);
    t->pin_count = 0;
}

static void apply_pins(struct applying *ap, json_t *value)
{
    size_t count = json_array_size(value);
    if (!json_is_null(value) && (!json_is_array(value) || count > WEBHOOK_TLS_MAX_PINS)) {
        field_error(ap->errors, "tls.pinned_public_keys", "invalid", "must be an array of at most %d pins", WEBHOOK_TLS_MAX_PINS);
        return;
    }
    free_pins(ap->tls);
    for (size_t i = 0; i < count; i++) {
        const char *pin = json_string_value(json_array_get(value, i));
        char field[48];
        (void)snprintf(field, sizeof field, "tls.pinned_public_keys[%zu]", i);
        if (!pin || !webhook_tls_pin_valid(pin))
            field_error(ap->errors, field, "invalid", "must be sha256// and the base64 of a public key's SHA-256");
        else
            ap->tls->pins[ap->tls->pin_count++] = mem_strdup(pin);
    }
}

static void apply_version(struct applying *ap, json_t *value)
{
    const char *name = json_string_value(value);
    if (json_is_null(value))
        ap->tls->min_version = WEBHOOK_TLS_1_2;
    else if (!name || webhook_tls_version_parse(name, &ap->tls->min_version) != ERR_OK)
        field_error(ap->errors, "tls.min_version", "invalid", "must be \"1.2\" or \"1.3\"");
}

/* -------- the whole -------- */

static const struct {
    const char *name;
    void (*apply)(struct applying *ap, json_t *value);
} members[] = {
    {"ca_certificates", apply_ca},  {"client_certificate", apply_certificate},
    {"client_key", apply_key},      {"pinned_public_keys", apply_pins},
    {"min_version", apply_version},
};

static const size_t member_count = sizeof members / sizeof members[0];

static void tell_unknown(json_t *given, struct field_errors *errors)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(given, name, value)
    {
        bool known = false;
        char field[64];
        for (size_t i = 0; i < member_count; i++)
            known = known || strcmp(name, members[i].name) == 0;
        (void)snprintf(field, sizeof field, "tls.%s", name);
        if (!known)
            field_error(errors, field, "unknown", "there is no such member");
    }
}

/* Made as the worker will make it: what it would refuse is refused here. */
static void try_with(struct applying *ap, struct slice key)
{
    const struct http_tls_options o = {.ca_certificates = slice_str(ap->tls->ca_certificates),
                                       .client_certificate = slice_str(ap->tls->client_certificate),
                                       .client_key = key};
    struct http_tls *made = NULL;
    struct errmsg why;
    char field[64];
    if (http_tls_new(&o, &made, &why) != ERR_OK) {
        size_t len = strcspn(why.text, ":");
        (void)snprintf(field, sizeof field, "tls.%.*s", (int)(len < 50 ? len : 50), why.text);
        field_error(ap->errors, field, "refused", "%.190s", why.text[len] == ':' ? why.text + len + 2 : why.text);
    }
    http_tls_unref(made);
}

/* The key may be one that was kept when the certificate was renewed. */
static void try_it(struct applying *ap)
{
    const struct webhook *wh = ap->wh;
    struct errmsg why;
    struct buf key;
    buf_init(&key, WEBHOOK_TLS_MAX_KEY_BYTES);
    if (*ap->tls->client_key && webhook_tls_open_key(ap->tls, ap->keys, wh->account_id, wh->id, &key, &why) != ERR_OK)
        field_error(ap->errors, "tls.client_key", "refused", "the key that is kept cannot be opened: give it again");
    else
        try_with(ap, buf_slice(&key));
    if (key.p)
        OPENSSL_cleanse(key.p, key.cap);
    buf_done(&key);
}

static void wipe_key(const json_t *given)
{
    const json_t *key = json_object_get(given, "client_key");
    if (json_is_string(key))
        OPENSSL_cleanse((void *)(uintptr_t)json_string_value(key), json_string_length(key));
}

/* A client certificate and a key are pointless without one another. */
static bool is_paired(struct applying *ap)
{
    bool certificate = *ap->tls->client_certificate != '\0', key = *ap->tls->client_key != '\0';
    if (certificate && !key)
        field_error(ap->errors, "tls.client_key", "required", "is needed with a client certificate");
    if (key && !certificate)
        field_error(ap->errors, "tls.client_certificate", "required", "is needed with a client key");
    return certificate == key;
}

static void apply_members(struct applying *ap, json_t *given)
{
    size_t before = ap->errors->count;
    tell_unknown(given, ap->errors);
    for (size_t i = 0; i < member_count; i++) {
        json_t *value = json_object_get(given, members[i].name);
        if (value)
            members[i].apply(ap, value);
    }
    if (ap->errors->count == before && is_paired(ap))
        try_it(ap);
}

void webhook_tls_apply(json_t *body, const struct keyring *keys, int64_t now_wall_ms, struct webhook *wh,
                       struct field_errors *errors)
{
    json_t *given = json_object_get(body, "tls");
    if (!given)
        return;
    if (!json_is_object(given) && !json_is_null(given)) {
        field_error(errors, "tls", "invalid", "must be an object or null");
        return;
    }
    if (json_is_null(given) || !wh->tls) {
        webhook_tls_free(wh->tls);
        wh->tls = webhook_tls_new();
    }
    struct applying ap = {wh->tls, wh, keys, now_wall_ms, errors};
    if (json_is_object(given))
        apply_members(&ap, given);
    wipe_key(given);
    if (webhook_tls_is_default(wh->tls)) {
        webhook_tls_free(wh->tls);
        wh->tls = NULL;
    }
}

/* -------- responses -------- */

static void put_or_null(struct buf *out, const char *name, const char *value)
{
    if (*value)
        json_put_member(out, name, value);
    else
        buf_printf(out, ",\"%s\":null", name);
}

static int64_t expiry(const char *certificate)
{
    STACK_OF(X509) *chain = NULL;
    int64_t end_ms = 0;
    if (*certificate && pem_certificates_parse(slice_str(certificate), WEBHOOK_TLS_MAX_CHAIN, &chain, NULL) == ERR_OK)
        end_ms = pem_not_after_ms(sk_X509_value(chain, 0));
    pem_certificates_free(chain);
    return end_ms;
}

void webhook_tls_write_public(struct buf *out, const struct webhook_tls *t)
{
    if (!t) {
        buf_puts(out, "null");
        return;
    }
    buf_printf(out, "{\"min_version\":\"%s\"", webhook_tls_version_name(t->min_version));
    put_or_null(out, "ca_certificates", t->ca_certificates);
    put_or_null(out, "client_certificate", t->client_certificate);
    json_put_member_time(out, "client_certificate_expires_at", expiry(t->client_certificate));
    buf_puts(out, *t->client_key ? ",\"client_key_set\":true" : ",\"client_key_set\":false");
    buf_puts(out, ",\"pinned_public_keys\":[");
    for (size_t i = 0; i < t->pin_count; i++) {
        buf_puts(out, i > 0 ? "," : "");
        json_put_string(out, slice_str(t->pins[i]));
    }
    buf_puts(out, "]}");
}
