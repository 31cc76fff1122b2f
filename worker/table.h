/* Webhooks and accounts in memory, from their compacted topics: complete before the first event is read, then kept up live. */
#ifndef WORKER_TABLE_H
#define WORKER_TABLE_H

#include "endpoint.h"
#include "model/event.h"

struct worker;
struct table;

/* Starts reading. partitions: of the two topics. */
MUST_CHECK enum err table_new(struct worker *w, int32_t webhook_partitions, int32_t account_partitions, struct table **out,
                              struct errmsg *why);
void table_free(struct table *t);
/* The keys changed: webhooks whose secrets could not be opened are tried again. How many are mended. */
int table_reopen(struct table *t);
/* Both topics have been read to their ends once. */
bool table_complete(const struct table *t);

/* How many there are; t may be NULL. */
size_t table_webhooks(const struct table *t);
size_t table_accounts(const struct table *t);

/* The webhook, whatever its state; NULL: there is none of that id. */
struct endpoint *table_webhook(const struct table *t, struct slice webhook_id);
/* Whether deliveries may be made to a webhook (docs/decisions/0009-paused-webhooks.md). */
enum table_state {
    TABLE_OPEN,
    TABLE_HELD,   /* paused, or its account's plan has no webhooks: deliveries wait until it is resumed */
    TABLE_CLOSED, /* deleted, disabled for a reason, gone: deliveries end */
};
/* Of a webhook as the table has it now; NULL: it has none. *why, for people; not written when it is open. */
enum table_state table_state_of(const struct endpoint *ep, const char **why);
/* The same, of an id. */
enum table_state table_state(const struct table *t, struct slice webhook_id, const char **why);

/* The webhooks of an account that want the event and are not disabled (held ones too); at most max, the rest is counted in the
 * return value all the same. */
size_t table_match(const struct table *t, struct slice account_id, enum event_type type, struct slice path, struct endpoint **out,
                   size_t max);

#endif
