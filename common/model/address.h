/* Which IP addresses a delivery may connect to (SECURITY: "Targets"). Decided on binary addresses, never on text. */
#ifndef MODEL_ADDRESS_H
#define MODEL_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

struct address {
    bool v6;
    uint8_t bytes[16]; /* network order; the first four for IPv4 */
};

struct address_list; /* CIDRs */

/* Strict text forms only: dotted quad with four decimal parts without leading zeros, RFC 4291 for IPv6 (its last 32 bits may
 * be such a quad), no zone, no brackets. ERR_INVALID otherwise. */
MUST_CHECK enum err address_parse(struct slice text, struct address *out);
/* The shortest form, as inet_ntop(3) has it. */
void address_format(const struct address *a, char out[64]);

/* "10.0.0.0/8, ::1/128": ERR_INVALID with why naming the part. "" gives an empty list. An address without a length stands for
 * itself. No bit may be set behind the prefix. */
MUST_CHECK enum err address_list_parse(const char *text, struct address_list **out, struct errmsg *why);
void address_list_free(struct address_list *l);
/* Families are never mixed: 10.0.0.0/8 does not hold ::ffff:10.0.0.1. l may be NULL (empty). */
bool address_list_has(const struct address_list *l, const struct address *a);

/* NULL: a public address, allowed. Otherwise the name of the rule that denies it ("loopback", "private (RFC 1918)", ...), a
 * literal. */
const char *address_denied_by(const struct address *a);

#endif
