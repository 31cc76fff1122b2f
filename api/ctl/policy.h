/* The operator's target policy, from the settings. */
#ifndef CTL_POLICY_H
#define CTL_POLICY_H

#include "ctl/command.h"
#include "model/target.h"

/* *exempt is the caller's to free (address_list_free) and must outlive *out. */
MUST_CHECK enum err policy_read(const struct ctl *ctl, struct address_list **exempt, struct target_policy *out,
                                struct errmsg *why);

#endif
