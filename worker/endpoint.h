/* A webhook as the worker uses it: its definition, and, while it is used, what a POST needs: its parsed target, its keys ready to
 * sign, its header lines. These are most of what a webhook takes in memory, and few webhooks are used at one time: they are made
 * for the first POST, and let go when none has come for a while. Replaced as a whole when the definition changes; what is in
 * flight keeps the old one until it ends. */
#ifndef WORKER_ENDPOINT_H
#define WORKER_ENDPOINT_H

#include <sys/queue.h>

#include "health.h"
#include "io/http_client.h"
#include "model/sealed.h"
#include "model/signature.h"
#include "model/webhook.h"

struct endpoint;

struct endpoint_open {
    struct http_endpoint *http; /* NULL: refused */
    struct http_tls *tls;       /* as the webhook wants it; NULL: the defaults */
    struct {
        struct signer *trueftp; /* NULL unless the webhook wants it */
        struct signer *standard;
        int64_t expires_wall_ms; /* 0: the current secret */
    } keys[2];
    int key_count;
    struct buf headers;        /* the webhook's own, as lines */
    struct buf headers_traced; /* the same without traceparent: for a delivery that has one */
    struct endpoint *endpoint;
    int64_t used_ms; /* monotonic */
    TAILQ_ENTRY(endpoint_open) link;
};

/* What all endpoints are made with, and those that are open, the least lately used first. */
struct endpoint_shelf {
    struct http_client *http;
    TAILQ_HEAD(, endpoint_open) open;
    size_t open_count;
    bool quiet; /* definitions are being read from the beginning: nothing is told of what may be an old version */
};

struct endpoint {
    struct webhook *wh;
    struct endpoint_shelf *shelf;
    struct endpoint_open *open; /* NULL: not in use */
    char *refused;              /* the target policy refuses the URL: why; NULL: it does not */
    char *broken;               /* our own trouble (a secret that cannot be opened): nothing can be sent now; NULL: none */
    int64_t account_rate;       /* of its account: events a second, 0: no limit */
    bool paid;                  /* its account's plan has webhooks */
    bool listed;                /* in the table: it is not deleted, and no later definition has come */
    struct endpoint_health health;
    int refs;
};

/* Quiet at first. */
void endpoint_shelf_init(struct endpoint_shelf *shelf, struct http_client *http);
/* Closes those that were not used for so long. */
void endpoint_shelf_tidy(struct endpoint_shelf *shelf, int64_t now_ms);

/* Takes wh, and looks whether it can be opened (refused, broken). One reference is the caller's. k may be NULL (no key file): the
 * endpoint is broken then. */
struct endpoint *endpoint_new(struct endpoint_shelf *shelf, const struct keyring *k, struct webhook *wh);
/* Logs what stands in the way of using it, if anything does. */
void endpoint_tell(const struct endpoint *ep);
/* Makes sure that ep->open is there. false: it is broken. */
bool endpoint_open(struct endpoint *ep, const struct keyring *k, int64_t now_ms);
/* Tries again with other keys when it is broken; whether that mended it. */
bool endpoint_reopen(struct endpoint *ep, const struct keyring *k);
/* Deliveries a second: the lower one of its own limit and its account's; 0: none. */
int64_t endpoint_rate(const struct endpoint *ep);
struct endpoint *endpoint_ref(struct endpoint *ep);
void endpoint_unref(struct endpoint *ep);

#endif
