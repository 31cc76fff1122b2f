/* What the webhook commands do alike: find one, give it a secret, write it. */
#ifndef CTL_WEBHOOK_STORE_H
#define CTL_WEBHOOK_STORE_H

#include "ctl/definitions.h"
#include "model/webhook.h"

MUST_CHECK enum err webhook_find(const struct definitions *d, const char *id, struct webhook **out, struct errmsg *why);
/* The secret becomes the current one, sealed for version wh->version + 1, which webhook_store then writes. The one before it
 * goes on signing for overlap_ms (0: ends at once). */
MUST_CHECK enum err webhook_seal(const struct ctl *ctl, struct webhook *wh, struct slice secret, int64_t overlap_ms,
                                 struct errmsg *why);
/* Checks the webhook and its target, gives it the next version and writes it. */
MUST_CHECK enum err webhook_store(const struct ctl *ctl, struct definitions *d, struct webhook *wh, struct errmsg *why);
/* id, version and, where it is not NULL, the secret. */
void webhook_print_written(const struct webhook *wh, const char *secret, bool json);

#endif
