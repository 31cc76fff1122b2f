/* Faults: which, when, and what each is. */
#include <inttypes.h>

#include "sim.h"

static struct sim_worker *any_worker(struct sim *s)
{
    return &s->workers[rnd(s, 0, s->plan.workers - 1)];
}

/* Rather the one whose call was waited for, or one that owns something. */
static struct sim_worker *some_owner(struct sim *s)
{
    if (s->aim >= 0)
        return &s->workers[s->aim];
    for (int tries = 0; tries < 4; tries++) {
        struct sim_worker *w = any_worker(s);
        if (w->alive && (w->slots[0] || w->slots[1]))
            return w;
    }
    return any_worker(s);
}

static struct sim_worker *worker_of(struct sim *s, const struct ev *e)
{
    return &s->workers[e->limit];
}

static void after(struct sim *s, int64_t delay_ms, struct sim_worker *w, void (*fn)(struct sim *s, struct ev *e))
{
    struct ev *e = ev_new(s, NULL, NULL);
    e->limit = w ? w->number : 0;
    ev_post(s, e, s->now_ms + delay_ms, fn);
}

static void do_boot(struct sim *s, struct ev *e)
{
    if (!worker_of(s, e)->alive)
        worker_boot(s, worker_of(s, e)->number);
    ev_free(s, e);
}

static void do_continue(struct sim *s, struct ev *e)
{
    if (worker_of(s, e)->stopped)
        worker_continue(worker_of(s, e));
    ev_free(s, e);
}

static void do_uncut(struct sim *s, struct ev *e)
{
    worker_of(s, e)->cut = false;
    ev_free(s, e);
}

static void do_redis_back(struct sim *s, struct ev *e)
{
    s->redis_down = false;
    say(s, "Redis is back");
    ev_free(s, e);
}

/* ---- workers ---- */

void faults_kill(struct sim *s, struct sim_worker *w)
{
    unsigned id = w->member_id;
    if (!w->alive)
        return;
    worker_kill(w);
    if (id != 0 && chance(s, 500))
        group_evict(s, id, 0, "its connection closed");
    after(s, rnd(s, 1, 6000), w, do_boot);
}

static void membership_ends(struct sim *s, struct sim_worker *w, int64_t told_in_ms, const char *why)
{
    if (w->alive && w->member_id != 0)
        group_evict(s, w->member_id, told_in_ms, why);
}

static void stop_worker(struct sim *s, struct sim_worker *w)
{
    if (!w->alive || w->stopped)
        return;
    worker_stop(w);
    after(s, chance(s, 500) ? rnd(s, 100, 6000) : rnd(s, 6000, 30000), w, do_continue);
}

static void cut_worker(struct sim *s, struct sim_worker *w)
{
    if (!w->alive)
        return;
    say(s, "w%d is cut off from the group", w->number);
    w->cut = true;
    after(s, rnd(s, 1000, 20000), w, do_uncut);
}

/* ---- Redis ---- */

static void wipe(struct sim *s)
{
    for (int no = 0; no < s->plan.parts; no++) {
        ix_wipe(s, &s->parts[no].ix);
        s->parts[no].index_faults++;
        say(s, "p%d: Redis wiped", no);
    }
}

static void roll_back(struct sim *s)
{
    int n = (int)rnd(s, 0, SNAPSHOTS - 1);
    for (int no = 0; no < s->plan.parts; no++) {
        struct sim_part *part = &s->parts[no];
        if (!part->has_snapshot[n])
            continue;
        ix_copy(s, &part->ix, &part->snapshots[n]);
        if (index_by == INDEX_BY_SCRIPTS)
            scripts_picture(s, no, &part->ix);
        part->index_faults++;
        part->rollbacks++;
        say(s, "  index p%d is at ep %s ap %" PRId64 " again", no, part->ix.ep, part->ix.ap);
    }
}

/* Starved by others: until then each command takes so long. */
static void redis_slow(struct sim *s)
{
    s->redis_slow_ms = (int)rnd(s, 100, 3000);
    s->redis_slow_until_ms = s->now_ms + rnd(s, 5000, 30000);
    for (int i = 0; i < s->plan.workers; i++)
        s->workers[i].given_up = 0;
    say(s, "Redis is slow: %d ms a command until %" PRId64, s->redis_slow_ms, s->redis_slow_until_ms);
}

static void lose_key(struct sim *s, int no)
{
    static const char *const names[IX_KEYS] = {"m", "due", "inf", "pl", "low", "tries", "held"};
    enum ix_key key = (enum ix_key)rnd(s, 0, IX_KEYS - 1);
    ix_lose_key(s, no, key);
    s->parts[no].index_faults++;
    say(s, "p%d: the key %s is deleted", no, names[key]);
}

static void redis_away(struct sim *s)
{
    say(s, "Redis is away");
    s->redis_down = true;
    after(s, rnd(s, 100, 15000), NULL, do_redis_back);
}

/* ---- webhooks ---- */

static void close_webhook(struct sim *s)
{
    int hook = (int)rnd(s, 0, s->plan.webhooks - 1);
    say(s, "%s is deleted", webhook_ids[hook]);
    s->closed_hooks |= 1u << hook;
    for (int i = 0; i < s->plan.workers; i++)
        for (int no = 0; no < s->plan.parts; no++)
            if (s->workers[i].alive && s->workers[i].slots[no])
                partition_sweep(s->workers[i].slots[no]->p, slice_str(webhook_ids[hook]));
}

/* Some of the workers do not hear of it: they do not serve at that moment. Their index tells them. */
static void tell_of_webhook(struct sim *s, int hook)
{
    for (int i = 0; i < s->plan.workers; i++)
        for (int no = 0; no < s->plan.parts; no++)
            if (s->workers[i].alive && s->workers[i].slots[no] && chance(s, 700))
                partition_sweep(s->workers[i].slots[no]->p, slice_str(webhook_ids[hook]));
}

void faults_resume(struct sim *s, int hook)
{
    if (!(s->paused_hooks >> hook & 1))
        return;
    say(s, "%s is resumed", webhook_ids[hook]);
    s->paused_hooks &= ~(1u << hook);
    s->resumed_ms[hook] = s->now_ms;
    tell_of_webhook(s, hook);
}

static void do_resume(struct sim *s, struct ev *e)
{
    faults_resume(s, e->limit);
    ev_free(s, e);
}

static void pause_webhook(struct sim *s)
{
    int hook = (int)rnd(s, 0, s->plan.webhooks - 1);
    say(s, "%s is paused", webhook_ids[hook]);
    s->paused_hooks |= 1u << hook;
    tell_of_webhook(s, hook);
    struct ev *e = ev_new(s, NULL, NULL);
    e->limit = hook;
    if (chance(s, 800))
        ev_post(s, e, s->now_ms + rnd(s, 10, chance(s, 800) ? 8000 : 120000), do_resume);
    else
        ev_free(s, e);
}

/* ---- the schedule ---- */

static void strike(struct sim *s, enum fault kind)
{
    int no = (int)rnd(s, 0, s->plan.parts - 1);
    switch (kind) {
    case FAULT_KILL:
        faults_kill(s, some_owner(s));
        break;
    case FAULT_ZOMBIE:
        membership_ends(s, some_owner(s), rnd(s, 100, 9000), "evicted");
        break;
    case FAULT_SESSION:
        membership_ends(s, some_owner(s), rnd(s, 0, 5), "session lost");
        break;
    case FAULT_REBALANCE:
        group_prepare(s, "somebody asks for it");
        break;
    case FAULT_STOP:
        stop_worker(s, some_owner(s));
        break;
    case FAULT_CUT:
        cut_worker(s, some_owner(s));
        break;
    case FAULT_WIPE:
        wipe(s);
        break;
    case FAULT_ROLLBACK:
        roll_back(s);
        break;
    case FAULT_KEY:
        lose_key(s, no);
        break;
    case FAULT_REDIS_AWAY:
        redis_away(s);
        break;
    case FAULT_REDIS_SLOW:
        redis_slow(s);
        break;
    case FAULT_CONN_BREAK:
        worker_break_redis(some_owner(s));
        break;
    case FAULT_REGROUP:
        group_make_anew(s);
        break;
    case FAULT_CLOSE:
        close_webhook(s);
        break;
    case FAULT_PAUSE:
        pause_webhook(s);
        break;
    case FAULT_COMPACT:
        slog_compact(s, no);
        break;
    case FAULT_RETAIN:
        slog_retain(s, no);
        break;
    case FAULT_FOREIGN:
        slog_foreign(s, no);
        break;
    case FAULT_RECREATE:
        slog_recreate(s, no);
        fault_hit(s, no, 2, "the delivery log was deleted and made anew");
        break;
    case FAULT_KINDS:
        break;
    }
}

static void do_fault(struct sim *s, struct ev *e)
{
    s->aim = e->limit;
    if (!s->calm)
        strike(s, (enum fault)e->count);
    s->aim = -1;
    ev_free(s, e);
}

static void do_snapshot(struct sim *s, struct ev *e)
{
    int n = (int)rnd(s, 0, SNAPSHOTS - 1);
    for (int no = 0; no < s->plan.parts; no++) {
        ix_copy(s, &s->parts[no].snapshots[n], &s->parts[no].ix);
        s->parts[no].has_snapshot[n] = true;
    }
    ev_free(s, e);
}

static void do_close_webhook(struct sim *s, struct ev *e)
{
    s->webhook_closed_until[rnd(s, 0, MAX_WEBHOOKS - 1)] = s->now_ms + rnd(s, 500, 6000);
    ev_free(s, e);
}

static void schedule(struct sim *s, int64_t at_ms, int kind, void (*fn)(struct sim *s, struct ev *e))
{
    struct ev *e = ev_new(s, NULL, NULL);
    e->count = kind;
    e->limit = -1;
    ev_post(s, e, at_ms, fn);
}

static int pick_kind(struct sim *s)
{
    int kind;
    do
        kind = (int)rnd(s, 0, FAULT_KINDS - 1);
    while (!(s->plan.fault_kinds & 1u << kind));
    return kind;
}

void faults_notice(struct sim *s, enum call_kind kind, int worker)
{
    for (int i = 0; i < AMBUSHES; i++) {
        struct ambush *a = &s->ambushes[i];
        if (a->fault < 0 || a->kind != kind || a->after-- > 0)
            continue;
        struct ev *e = ev_new(s, NULL, NULL);
        e->count = a->fault;
        e->limit = worker;
        a->fault = -1;
        ev_post(s, e, s->now_ms + rnd(s, 0, 2 * s->plan.latency_ms), do_fault);
        return;
    }
}

/* Faults that strike while a call is under way. */
static void lay_ambushes(struct sim *s)
{
    int count = s->plan.faults > 0 ? (int)rnd(s, 0, AMBUSHES) : 0;
    for (int i = 0; i < AMBUSHES; i++) {
        s->ambushes[i].fault = i < count ? pick_kind(s) : -1;
        s->ambushes[i].kind = (enum call_kind)rnd(s, CALL_NONE, CALL_APPLY);
        s->ambushes[i].after = (int)rnd(s, 0, chance(s, 500) ? 3 : 20);
    }
}

/* Some come in pairs: what is rare alone is likely while another is being dealt with. */
void faults_schedule(struct sim *s)
{
    int64_t last = s->plan.faults_end_ms - 1;
    s->aim = -1;
    lay_ambushes(s);
    for (int i = 0; i < s->plan.faults; i++) {
        int64_t at = rnd(s, 0, last);
        schedule(s, at, pick_kind(s), do_fault);
        if (chance(s, 400))
            schedule(s, at + rnd(s, 0, 1500), pick_kind(s), do_fault);
        schedule(s, rnd(s, 0, last), FAULT_COMPACT, do_fault);
    }
    if (s->plan.faults > 0)
        for (int i = 0; i < 10; i++)
            schedule(s, rnd(s, 0, last), 0, do_snapshot);
    for (int i = (int)rnd(s, 0, 3); i > 0; i--)
        schedule(s, rnd(s, 0, last), 0, do_close_webhook);
}
