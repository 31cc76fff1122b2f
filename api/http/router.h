/* Finding the route of a request. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/request.h"

/* "GET", "HEAD" (as GET), ... */
enum method method_parse(const char *name);

/* The route, with its parameters in params (REQUEST_PARAMS_MAX); of two that match, the one with fewer parameters. NULL: none;
 * *allowed then holds the methods that the path has, 0 when there is no such path. */
const struct route *router_find(const struct route *routes, size_t count, enum method method, const struct uri *uri,
                                struct request_param *params, size_t *param_count, unsigned *allowed);
/* "GET, HEAD, POST": value of an Allow header. */
void router_allow(unsigned allowed, char out[64]);

#endif
