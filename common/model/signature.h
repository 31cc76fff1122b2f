/* Signatures of a delivery (ARCHITECTURE: "The delivery").
 *   trueftp:  "sha256=" + lower-case hex of HMAC-SHA256(secret string, timestamp "." body)
 *   standard: "v1," + base64 of HMAC-SHA256(decoded secret, id "." timestamp "." body)   (Standard Webhooks 1.0.0) */
#ifndef MODEL_SIGNATURE_H
#define MODEL_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

#define SIGNATURE_TRUEFTP_SIZE 72  /* "sha256=" + 64 + NUL */
#define SIGNATURE_STANDARD_SIZE 48 /* "v1," + 44 + NUL */
#define SIGNATURE_SECRET_SIZE 51   /* "whsec_" + 44 + NUL */

/* An HMAC-SHA256 key with its inner and outer states computed once; signing re-initialises from them. Not thread-safe. */
struct signer;

/* The key is the secret string as shown to the customer. NULL: it is empty. */
struct signer *signer_new_trueftp(struct slice secret);
/* "whsec_" + base64 (the prefix may be missing), decoded to 1-512 bytes. NULL: not such a secret. */
struct signer *signer_new_standard(struct slice secret);
void signer_free(struct signer *s); /* wipes the key */

/* s must be of the scheme's own kind. */
void sign_trueftp(struct signer *s, int64_t timestamp_s, struct slice body, char out[SIGNATURE_TRUEFTP_SIZE]);
void sign_standard(struct signer *s, struct slice id, int64_t timestamp_s, struct slice body, char out[SIGNATURE_STANDARD_SIZE]);

/* Compares in constant time after a length check. header: one signature (trueftp), or a space-separated list (standard; any
 * may match). */
bool verify_trueftp(struct signer *s, int64_t timestamp_s, struct slice body, struct slice header);
bool verify_standard(struct signer *s, struct slice id, int64_t timestamp_s, struct slice body, struct slice header);

/* A new secret: "whsec_" + base64 of 32 random bytes. */
void signature_new_secret(char out[SIGNATURE_SECRET_SIZE]);

#endif
