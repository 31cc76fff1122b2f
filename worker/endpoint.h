/* A webhook as the worker uses it: its definition, its parsed target, its keys ready to sign. Replaced as a whole when the
 * definition changes; what is in flight keeps the old one until it ends. */
#ifndef WORKER_ENDPOINT_H
#define WORKER_ENDPOINT_H

#include "health.h"
#include "io/http_client.h"
#include "model/sealed.h"
#include "model/signature.h"
#include "model/webhook.h"

struct endpoint {
    struct http_client *client;
    struct webhook *wh;
    struct http_endpoint *http; /* NULL: the target policy refuses the URL (refused says why) */
    char *refused;
    char *broken; /* our own trouble (a secret or a key that cannot be opened): nothing can be sent now; NULL: none */
    struct {
        struct signer *trueftp; /* NULL unless the webhook wants it */
        struct signer *standard;
        int64_t expires_wall_ms; /* 0: the current secret */
    } keys[2];
    int key_count;
    struct buf headers;        /* the webhook's own, as lines */
    struct buf headers_traced; /* the same without traceparent: for a delivery that has one */
    struct endpoint_health health;
    int refs;
};

/* Takes wh. One reference is the caller's. k may be NULL (no key file): the endpoint is broken then. */
struct endpoint *endpoint_new(struct http_client *http, const struct keyring *k, struct webhook *wh);
/* Tries again with other keys when it is broken; whether that mended it. */
bool endpoint_reopen(struct endpoint *ep, const struct keyring *k);
struct endpoint *endpoint_ref(struct endpoint *ep);
void endpoint_unref(struct endpoint *ep);

#endif
