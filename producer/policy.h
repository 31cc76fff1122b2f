/* From what happened (a fact) to what is announced (an event): the account, the customer's path, what a rename means. Pure. */
#ifndef PRODUCER_POLICY_H
#define PRODUCER_POLICY_H

#include "producer/source.h"
#include "producer/sources_file.h"

enum policy_verdict {
    POLICY_ANNOUNCE,
    POLICY_SILENT,     /* configured not to be announced */
    POLICY_NO_ACCOUNT, /* no rule gives the user an account */
};

/* Fills *out but for the id. Its slices live as long as the fact and scratch (initialised by the caller, reset here). A rename
 * away from a temporary name becomes EVENT_FILE_UPLOADED with renamed_from; any other is EVENT_FILE_RENAMED or silent. */
enum policy_verdict policy_apply(const struct source_config *c, const struct source_fact *fact, struct buf *scratch,
                                 struct event_fields *out);

/* Appends pattern with {user} and {group} filled in. */
void policy_expand(struct buf *out, const char *pattern, struct slice user, struct slice group);

#endif
