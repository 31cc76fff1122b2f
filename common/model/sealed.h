/* Secrets at rest (SECURITY: "Secrets and keys"): AES-256-GCM envelopes. Each secret is sealed by its own random data key,
 * which is wrapped by a key-encryption key from the key file. Additional data is account|webhook|version, so an
 * envelope cannot be moved to another webhook or version.
 *
 * Key file: one `key_id base64(32 bytes)` a line, '#' comments; the first key writes, all read. A key id is 1 to 64 of
 * A-Z a-z 0-9 _ -. It must be a regular file that others cannot use in any way and the group cannot write (mode & 027 is
 * 0). The group may read: a Kubernetes secret is mounted as root:fsGroup 0440, and Debian's custom is root:service 0640.
 * Group and owner are not compared with the process's own. */
#ifndef MODEL_SEALED_H
#define MODEL_SEALED_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

#define SEALED_KEY_ID_MAX 64   /* bytes */
#define SEALED_KEYS_MAX 64     /* in one key file */
#define SEALED_SECRET_MAX 4096 /* bytes */

struct keyring;

/* ERR_NOT_FOUND, ERR_IO, ERR_INVALID (why names file, line and what, never a key), ERR_REFUSED: permissions too wide. */
MUST_CHECK enum err keyring_load(const char *path, struct keyring **out, struct errmsg *why);
void keyring_free(struct keyring *k); /* wipes the keys */
/* Writes a new key file with one random key, mode 0600, durably. ERR_EXISTS when path is there, ERR_INVALID: not a key id,
 * ERR_NOT_FOUND: no such folder, ERR_IO. */
MUST_CHECK enum err keyring_create(const char *path, const char *key_id, struct errmsg *why);
/* Id of the key that writes. */
const char *keyring_writing_id(const struct keyring *k);

/* Appends the envelope as text: "v1.<key id>.<base64 wrapped key>.<base64 nonce+ciphertext+tag>". The wrapped key is
 * nonce+ciphertext+tag too. ERR_TOO_BIG: a secret above SEALED_SECRET_MAX, ids above 1 KiB, or out's limit; ERR_INVALID: a
 * '|' in an id; ERR_NO_MEMORY: OpenSSL had no memory or no random numbers. out is as it was then, but for its err. */
MUST_CHECK enum err sealed_seal(const struct keyring *k, struct slice account_id, struct slice webhook_id, int64_t version,
                                struct slice secret, struct buf *out);
/* Appends the secret, which the caller wipes (OPENSSL_cleanse) when it is done with it. ERR_NOT_FOUND: no such key id;
 * ERR_REFUSED: does not authenticate; ERR_INVALID: no envelope, or a '|' in an id; ERR_TOO_BIG, ERR_NO_MEMORY: as above. */
MUST_CHECK enum err sealed_open(const struct keyring *k, struct slice account_id, struct slice webhook_id, int64_t version,
                                struct slice envelope, struct buf *out, struct errmsg *why);

/* Whether the envelope's data key is wrapped by the key that writes; what is no envelope is not. */
bool sealed_by_writing(const struct keyring *k, struct slice envelope);
/* Appends the envelope anew, its data key wrapped by the key that writes; the secret's own box stays, and is opened once, so that
 * what could not be opened is told here. Errors as of sealed_open. */
MUST_CHECK enum err sealed_rewrap(const struct keyring *k, struct slice account_id, struct slice webhook_id, int64_t version,
                                  struct slice envelope, struct buf *out, struct errmsg *why);

#endif
