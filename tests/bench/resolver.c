/* A resolver for yard_ours: every name is 127.0.0.1. */
#include <stdlib.h>

#include "io/resolver.h"
#include "util/mem.h"

struct resolver {
    char unused;
};

struct resolver *resolver_new(struct loop *l, const char *servers, struct errmsg *why)
{
    (void)l, (void)servers, (void)why;
    return mem_zalloc(sizeof(struct resolver));
}

void resolver_free(struct resolver *r)
{
    free(r);
}

struct resolver_query *resolver_ask(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx)
{
    (void)r, (void)name, (void)timeout_ms;
    struct resolver_answer answer = {.count = 1};
    check(address_parse(SLICE("127.0.0.1"), &answer.addresses[0]) == ERR_OK);
    fn(ctx, ERR_OK, &answer);
    return NULL;
}

struct resolver_query *resolver_ask_search(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx)
{
    return resolver_ask(r, name, timeout_ms, fn, ctx);
}

void resolver_cancel(struct resolver_query *q)
{
    (void)q;
}

int64_t resolver_failing_ms(const struct resolver *r)
{
    (void)r;
    return 0;
}
