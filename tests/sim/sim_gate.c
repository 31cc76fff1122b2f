/* The gate and the endpoints: a job waits a little, then is POSTed, parked or cancelled; the endpoint answers, late, or not at
 * all. */
#include <inttypes.h>

#include "sim.h"

#define POST_TIMEOUT_MS 10000

void gate_send(struct sim_worker *w, struct job *job)
{
    job->gate = w;
    job->request = NULL;
    TAILQ_INSERT_TAIL(&w->gate, job, gate_link);
}

void gate_withdraw(struct sim_worker *w, struct job *job)
{
    struct sim *s = w->sim;
    const struct owned *owned = partition_shell(job->partition);
    if (job->state == JOB_QUEUED) {
        TAILQ_REMOVE(&w->gate, job, gate_link);
        return;
    }
    require(s, job->request, "a POST withdrawn that does not run");
    struct ev *e = job->request;
    e->cancelled = true;
    job->request = NULL;
    struct ghost *g = ghost_find(s, &job->dl.id);
    /* A revocation's deadline cut a POST whose outcome nobody will record: it is as a fault to this delivery. */
    if (owned->graceful)
        g->extra++;
    say(s, "w%d p%d d%d: its POST is cut short", w->number, owned->no, g->number);
}

static void reply_outcome(struct sim_worker *w, struct ev *e, bool died)
{
    if (died || e->cancelled)
        return;
    struct job *job = e->job;
    job->request = NULL;
    if (e->outcome.ours)
        job->posted_wall_ms = 0; /* nothing went out */
    say(w->sim, "w%d p%d d%d: outcome %d%s", w->number, partition_number(job->partition), ghost_find(w->sim, &job->dl.id)->number,
        e->outcome.http_status, e->outcome.ours ? " (our own failure)" : "");
    partition_on_outcome(job, &e->outcome);
}

/* What the endpoint will say is decided when the POST starts. */
static void choose_outcome(struct sim *s, const struct job *job, struct ev *e)
{
    struct outcome *o = &e->outcome;
    int hook = webhook_number(job->dl.webhook_id);
    o->started_wall_ms = wall(s);
    o->duration_ms = (int32_t)rnd(s, 1, 300);
    if (chance(s, s->plan.slow_permille))
        o->duration_ms = (int32_t)rnd(s, 1000, POST_TIMEOUT_MS);
    o->dns_ms = o->connect_ms = o->tls_ms = o->first_byte_ms = -1;
    if (!s->calm && chance(s, s->plan.ours_permille)) {
        o->ours = true;
        o->error = DELIVERY_ERROR_DNS;
    } else if (chance(s, s->plan.success_permille[hook])) {
        o->http_status = 200;
    } else if (chance(s, 300)) {
        o->error = DELIVERY_ERROR_TIMEOUT;
        o->duration_ms = POST_TIMEOUT_MS;
    } else {
        static const int statuses[] = {500, 503, 404, 302, 410};
        o->http_status = statuses[rnd(s, 0, chance(s, 100) ? 4 : 3)];
        o->response = SLICE("no");
        if (o->http_status == 503 && chance(s, 300))
            o->retry_after = SLICE("7");
    }
}

/* A rollback can bring back a count that knows a delivery in hand and not yet the deadly one beside it. After two of them one
 * that is in hand for the last time before it is poison can have a deadly one beside it that is no suspect yet: no rule of the
 * index keeps these apart. */
static void note_ahead(struct sim *s, const struct sim_worker *w, const struct ghost *deadly)
{
    const struct sim_part *of_deadly = &s->parts[deadly->part];
    if (of_deadly->rollbacks == 0 || of_deadly->ix.entries[deadly->number].tries >= SUSPECT_TRIES)
        return;
    for (int d = 0; d < s->ghost_count; d++) {
        struct ghost *g = &s->ghosts[d];
        const struct ix_entry *entry = &s->parts[g->part].ix.entries[d];
        if (!g->deadly && w->slots[g->part] && entry->inf >= 0 && entry->tries == POISON_TRIES - 1)
            g->ahead = true;
    }
}

static void do_kill(struct sim *s, struct ev *e)
{
    struct sim_worker *w = &s->workers[e->limit];
    if (w->alive && w->incarnation == (unsigned)e->count) {
        for (int no = 0; no < s->plan.parts; no++)
            s->parts[no].deadly_kills += w->slots[no] != NULL;
        note_ahead(s, w, &s->ghosts[e->d]);
        faults_kill(s, w);
    }
    ev_free(s, e);
}

/* Sending it ends the process, whatever the endpoint would have said. */
static void die_of(struct sim_worker *w, const struct ghost *g, struct ev *outcome)
{
    struct ev *e = ev_new(w->sim, NULL, NULL);
    e->limit = w->number;
    e->count = (int)w->incarnation;
    e->d = g->number;
    outcome->outcome.duration_ms = POST_TIMEOUT_MS;
    ev_post(w->sim, e, w->sim->now_ms, do_kill);
}

static void start_post(struct sim_worker *w, struct job *job)
{
    struct sim *s = w->sim;
    partition_on_posting(job);
    struct ev *e = ev_new(s, w, reply_outcome);
    choose_outcome(s, job, e);
    e->job = job;
    job->request = e;
    const struct ghost *g = ghost_find(s, &job->dl.id);
    if (g->deadly)
        die_of(w, g, e);
    if (!e->outcome.ours) {
        check_post(s, job);
        if (e->outcome.http_status == 200)
            ghost_find(s, &job->dl.id)->accepted = true;
        if (s->post_count == s->post_cap) {
            s->post_cap = s->post_cap ? s->post_cap * 2 : 64;
            s->posts = mem_array(s->posts, (size_t)s->post_cap, sizeof *s->posts);
        }
        s->posts[s->post_count++] = (struct post_made){.d = ghost_find(s, &job->dl.id)->number};
        job->posted_wall_ms = s->post_count;
    }
    ev_answer(s, e, s->now_ms + e->outcome.duration_ms);
}

/* true: the job has left the gate. */
static bool gate_job(struct sim_worker *w, struct job *job)
{
    struct sim *s = w->sim;
    int hook = webhook_number(job->dl.webhook_id);
    if (s->closed_hooks >> hook & 1) {
        TAILQ_REMOVE(&w->gate, job, gate_link);
        partition_on_cancel(job, "the webhook was deleted");
        return true;
    }
    if (s->paused_hooks >> hook & 1) {
        TAILQ_REMOVE(&w->gate, job, gate_link);
        partition_on_hold(job, "held: the webhook is paused");
        return true;
    }
    /* Its webhook's schedule was called in, and nothing ends it: it goes back until its time. */
    if (job->has_record && job->dl.held_wall_ms == 0 && job->dl.next_attempt_wall_ms > wall(s)) {
        TAILQ_REMOVE(&w->gate, job, gate_link);
        partition_on_park(job, job->dl.next_attempt_wall_ms);
        return true;
    }
    bool closed = !s->calm && s->webhook_closed_until[hook] > s->now_ms;
    if (s->now_ms - job->queued_ms > PATIENCE_MS || (!s->calm && chance(s, s->plan.park_permille))) {
        TAILQ_REMOVE(&w->gate, job, gate_link);
        partition_on_park(job, wall(s) + rnd(s, 200, 4000));
    } else if (!closed && !s->calm && chance(s, s->plan.cancel_permille)) {
        TAILQ_REMOVE(&w->gate, job, gate_link);
        partition_on_cancel(job, "the webhook was deleted");
    } else if (!closed && chance(s, 600)) {
        TAILQ_REMOVE(&w->gate, job, gate_link);
        start_post(w, job);
    } else {
        return false;
    }
    return true;
}

void gate_turn(struct sim_worker *w)
{
    struct job *job = TAILQ_FIRST(&w->gate), *next;
    if (w->core.hold)
        return;
    for (; job; job = next) {
        next = TAILQ_NEXT(job, gate_link);
        (void)gate_job(w, job);
    }
}
