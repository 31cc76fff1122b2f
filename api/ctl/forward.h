/* A delivery as the worker would send it, signed by a secret of one's own: for `listen`. */
#ifndef CTL_FORWARD_H
#define CTL_FORWARD_H

#include <jansson.h>

#include "ctl/http.h"

struct forward_keys;

/* scheme: "trueftp", "standard" or "both", as the webhook has it. ERR_INVALID: the secret does not fit it. */
MUST_CHECK enum err forward_keys_new(struct slice secret, const char *scheme, struct forward_keys **out, struct errmsg *why);
void forward_keys_free(struct forward_keys *k); /* wipes them */

/* The headers of an attempt: those that the delivery (GET deliveries/{id}) names, and timestamp, attempt and signatures of the
 * body, anew. */
void forward_headers(const struct forward_keys *k, const json_t *delivery, struct slice body, int64_t timestamp_s,
                     struct http_headers *out);
/* A header's value was not shown: it is left out. */
bool forward_withheld(const json_t *delivery);

#endif
