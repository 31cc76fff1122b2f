#include "stub_resolver.h"

#include <stdlib.h>

#include "util/mem.h"

struct resolver {
    struct loop *loop;
};

struct resolver_query {
    struct loop_timer *timer;
    resolver_fn *fn;
    void *ctx;
};

int64_t stub_resolver_failing_ms;
int stub_resolver_turn = 1;
int stub_resolver_asked, stub_resolver_open;

struct resolver *resolver_new(struct loop *l, const char *servers, struct errmsg *why)
{
    (void)servers;
    (void)why;
    struct resolver *r = mem_zalloc(sizeof *r);
    r->loop = l;
    return r;
}

void resolver_free(struct resolver *r)
{
    free(r);
}

static void add(struct resolver_answer *answer, const char *text)
{
    check(address_parse(slice_str(text), &answer->addresses[answer->count++]) == ERR_OK);
}

static void on_later(void *ctx)
{
    struct resolver_query *q = ctx;
    struct resolver_answer answer = {0};
    add(&answer, "127.0.0.5");
    resolver_fn *fn = q->fn;
    void *fn_ctx = q->ctx;
    resolver_cancel(q);
    fn(fn_ctx, ERR_OK, &answer);
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

struct resolver_query *resolver_ask(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx)
{
    (void)timeout_ms;
    struct resolver_answer answer = {0};
    stub_resolver_asked++;
    if (begins(name, "later.") || begins(name, "never.")) {
        struct resolver_query *q = mem_zalloc(sizeof *q);
        q->timer = loop_timer_new(r->loop, on_later, q);
        q->fn = fn;
        q->ctx = ctx;
        if (begins(name, "later."))
            loop_timer_arm(q->timer, 20);
        stub_resolver_open++;
        return q;
    }
    enum err err = begins(name, "none.") ? ERR_NOT_FOUND : begins(name, "failing.") ? ERR_AGAIN : ERR_OK;
    if (begins(name, "turning."))
        add(&answer, stub_resolver_turn == 1 ? "127.0.0.5" : stub_resolver_turn == 2 ? "127.0.0.6" : "10.0.0.1");
    else if (begins(name, "mixed."))
        add(&answer, "127.0.0.5");
    else if (begins(name, "two."))
        add(&answer, "127.0.0.4");
    if (begins(name, "two."))
        add(&answer, "127.0.0.5");
    if (begins(name, "mixed.") || begins(name, "private."))
        add(&answer, "10.0.0.1");
    if (begins(name, "proxy."))
        add(&answer, "127.0.0.9");
    if (answer.count == 0 && !begins(name, "empty."))
        add(&answer, "127.0.0.5");
    fn(ctx, err, &answer);
    return NULL;
}

struct resolver_query *resolver_ask_search(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx)
{
    return resolver_ask(r, name, timeout_ms, fn, ctx);
}

void resolver_cancel(struct resolver_query *q)
{
    if (!q)
        return;
    stub_resolver_open--;
    loop_timer_free(q->timer);
    free(q);
}

int64_t resolver_failing_ms(const struct resolver *r)
{
    (void)r;
    return stub_resolver_failing_ms;
}
