#include "model/webhook_tls.h"

#include <stdlib.h>
#include <string.h>

#include "model/base64.h"
#include "model/json_members.h"
#include "util/json.h"
#include "util/mem.h"

#define WHERE "tls."
#define PIN_PREFIX "sha256//"
#define PIN_BYTES 32
#define SEALED_MAX (16UL * 1024)

static const char *const version_names[] = {[WEBHOOK_TLS_1_2] = "1.2", [WEBHOOK_TLS_1_3] = "1.3"};

struct webhook_tls *webhook_tls_new(void)
{
    struct webhook_tls *t = mem_zalloc(sizeof *t);
    t->ca_certificates = mem_strdup("");
    t->client_certificate = mem_strdup("");
    t->client_key = mem_strdup("");
    return t;
}

void webhook_tls_free(struct webhook_tls *t)
{
    if (!t) {
        return;
    }
    for (size_t i = 0; i < t->pin_count; i++) {
        free(t->pins[i]);
    }
    free(t->ca_certificates);
    free(t->client_certificate);
    free(t->client_key);
    free(t);
}

bool webhook_tls_is_default(const struct webhook_tls *t)
{
    return !*t->ca_certificates && !*t->client_certificate && !*t->client_key && t->pin_count == 0 &&
           t->min_version == WEBHOOK_TLS_1_2;
}

const char *webhook_tls_version_name(enum webhook_tls_version version)
{
    return version_names[version];
}

enum err webhook_tls_version_parse(const char *name, enum webhook_tls_version *out)
{
    for (int i = WEBHOOK_TLS_1_2; i <= WEBHOOK_TLS_1_3; i++) {
        if (strcmp(name, version_names[i]) == 0) {
            *out = (enum webhook_tls_version)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

bool webhook_tls_pin_valid(const char *pin)
{
    struct buf bytes;
    size_t prefix = strlen(PIN_PREFIX);
    if (strncmp(pin, PIN_PREFIX, prefix) != 0) {
        return false;
    }
    buf_init(&bytes, 2UL * PIN_BYTES);
    bool valid = base64_decode(&bytes, slice_str(pin + prefix)) == ERR_OK && bytes.len == PIN_BYTES;
    buf_done(&bytes);
    return valid;
}

/* -------- JSON -------- */

static enum err read_pins(const json_t *o, struct webhook_tls *t, struct errmsg *why)
{
    const json_t *pins = NULL;
    enum err err = json_member_array(o, WHERE, "pinned_public_keys", WEBHOOK_TLS_MAX_PINS, &pins, why);
    for (size_t i = 0; i < json_array_size(pins) && err == ERR_OK; i++) {
        const char *pin = json_string_value(json_array_get(pins, i));
        if (!pin) {
            return errmsg_set(why, ERR_INVALID, WHERE "pinned_public_keys[%zu]: must be a string", i);
        }
        t->pins[t->pin_count++] = mem_strdup(pin);
    }
    return err;
}

static enum err read_version(const json_t *o, struct webhook_tls *t, struct errmsg *why)
{
    char *name = mem_strdup(version_names[t->min_version]);
    enum err err = json_member_string(o, WHERE, "min_version", &name, why);
    if (err == ERR_OK && webhook_tls_version_parse(name, &t->min_version) != ERR_OK) {
        err = errmsg_set(why, ERR_INVALID, WHERE "min_version: must be 1.2 or 1.3");
    }
    free(name);
    return err;
}

static enum err read_key(const json_t *o, struct webhook_tls *t, struct errmsg *why)
{
    const json_t *key = NULL;
    enum err err = json_member_object(o, WHERE, "client_key", &key, why);
    if (err != ERR_OK || !key) {
        return err;
    }
    err = json_member_string(key, WHERE "client_key.", "sealed", &t->client_key, why);
    return err == ERR_OK
               ? json_member_int64(key, WHERE "client_key.", "sealed_version", 0, INT64_MAX, &t->client_key_version, why)
               : err;
}

static enum err read_members(const json_t *o, struct webhook_tls *t, struct errmsg *why)
{
    enum err err = json_member_string(o, WHERE, "ca_certificates", &t->ca_certificates, why);
    if (err == ERR_OK) {
        err = json_member_string(o, WHERE, "client_certificate", &t->client_certificate, why);
    }
    if (err == ERR_OK) {
        err = read_key(o, t, why);
    }
    if (err == ERR_OK) {
        err = read_pins(o, t, why);
    }
    return err == ERR_OK ? read_version(o, t, why) : err;
}

enum err webhook_tls_read(const json_t *o, struct webhook_tls **out, struct errmsg *why)
{
    const json_t *tls = NULL;
    enum err err = json_member_object(o, "", "tls", &tls, why);
    if (err != ERR_OK || !tls) {
        return err;
    }
    struct webhook_tls *t = webhook_tls_new();
    err = read_members(tls, t, why);
    if (err == ERR_OK) {
        *out = t;
    } else {
        webhook_tls_free(t);
    }
    return err;
}

void webhook_tls_write(struct buf *out, const struct webhook_tls *t)
{
    buf_puts(out, "{\"min_version\":");
    json_put_string(out, slice_str(version_names[t->min_version]));
    if (*t->ca_certificates) {
        json_put_member(out, "ca_certificates", t->ca_certificates);
    }
    if (*t->client_certificate) {
        json_put_member(out, "client_certificate", t->client_certificate);
        buf_puts(out, ",\"client_key\":{\"sealed\":");
        json_put_string(out, slice_str(t->client_key));
        json_put_member_int(out, "sealed_version", t->client_key_version);
        buf_putc(out, '}');
    }
    buf_puts(out, ",\"pinned_public_keys\":[");
    for (size_t i = 0; i < t->pin_count; i++) {
        buf_puts(out, i > 0 ? "," : "");
        json_put_string(out, slice_str(t->pins[i]));
    }
    buf_puts(out, "]}");
}

/* -------- checks -------- */

static enum err check_size(const char *name, const char *text, size_t max, struct errmsg *why)
{
    return strlen(text) <= max ? ERR_OK : errmsg_set(why, ERR_INVALID, WHERE "%s: longer than %zu bytes", name, max);
}

enum err webhook_tls_validate(const struct webhook_tls *t, struct errmsg *why)
{
    enum err err = check_size("ca_certificates", t->ca_certificates, WEBHOOK_TLS_MAX_CA_BYTES, why);
    if (err == ERR_OK) {
        err = check_size("client_certificate", t->client_certificate, WEBHOOK_TLS_MAX_CHAIN_BYTES, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (*t->client_certificate && !*t->client_key) {
        return errmsg_set(why, ERR_INVALID, WHERE "client_key: is needed with a client certificate");
    }
    if (*t->client_key && !*t->client_certificate) {
        return errmsg_set(why, ERR_INVALID, WHERE "client_certificate: is needed with a client key");
    }
    for (size_t i = 0; i < t->pin_count; i++) {
        if (!webhook_tls_pin_valid(t->pins[i])) {
            return errmsg_set(why, ERR_INVALID, WHERE "pinned_public_keys[%zu]: must be sha256// and the base64 of 32 bytes", i);
        }
    }
    return ERR_OK;
}

/* -------- the key -------- */

/* An envelope of a key cannot take the place of a secret's, and the other way round: no webhook has such an id. */
static char *seal_name(const char *webhook_id)
{
    struct buf name;
    buf_init(&name, 1024);
    buf_printf(&name, "%s/client_key", webhook_id);
    char *text = mem_strdup(buf_cstr(&name));
    buf_done(&name);
    return text;
}

enum err webhook_tls_seal_key(struct webhook_tls *t, const struct keyring *k, const char *account_id, const char *webhook_id,
                              int64_t version, struct slice pem)
{
    struct buf sealed;
    char *name = seal_name(webhook_id);
    buf_init(&sealed, SEALED_MAX);
    enum err err = sealed_seal(k, slice_str(account_id), slice_str(name), version, pem, &sealed);
    if (err == ERR_OK) {
        free(t->client_key);
        t->client_key = mem_strdup(buf_cstr(&sealed));
        t->client_key_version = version;
    }
    buf_done(&sealed);
    free(name);
    return err;
}

enum err webhook_tls_open_key(const struct webhook_tls *t, const struct keyring *k, const char *account_id,
                              const char *webhook_id, struct buf *out, struct errmsg *why)
{
    char *name = seal_name(webhook_id);
    enum err err =
        sealed_open(k, slice_str(account_id), slice_str(name), t->client_key_version, slice_str(t->client_key), out, why);
    free(name);
    return err;
}

enum err webhook_tls_rewrap_key(struct webhook_tls *t, const struct keyring *k, const char *account_id, const char *webhook_id,
                                struct errmsg *why)
{
    struct buf sealed;
    char *name = seal_name(webhook_id);
    buf_init(&sealed, SEALED_MAX);
    enum err err =
        sealed_rewrap(k, slice_str(account_id), slice_str(name), t->client_key_version, slice_str(t->client_key), &sealed, why);
    if (err == ERR_OK) {
        free(t->client_key);
        t->client_key = mem_strdup(buf_cstr(&sealed));
    }
    buf_done(&sealed);
    free(name);
    return err;
}
