/* Health of a webhook, from the sums of attempts and the streak. */
#include <stdio.h>

#include "model/webhook.h"
#include "view/view_internal.h"

#define RECORD_MAX (1024UL * 1024)
#define QUARTER_MS (15 * (int64_t)VIEW_MINUTE_MS)
#define DAY_MS (24 * (int64_t)VIEW_HOUR_MS)

const char *view_state_name(enum view_state state)
{
    static const char *const names[] = {[VIEW_IDLE] = "idle",
                                        [VIEW_HEALTHY] = "healthy",
                                        [VIEW_DEGRADED] = "degraded",
                                        [VIEW_FAILING] = "failing",
                                        [VIEW_DISABLED] = "disabled"};
    return names[state];
}

static void add(void *ctx, const struct view_attempts *a)
{
    struct view_attempts *sum = ctx;
    sum->succeeded += a->succeeded;
    sum->failed += a->failed;
    for (int i = 0; i < VIEW_LATENCY_BUCKETS; i++) {
        sum->latency[i] += a->latency[i];
    }
}

static enum err sum_of(struct view *v, int64_t webhook, int64_t span_ms, int64_t window_ms, int64_t now_wall_ms,
                       struct view_attempts *out, struct errmsg *why)
{
    int64_t until = now_wall_ms - now_wall_ms % span_ms + span_ms;
    *out = (struct view_attempts){.start_wall_ms = until - window_ms, .span_ms = window_ms};
    return health_each(&v->store.health, webhook, span_ms, out->start_wall_ms, until, add, out, why);
}

static enum err read_definition(struct view *v, int64_t webhook, struct view_health *out, struct errmsg *why)
{
    struct webhook *wh = NULL;
    struct buf record;
    buf_init(&record, RECORD_MAX);
    enum err err = history_last(&v->store.history, webhook, &record, why);
    if (err == ERR_OK && record.len > 0) {
        err = webhook_parse(buf_slice(&record), &wh, why);
    }
    if (err == ERR_OK && wh && !wh->enabled) {
        out->state = VIEW_DISABLED;
        (void)snprintf(out->disabled_reason, sizeof out->disabled_reason, "%s", wh->disabled_reason);
    }
    webhook_free(wh);
    buf_done(&record);
    return err;
}

static enum view_state state_of(const struct streak *s, const struct view_attempts *recent)
{
    if (s->failures > 0) {
        return VIEW_FAILING;
    }
    if (s->last_success_wall_ms == 0) {
        return VIEW_IDLE;
    }
    return recent->failed > 0 ? VIEW_DEGRADED : VIEW_HEALTHY;
}

enum err view_health(struct view *v, struct slice webhook_id, int64_t now_wall_ms, struct view_health *out, struct errmsg *why)
{
    int64_t webhook = 0;
    struct streak streak;
    *out = (struct view_health){0};
    enum err err = view_refresh(v, why);
    err = err == ERR_OK ? names_find(&v->store.names, webhook_id, &webhook, why) : err;
    err = err == ERR_OK ? health_streak_of(&v->store.health, webhook, &streak, why) : err;
    err = err == ERR_OK ? sum_of(v, webhook, VIEW_MINUTE_MS, QUARTER_MS, now_wall_ms, &out->last_15_min, why) : err;
    err = err == ERR_OK ? sum_of(v, webhook, VIEW_HOUR_MS, DAY_MS, now_wall_ms, &out->last_24_h, why) : err;
    if (err != ERR_OK) {
        return view_answer(v, err, why);
    }
    out->state = state_of(&streak, &out->last_15_min);
    out->failing_since_wall_ms = streak.failing_since_wall_ms;
    out->last_success_wall_ms = streak.last_success_wall_ms;
    out->last_failure_wall_ms = streak.last_failure_wall_ms;
    out->consecutive_failures = streak.failures;
    return view_answer(v, read_definition(v, webhook, out, why), why);
}

enum err view_series(struct view *v, struct slice webhook_id, int64_t span_ms, int64_t since_wall_ms, int64_t until_wall_ms,
                     view_attempts_fn *fn, void *ctx, struct errmsg *why)
{
    int64_t webhook = 0;
    enum err err = view_refresh(v, why);
    err = err == ERR_OK ? names_find(&v->store.names, webhook_id, &webhook, why) : err;
    err = err == ERR_OK ? health_each(&v->store.health, webhook, span_ms, since_wall_ms, until_wall_ms, fn, ctx, why) : err;
    return view_answer(v, err, why);
}
