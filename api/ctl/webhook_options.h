/* What `webhook create` and `webhook update` can be told, put into a webhook. */
#ifndef CTL_WEBHOOK_OPTIONS_H
#define CTL_WEBHOOK_OPTIONS_H

#include "ctl/options.h"
#include "model/webhook.h"

struct webhook_args {
    const char *account, *url, *events, *description, *signature;
    struct opt_list patterns, headers;
    int64_t max_attempts, timeout_ms, max_concurrency, rate_limit; /* -1: not given */
    const char *secret, *secret_file;
    bool enable, pause;
    const char *disable; /* the reason */
};

enum { WEBHOOK_CREATE_OPTIONS = 13, WEBHOOK_UPDATE_OPTIONS = 13 };
extern const struct opt webhook_create_options[WEBHOOK_CREATE_OPTIONS];
extern const struct opt webhook_update_options[WEBHOOK_UPDATE_OPTIONS];

/* Replaces in wh what is given, and nothing else; a list given as one empty item becomes empty. Not the account, the secret or
 * the URL's policy. ERR_INVALID: why names the option. Bounds are webhook_validate's. */
MUST_CHECK enum err webhook_apply(struct webhook *wh, const struct webhook_args *args, struct errmsg *why);

#endif
