/* A worker: the shell around one core, as thin as the real one. Inputs come one at a time; then comes a turn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"
#include "util/list.h"

/* ---- life ---- */

void worker_boot(struct sim *s, int number)
{
    struct sim_worker *w = &s->workers[number];
    unsigned incarnation = w->incarnation + 1;
    *w = (struct sim_worker){.sim = s, .number = number, .incarnation = incarnation, .alive = true, .generation = -1};
    TAILQ_INIT(&w->owned);
    TAILQ_INIT(&w->gate);
    TAILQ_INIT(&w->pending);
    TAILQ_INIT(&w->inbox);
    core_init(&w->core, &sim_ports, w, s->rng ^ (uint64_t)number);
    w->core.retry = (struct retry_policy){.base_ms = 500, .factor = 3, .max_ms = 8000};
    w->core.write_again_ms = WRITE_AGAIN_MS;
    w->core.hold_max_ms = HOLD_MAX_MS;
    w->core.bound_lag_ms = s->plan.bound_lag_ms;
    w->core.events_topic = "trueftp.events";
    w->core.max_jobs = s->plan.crowd ? (int)rnd(s, 40, 2000) : (int)rnd(s, 2, 40);
    w->last_turn_ms = w->second_ms = w->contact_ms = s->now_ms;
    core_set_time(&w->core, s->now_ms, wall(s));
    scripts_start(w);
    redis_patience_init(&w->patience, PATIENCE_MS);
    say(s, "w%d starts", number);
    group_join(w, rnd(s, 0, 500));
}

static void forget_fetches(struct ev_list *list, const struct owned *o)
{
    struct ev *e;
    TAILQ_FOREACH(e, list, link)
        if (e->owned == o)
            e->owned = NULL;
}

static void bury(struct sim_worker *w)
{
    struct owned *o, *next;
    if (!w->dead_owned)
        return;
    w->dead_owned = false;
    TAILQ_FOREACH_SAFE(o, &w->owned, link, next) {
        if (o->live || !o->p->released)
            continue;
        TAILQ_REMOVE(&w->owned, o, link);
        forget_fetches(&w->pending, o);
        forget_fetches(&w->inbox, o);
        partition_free(o->p);
        free(o);
    }
}

/* What it asked for gets no answer any more; what has not left the process yet may never leave it. */
static void drop_pending(struct sim_worker *w, struct ev_list *list)
{
    struct ev *e;
    bool unsent_is_lost = chance(w->sim, 500);
    while ((e = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, e, link);
        e->pending = false;
        if (list == &w->pending || !e->cancelled)
            e->reply(w, e, true);
        e->w = NULL;
        e->job = NULL;
        if (unsent_is_lost)
            e->write = false;
        if (list == &w->inbox)
            ev_free(w->sim, e);
    }
}

/* kill -9. The core's books are closed so that memory can be checked: each partition is lost, and each answer that is due comes
 * as a failure. */
void worker_kill(struct sim_worker *w)
{
    struct sim *s = w->sim;
    struct owned *o;
    say(s, "w%d is killed", w->number);
    for (int no = 0; no < s->plan.parts; no++)
        if (w->slots[no])
            fault_hit(s, no, 1, "its owner was killed");
    TAILQ_FOREACH(o, &w->owned, link) {
        o->graceful = false;
        partition_lose(o->p);
    }
    drop_pending(w, &w->pending);
    drop_pending(w, &w->inbox);
    bury(w);
    require(s, TAILQ_EMPTY(&w->owned), "w%d: a partition is not released though every answer came", w->number);
    require(s, w->core.jobs == 0, "w%d: %d jobs are left", w->number, w->core.jobs);
    require(s, w->core.suspects == 0, "w%d: %d suspects are left", w->number, w->core.suspects);
    core_done(&w->core);
    scripts_stop(w);
    w->alive = w->stopped = w->cut = false;
    w->member_id = 0;
    w->generation = -1;
}

void worker_stop(struct sim_worker *w)
{
    w->stopped = true;
    say(w->sim, "w%d is stopped", w->number);
}

/* Everything that came meanwhile is handed over before the first turn. */
void worker_continue(struct sim_worker *w)
{
    struct ev *e;
    w->stopped = false;
    say(w->sim, "w%d goes on", w->number);
    core_set_time(&w->core, w->sim->now_ms, wall(w->sim));
    while ((e = TAILQ_FIRST(&w->inbox)) != NULL) {
        TAILQ_REMOVE(&w->inbox, e, link);
        e->reply(w, e, false);
        ev_free(w->sim, e);
    }
}

/* ---- membership ---- */

void worker_begin(struct sim_worker *w, int no, int64_t committed, const char *metadata)
{
    struct owned *o = mem_zalloc(sizeof *o);
    struct commit_metadata metadata_read;
    char member[32];
    w->awaiting[no] = false;
    snprintf(member, sizeof member, "w%d-%u", w->number, w->member_id);
    commit_metadata_parse(metadata, &metadata_read);
    *o = (struct owned){.w = w, .no = no, .live = true, .assignment = w->awaiting_assignment[no]};
    TAILQ_INSERT_TAIL(&w->owned, o, link);
    require(w->sim, !w->slots[no], "p%d assigned while it is live", no);
    w->slots[no] = o;
    if (w->out)
        fault_hit(w->sim, no, 1, "its owner's membership has ended before it begins");
    say(w->sim, "w%d p%d begins, generation %" PRId64 ", committed %" PRId64, w->number, no, w->generation, committed);
    o->p = partition_new(&w->core, no, w->generation, member, committed, &metadata_read, o);
}

void worker_assigned(struct sim_worker *w, struct ev *e)
{
    w->generation = e->generation;
    w->contact_ms = w->sim->now_ms;
    for (int no = 0; no < w->sim->plan.parts; no++) {
        w->awaiting[no] = e->parts >> no & 1;
        w->awaiting_assignment[no] = e->assignments[no];
    }
    group_ask_committed(w);
}

void worker_revoked(struct sim_worker *w)
{
    int64_t grace_ms = w->sim->calm || chance(w->sim, 800) ? REVOKE_MS : rnd(w->sim, 0, 500);
    w->revoking = true;
    for (int no = 0; no < w->sim->plan.parts; no++) {
        w->awaiting[no] = false;
        if (!w->slots[no])
            continue;
        w->slots[no]->graceful = true;
        w->slots[no]->started = false;
        partition_revoke(w->slots[no]->p, w->core.now_ms + grace_ms);
    }
}

void worker_lost(struct sim_worker *w)
{
    say(w->sim, "w%d learns that it is no member", w->number);
    w->revoking = false;
    for (int no = 0; no < w->sim->plan.parts; no++) {
        w->awaiting[no] = false;
        if (!w->slots[no])
            continue;
        w->slots[no]->graceful = false;
        partition_lose(w->slots[no]->p);
    }
    w->member_id = 0;
    w->generation = -1;
    w->out = false;
    group_join(w, rnd(w->sim, 10, 1000));
}

static void finish_revocation(struct sim_worker *w)
{
    if (!w->revoking)
        return;
    for (int no = 0; no < w->sim->plan.parts; no++)
        if (w->slots[no] || w->awaiting[no])
            return;
    w->revoking = false;
    group_join(w, latency(w->sim));
}

/* ---- events ---- */

static void reply_unhold(struct sim_worker *w, struct ev *e, bool died)
{
    (void)w;
    (void)died;
    partition_event_unhold(e->p, e->seq);
}

/* The others may still cost a new delivery a POST: a member that does not know that it is none is at work. */
static int faults_that_are_over(const struct sim *s, int no)
{
    int faults = s->parts[no].faults;
    for (int i = 0; i < s->plan.workers; i++)
        if (s->workers[i].alive && s->workers[i].out && s->workers[i].faults_before[no] < faults)
            faults = s->workers[i].faults_before[no];
    return faults;
}

static void hand_over(struct sim_worker *w, struct owned *o, const struct sim_event *se)
{
    struct sim *s = w->sim;
    uint64_t seq = partition_event(o->p, se->offset);
    for (int i = 0; i < MAX_WEBHOOKS; i++) {
        if (!(se->webhooks & 1 << i))
            continue;
        struct job_webhook wh = {slice_str(webhook_ids[i]), s->plan.max_attempts[i]};
        struct job *job = job_new(&w->core, o->p);
        job_from_event(job, &se->event, &wh, SLICE(""), se->offset);
        struct ghost *g = ghost_find(s, &job->dl.id);
        if (!g->born) {
            g->born = true;
            g->faults_at_birth = faults_that_are_over(s, o->no);
        }
        say(s, "w%d p%d event @%" PRId64 " owes d%d", w->number, o->no, se->offset, g->number);
        partition_add_job(o->p, seq, job);
    }
    if (se->dead_letter) {
        struct ev *e = ev_new(s, w, reply_unhold);
        e->p = o->p;
        e->seq = seq;
        partition_event_hold(o->p, seq);
        ev_answer(s, e, s->now_ms + rnd(s, 1, 2000));
    }
    partition_event_done(o->p, seq);
}

/* As the shell does it (worker/ownership.c): a partition may have as much in hand as there is credit left, so that what comes due
 * always finds some. */
static void read_events(struct sim_worker *w, struct owned *o)
{
    struct sim *s = w->sim;
    struct sim_part *part = &s->parts[o->no];
    int most = (int)rnd(s, 0, s->plan.crowd ? 400 : 4);
    if (!o->started || o->graceful)
        return;
    for (int i = 0; i < part->event_count && most > 0 && partition_in_hand(o->p) < core_credit(&w->core); i++) {
        const struct sim_event *se = &part->events[i];
        if (se->offset < o->position)
            continue;
        if (se->at_ms > s->now_ms)
            break;
        o->position = se->offset + 1;
        hand_over(w, o, se);
        most--;
    }
}

/* ---- Redis ---- */

/* The answer is lost; the command may run all the same, maybe after those of the next connection. */
static void lose_answer(struct sim_worker *w, struct ev *e)
{
    struct ev *answer = ev_new(w->sim, w, e->reply);
    answer->kind = e->kind;
    answer->p = e->p;
    answer->no = e->no;
    answer->round = e->round;
    answer->ap_to = e->ap_to;
    answer->on_reply = e->on_reply;
    answer->on_reply_ctx = e->on_reply_ctx;
    answer->broken = true;
    ev_answer(w->sim, answer, w->sim->now_ms + 1);
    TAILQ_REMOVE(&w->pending, e, link);
    e->pending = false;
    e->w = NULL;
    e->unsent = e->unsent || chance(w->sim, 500);
}

void worker_break_redis(struct sim_worker *w)
{
    struct ev *e, *next;
    TAILQ_FOREACH_SAFE(e, &w->pending, link, next)
        if (e->kind != CALL_NONE && !e->broken)
            lose_answer(w, e);
    w->redis_at = w->redis_back = 0;
}

static void index_up(struct sim_worker *w)
{
    if (w->redis_known_down)
        return;
    for (int no = 0; no < w->sim->plan.parts; no++)
        if (w->slots[no])
            partition_on_index_up(w->slots[no]->p);
}

/* Nothing was heard of it for too long while an answer is awaited: the connection is given up, and made anew at once. */
static void watch_silence(struct sim_worker *w)
{
    struct sim *s = w->sim;
    const struct ev *e;
    int64_t oldest_ms = -1;
    TAILQ_FOREACH(e, &w->pending, link)
        if (e->kind != CALL_NONE && !e->broken && (oldest_ms < 0 || e->sent_ms < oldest_ms))
            oldest_ms = e->sent_ms;
    int64_t since_ms = oldest_ms > w->redis_heard_ms ? oldest_ms : w->redis_heard_ms;
    if (oldest_ms < 0 || s->now_ms - since_ms < w->patience.wait_ms)
        return;
    say(s, "w%d gives up its connection to Redis after %" PRId64 " ms", w->number, w->patience.wait_ms);
    redis_patience_lost(&w->patience, s->now_ms);
    require(s, ++w->given_up <= GIVEN_UP_MAX || s->now_ms >= s->redis_slow_until_ms, "w%d: gave up a slow Redis %d times",
            w->number, w->given_up);
    worker_break_redis(w);
    index_up(w);
}

static void watch_redis(struct sim_worker *w)
{
    watch_silence(w);
    if (w->redis_known_down == w->sim->redis_down)
        return;
    w->redis_known_down = w->sim->redis_down;
    if (w->redis_known_down)
        worker_break_redis(w);
    else
        index_up(w);
}

/* ---- turns ---- */

static void watch_self(struct sim_worker *w)
{
    int64_t now_ms = w->sim->now_ms;
    bool still = now_ms - w->last_turn_ms > STOOD_STILL_MS, serving = false;
    w->last_turn_ms = now_ms;
    for (int no = 0; no < w->sim->plan.parts; no++)
        serving |= w->slots[no] && partition_is_serving(w->slots[no]->p);
    bool silent = now_ms - w->contact_ms > CONTACT_MS;
    if (!serving || (!still && (!silent || w->core.hold)))
        return;
    say(w->sim, "w%d holds its POSTs", w->number);
    core_hold(&w->core);
}

static void second(struct sim_worker *w)
{
    if (w->sim->now_ms - w->second_ms < 1000)
        return;
    w->second_ms = w->sim->now_ms;
    index_up(w);
    for (int no = 0; no < w->sim->plan.parts; no++)
        if (w->slots[no]) {
            partition_second(w->slots[no]->p);
            /* A webhook that was closed, and is open again when its deliveries come. */
            if (!w->sim->calm && chance(w->sim, 30))
                partition_sweep(w->slots[no]->p, slice_str(webhook_ids[rnd(w->sim, 0, MAX_WEBHOOKS - 1)]));
            /* An endpoint that is back. */
            if (w->sim->plan.returns && !w->sim->calm && chance(w->sim, 100))
                partition_call_in(w->slots[no]->p, slice_str(webhook_ids[rnd(w->sim, 0, MAX_WEBHOOKS - 1)]));
        }
}

void worker_turn(struct sim_worker *w)
{
    core_set_time(&w->core, w->sim->now_ms, wall(w->sim));
    w->hit_turn = false;
    watch_redis(w);
    for (int no = 0; no < w->sim->plan.parts; no++)
        if (w->slots[no])
            read_events(w, w->slots[no]);
    second(w);
    watch_self(w);
    for (int no = 0; no < w->sim->plan.parts; no++)
        if (w->slots[no])
            partition_turn(w->slots[no]->p);
    gate_turn(w);
    bury(w);
    finish_revocation(w);
}

bool worker_idle(const struct sim_worker *w)
{
    return w->alive && !w->stopped && w->core.jobs == 0 && !w->revoking && w->member_id != 0;
}
