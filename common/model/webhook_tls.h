/* How a webhook wants its endpoint to be met over TLS, where the defaults are not enough: authorities of its own, a client
 * certificate, the public keys it expects, the oldest version. The client's key is sealed, as secrets are. */
#ifndef MODEL_WEBHOOK_TLS_H
#define MODEL_WEBHOOK_TLS_H

#include <jansson.h>
#include <stdint.h>

#include "model/sealed.h"
#include "util/buf.h"

#define WEBHOOK_TLS_MAX_CA_BYTES 32768
#define WEBHOOK_TLS_MAX_CA 32
#define WEBHOOK_TLS_MAX_CHAIN_BYTES 16384
#define WEBHOOK_TLS_MAX_CHAIN 8
#define WEBHOOK_TLS_MAX_KEY_BYTES SEALED_SECRET_MAX
#define WEBHOOK_TLS_MAX_PINS 8

enum webhook_tls_version { WEBHOOK_TLS_1_2, WEBHOOK_TLS_1_3 };

struct webhook_tls {
    char *ca_certificates;            /* PEM; only these are trusted. "": those that we trust by default */
    char *client_certificate;         /* PEM: the certificate, then its chain; "": none */
    char *client_key;                 /* its key, sealed; "" without a client certificate */
    int64_t client_key_version;       /* the webhook's version that the envelope is bound to */
    char *pins[WEBHOOK_TLS_MAX_PINS]; /* "sha256//" and the base64 of the SHA-256 of a public key (SubjectPublicKeyInfo) */
    size_t pin_count;                 /* 0: any key will do */
    enum webhook_tls_version min_version;
};

/* The defaults; all strings "". */
struct webhook_tls *webhook_tls_new(void);
void webhook_tls_free(struct webhook_tls *t); /* NULL is fine */
/* Nothing is set that is not the default. */
bool webhook_tls_is_default(const struct webhook_tls *t);

/* "1.2", "1.3" */
const char *webhook_tls_version_name(enum webhook_tls_version version);
MUST_CHECK enum err webhook_tls_version_parse(const char *name, enum webhook_tls_version *out);
/* "sha256//" and base64 of 32 bytes. */
bool webhook_tls_pin_valid(const char *pin);

/* As in a webhook's record: the member "tls" of o, if it is there. */
MUST_CHECK enum err webhook_tls_read(const json_t *o, struct webhook_tls **out, struct errmsg *why);
void webhook_tls_write(struct buf *out, const struct webhook_tls *t);
/* Sizes, pins, and that certificate and key come together; what the PEM texts hold is seen when they are used. ERR_INVALID: why
 * begins with the field's name. */
MUST_CHECK enum err webhook_tls_validate(const struct webhook_tls *t, struct errmsg *why);

/* The client's key, PEM, sealed for version; it takes the place of the one before. */
MUST_CHECK enum err webhook_tls_seal_key(struct webhook_tls *t, const struct keyring *k, const char *account_id,
                                         const char *webhook_id, int64_t version, struct slice pem);
/* Appends the key's PEM, which the caller wipes. Errors as of sealed_open. */
MUST_CHECK enum err webhook_tls_open_key(const struct webhook_tls *t, const struct keyring *k, const char *account_id,
                                         const char *webhook_id, struct buf *out, struct errmsg *why);
/* The key's envelope anew, by the key that writes. Errors as of sealed_rewrap. */
MUST_CHECK enum err webhook_tls_rewrap_key(struct webhook_tls *t, const struct keyring *k, const char *account_id,
                                           const char *webhook_id, struct errmsg *why);

#endif
