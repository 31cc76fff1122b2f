/* Names to addresses with c-ares on the loop. Answers are kept for their TTL within [1 s, 60 s], failures for 1 s; concurrent
 * questions for one name share one query. */
#ifndef IO_RESOLVER_H
#define IO_RESOLVER_H

#include "io/loop.h"
#include "model/address.h"
#include "util/err.h"

#define RESOLVER_MAX_ADDRESSES 16

struct resolver;
struct resolver_query;

struct resolver_answer {
    struct address addresses[RESOLVER_MAX_ADDRESSES]; /* the first ones, if there are more */
    int count;
};

/* err: ERR_OK; ERR_NOT_FOUND: no such name, or no address; ERR_AGAIN: the name servers fail or do not answer in time. answer is
 * valid during the call only; count is 0 unless ERR_OK. May ask and cancel other questions; must not free the resolver. */
typedef void resolver_fn(void *ctx, enum err err, const struct resolver_answer *answer);

/* servers: "192.0.2.1,192.0.2.2:5353,[2001:db8::1]:53" instead of the system's (/etc/resolv.conf); NULL for those. NULL: why. */
struct resolver *resolver_new(struct loop *l, const char *servers, struct errmsg *why);
/* Outstanding queries are dropped without a call. NULL is fine. */
void resolver_free(struct resolver *r);

/* Asks for a name exactly as written: the system's search list is not used, so that a customer's name never means one of ours.
 * /etc/hosts counts. An IP literal answers at once. Where the answer is known, fn is called before this returns, and NULL is
 * returned. Otherwise the query, to be cancelled with resolver_cancel if the asker goes away first; after fn was called it is
 * gone. */
struct resolver_query *resolver_ask(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx);
/* The same for a name the operator wrote (Redis): the search list and ndots of /etc/resolv.conf apply, as for other programs. */
struct resolver_query *resolver_ask_search(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx);
/* NULL is fine. */
void resolver_cancel(struct resolver_query *q);

/* For how long no question at all was answered by a name server though some were asked; 0 when the last one was ("no such name"
 * is an answer). "Failing for 30 s" is ours, not the customer's. */
int64_t resolver_failing_ms(const struct resolver *r);

#endif
