/* The secrets of a webhook: made, sealed for the version that will hold them, rotated. */
#ifndef WEBHOOKS_SECRETS_H
#define WEBHOOKS_SECRETS_H

#include "model/sealed.h"
#include "model/signature.h"
#include "model/webhook.h"

/* A new random secret becomes the current one, sealed for wh->version, which the caller has counted up; the one before it signs
 * too until overlap_until_wall_ms (0: ends at once). secret is the caller's to wipe. */
MUST_CHECK enum err webhook_new_secret(const struct keyring *keys, struct webhook *wh, int64_t overlap_until_wall_ms,
                                       char secret[SIGNATURE_SECRET_SIZE]);
/* NULL: the current secret can sign as the webhook's signature says. Otherwise why not, for who asked for it: a secret that was
 * brought along need not be one of Standard Webhooks, and the key that sealed it may be missing, which is logged too. */
const char *webhook_secret_misfit(const struct keyring *keys, const struct webhook *wh);

#endif
