/* Which account a session's events belong to: `account=` of a source.
 *
 *   constant:acc_x        always that one
 *   group                 the server's group of the user
 *   user:PATTERN          a part of the user's name: `{account}` stands for it, `*` (at the end) for anything. `user:{account}`,
 *                         `user:{account}.*`, `user:ftp-{account}`. {account} is the shortest part that makes the rest fit.
 *   record                what the record itself says (format = jsonl)
 *   table:FILE            lines `user account`, `#` comments; read again when it changes
 *
 * What comes out must be an account id (account_id_valid), or there is none. */
#ifndef PRODUCER_ACCOUNT_RULE_H
#define PRODUCER_ACCOUNT_RULE_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/err.h"

struct account_rule;

/* ERR_INVALID, or what reading the table gave; why says what. */
MUST_CHECK enum err account_rule_parse(const char *text, struct account_rule **out, struct errmsg *why);
void account_rule_free(struct account_rule *r);
/* False: no account. *account lives as long as user and group, or until the next refresh. */
bool account_rule_find(const struct account_rule *r, struct slice user, struct slice group, struct slice *account);
/* The rule is `record`: account_rule_find finds nothing, the record says it. */
bool account_rule_is_record(const struct account_rule *r);
/* The rule is `group`. */
bool account_rule_is_group(const struct account_rule *r);
/* Reads the table again if its file changed. On an error the old one stays in force; why says what is wrong with the new one. */
MUST_CHECK enum err account_rule_refresh(struct account_rule *r, struct errmsg *why);

#endif
