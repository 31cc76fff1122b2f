/* The target policy: which URLs a webhook may name and which addresses may be connected to (SECURITY: "Targets").
 * One parser: libcurl's URL API (CURLU). The normalised handle goes to the transfer, so nothing is parsed twice. */
#ifndef MODEL_TARGET_H
#define MODEL_TARGET_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/address.h"
#include "util/buf.h"

#define TARGET_URL_MAX 2048 /* bytes */

struct target_policy {
    bool allow_http;
    const struct address_list *exempt; /* TRUEFTP_ALLOW_TARGETS: any port, IP literals included; may be NULL */
    const struct address_list *denied; /* TRUEFTP_DENY_TARGETS: refused, even where exempt has them; may be NULL */
};

/* The policy as settings have it, lists of CIDRs. ERR_INVALID: why names the setting. */
MUST_CHECK enum err target_policy_make(bool allow_http, const char *allow, const char *deny, struct target_policy *out,
                                       struct errmsg *why);
/* Frees its lists; it may be zeroed. */
void target_policy_done(struct target_policy *policy);

struct target {
    CURLU *url; /* normalised */
    bool https;
    char *host; /* as for SNI and certificate checks: lower case; an IP literal without brackets */
    uint16_t port;
    bool literal; /* host is an IP address, in `address` */
    struct address address;
};

/* ERR_INVALID: not a URL we understand, or written in a way that parsers read differently; ERR_REFUSED: the policy says no. why
 * says which rule and never repeats the URL. Checks everything that can be known without resolving. A name is looked at again
 * when it was resolved, by target_address_refused. Ports: 443, 80 and from 1024 up. An IP literal must be in policy->exempt,
 * and then has any port; http needs allow_http there too. */
MUST_CHECK enum err target_parse(const struct target_policy *policy, const char *url, struct target *out, struct errmsg *why);
/* t may be zeroed or done already. */
void target_done(struct target *t);
/* NULL: may be connected to. Otherwise the rule that refuses it. */
const char *target_address_refused(const struct target_policy *policy, const struct address *a);

#endif
