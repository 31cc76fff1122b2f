/* Whether webhooks are still of use (docs/decisions/0005-failing-webhooks.md). One that answers 410 is gone: nothing more is sent
 * to it. One that has had nothing but failures for TRUEFTP_DISABLE_AFTER_S is to be disabled; warnings come at 50, 70 and 90 % of
 * that time. The worker never writes definitions: it publishes a webhook.disabled event, and the API disables.
 *
 * Since when a webhook fails is kept in Redis, `{trueftp.events}:failing:<webhook id>:<version>`: ms of the first failure since
 * the last success, so that all workers see one truth and a restart forgets nothing. When Redis loses it, the time starts over.
 */
#ifndef WORKER_HEALTH_H
#define WORKER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct worker;
struct health;
struct endpoint;
struct outcome;

#define HEALTH_STAGES 3

/* What is known of one definition of a webhook; a part of struct endpoint, so a new definition starts anew. All zero at first. */
struct endpoint_health {
    bool gone;                             /* it has answered 410 */
    bool disable_told;                     /* the event has been published since the last success */
    bool marked;                           /* the mark may stand in Redis by this process */
    bool asking;                           /* the mark's answer is awaited */
    int stage;                             /* warnings given since the last success */
    int64_t failing_since_wall_ms;         /* first failure since the last success, as far as this process saw; 0: none */
    int64_t mark_again_ms, clear_again_ms; /* Redis is not asked before; monotonic */
};

struct health *health_new(struct worker *w);
/* Redis must be gone: it answers what is outstanding. */
void health_free(struct health *h);

/* What came of an attempt to this endpoint. */
void health_outcome(struct health *h, struct endpoint *ep, const struct outcome *o);

/* At which parts of the time warnings come. */
extern const int health_stage_percents[HEALTH_STAGES];
/* How many of the warnings' stages have passed; HEALTH_STAGES + 1: the whole time has. Pure. */
int health_stage(int64_t since_wall_ms, int64_t now_wall_ms, int64_t limit_ms);

#endif
