/* What the files of the Redis connection share:
 *   redis.c          commands, replies, deadlines
 *   redis_connect.c  resolving, connecting, closing, backoff: the states
 *   redis_greet.c    the greeting: authentication, checks, scripts */
#ifndef IO_REDIS_INTERNAL_H
#define IO_REDIS_INTERNAL_H

#include "io/redis.h"
#include "io/redis_patience.h"
#include "io/redis_tls.h"
#include "io/redis_url.h"
#include "util/buf.h"

enum redis_state {
    LINK_WAITING,    /* for the backoff to pass */
    LINK_RESOLVING,  /* for the host's addresses */
    LINK_CONNECTING, /* for the socket, to one address after the other */
    LINK_GREETING,   /* for the replies to the greeting */
    LINK_UP          /* commands are taken */
};

/* A command whose reply is awaited. */
struct redis_sent {
    redis_fn *fn; /* may be NULL */
    void *ctx;
    int64_t sent_ms;
};

/* Those, oldest first; replies come in this order. */
struct redis_ring {
    struct redis_sent *slots;
    size_t head, count, capacity; /* capacity is a power of two */
    size_t unstamped;             /* the last ones: not yet written, sent_ms to be set */
};

struct redis {
    struct loop *loop;
    struct resolver *resolver;
    struct redis_options options; /* without url and metrics_prefix */
    struct redis_url url;
    struct redis_tls *tls; /* NULL: plain */
    enum redis_state state;
    struct loop_timer *timer; /* of WAITING and CONNECTING */
    int64_t backoff_ms;
    int64_t up_since_ms;

    struct resolver_query *query;
    struct resolver_answer addresses;
    int next_address;
    int fd; /* while CONNECTING; then hiredis's */

    redisContext *context; /* GREETING and UP */
    struct loop_io *io;
    struct loop_turn *flush;
    struct buf out; /* this turn's commands */
    bool unsent;    /* hiredis holds bytes that did not fit into the socket */
    struct redis_ring ring;
    struct loop_timer *deadline;
    struct redis_patience patience;
    int64_t heard_ms; /* of the last reply */
    bool forgiven;    /* the deadline was passed by a stall of our own and moved once */
    bool broken;      /* to be closed as soon as nobody is inside */
    int inside;       /* depth of calls out */
    int greeting_left;

    struct redis_script **scripts;
    size_t script_count;
    struct errmsg trouble, warning;
    uint64_t *errors, *commands;
    double *up;
};

/* -------- redis.c -------- */

/* Sends a command without asking for the state. */
void redis_send(struct redis *r, redis_fn *fn, void *ctx, int argc, const char *const *argv, const size_t *lens);
/* Answers all that is outstanding with NULL and forgets what was not written. */
void redis_drop_outstanding(struct redis *r);
/* The watcher of the connected socket, the once-a-turn write and the deadline's timer. */
void redis_on_io(void *ctx, int events);
bool redis_on_flush(void *ctx);
void redis_on_deadline(void *ctx);
bool redis_reply_is(const redisReply *reply, const char *error_prefix);

/* -------- redis_connect.c -------- */

/* The timer's: next attempt, or connecting took too long. */
void redis_on_timer(void *ctx);
/* The connection is of no use any more, and why. It is closed by redis_settle. The first reason stays. */
void redis_break(struct redis *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Closes a broken connection; to be called where no reply is being handled, at the end of each handler. */
void redis_settle(struct redis *r);
void redis_came_up(struct redis *r);
/* Ends whatever is under way, without a next attempt. */
void redis_shut(struct redis *r);

/* -------- redis_greet.c -------- */

/* url's password becomes the file's; nothing when there is none (NULL, ""). ERR_NOT_FOUND, ERR_IO; ERR_INVALID: it is empty or
 * too long. */
MUST_CHECK enum err redis_read_password(const char *path, struct redis_url *url, struct errmsg *why);
void redis_greet(struct redis *r);

#endif
