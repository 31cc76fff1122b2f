#include "gate.h"

#include <stdlib.h>
#include <uthash.h>

#include "post.h"
#include "table.h"
#include "util/list.h"
#include "util/mem.h"
#include "worker.h"

#define PATIENCE_MS 2000      /* DELIVERY: "Head of line" */
#define QUEUE_MAX 1024        /* jobs at one gate; more are parked at once */
#define PARK_MS 5000          /* and half as much again by chance */
#define BROKEN_MS 30000       /* for a webhook whose secret cannot be opened */
#define REST_MS 500

TAILQ_HEAD(gate_list, gate);

enum gate_state { GATE_EMPTY, GATE_READY, GATE_FULL };

struct gate {
    char *key; /* "partition webhook_id" */
    enum gate_state state;
    TAILQ_ENTRY(gate) link; /* in ready or full */
    struct job_list queue;
    int queued, in_flight;
    UT_hash_handle hh;
};

struct gates {
    struct worker *worker;
    struct gate *all;
    struct gate_list ready; /* something is queued, and another POST may start */
    struct gate_list full;  /* something is queued, the concurrency is used up */
    struct job_list over;   /* no room at their gate: to be parked in the next turn */
    int queued;
    int64_t rest_until_ms;
};

struct gates *gates_new(struct worker *w)
{
    struct gates *g = mem_zalloc(sizeof *g);
    g->worker = w;
    TAILQ_INIT(&g->ready);
    TAILQ_INIT(&g->full);
    TAILQ_INIT(&g->over);
    return g;
}

static void gate_drop(struct gates *g, struct gate *gate)
{
    HASH_DEL(g->all, gate);
    free(gate->key);
    free(gate);
}

void gates_free(struct gates *g)
{
    struct gate *gate, *next;
    if (!g)
        return;
    HASH_ITER (hh, g->all, gate, next)
        gate_drop(g, gate);
    free(g);
}

static struct gate *gate_of(struct gates *g, const struct job *job)
{
    struct gate *gate;
    char number[16];
    char key[160];
    size_t digits = (size_t)snprintf(number, sizeof number, "%d ", partition_number(job->partition));
    size_t len = digits + job->dl.webhook_id.len;
    check(len < sizeof key);
    memcpy(key, number, digits);
    memcpy(key + digits, job->dl.webhook_id.p, job->dl.webhook_id.len);
    HASH_FIND(hh, g->all, key, len, gate);
    if (!gate) {
        gate = mem_zalloc(sizeof *gate);
        gate->key = mem_dup(key, len);
        TAILQ_INIT(&gate->queue);
        HASH_ADD_KEYPTR(hh, g->all, gate->key, len, gate);
    }
    return gate;
}

static void gate_change(struct gates *g, struct gate *gate, enum gate_state state)
{
    if (gate->state == state)
        return;
    if (gate->state != GATE_EMPTY)
        TAILQ_REMOVE(gate->state == GATE_READY ? &g->ready : &g->full, gate, link);
    gate->state = state;
    if (state != GATE_EMPTY)
        TAILQ_INSERT_TAIL(state == GATE_READY ? &g->ready : &g->full, gate, link);
}

static void dequeue(struct gates *g, struct gate *gate, struct job *job)
{
    TAILQ_REMOVE(&gate->queue, job, gate_link);
    gate->queued--;
    g->queued--;
    if (gate->queued == 0)
        gate_change(g, gate, GATE_EMPTY);
}

void gates_send(struct gates *g, struct job *job)
{
    struct gate *gate = gate_of(g, job);
    job->withdrawn = false;
    if (gate->queued >= QUEUE_MAX) {
        job->gate = NULL;
        TAILQ_INSERT_TAIL(&g->over, job, gate_link);
        return;
    }
    job->gate = gate;
    TAILQ_INSERT_TAIL(&gate->queue, job, gate_link);
    gate->queued++;
    g->queued++;
    if (gate->state == GATE_EMPTY)
        gate_change(g, gate, GATE_READY);
}

void gates_withdraw(struct gates *g, struct job *job)
{
    if (job->state == JOB_POSTING) {
        job->withdrawn = true;
        post_cancel(job);
    } else if (job->gate) {
        dequeue(g, job->gate, job);
    } else {
        TAILQ_REMOVE(&g->over, job, gate_link);
    }
}

void gates_ended(struct gates *g, struct job *job)
{
    struct gate *gate = job->gate;
    gate->in_flight--;
    if (gate->state == GATE_FULL)
        gate_change(g, gate, GATE_READY);
    else if (gate->state == GATE_EMPTY && gate->in_flight == 0)
        gate_drop(g, gate);
}

void gates_rest(struct gates *g)
{
    g->rest_until_ms = g->worker->core.now_ms + REST_MS;
}

static void park(struct gates *g, struct job *job, int64_t wait_ms)
{
    struct core *c = &g->worker->core;
    partition_on_park(job, c->now_wall_ms + wait_ms + (int64_t)(core_random(c) % (uint32_t)(wait_ms / 2)));
}

static int limit_of(const struct endpoint *ep)
{
    int quarter = ep->wh->max_concurrency / 4;
    return quarter > 0 ? quarter : 1;
}

/* The gate's first job is sent, or ends otherwise. false: the gate has as many in flight as it may. */
static bool start_first(struct gates *g, struct gate *gate)
{
    struct job *job = TAILQ_FIRST(&gate->queue);
    const char *closed = table_closed(g->worker->table, job->dl.webhook_id);
    struct endpoint *ep = table_webhook(g->worker->table, job->dl.webhook_id);
    if (!closed && gate->in_flight >= limit_of(ep)) {
        gate_change(g, gate, GATE_FULL);
        return false;
    }
    dequeue(g, gate, job);
    if (closed) {
        partition_on_cancel(job, closed);
    } else if (ep->broken) {
        park(g, job, BROKEN_MS);
    } else {
        gate->in_flight++;
        partition_on_posting(job);
        post_start(g->worker, job, ep);
    }
    return true;
}

static void park_over(struct gates *g)
{
    struct job *job;
    while ((job = TAILQ_FIRST(&g->over)) != NULL) {
        TAILQ_REMOVE(&g->over, job, gate_link);
        park(g, job, PARK_MS);
    }
}

bool gates_turn(struct gates *g)
{
    struct worker *w = g->worker;
    struct gate *gate;
    bool any = !TAILQ_EMPTY(&g->over);
    if (w->core.hold || w->core.now_ms < g->rest_until_ms)
        return false;
    park_over(g);
    while ((gate = TAILQ_FIRST(&g->ready)) != NULL && http_client_in_flight(w->http) < (int)w->settings.slots) {
        any = true;
        if (!start_first(g, gate) || gate->state != GATE_READY)
            continue;
        /* The next gate's turn. */
        TAILQ_REMOVE(&g->ready, gate, link);
        TAILQ_INSERT_TAIL(&g->ready, gate, link);
    }
    return any;
}

static void park_late_of(struct gates *g, struct gate_list *list)
{
    struct gate *gate, *next;
    struct job *job;
    int64_t late_ms = g->worker->core.now_ms - PATIENCE_MS;
    TAILQ_FOREACH_SAFE (gate, list, link, next) {
        while ((job = TAILQ_FIRST(&gate->queue)) != NULL && job->queued_ms <= late_ms) {
            dequeue(g, gate, job);
            park(g, job, PARK_MS);
        }
    }
}

void gates_park_late(struct gates *g)
{
    if (g->worker->core.hold)
        return;
    park_late_of(g, &g->ready);
    park_late_of(g, &g->full);
}

int gates_queued(const struct gates *g)
{
    return g->queued;
}
