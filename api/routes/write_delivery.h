/* Deliveries and attempts as the REST interface shows them. */
#ifndef ROUTES_WRITE_DELIVERY_H
#define ROUTES_WRITE_DELIVERY_H

#include "http/request.h"
#include "view/view.h"

/* A DeliverySummary object. */
void write_delivery_summary(struct buf *out, const struct delivery *dl);
/* Its members without the braces, to be followed by more. */
void write_delivery_members(struct buf *out, const struct delivery *dl);
/* An array of all attempts. */
void write_attempts(struct buf *out, const struct delivery *dl);

/* ,"name":... with its comma: text that is null when it is empty, a number that is null when it is negative, a time that is null
 * when it is 0. */
void write_text(struct buf *out, const char *name, struct slice text);
void write_number(struct buf *out, const char *name, int64_t value);
void write_time(struct buf *out, const char *name, int64_t wall_ms);
void write_uuid(struct buf *out, const char *name, const struct uuid *id);

/* What every route of the view begins with. False: the view has not been read to the end of the topics yet, and the request has
 * been answered. */
bool view_is_ready(struct request *rq);
/* Answers with what went wrong in the view. */
void reply_view_failed(struct request *rq, enum err err, const struct errmsg *why);
/* Enumerations of the query: VIEW_ANY when the parameter is missing. False: it names nothing, and the request has been answered.
 */
bool query_status(struct request *rq, int *out);
bool query_event(struct request *rq, int *out);
/* `since` and `until`; 0 and INT64_MAX when they are missing. False: wrong, answered. */
bool query_range(struct request *rq, int64_t *since_wall_ms, int64_t *until_wall_ms);
/* A parameter of the query, empty when it is missing. */
struct slice query_text(struct request *rq, const char *name);

#endif
