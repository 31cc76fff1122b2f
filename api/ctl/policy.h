/* The operator's target policy, from the settings. */
#ifndef CTL_POLICY_H
#define CTL_POLICY_H

#include "ctl/command.h"
#include "model/target.h"

/* *out is the caller's (target_policy_done). */
MUST_CHECK enum err policy_read(const struct ctl *ctl, struct target_policy *out, struct errmsg *why);

#endif
