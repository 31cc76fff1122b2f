/* Commands to one webhook, through the events topic of the account's pool: durable when they are acknowledged, carried out by the
 * worker that owns the partition, and known again however often they are sent (the delivery's id comes from event, webhook and
 * generation). */
#ifndef COMMANDS_COMMAND_H
#define COMMANDS_COMMAND_H

#include "definitions/writer.h"
#include "model/event.h"

struct api;

struct command {
    struct uuid event_id;
    enum event_type event;
    struct slice timestamp; /* RFC 3339, as in the event */
    const char *account_id;
    struct slice data;      /* JSON object */
    struct slice path;      /* raw bytes; "/username" of ftp_user.created: the same partition as the event's */
    const char *webhook_id; /* NULL: an ordinary event, for every webhook that wants it */
    enum event_reason reason;
    int64_t generation;
    const char *original_delivery_id; /* NULL: none */
};

/* fn in a later turn: ERR_OK when all in-sync replicas have it; ERR_AGAIN, ERR_NOT_FOUND (no events topic of that pool), ... */
void command_send(struct api *api, const struct command *cmd, writer_done_fn *fn, void *ctx);

#endif
