/* Keeping the view within its limits, a few rows at a time: webhook after webhook, account after account, round and round. */
#ifndef VIEW_PRUNE_H
#define VIEW_PRUNE_H

#include "util/metrics.h"
#include "view/store.h"

struct prune {
    struct store *store;
    struct view_limits limits;
    int64_t webhook, account, audited; /* where the round is: webhooks and accounts come after these */
    int type;                          /* of the account's events */
    bool webhooks_over, accounts_over, trail_over;
    uint64_t *deliveries_removed, *events_removed;
};

/* One step, in a transaction: at most PRUNE_ROWS rows are removed. *rest: a round of all webhooks and accounts is over: wait
 * before the next. */
#define PRUNE_ROWS 200
MUST_CHECK enum err prune_step(struct prune *p, int64_t now_wall_ms, bool *rest, struct errmsg *why);

#endif
