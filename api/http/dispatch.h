/* What happens to every request before its route's handler sees it: ready, route, key, rate, things named in the path, body. */
#ifndef HTTP_DISPATCH_H
#define HTTP_DISPATCH_H

#include "http/request.h"

void dispatch(struct request *rq);
/* Counts a request of rq->principal. False: there were too many, and it has been answered with 429. */
bool dispatch_within_rate(struct request *rq);

#endif
