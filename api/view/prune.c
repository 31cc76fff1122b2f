#include "view/prune.h"

#define MINUTES_KEPT_MS (48 * VIEW_HOUR_MS)

/* The oldest beyond what may be kept of a webhook, by age and by number. */
static enum err prune_deliveries(struct prune *p, int64_t now_wall_ms, int *count, struct errmsg *why)
{
    struct store *s = p->store;
    int64_t counts[VIEW_STATUSES], removed[VIEW_STATUSES] = {0}, sum = 0;
    enum err err = counts_get(&s->counts, p->webhook, counts, why);
    if (err == ERR_OK) {
        err = deliveries_prune(&s->deliveries, p->webhook, now_wall_ms - p->limits.delivery_age_ms, PRUNE_ROWS, removed, count,
                               why);
    }
    for (int i = 0; i < VIEW_STATUSES; i++) {
        sum += counts[i] - removed[i];
    }
    if (err == ERR_OK && *count == 0 && sum > p->limits.deliveries_per_webhook) {
        int64_t excess = sum - p->limits.deliveries_per_webhook;
        int limit = excess < PRUNE_ROWS ? (int)excess : PRUNE_ROWS;
        err = deliveries_prune(&s->deliveries, p->webhook, INT64_MAX, limit, removed, count, why);
    }
    for (int i = 0; i < VIEW_STATUSES && err == ERR_OK; i++) {
        if (removed[i] > 0) {
            counts_add(&s->counts, p->webhook, i, -removed[i]);
        }
    }
    metrics_add(p->deliveries_removed, (uint64_t)*count);
    return err;
}

static enum err prune_health(struct prune *p, int64_t now_wall_ms, struct errmsg *why)
{
    struct health *h = &p->store->health;
    enum err err = health_prune(h, p->webhook, VIEW_MINUTE_MS, now_wall_ms - MINUTES_KEPT_MS, why);
    return err == ERR_OK ? health_prune(h, p->webhook, VIEW_HOUR_MS, now_wall_ms - p->limits.delivery_age_ms, why) : err;
}

/* The webhook that p->webhook names; when it is done, on to the next. *over: there is none. */
static enum err step_webhook(struct prune *p, int64_t now_wall_ms, int *count, bool *over, struct errmsg *why)
{
    enum err err = ERR_OK;
    *count = 0;
    if (p->webhook > 0) {
        err = prune_deliveries(p, now_wall_ms, count, why);
        err = err == ERR_OK && *count == 0 ? prune_health(p, now_wall_ms, why) : err;
    }
    if (err == ERR_OK && *count == 0) {
        err = counts_next(&p->store->counts, p->webhook, &p->webhook, why);
        *over = p->webhook == 0;
    }
    return err;
}

static enum err step_account(struct prune *p, int64_t now_wall_ms, int *count, bool *over, struct errmsg *why)
{
    struct events *t = &p->store->events;
    enum err err = ERR_OK;
    *count = 0;
    for (; p->account > 0 && p->type <= EVENTS_COMMAND && *count == 0 && err == ERR_OK; p->type += *count == 0) {
        err = events_prune(t, p->account, p->type, now_wall_ms - p->limits.event_age_ms, PRUNE_ROWS, count, why);
    }
    metrics_add(p->events_removed, (uint64_t)*count);
    if (err == ERR_OK && *count == 0) {
        p->type = 0;
        err = events_next_account(t, p->account, &p->account, why);
        *over = p->account == 0;
    }
    return err;
}

static enum err step_trail(struct prune *p, int64_t now_wall_ms, bool *over, struct errmsg *why)
{
    struct trail *t = &p->store->trail;
    enum err err = trail_next_account(t, p->audited, &p->audited, why);
    *over = p->audited == 0;
    return err == ERR_OK && !*over ? trail_prune(t, p->audited, now_wall_ms - p->limits.audit_age_ms, why) : err;
}

enum err prune_step(struct prune *p, int64_t now_wall_ms, bool *rest, struct errmsg *why)
{
    int count = 0;
    enum err err = p->webhooks_over ? ERR_OK : step_webhook(p, now_wall_ms, &count, &p->webhooks_over, why);
    if (err == ERR_OK && !p->accounts_over) {
        err = step_account(p, now_wall_ms, &count, &p->accounts_over, why);
    }
    if (err == ERR_OK && !p->trail_over) {
        err = step_trail(p, now_wall_ms, &p->trail_over, why);
    }
    *rest = err == ERR_OK && p->webhooks_over && p->accounts_over && p->trail_over;
    if (*rest) {
        p->webhooks_over = p->accounts_over = p->trail_over = false;
        err = history_prune(&p->store->history, now_wall_ms - p->limits.event_age_ms, why);
    }
    return err;
}
