/* Serves the dashboard: plain files under "/", beside the API. They may be kept by a browser but are asked for again each time,
 * and answered with 304 while they are the same: a page never mixes modules of two versions for longer than a reload. */
#ifndef DASHBOARD_DASHBOARD_H
#define DASHBOARD_DASHBOARD_H

#include "http/request.h"

/* Whether the request's path is one of the dashboard's; it has been answered then. */
bool dashboard_answer(struct request *rq);

/* The media type of a file by the end of its name; "text/plain; charset=utf-8" when it is unknown. */
const char *dashboard_type(const char *path);
/* Whether a list of ETags, as If-None-Match has it, names this one. */
bool dashboard_etag_matches(const char *list, const char *etag);

#endif
