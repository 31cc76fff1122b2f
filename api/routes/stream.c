/* A webhook's deliveries as they change, as server-sent events (live/live.h). */
#include "api.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"

#define SUMMARY_MAX (32UL * 1024)

void stream_get(struct request *rq)
{
    live_watch(rq->api->live, rq, request_param(rq, "webhook_id"));
}

void stream_delivery(void *ctx, const struct delivery *dl)
{
    struct api *api = ctx;
    struct buf json;
    if (!live_wants(api->live, dl->webhook_id))
        return;
    buf_init(&json, SUMMARY_MAX);
    write_delivery_summary(&json, dl);
    live_publish(api->live, dl->webhook_id, json.err == ERR_OK ? buf_slice(&json) : slice_of(NULL, 0));
    buf_done(&json);
}
