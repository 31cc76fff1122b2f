/* The plans that accounts can be on. An account has its own limits, which begin as its plan's. */
#ifndef ROUTES_PLANS_H
#define ROUTES_PLANS_H

#include <stdint.h>

struct plan {
    const char *name; /* "free": no webhooks; any other is paid */
    int64_t max_webhooks;
    int64_t events_per_second; /* 0: no limit */
};

/* NULL: there is none of that name. */
const struct plan *plan_find(const char *name);

#endif
