/* Sending one delivery again. */
#include "api.h"
#include "commands/resend.h"
#include "http/response.h"
#include "routes/accepted.h"
#include "routes/routes.h"
#include "routes/write_delivery.h"

bool may_send(struct request *rq, const struct webhook *wh)
{
    if (!definitions_account_pays(rq->api->definitions, wh->account_id))
        reply_problem(rq, PROBLEM_PLAN_REQUIRED, "webhooks are for paid plans");
    else if (!wh->enabled)
        reply_problem(rq, PROBLEM_WEBHOOK_DISABLED, "nothing is sent to a webhook that is disabled");
    else
        return true;
    return false;
}

void webhook_redeliver(struct request *rq)
{
    const struct webhook *wh = definitions_webhook(rq->api->definitions, request_param(rq, "webhook_id"));
    struct uuid id;
    struct resend *r = NULL;
    struct errmsg why = {""};
    if (!view_is_ready(rq) || !may_send(rq, wh))
        return;
    enum err err = uuid_parse(slice_str(request_param(rq, "delivery_id")), &id);
    err = err == ERR_OK ? resend_new(rq->api, wh->account_id, wh->id, &id, &r, &why) : ERR_NOT_FOUND;
    if (err == ERR_OK)
        accepted_send(rq, &r->command);
    else if (err == ERR_NOT_FOUND)
        reply_problem(rq, PROBLEM_NOT_FOUND, "this webhook has no such delivery");
    else if (err == ERR_REFUSED)
        reply_problem(rq, PROBLEM_BODY_EXPIRED, "neither the delivery's record nor its event has the body any more");
    else
        reply_view_failed(rq, err, &why);
    resend_free(r);
}
