/* A libmicrohttpd daemon on the loop: the listening socket, the one epoll descriptor that holds all its sockets, and a timer for
 * what the daemon wants to do later (keep-alive timeouts, work it left). What is answered is the user's: libmicrohttpd's own
 * callbacks, called from the loop. */
#ifndef IO_HTTP_DAEMON_H
#define IO_HTTP_DAEMON_H

#include <microhttpd.h>
#include <stdbool.h>

#include "io/loop.h"
#include "util/err.h"

struct http_daemon;

struct http_daemon_options {
    const char *what;   /* of messages: "the admin port" */
    const char *listen; /* "host:port", "[::1]:port", ":port" (all addresses); port 0 takes a free one */
    unsigned max_connections;
    unsigned idle_timeout_s;
    unsigned connection_memory_bytes; /* for the head of a request; 0: libmicrohttpd's default */
    bool suspending;                  /* connections may be suspended and resumed */
    MHD_AccessHandlerCallback on_request;
    MHD_RequestCompletedCallback on_completed;                             /* may be NULL */
    void *(*on_uri)(void *ctx, const char *uri, struct MHD_Connection *c); /* may be NULL; its result begins *con_cls */
    void (*on_connection)(void *ctx, struct MHD_Connection *c, void **socket_context,
                          enum MHD_ConnectionNotificationCode what); /* may be NULL */
    void *ctx;
};

/* why names what failed. */
MUST_CHECK enum err http_daemon_start(struct loop *l, const struct http_daemon_options *o, struct http_daemon **out,
                                      struct errmsg *why);
/* The port it is bound to. */
int http_daemon_port(const struct http_daemon *d);
unsigned http_daemon_connections(const struct http_daemon *d);
/* To be called after a connection was resumed: without threads of its own the daemon does not wake by itself. */
void http_daemon_kick(struct http_daemon *d);
/* Takes no new connections from here on; those there are go on. */
void http_daemon_quiesce(struct http_daemon *d);
/* Closes the port and every connection; none may be suspended. NULL is fine. Not from one of the callbacks. */
void http_daemon_stop(struct http_daemon *d);

#endif
