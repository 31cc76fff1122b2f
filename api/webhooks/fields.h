/* A webhook as a client describes it: members of a JSON object, each checked by itself, so that all that is wrong is told at
 * once. */
#ifndef WEBHOOKS_FIELDS_H
#define WEBHOOKS_FIELDS_H

#include <jansson.h>

#include "http/problem.h"
#include "model/target.h"
#include "model/webhook.h"

/* What a webhook is checked against, and its client key and headers sealed with. */
struct webhook_rules {
    const struct target_policy *policy;
    const struct keyring *keys;
    int64_t now_wall_ms;
};

/* Applies the members to wh, whose version is the one that will hold them, checks the whole (fields, target policy) and seals
 * what is not sealed of it. What is wrong is in errors; wh is of no use then. creating: url is needed, disabled_reason unknown. A
 * client's key in body is wiped. */
void webhook_fields_apply(json_t *body, bool creating, const struct webhook_rules *rules, struct webhook *wh,
                          struct field_errors *errors);
/* Names of the members, separated by spaces, for the audit log. The caller frees it. */
char *json_member_names(const json_t *body);
/* A copy, the caller's. */
struct webhook *webhook_copy(const struct webhook *wh);

#endif
