/* The member `tls` of a webhook as a client describes it. Members that are not given stay; null takes one away, and `tls: null`
 * all of them. */
#ifndef WEBHOOKS_TLS_H
#define WEBHOOKS_TLS_H

#include <jansson.h>

#include "http/problem.h"
#include "model/webhook.h"

/* Applies it, sealing a key for wh->version; texts of keys in body are wiped. What is wrong is told by the member's name
 * ("tls.client_key"). */
void webhook_tls_apply(json_t *body, const struct keyring *keys, int64_t now_wall_ms, struct webhook *wh,
                       struct field_errors *errors);
/* Appends it as a response shows it: null, or an object that tells that there is a key and not what it is. */
void webhook_tls_write_public(struct buf *out, const struct webhook_tls *t);

#endif
