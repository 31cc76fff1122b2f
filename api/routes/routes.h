/* The one table of routes, and the handlers in it: one file for each resource. A handler answers its request once, now or later.
 */
#ifndef ROUTES_ROUTES_H
#define ROUTES_ROUTES_H

#include "http/request.h"
#include "model/delivery.h"

extern const struct route routes[];
extern const size_t route_count;

/* openapi.c */
void openapi_get(struct request *rq);
/* account.c: what a key may know of its own account */
void account_get(struct request *rq);
void account_audit(struct request *rq);
/* stream.c */
void stream_get(struct request *rq);
/* A delivery changed (a view_delivery_fn; ctx: the api). */
void stream_delivery(void *ctx, const struct delivery *dl);
/* Some were left out under load (ctx: the api). */
void stream_untold(void *ctx);
/* session.c */
void session_create(struct request *rq);
void session_get(struct request *rq);
void session_delete(struct request *rq);
/* sessions.c: those of the account */
void sessions_list(struct request *rq);
void sessions_end_one(struct request *rq);
void sessions_end_others(struct request *rq);
/* webhooks.c */
void webhooks_list(struct request *rq);
void webhooks_get(struct request *rq);
/* webhook_change.c */
void webhooks_create(struct request *rq);
void webhooks_update(struct request *rq);
void webhooks_delete(struct request *rq);
void webhooks_rotate(struct request *rq);
/* redeliver.c */
void webhook_redeliver(struct request *rq);
struct webhook;
/* Whether anything may be sent to the webhook now. False: answered with 403 or 409. */
bool may_send(struct request *rq, const struct webhook *wh);
/* recoveries.c */
void webhook_recover(struct request *rq);
void recoveries_list(struct request *rq);
void recoveries_get(struct request *rq);
void recoveries_delete(struct request *rq);
/* expectations.c */
void expectations_list(struct request *rq);
void expectations_create(struct request *rq);
void expectations_get(struct request *rq);
void expectations_delete(struct request *rq);
/* webhook_test.c */
void webhooks_test(struct request *rq);
/* plans.c, accounts.c, keys.c: the operator's */
void plans_list(struct request *rq);
void accounts_list(struct request *rq);
void accounts_create(struct request *rq);
void accounts_get(struct request *rq);
void accounts_update(struct request *rq);
void accounts_audit(struct request *rq);
void keys_list(struct request *rq);
void keys_create(struct request *rq);
void keys_revoke(struct request *rq);
/* rewrap.c */
void secrets_rewrap(struct request *rq);
/* deliveries.c */
void webhook_deliveries(struct request *rq);
void webhook_delivery(struct request *rq);
/* events.c: the audit log of what happened on the FTP side */
void account_events(struct request *rq);
/* reconciliation.c */
void reconciliation_get(struct request *rq);
/* health.c */
void health_get(struct request *rq);
void health_list(struct request *rq);

#endif
