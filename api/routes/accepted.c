#include "routes/accepted.h"

#include <stdlib.h>

#include "api.h"
#include "http/response.h"
#include "model/delivery.h"
#include "model/json_members.h"
#include "util/log.h"
#include "util/mem.h"

struct accepted {
    struct request *rq;
    struct uuid event_id, delivery_id;
    int64_t generation;
    char *original_delivery_id;
};

static void write_accepted(struct buf *out, const struct accepted *a)
{
    char delivery[UUID_TEXT_SIZE], event[UUID_TEXT_SIZE];
    uuid_format(&a->delivery_id, delivery);
    uuid_format(&a->event_id, event);
    buf_printf(out, "{\"delivery_id\":\"%s\",\"event_id\":\"%s\"", delivery, event);
    json_put_member_int(out, "generation", a->generation);
    if (a->original_delivery_id)
        json_put_member(out, "original_delivery_id", a->original_delivery_id);
    else
        buf_puts(out, ",\"original_delivery_id\":null");
    buf_putc(out, '}');
}

static void on_sent(void *ctx, enum err err)
{
    struct accepted *a = ctx;
    struct request *rq = a->rq;
    if (err == ERR_OK) {
        write_accepted(reply_body(rq), a);
        reply_json(rq, 202);
    } else if (err == ERR_AGAIN) {
        reply_unavailable(rq, "Kafka has not answered in time; the delivery may come or not");
    } else {
        log_error("command_failed", LOG_STR("request_id", rq->id), LOG_STR("error", err_name(err)));
        reply_problem(rq, PROBLEM_INTERNAL, "the command could not be written");
    }
    free(a->original_delivery_id);
    free(a);
}

void accepted_send(struct request *rq, const struct command *cmd)
{
    struct accepted *a = mem_zalloc(sizeof *a);
    a->rq = rq;
    a->event_id = cmd->event_id;
    a->generation = cmd->generation;
    a->delivery_id = delivery_id(&cmd->event_id, slice_str(cmd->webhook_id), cmd->generation);
    if (cmd->original_delivery_id)
        a->original_delivery_id = mem_strdup(cmd->original_delivery_id);
    command_send(rq->api, cmd, on_sent, a);
}
