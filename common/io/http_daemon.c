/* The daemon has no thread of its own: what it answers must come from the loop, so that a loop that hangs does not answer.
 * Resuming a connection makes its epoll descriptor readable, so nothing here has to know of it. */
#include "io/http_daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/listen.h"
#include "util/mem.h"

#define MAX_WAIT_MS 1000
#define MAX_OPTIONS 12

struct http_daemon {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct loop_io *io;
    struct loop_timer *timer;
    int fd; /* that listens; -1 once it was closed */
    int port;
};

/* At its limit of connections the daemon stops to listen, and begins again only in a run after the one that saw a connection end.
 * It does not ask for that run: hence one a second. */
static void run_daemon(struct http_daemon *d)
{
    MHD_run(d->daemon);
    MHD_UNSIGNED_LONG_LONG wait_ms = MAX_WAIT_MS;
    if (MHD_get_timeout(d->daemon, &wait_ms) != MHD_YES || wait_ms > MAX_WAIT_MS)
        wait_ms = MAX_WAIT_MS;
    loop_timer_arm(d->timer, (int64_t)wait_ms);
}

static void on_ready(void *ctx, int events)
{
    (void)events;
    run_daemon(ctx);
}

static void on_timer(void *ctx)
{
    run_daemon(ctx);
}

/* libmicrohttpd takes functions as pointers to objects there. */
#define FUNCTION(fn) ((intptr_t)(fn))

static void fill_options(const struct http_daemon_options *o, int fd, struct MHD_OptionItem out[MAX_OPTIONS])
{
    int n = 0;
    out[n++] = (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, fd, NULL};
    out[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_LIMIT, o->max_connections, NULL};
    out[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_TIMEOUT, o->idle_timeout_s, NULL};
    if (o->connection_memory_bytes > 0)
        out[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->connection_memory_bytes, NULL};
    if (o->on_completed)
        out[n++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_COMPLETED, FUNCTION(o->on_completed), o->ctx};
    if (o->on_uri)
        out[n++] = (struct MHD_OptionItem){MHD_OPTION_URI_LOG_CALLBACK, FUNCTION(o->on_uri), o->ctx};
    if (o->on_connection)
        out[n++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_CONNECTION, FUNCTION(o->on_connection), o->ctx};
    out[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    check(n < MAX_OPTIONS);
}

static enum err start_daemon(struct http_daemon *d, const struct http_daemon_options *o, struct errmsg *why)
{
    struct MHD_OptionItem options[MAX_OPTIONS];
    unsigned flags = MHD_USE_EPOLL | (o->suspending ? MHD_ALLOW_SUSPEND_RESUME : 0);
    fill_options(o, d->fd, options);
    d->daemon = MHD_start_daemon(flags, 0, NULL, NULL, o->on_request, o->ctx, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!d->daemon)
        return errmsg_set(why, ERR_IO, "%s cannot be served: %s", o->what, strerror(errno));
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || info->epoll_fd < 0)
        return errmsg_set(why, ERR_IO, "%s cannot be served: libmicrohttpd has no epoll", o->what);
    d->timer = loop_timer_new(d->loop, on_timer, d);
    d->io = loop_io_new(d->loop, info->epoll_fd, LOOP_READ, on_ready, d);
    return ERR_OK;
}

enum err http_daemon_start(struct loop *l, const struct http_daemon_options *o, struct http_daemon **out, struct errmsg *why)
{
    int fd;
    enum err err = listen_open(o->listen, &fd, why);
    if (err != ERR_OK)
        return err;
    struct http_daemon *d = mem_zalloc(sizeof *d);
    d->loop = l;
    d->fd = fd;
    d->port = listen_port(fd);
    err = start_daemon(d, o, why);
    if (err != ERR_OK) {
        if (!d->daemon)
            close(fd);
        http_daemon_stop(d);
        return err;
    }
    *out = d;
    return ERR_OK;
}

int http_daemon_port(const struct http_daemon *d)
{
    return d->port;
}

unsigned http_daemon_connections(const struct http_daemon *d)
{
    return MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

void http_daemon_kick(struct http_daemon *d)
{
    loop_timer_arm(d->timer, 0);
}

void http_daemon_quiesce(struct http_daemon *d)
{
    if (d->fd < 0)
        return;
    MHD_quiesce_daemon(d->daemon);
    close(d->fd);
    d->fd = -1;
}

void http_daemon_stop(struct http_daemon *d)
{
    if (!d)
        return;
    loop_io_free(d->io);
    loop_timer_free(d->timer);
    if (d->daemon)
        MHD_stop_daemon(d->daemon); /* closes the listening socket too */
    free(d);
}
