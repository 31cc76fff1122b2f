/* Sending again all failed deliveries of a time range, in the background. Each command is durable by itself, and one that was
 * given already makes a newer generation, which is passed over: so a recovery that was cut short is simply begun again.
 *
 * One replica works; it tells how far it is in the audit topic, once in two seconds, so that any replica can be asked, and told
 * to cancel. A recovery that has not been heard of for a minute has died with its replica: failed. */
#ifndef COMMANDS_RECOVERY_H
#define COMMANDS_RECOVERY_H

#include "util/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct api;
struct recoveries;

enum recovery_state { RECOVERY_RUNNING, RECOVERY_DONE, RECOVERY_CANCELLED, RECOVERY_FAILED };

/* What is known of one. */
struct recovery {
    char id[40];
    char account_id[129], webhook_id[65];
    int64_t since_wall_ms, until_wall_ms; /* of the deliveries' creation */
    enum recovery_state state;
    int64_t total, sent, skipped;
    int64_t started_wall_ms, finished_wall_ms; /* 0: not yet */
    int64_t heard_wall_ms;
};

struct recoveries *recoveries_new(struct api *api);
void recoveries_free(struct recoveries *rs); /* NULL is fine */
/* Begins to follow the audit topic; as soon as there are definitions. */
void recoveries_follow(struct recoveries *rs);
/* Begins one; actor, request_id: for the audit log. */
const struct recovery *recoveries_start(struct recoveries *rs, const char *account_id, const char *webhook_id,
                                        int64_t since_wall_ms, int64_t until_wall_ms, const char *actor, const char *request_id);
/* NULL: the webhook has none of that id. */
const struct recovery *recoveries_find(const struct recoveries *rs, const char *webhook_id, const char *id);
/* Calls fn with each of the webhook's. */
void recoveries_each(const struct recoveries *rs, const char *webhook_id, void (*fn)(void *ctx, const struct recovery *r),
                     void *ctx);
/* Whoever runs it stops. */
void recoveries_cancel(struct recoveries *rs, const struct recovery *r, const char *actor, const char *request_id);
const char *recovery_state_name(const struct recovery *r, int64_t now_wall_ms);

#endif
