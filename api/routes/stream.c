/* A webhook's deliveries as they change, as server-sent events (live/live.h). */
#include "api.h"
#include "routes/routes.h"

void stream_get(struct request *rq)
{
    live_watch(rq->api->live, rq, request_param(rq, "webhook_id"));
}
