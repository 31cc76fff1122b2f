/* A webhook's deliveries as they change, as server-sent events (live/live.h). */
#include "api.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"

#define SUMMARY_MAX (32UL * 1024)

void stream_get(struct request *rq)
{
    struct api *api = rq->api; /* the request may be gone afterwards */
    live_watch(api->live, rq, request_param(rq, "webhook_id"));
    view_watch(api->view, true);
}

void stream_untold(void *ctx)
{
    live_reset(((struct api *)ctx)->live);
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
