/* Webhooks: list and show; webhook_change.c has what changes them. */
#include <stdlib.h>

#include "api.h"
#include "http/page.h"
#include "http/response.h"
#include "routes/routes.h"
#include "routes/write.h"
#include "util/mem.h"

static void write_one(struct request *rq, struct buf *out, const void *thing)
{
    write_webhook_public(rq, out, thing, NULL);
}

void webhooks_list(struct request *rq)
{
    const struct webhook *const *webhooks;
    size_t count = definitions_webhooks_of(rq->api->definitions, rq->principal.account_id, &webhooks);
    struct page_item *items = mem_array(NULL, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct page_item){webhooks[i]->created_wall_ms, webhooks[i]->id, webhooks[i]};
    page_reply(rq, items, count, write_one);
    free(items);
}

void webhooks_get(struct request *rq)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, request_param(rq, "webhook_id"));
    reply_etag(rq, wh->version);
    write_one(rq, reply_body(rq), wh);
    reply_json(rq, 200);
}
