/* Accounts, webhooks and expectations in memory, from their compacted topics: complete before the API answers, then kept up live,
 * and written through. What is found is borrowed until the loop's next turn. */
#ifndef DEFINITIONS_DEFINITIONS_H
#define DEFINITIONS_DEFINITIONS_H

#include "definitions/audit.h"
#include "definitions/expectation.h"
#include "definitions/table.h"
#include "model/account.h"
#include "model/webhook.h"
#include "util/metrics.h"

struct definitions;

/* disabled_reason of a webhook whose deletion is under way: it counts as gone already, and its tombstone follows, by any replica
 * if need be. */
#define WEBHOOK_DELETED "(deleted)"

/* How many partitions each topic has. */
struct definitions_partitions {
    int32_t webhooks, accounts, expectations, audit;
};

/* Starts reading. writer must outlive it. */
MUST_CHECK enum err definitions_new(const struct kafka_options *k, const char *prefix,
                                    const struct definitions_partitions *partitions, struct writer *writer,
                                    struct definitions **out, struct errmsg *why);
void definitions_free(struct definitions *d);
/* All topics have been read to their ends once; d may be NULL. */
bool definitions_complete(const struct definitions *d);

struct table *definitions_webhooks(const struct definitions *d);
struct table *definitions_accounts(const struct definitions *d);
struct table *definitions_expectations(const struct definitions *d);
struct audit *definitions_audit(const struct definitions *d);

/* NULL: there is none. */
const struct webhook *definitions_webhook(const struct definitions *d, const char *id);
const struct account *definitions_account(const struct definitions *d, const char *id);
const struct expectation *definitions_expectation(const struct definitions *d, const char *id);
/* An account's webhooks, in no order. */
size_t definitions_webhooks_of(const struct definitions *d, const char *account_id, const struct webhook *const **out);
/* Whether the account pays for webhooks. */
bool definitions_account_pays(const struct definitions *d, const char *account_id);
/* The account and the key of a key's id. */
bool definitions_key(const struct definitions *d, const char *key_id, const struct account **account,
                     const struct account_key **key);

#endif
