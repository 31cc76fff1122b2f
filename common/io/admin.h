/* The admin port of every program: GET /livez, /readyz, /metrics. libmicrohttpd on the loop, no thread of its own. */
#ifndef IO_ADMIN_H
#define IO_ADMIN_H

#include "io/loop.h"
#include "util/err.h"
#include "util/metrics.h"

struct admin;

/* live, ready: NULL for always, or a function that returns NULL for yes (200 "ok"), or the reason for no (503 with that text, one
 * line). */
struct admin_checks {
    const char *(*live)(void *ctx);
    const char *(*ready)(void *ctx);
    void *ctx;
};

/* listen: "host:port", "[::1]:port", ":port" (all addresses); port 0 takes a free one (see admin_port). why names what failed.
 * The port is served by the loop itself: a loop that hangs does not answer, which is what a liveness probe's timeout is for. */
MUST_CHECK enum err admin_start(struct loop *l, const char *listen, struct metrics *m, struct admin_checks checks,
                                struct admin **out, struct errmsg *why);
/* The port it is bound to. */
int admin_port(const struct admin *a);
/* Closes the port and every connection; NULL is fine. Not from one of the checks. */
void admin_stop(struct admin *a);

#endif
