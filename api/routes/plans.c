#include "routes/plans.h"

#include <string.h>

#include "http/response.h"
#include "routes/routes.h"

static const struct plan plans[] = {
    {"free", 0, 0},
    {"starter", 10, 20},
    {"pro", 100, 200},
    {"enterprise", 1000, 0},
};

const struct plan *plan_find(const char *name)
{
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        if (strcmp(plans[i].name, name) == 0)
            return &plans[i];
    return NULL;
}

void plans_list(struct request *rq)
{
    struct buf *out = reply_body(rq);
    buf_puts(out, "{\"data\":[");
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        buf_printf(out, "%s{\"name\":\"%s\",\"paid\":%s,\"limits\":{\"webhooks\":%lld,\"events_per_second\":%lld}}",
                   i > 0 ? "," : "", plans[i].name, strcmp(plans[i].name, "free") != 0 ? "true" : "false",
                   (long long)plans[i].max_webhooks, (long long)plans[i].events_per_second);
    buf_puts(out, "],\"next_cursor\":null}");
    reply_json(rq, 200);
}
