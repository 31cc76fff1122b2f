/* The states of the Redis connection, in the order in which they are passed: WAITING, RESOLVING, CONNECTING (one address after
 * the other), GREETING, UP. Whatever fails leads back to WAITING. The socket is connected here and then given to hiredis, which
 * therefore never resolves a name and never blocks. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/redis_internal.h"
#include "util/clock.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 3000
#define STEADY_MS 5000 /* a connection that lived this long starts the backoff over */

static void resolve(struct redis *r);
static void connect_next(struct redis *r);

/* -------- endings -------- */

void redis_break(struct redis *r, const char *fmt, ...)
{
    if (r->broken)
        return;
    r->broken = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->trouble.text, sizeof r->trouble.text, fmt, ap);
    va_end(ap);
}

/* Drops what the present state holds. */
static void release(struct redis *r)
{
    resolver_cancel(r->query);
    r->query = NULL;
    loop_timer_cancel(r->timer);
    loop_timer_cancel(r->deadline);
    loop_io_free(r->io); /* before its descriptor is closed */
    r->io = NULL;
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    redis_tls_stop(r->tls);
    if (r->context)
        redisFree(r->context);
    r->context = NULL;
    r->unsent = false;
    r->broken = false;
}

/* Jitter of 25 % keeps workers that lost the same server from returning in step. */
static int64_t next_backoff(struct redis *r)
{
    if (r->state == LINK_UP && loop_now(r->loop) - r->up_since_ms >= STEADY_MS)
        r->backoff_ms = 0;
    r->backoff_ms = r->backoff_ms == 0 ? BACKOFF_MIN_MS : r->backoff_ms * 2;
    if (r->backoff_ms > BACKOFF_MAX_MS)
        r->backoff_ms = BACKOFF_MAX_MS;
    int64_t spread_ms = r->backoff_ms / 4;
    return r->backoff_ms - spread_ms + clock_mono_us() % (2 * spread_ms + 1);
}

/* Back to WAITING; everybody is told. */
static void close_and_wait(struct redis *r)
{
    bool was_up = r->state == LINK_UP;
    int64_t wait_ms = next_backoff(r);
    release(r);
    r->state = LINK_WAITING;
    *r->up = 0;
    *r->errors += 1;
    loop_timer_arm(r->timer, wait_ms);
    redis_drop_outstanding(r);
    if (was_up && r->options.on_down) {
        r->inside++;
        r->options.on_down(r->options.ctx);
        r->inside--;
    }
}

void redis_settle(struct redis *r)
{
    if (r->broken && r->inside == 0)
        close_and_wait(r);
}

void redis_shut(struct redis *r)
{
    release(r);
    r->state = LINK_WAITING;
    *r->up = 0;
    redis_drop_outstanding(r);
}

/* -------- RESOLVING -------- */

static void on_resolved(void *ctx, enum err err, const struct resolver_answer *answer)
{
    struct redis *r = ctx;
    r->query = NULL;
    if (err != ERR_OK) {
        redis_break(r, "%s: %s", r->url.host, err == ERR_NOT_FOUND ? "no such host" : "the name servers do not answer");
        redis_settle(r);
        return;
    }
    r->addresses = *answer;
    r->next_address = 0;
    connect_next(r);
}

static void resolve(struct redis *r)
{
    r->state = LINK_RESOLVING;
    struct resolver_query *q = resolver_ask_search(r->resolver, r->url.host, r->options.deadline_ms, on_resolved, r);
    if (q)
        r->query = q; /* NULL: answered, and the state has moved on */
}

/* -------- CONNECTING -------- */

static socklen_t to_sockaddr(const struct address *a, int port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->v6) {
        struct sockaddr_in6 *sa = (struct sockaddr_in6 *)(void *)out;
        sa->sin6_family = AF_INET6;
        sa->sin6_port = htons((uint16_t)port);
        memcpy(&sa->sin6_addr, a->bytes, 16);
        return sizeof *sa;
    }
    struct sockaddr_in *sa = (struct sockaddr_in *)(void *)out;
    sa->sin_family = AF_INET;
    sa->sin_port = htons((uint16_t)port);
    memcpy(&sa->sin_addr, a->bytes, 4);
    return sizeof *sa;
}

/* The socket, connecting or connected; -1 with errno. */
static int begin_connect(const struct address *a, int port)
{
    struct sockaddr_storage sa;
    socklen_t len = to_sockaddr(a, port, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&sa, len) == 0 || errno == EINPROGRESS)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* This address is of no use: the next one, or, after the last, a pause. */
static void give_up_address(struct redis *r, int error)
{
    char text[64];
    address_format(&r->addresses.addresses[r->next_address - 1], text);
    release(r);
    if (r->next_address < r->addresses.count) {
        connect_next(r);
        return;
    }
    redis_break(r, "connecting to %s port %d: %s", text, r->url.port, strerror(error));
    redis_settle(r);
}

static void hand_to_hiredis(struct redis *r)
{
    loop_timer_cancel(r->timer);
    loop_io_free(r->io);
    r->io = NULL;
    r->context = redisConnectFd(r->fd);
    check(r->context != NULL); /* it only allocates */
    r->context->flags &= ~REDIS_BLOCK;
    r->io = loop_io_new(r->loop, r->fd, LOOP_READ, redis_on_io, r);
    r->fd = -1;
    r->state = LINK_GREETING;
    struct errmsg why;
    if (r->tls && redis_tls_start(r->tls, r->context, &why) != ERR_OK)
        redis_break(r, "%s", why.text);
    else
        redis_greet(r);
    redis_settle(r);
}

static void on_connected(void *ctx, int events)
{
    (void)events;
    struct redis *r = ctx;
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error)
        give_up_address(r, error);
    else
        hand_to_hiredis(r);
}

static void connect_next(struct redis *r)
{
    r->state = LINK_CONNECTING;
    const struct address *a = &r->addresses.addresses[r->next_address++];
    r->fd = begin_connect(a, r->url.port);
    if (r->fd < 0) {
        give_up_address(r, errno);
        return;
    }
    r->io = loop_io_new(r->loop, r->fd, LOOP_WRITE, on_connected, r);
    loop_timer_arm(r->timer, r->options.deadline_ms);
}

void redis_on_timer(void *ctx)
{
    struct redis *r = ctx;
    if (r->state == LINK_CONNECTING)
        give_up_address(r, ETIMEDOUT);
    else
        resolve(r);
}

/* -------- UP -------- */

void redis_came_up(struct redis *r)
{
    r->state = LINK_UP;
    r->up_since_ms = loop_now(r->loop);
    r->trouble.text[0] = '\0';
    *r->up = 1;
    if (!r->options.on_up)
        return;
    r->inside++;
    r->options.on_up(r->options.ctx);
    r->inside--;
}
