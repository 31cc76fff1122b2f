/* Certificates and keys as customers give them: PEM text, parsed in memory. Nothing is asked of a terminal, and no text of a key
 * is ever repeated in a message. */
#ifndef MODEL_PEM_H
#define MODEL_PEM_H

#include <openssl/x509.h>
#include <stdint.h>

#include "util/buf.h"

/* One to max certificates, in their order; what stands between them is skipped. ERR_INVALID: none, one that cannot be read, too
 * many, or a private key among them. The caller frees *out (pem_certificates_free). */
MUST_CHECK enum err pem_certificates_parse(struct slice text, int max, STACK_OF(X509) * *out, struct errmsg *why);
void pem_certificates_free(STACK_OF(X509) * certificates); /* NULL is fine */
/* Appends them as PEM and nothing else. */
void pem_certificates_write(struct buf *out, const STACK_OF(X509) * certificates);

/* A pem_password_cb that gives none: OpenSSL's own would ask at the terminal. */
int pem_no_passphrase(char *out, int size, int writing, void *ctx);
/* One private key, not encrypted. ERR_INVALID: why. The caller frees *out (EVP_PKEY_free). */
MUST_CHECK enum err pem_key_parse(struct slice text, EVP_PKEY **out, struct errmsg *why);

/* Empties OpenSSL's list of errors; the last of them, 0: none. What could not be done for want of memory is nobody's mistake: the
 * process ends as mem.h has it. */
unsigned long pem_take_errors(void);

/* Whether key belongs to the certificate. */
bool pem_key_matches(X509 *certificate, EVP_PKEY *key);
/* When its validity ends, in milliseconds since 1970. */
int64_t pem_not_after_ms(const X509 *certificate);

#endif
