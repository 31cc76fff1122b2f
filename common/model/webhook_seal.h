/* What of a webhook is sealed, beside what secrets.h and webhook_tls.h seal when it is given: the values of its headers, which
 * are often a customer's tokens. And all of it together, when the key that seals changes. */
#ifndef MODEL_WEBHOOK_SEAL_H
#define MODEL_WEBHOOK_SEAL_H

#include "model/sealed.h"
#include "model/webhook.h"

/* Seals each header whose value is in the clear, for wh->version, which the caller has counted up. The envelope is bound to the
 * account, the webhook's id and the header's name, as it is written. Errors as of sealed_seal; some may be sealed then. */
MUST_CHECK enum err webhook_seal_headers(struct webhook *wh, const struct keyring *k);
/* Appends the value of a header of wh, sealed or not; the caller wipes it. Errors as of sealed_open. */
MUST_CHECK enum err webhook_open_header(const struct webhook *wh, const struct webhook_header *h, const struct keyring *k,
                                        struct buf *out, struct errmsg *why);

/* Everything is sealed, and by the key that writes: a previous secret whose time is over too, since workers open both. */
bool webhook_is_rewrapped(const struct webhook *wh, const struct keyring *k);
/* Seals all of it by the key that writes: secrets, client's key, headers, those in the clear too, for wh->version, which the
 * caller has counted up. A previous secret whose time is over goes. On failure, as of sealed_rewrap, wh is of no use; why names
 * what. */
MUST_CHECK enum err webhook_rewrap(struct webhook *wh, const struct keyring *k, int64_t now_wall_ms, struct errmsg *why);

#endif
