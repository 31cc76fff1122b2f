#include "commands/resend.h"

#include <stdlib.h>

#include "api.h"
#include "util/json.h"
#include "util/mem.h"

#define MEMBERS 8
#define DATA_MEMBERS 64

struct reading {
    struct api *api;
    struct resend *r;
    int64_t generation; /* of the delivery; then the greatest */
    struct buf body;
    enum err err;
    struct errmsg *why;
};

static void take_delivery(void *ctx, const struct delivery *dl)
{
    struct reading *rd = ctx;
    rd->r->command.event_id = dl->event_id;
    rd->r->command.event = dl->event;
    rd->r->path = mem_dup(dl->path.p, dl->path.len);
    rd->r->command.path = slice_of(rd->r->path, dl->path.len);
    rd->generation = dl->generation;
    rd->err = view_body(rd->api->view, dl, &rd->body, rd->why);
}

static void take_generation(void *ctx, const struct delivery *dl)
{
    struct reading *rd = ctx;
    if (dl->generation > rd->generation) {
        rd->generation = dl->generation;
        rd->r->newest = false;
    }
}

/* An event about no path is keyed by who it is about. */
static enum err path_of_user(struct resend *r, struct errmsg *why)
{
    struct json_member members[DATA_MEMBERS];
    struct buf name;
    size_t count = 0;
    enum err err = json_split(r->command.data, members, DATA_MEMBERS, &count, why);
    const struct json_member *user = err == ERR_OK ? json_find(members, count, "username") : NULL;
    buf_init(&name, EVENT_MAX_BYTES);
    buf_putc(&name, '/');
    if (user && user->kind == JSON_KIND_STRING)
        json_unescape(&name, user->value);
    free(r->path);
    r->path = mem_dup(name.p, name.len);
    r->command.path = slice_of(r->path, name.len);
    buf_done(&name);
    return err;
}

/* The body's own timestamp and data, byte for byte. */
static enum err take_body(struct resend *r, struct slice body, struct errmsg *why)
{
    struct json_member members[MEMBERS];
    size_t count = 0;
    r->text = mem_dup(body.p, body.len);
    enum err err = json_split(slice_of(r->text, body.len), members, MEMBERS, &count, why);
    if (err != ERR_OK)
        return err;
    const struct json_member *timestamp = json_find(members, count, "timestamp"), *data = json_find(members, count, "data");
    if (!timestamp || timestamp->kind != JSON_KIND_STRING || !data)
        return errmsg_set(why, ERR_INVALID, "the body is none of ours");
    r->command.timestamp = slice_of(timestamp->value.p + 1, timestamp->value.len - 2);
    r->command.data = data->value;
    return r->command.path.len > 0 ? ERR_OK : path_of_user(r, why);
}

static void name_original(struct resend *r)
{
    char text[UUID_TEXT_SIZE];
    struct uuid first = delivery_id(&r->command.event_id, slice_str(r->webhook_id), 0);
    uuid_format(&first, text);
    r->original = mem_strdup(text);
    r->command.original_delivery_id = r->original;
}

static enum err read_view(struct reading *rd, const struct uuid *id)
{
    struct slice webhook_id = slice_str(rd->r->webhook_id);
    enum err err = view_delivery(rd->api->view, webhook_id, id, take_delivery, rd, rd->why);
    if (err == ERR_OK && rd->err == ERR_NOT_FOUND)
        return ERR_REFUSED;
    err = err == ERR_OK ? rd->err : err;
    return err == ERR_OK ? view_history(rd->api->view, webhook_id, id, take_generation, rd, rd->why) : err;
}

enum err resend_new(struct api *api, const char *account_id, const char *webhook_id, const struct uuid *id, struct resend **out,
                    struct errmsg *why)
{
    struct resend *r = mem_zalloc(sizeof *r);
    struct reading rd = {.api = api, .r = r, .why = why};
    r->account_id = mem_strdup(account_id);
    r->webhook_id = mem_strdup(webhook_id);
    r->newest = true;
    buf_init(&rd.body, DELIVERY_MAX_BYTES);
    enum err err = read_view(&rd, id);
    if (err == ERR_OK)
        err = take_body(r, buf_slice(&rd.body), why);
    buf_done(&rd.body);
    if (err != ERR_OK) {
        resend_free(r);
        return err;
    }
    r->command.account_id = r->account_id;
    r->command.webhook_id = r->webhook_id;
    r->command.reason = EVENT_REASON_REDELIVER;
    r->command.generation = rd.generation + 1;
    name_original(r);
    *out = r;
    return ERR_OK;
}

void resend_free(struct resend *r)
{
    if (!r)
        return;
    free(r->account_id);
    free(r->webhook_id);
    free(r->original);
    free(r->path);
    free(r->text);
    free(r);
}
