#include "expectations/arrivals.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "commands/command.h"
#include "expectations/watch.h"
#include "model/glob.h"
#include "model/json_members.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

#define SETTLE_MS 2000 /* for events on their way to the view */
#define SETTLE_MORE_MS 2000
#define PAGE 500
#define PAGES_MAX 200
#define DATA_MAX (16UL * 1024)

/* Names file.missing events; any UUID that nothing else uses. */
static const struct uuid event_namespace = {
    {0x6b, 0x0d, 0x1f, 0x52, 0x33, 0x8e, 0x4a, 0x1c, 0xb7, 0x2a, 0x90, 0x4e, 0x15, 0xc8, 0x7d, 0x36}};

/* -------- what has arrived -------- */

struct looking {
    struct slice pattern;
    int64_t from_wall_ms; /* later than this */
    int64_t found_wall_ms;
};

static void look(void *ctx, const struct event *ev)
{
    struct looking *l = ctx;
    if (ev->time_wall_ms > l->from_wall_ms && ev->time_wall_ms > l->found_wall_ms && glob_match(l->pattern, ev->path))
        l->found_wall_ms = ev->time_wall_ms;
}

/* The part of a pattern before its first special byte: all paths that match begin with it. */
static struct slice prefix_of(const char *pattern)
{
    return slice_of(pattern, strcspn(pattern, "*?[\\"));
}

static enum err arrival(void *ctx, const struct expectation *ex, int64_t from_wall_ms, int64_t until_wall_ms, int64_t *wall_ms)
{
    struct api *api = ctx;
    struct looking l = {.pattern = slice_str(ex->path), .from_wall_ms = from_wall_ms};
    struct view_event_query q = {.account_id = slice_str(ex->account_id),
                                 .type = (int)ex->event,
                                 .path_prefix = prefix_of(ex->path),
                                 .since_wall_ms = from_wall_ms,
                                 .until_wall_ms = until_wall_ms + 1,
                                 .limit = PAGE};
    char next[VIEW_CURSOR_SIZE] = "";
    struct errmsg why;
    bool all_is_there = view_events_until(api->view) >= until_wall_ms + SETTLE_MS; /* looked at before the events are */
    for (int page = 0; page < PAGES_MAX && l.found_wall_ms == 0 && (page == 0 || next[0]); page++) {
        char cursor[VIEW_CURSOR_SIZE];
        memcpy(cursor, next, sizeof cursor);
        q.cursor = slice_str(cursor);
        if (view_events(api->view, &q, look, &l, next, &why) != ERR_OK) {
            log_warn("view_not_asked", LOG_STR("error", why.text));
            return ERR_AGAIN;
        }
    }
    if (l.found_wall_ms == 0 && !all_is_there)
        return ERR_AGAIN;
    *wall_ms = l.found_wall_ms;
    return ERR_OK;
}

/* -------- what is missing -------- */

static struct uuid event_id(const struct expectation *ex, int64_t due_wall_ms)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s/%" PRId64, ex->id, due_wall_ms);
    return uuid_v5(&event_namespace, slice_str(name));
}

struct finding {
    struct uuid id;
    bool found;
};

static void find(void *ctx, const struct event *ev)
{
    struct finding *f = ctx;
    f->found = f->found || memcmp(ev->id.bytes, f->id.bytes, sizeof f->id.bytes) == 0;
}

static enum err was_told(struct api *api, const struct expectation *ex, int64_t told_wall_ms, struct finding *f)
{
    struct view_event_query q = {.account_id = slice_str(ex->account_id),
                                 .type = EVENT_FILE_MISSING,
                                 .since_wall_ms = told_wall_ms,
                                 .until_wall_ms = told_wall_ms + 1,
                                 .limit = VIEW_PAGE_MAX};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    return view_events(api->view, &q, find, f, next, &why);
}

static void write_data(struct buf *out, const struct expectation *ex, int64_t due_wall_ms)
{
    buf_puts(out, "{\"path\":");
    json_put_string(out, slice_str(ex->path));
    json_put_member(out, "expectation_id", ex->id);
    json_put_member(out, "webhook_id", ex->webhook_id);
    json_put_member(out, "expected", event_type_name(ex->event));
    json_put_member_time(out, "due_at", due_wall_ms);
    json_put_member_int(out, "grace_s", ex->grace_s);
    buf_putc(out, '}');
}

static void on_sent(void *ctx, enum err err)
{
    (void)ctx;
    if (err != ERR_OK)
        log_error("file_missing_not_sent", LOG_STR("error", err_name(err)));
}

static enum err missing(void *ctx, const struct expectation *ex, int64_t due_wall_ms)
{
    struct api *api = ctx;
    char time[CLOCK_UTC_SIZE];
    struct buf data;
    int64_t told_wall_ms = due_wall_ms + ex->grace_s * 1000;
    struct finding f = {.id = event_id(ex, due_wall_ms)};
    if (was_told(api, ex, told_wall_ms, &f) != ERR_OK)
        return ERR_AGAIN;
    if (f.found)
        return ERR_OK;
    clock_format_utc(told_wall_ms, false, time);
    buf_init(&data, DATA_MAX);
    write_data(&data, ex, due_wall_ms);
    struct command cmd = {.event_id = f.id,
                          .event = EVENT_FILE_MISSING,
                          .timestamp = slice_str(time),
                          .account_id = ex->account_id,
                          .data = buf_slice(&data),
                          .path = slice_str(ex->path)};
    ++*api->stats.files_missing;
    log_info("file_missing", LOG_STR("expectation_id", ex->id), LOG_STR("webhook_id", ex->webhook_id),
             LOG_STR("account_id", ex->account_id), LOG_STR("due_at", time));
    command_send(api, &cmd, on_sent, NULL);
    buf_done(&data);
    return ERR_OK;
}

/* -------- turns -------- */

struct watch *arrivals_watch(struct api *api)
{
    struct watch_ports ports = {.arrival = arrival, .missing = missing, .ctx = api};
    unsigned char more = 0;
    check(RAND_bytes(&more, 1) == 1);
    return watch_new(&ports, SETTLE_MS + more * SETTLE_MORE_MS / 255);
}

static void turn(void *ctx, const void *value)
{
    struct api *api = ctx;
    const struct expectation *ex = value;
    const struct webhook *wh = definitions_webhook(api->definitions, ex->webhook_id);
    if (!wh)
        table_delete(definitions_expectations(api->definitions), ex->id, NULL, NULL);
    else if (wh->enabled)
        watch_turn(api->watch, ex, loop_wall(api->loop));
}

void arrivals_turn(struct api *api)
{
    table_each(definitions_expectations(api->definitions), turn, api);
    watch_turn_end(api->watch);
}
