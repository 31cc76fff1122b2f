#include "reactions/disabling.h"

#include <jansson.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api.h"
#include "model/json_members.h"
#include "util/list.h"
#include "util/log.h"
#include "util/mem.h"
#include "webhooks/fields.h"

#define WAIT_MAX_MS 1500
#define LOOK_BACK_MS (7LL * 86400000) /* as long as events are kept */
#define PAGE 100

/* A webhook that is to be disabled, if it is still that version. */
struct finding {
    char *webhook_id, *account_id, *reason;
    int64_t version, wall_ms;
    int64_t due_ms;
    TAILQ_ENTRY(finding) link;
};

struct disabling {
    struct api *api;
    TAILQ_HEAD(, finding) findings;
    bool looked_back;
};

struct disabling *disabling_new(struct api *api)
{
    struct disabling *d = mem_zalloc(sizeof *d);
    d->api = api;
    TAILQ_INIT(&d->findings);
    return d;
}

static void drop(struct disabling *d, struct finding *f)
{
    TAILQ_REMOVE(&d->findings, f, link);
    free(f->webhook_id);
    free(f->account_id);
    free(f->reason);
    free(f);
}

void disabling_free(struct disabling *d)
{
    struct finding *f, *next;
    if (!d)
        return;
    TAILQ_FOREACH_SAFE(f, &d->findings, link, next)
        drop(d, f);
    free(d);
}

static void note(struct disabling *d, const json_t *data, const struct event *ev)
{
    const char *webhook_id = json_string_value(json_object_get(data, "webhook_id"));
    const char *reason = json_string_value(json_object_get(data, "reason"));
    int64_t version = json_integer_value(json_object_get(data, "version"));
    unsigned char wait = 0;
    if (!webhook_id || !reason || version < 1 || json_is_true(json_object_get(data, "test")))
        return;
    check(RAND_bytes(&wait, 1) == 1);
    struct finding *f = mem_zalloc(sizeof *f);
    *f = (struct finding){.webhook_id = mem_strdup(webhook_id),
                          .account_id = mem_dup(ev->account_id.p, ev->account_id.len),
                          .reason = mem_strdup(reason),
                          .version = version,
                          .wall_ms = ev->time_wall_ms,
                          .due_ms = loop_now(d->api->loop) + wait * WAIT_MAX_MS / 255};
    TAILQ_INSERT_TAIL(&d->findings, f, link);
}

void disabling_event(void *ctx, const struct event *ev)
{
    json_t *data = NULL;
    struct errmsg why;
    if (ev->type != EVENT_WEBHOOK_DISABLED || ev->target.webhook_id.len > 0)
        return;
    if (json_members_load(ev->data, &data, &why) == ERR_OK)
        note(ctx, data, ev);
    json_decref(data);
}

/* -------- disabling -------- */

static void tell(struct disabling *d, const struct webhook *wh, const struct finding *f)
{
    struct audit_entry entry = {.wall_ms = loop_wall(d->api->loop),
                                .account_id = wh->account_id,
                                .actor = "system",
                                .action = "webhook.disable",
                                .target = wh->id,
                                .version = wh->version + 1,
                                .fields = "enabled disabled_reason"};
    ++*d->api->stats.webhooks_disabled;
    log_warn("webhook_disabled", LOG_STR("webhook_id", wh->id), LOG_STR("account_id", wh->account_id),
             LOG_INT("version", wh->version), LOG_STR("reason", f->reason));
    audit_append(definitions_audit(d->api->definitions), &entry, NULL, NULL);
}

/* The record is the same on every replica: its time is the event's. */
static void disable(struct disabling *d, const struct webhook *wh, const struct finding *f)
{
    struct webhook *next = webhook_copy(wh);
    next->version++;
    next->enabled = false;
    next->updated_wall_ms = f->wall_ms;
    free(next->disabled_reason);
    next->disabled_reason = mem_strdup(f->reason);
    table_write(definitions_webhooks(d->api->definitions), wh->id, next, NULL, NULL);
    tell(d, wh, f);
    webhook_free(next);
}

static void look_back(struct disabling *d, const char *account_id)
{
    struct view_event_query q = {.account_id = slice_str(account_id),
                                 .type = EVENT_WEBHOOK_DISABLED,
                                 .since_wall_ms = loop_wall(d->api->loop) - LOOK_BACK_MS,
                                 .until_wall_ms = INT64_MAX,
                                 .limit = PAGE};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    if (view_events(d->api->view, &q, disabling_event, d, next, &why) != ERR_OK)
        log_warn("view_not_asked", LOG_STR("error", why.text));
}

static void look_back_at(void *ctx, const void *value)
{
    look_back(ctx, ((const struct account *)value)->id);
}

void disabling_turn(struct disabling *d)
{
    struct finding *f, *next;
    if (!d->looked_back)
        table_each(definitions_accounts(d->api->definitions), look_back_at, d);
    d->looked_back = true;
    TAILQ_FOREACH_SAFE(f, &d->findings, link, next) {
        if (f->due_ms > loop_now(d->api->loop))
            continue;
        const struct webhook *wh = definitions_webhook(d->api->definitions, f->webhook_id);
        if (wh && wh->enabled && wh->version == f->version && strcmp(wh->account_id, f->account_id) == 0)
            disable(d, wh, f);
        drop(d, f);
    }
}
