#include "commands/recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "commands/resend.h"
#include "model/json_members.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/uthash.h"

#define PAGE 100
#define OUTSTANDING_MAX 200 /* commands that Kafka has not acknowledged */
#define STEP_MS 5
#define PAUSE_MS 50
#define TELL_MS 2000
#define SILENT_MS 60000
#define KEPT_MS (7LL * 86400000)
#define DETAILS_MAX 2048

/* One that this replica knows of; with a timer, one that it runs. */
struct entry {
    struct recovery r; /* first: what is handed out */
    struct recoveries *all;
    struct loop_timer *timer;
    char cursor[VIEW_CURSOR_SIZE];
    struct uuid page[PAGE];
    int page_count, page_at;
    bool last_page, cancelling, failing;
    int outstanding;
    int64_t told_ms;
    UT_hash_handle hh;
};

struct recoveries {
    struct api *api;
    struct entry *entries;
};

struct recoveries *recoveries_new(struct api *api)
{
    struct recoveries *rs = mem_zalloc(sizeof *rs);
    rs->api = api;
    return rs;
}

static void drop(struct recoveries *rs, struct entry *e)
{
    HASH_DEL(rs->entries, e);
    loop_timer_free(e->timer);
    free(e);
}

void recoveries_free(struct recoveries *rs)
{
    struct entry *e, *next;
    if (!rs)
        return;
    HASH_ITER(hh, rs->entries, e, next)
        drop(rs, e);
    free(rs);
}

/* -------- told and heard -------- */

static const char *const state_names[] = {
    [RECOVERY_RUNNING] = "running", [RECOVERY_DONE] = "done", [RECOVERY_CANCELLED] = "cancelled", [RECOVERY_FAILED] = "failed"};

const char *recovery_state_name(const struct recovery *r, int64_t now_wall_ms)
{
    bool silent = r->state == RECOVERY_RUNNING && now_wall_ms - r->heard_wall_ms > SILENT_MS;
    return state_names[silent ? RECOVERY_FAILED : r->state];
}

static void write_details(struct buf *out, const struct recovery *r)
{
    buf_puts(out, "{\"webhook_id\":");
    json_put_string(out, slice_str(r->webhook_id));
    json_put_member_time(out, "since", r->since_wall_ms);
    json_put_member_time(out, "until", r->until_wall_ms);
    json_put_member(out, "state", state_names[r->state]);
    json_put_member_int(out, "total", r->total);
    json_put_member_int(out, "sent", r->sent);
    json_put_member_int(out, "skipped", r->skipped);
    json_put_member_time(out, "started_at", r->started_wall_ms);
    json_put_member_time(out, "finished_at", r->finished_wall_ms);
    buf_putc(out, '}');
}

static void tell(struct recoveries *rs, const struct recovery *r, const char *action, const char *actor, const char *request_id,
                 bool quiet)
{
    struct buf details;
    buf_init(&details, DETAILS_MAX);
    write_details(&details, r);
    struct audit_entry entry = {.wall_ms = loop_wall(rs->api->loop),
                                .account_id = r->account_id,
                                .actor = actor,
                                .action = action,
                                .target = r->id,
                                .request_id = request_id,
                                .fields = "",
                                .details = buf_cstr(&details),
                                .quiet = quiet};
    audit_append(definitions_audit(rs->api->definitions), &entry, NULL, NULL);
    buf_done(&details);
}

static struct entry *find(const struct recoveries *rs, const char *id)
{
    struct entry *e;
    HASH_FIND(hh, rs->entries, id, strlen(id), e);
    return e;
}

static struct entry *add(struct recoveries *rs, const char *id)
{
    struct entry *e = mem_zalloc(sizeof *e);
    (void)snprintf(e->r.id, sizeof e->r.id, "%s", id);
    e->all = rs;
    HASH_ADD_KEYPTR(hh, rs->entries, e->r.id, strlen(e->r.id), e);
    return e;
}

static void take_details(struct recovery *r, const json_t *o)
{
    const char *state = json_string_value(json_object_get(o, "state"));
    json_take_text(r->webhook_id, sizeof r->webhook_id, o, "webhook_id");
    r->since_wall_ms = json_take_time(o, "since");
    r->until_wall_ms = json_take_time(o, "until");
    r->started_wall_ms = json_take_time(o, "started_at");
    r->finished_wall_ms = json_take_time(o, "finished_at");
    r->total = json_integer_value(json_object_get(o, "total"));
    r->sent = json_integer_value(json_object_get(o, "sent"));
    r->skipped = json_integer_value(json_object_get(o, "skipped"));
    for (int i = RECOVERY_RUNNING; i <= RECOVERY_FAILED; i++)
        if (state && strcmp(state, state_names[i]) == 0)
            r->state = (enum recovery_state)i;
}

static void on_entry(void *ctx, const json_t *o)
{
    struct recoveries *rs = ctx;
    const char *action = json_string_value(json_object_get(o, "action"));
    const char *id = json_string_value(json_object_get(o, "target"));
    const json_t *details = json_object_get(o, "details");
    int64_t wall_ms = json_take_time(o, "time");
    if (!action || strncmp(action, "recovery.", 9) != 0 || !id || !json_is_object(details) ||
        loop_wall(rs->api->loop) - wall_ms > KEPT_MS)
        return;
    struct entry *e = find(rs, id);
    if (e && e->timer) { /* our own: of interest is alone that it is to end */
        e->cancelling = e->cancelling || strcmp(action, "recovery.cancel") == 0;
        return;
    }
    if (!e)
        e = add(rs, id);
    json_take_text(e->r.account_id, sizeof e->r.account_id, o, "account_id");
    if (e->r.state == RECOVERY_RUNNING)
        take_details(&e->r, details);
    e->r.heard_wall_ms = wall_ms;
}

void recoveries_follow(struct recoveries *rs)
{
    audit_follow(definitions_audit(rs->api->definitions), on_entry, rs);
}

/* -------- running -------- */

static void finish(struct entry *e, enum recovery_state state)
{
    struct recoveries *rs = e->all;
    e->r.state = state;
    e->r.finished_wall_ms = e->r.heard_wall_ms = loop_wall(rs->api->loop);
    log_info("recovery_ended", LOG_STR("recovery_id", e->r.id), LOG_STR("webhook_id", e->r.webhook_id),
             LOG_STR("state", state_names[state]), LOG_INT("sent", e->r.sent), LOG_INT("skipped", e->r.skipped));
    tell(rs, &e->r, "recovery.end", "system", NULL, false);
    loop_timer_free(e->timer);
    e->timer = NULL;
}

static void take_id(void *ctx, const struct delivery *dl)
{
    struct entry *e = ctx;
    e->page[e->page_count++] = dl->id;
}

/* False: there is no more. */
static bool next_page(struct entry *e)
{
    struct view_delivery_query q = {.webhook_id = slice_str(e->r.webhook_id),
                                    .status = DELIVERY_FAILED,
                                    .event = VIEW_ANY,
                                    .since_wall_ms = e->r.since_wall_ms,
                                    .until_wall_ms = e->r.until_wall_ms,
                                    .oldest_first = true,
                                    .limit = PAGE,
                                    .cursor = slice_str(e->cursor)};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    e->page_count = e->page_at = 0;
    if (e->last_page)
        return false;
    if (view_deliveries(e->all->api->view, &q, take_id, e, next, &why) != ERR_OK) {
        log_error("recovery_failed", LOG_STR("recovery_id", e->r.id), LOG_STR("error", why.text));
        e->failing = true;
        return false;
    }
    memcpy(e->cursor, next, sizeof next);
    e->last_page = next[0] == '\0';
    return e->page_count > 0;
}

static void on_sent(void *ctx, enum err err)
{
    struct entry *e = ctx;
    e->outstanding--;
    if (err == ERR_OK)
        e->r.sent++;
    else
        e->failing = true; /* begun again, it goes on with what was not sent */
}

static void send_one(struct entry *e, const struct uuid *id)
{
    struct resend *r = NULL;
    struct errmsg why;
    enum err err = resend_new(e->all->api, e->r.account_id, e->r.webhook_id, id, &r, &why);
    if (err == ERR_OK && !r->newest) {
        resend_free(r); /* it was sent again already: that one's fate counts */
        return;
    }
    e->r.total++;
    if (err == ERR_OK) {
        e->outstanding++;
        command_send(e->all->api, &r->command, on_sent, e);
    } else {
        e->r.skipped++;
    }
    resend_free(r);
}

/* True: there may be more to do at once. */
static bool work(struct entry *e)
{
    if (e->outstanding >= OUTSTANDING_MAX || e->failing || e->cancelling)
        return false;
    if (e->page_at == e->page_count && !next_page(e))
        return false;
    send_one(e, &e->page[e->page_at++]);
    return true;
}

static void step(void *ctx)
{
    struct entry *e = ctx;
    struct api *api = e->all->api;
    int64_t until_ms = clock_mono_ms() + STEP_MS;
    bool more = true;
    if (api->stopping || !definitions_webhook(api->definitions, e->r.webhook_id))
        e->failing = true;
    while (more && clock_mono_ms() < until_ms)
        more = work(e);
    bool over = !more && e->outstanding == 0 && (e->last_page || e->failing || e->cancelling);
    if (over) {
        finish(e, e->cancelling ? RECOVERY_CANCELLED : e->failing ? RECOVERY_FAILED : RECOVERY_DONE);
        return;
    }
    if (loop_now(api->loop) - e->told_ms >= TELL_MS) {
        e->told_ms = loop_now(api->loop);
        e->r.heard_wall_ms = loop_wall(api->loop);
        tell(e->all, &e->r, "recovery.progress", "system", NULL, true);
    }
    loop_timer_arm(e->timer, more ? 1 : PAUSE_MS);
}

const struct recovery *recoveries_start(struct recoveries *rs, const char *account_id, const char *webhook_id,
                                        int64_t since_wall_ms, int64_t until_wall_ms, const char *actor, const char *request_id)
{
    struct uuid uuid = uuid_v4();
    char id[40] = "rec_", text[UUID_TEXT_SIZE];
    uuid_format(&uuid, text);
    for (const char *p = text; *p; p++)
        if (*p != '-')
            (void)snprintf(id + strlen(id), 2, "%c", *p);
    struct entry *e = add(rs, id);
    (void)snprintf(e->r.account_id, sizeof e->r.account_id, "%s", account_id);
    (void)snprintf(e->r.webhook_id, sizeof e->r.webhook_id, "%s", webhook_id);
    e->r.since_wall_ms = since_wall_ms;
    e->r.until_wall_ms = until_wall_ms;
    e->r.started_wall_ms = e->r.heard_wall_ms = loop_wall(rs->api->loop);
    e->told_ms = loop_now(rs->api->loop);
    e->timer = loop_timer_new(rs->api->loop, step, e);
    loop_timer_arm(e->timer, 1);
    tell(rs, &e->r, "recovery.start", actor, request_id, false);
    return &e->r;
}

/* -------- asked -------- */

const struct recovery *recoveries_find(const struct recoveries *rs, const char *webhook_id, const char *id)
{
    const struct entry *e = find(rs, id);
    return e && strcmp(e->r.webhook_id, webhook_id) == 0 ? &e->r : NULL;
}

void recoveries_each(const struct recoveries *rs, const char *webhook_id, void (*fn)(void *ctx, const struct recovery *r),
                     void *ctx)
{
    for (const struct entry *e = rs->entries; e; e = e->hh.next)
        if (strcmp(e->r.webhook_id, webhook_id) == 0)
            fn(ctx, &e->r);
}

void recoveries_cancel(struct recoveries *rs, const struct recovery *r, const char *actor, const char *request_id)
{
    struct entry *e = find(rs, r->id);
    if (r->state != RECOVERY_RUNNING)
        return;
    if (e->timer)
        e->cancelling = true;
    tell(rs, r, "recovery.cancel", actor, request_id, false);
}
