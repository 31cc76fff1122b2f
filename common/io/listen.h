/* Listening sockets for what a program serves: a text form, made before the server that uses it. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include "util/err.h"

/* spec: "host:port", "[::1]:port", ":port" (all addresses, IPv6 and IPv4); port 0 takes a free one. Non-blocking, close-on-exec,
 * address reuse on. A host name is resolved here, blocking: for use at start only. ERR_INVALID: the form; ERR_IO: the system
 * refused it; why names the reason. On success *fd is the caller's. */
MUST_CHECK enum err listen_open(const char *spec, int *fd, struct errmsg *why);
/* The port it is bound to. */
int listen_port(int fd);

#endif
