/* One run: a time with faults, a time without, and the last look. */
#include <inttypes.h>
#include <stdlib.h>

#include "sim.h"

#define CALM_MS 600000      /* by then everything must be finished */
#define STAY_QUIET_MS 65000 /* and stay so, past every lease */

struct uuid __wrap_uuid_v4(void);

static struct sim *running; /* for the one function of the core that is not pure: the random id of a log */

struct uuid __wrap_uuid_v4(void)
{
    struct uuid id;
    for (int i = 0; i < 16; i++)
        id.bytes[i] = rnd_byte(running);
    id.bytes[6] = (uint8_t)(0x40 | (id.bytes[6] & 0x0f));
    return id;
}

static void turns(struct sim *s)
{
    for (int i = 0; i < s->plan.workers; i++)
        if (s->workers[i].alive && !s->workers[i].stopped)
            worker_turn(&s->workers[i]);
    if (s->plan.crowd || !chance(s, 50))
        return;
    for (int no = 0; no < s->plan.parts; no++)
        check_index(s, no);
}

/* Now and then a worker's turn comes between two inputs of the same moment. */
static void advance(struct sim *s, int64_t until_ms)
{
    while (sim_step(s, until_ms)) {
        for (int i = 0; i < s->plan.workers; i++)
            if (s->workers[i].hit_turn && s->workers[i].alive && !s->workers[i].stopped && chance(s, 300))
                worker_turn(&s->workers[i]);
    }
}

static void go(struct sim *s, int64_t step_ms)
{
    advance(s, s->now_ms + rnd(s, 1, step_ms));
    turns(s);
}

static void seconds(struct sim *s, int64_t *next_ms)
{
    if (s->now_ms < *next_ms)
        return;
    *next_ms = s->now_ms + 1000;
    group_second(s);
    if (!s->plan.crowd)
        check_resumed(s);
    if (s->calm && chance(s, 50))
        slog_retain(s, (int)rnd(s, 0, s->plan.parts - 1));
}

static void become_calm(struct sim *s)
{
    say(s, "no more faults");
    s->calm = true;
    s->redis_down = false;
    s->redis_slow_until_ms = s->now_ms;
    for (int i = 0; i < s->plan.workers; i++) {
        struct sim_worker *w = &s->workers[i];
        w->cut = false;
        if (!w->alive)
            worker_boot(s, i);
        if (w->stopped)
            worker_continue(w);
    }
}

static void describe(struct sim *s)
{
    const struct plan *p = &s->plan;
    say(s, "seed %" PRIu64 ": %d workers, %d partitions, %d deliveries, %d faults of kinds %x until %" PRId64 " ms%s", s->seed,
        p->workers, p->parts, s->ghost_count, p->faults, p->fault_kinds, p->faults_end_ms,
        p->reorder ? ", records land in any order" : "");
}

static bool any_owned(const struct sim *s)
{
    for (int i = 0; i < s->plan.workers; i++)
        if (!TAILQ_EMPTY(&s->workers[i].owned))
            return true;
    return false;
}

/* Revoked in order, each partition is released when its last answer has come, and nothing is left in memory. */
static void stop_in_order(struct sim *s)
{
    for (int i = 0; i < s->plan.workers; i++)
        worker_revoked(&s->workers[i]);
    for (int64_t until_ms = s->now_ms + 60000; s->now_ms < until_ms && any_owned(s);)
        go(s, 200);
    for (int i = 0; i < s->plan.workers; i++) {
        require(s, TAILQ_EMPTY(&s->workers[i].owned), "w%d: a partition that was revoked is not released", i);
        worker_kill(&s->workers[i]);
    }
}

static void run(struct sim *s)
{
    int64_t second_ms = 0, quiet_since = -1;
    for (int i = 0; i < s->plan.workers; i++)
        worker_boot(s, i);
    faults_schedule(s);
    while (s->now_ms < s->plan.faults_end_ms) {
        go(s, 40);
        seconds(s, &second_ms);
    }
    become_calm(s);
    while (s->now_ms < s->plan.faults_end_ms + CALM_MS && (quiet_since < 0 || s->now_ms - quiet_since < STAY_QUIET_MS)) {
        go(s, quiet_since < 0 ? 60 : 1000);
        seconds(s, &second_ms);
        if (!all_quiet(s))
            quiet_since = -1;
        else if (quiet_since < 0)
            quiet_since = s->now_ms;
    }
    if (quiet_since < 0)
        for (int i = 0; i < s->plan.workers; i++)
            for (int no = 0; no < s->plan.parts; no++)
                if (s->workers[i].slots[no])
                    say(s, "w%d p%d %s, %" PRId64 " events unsettled", i, no, partition_state_name(s->workers[i].slots[no]->p),
                        partition_unsettled(s->workers[i].slots[no]->p));
    require(s, quiet_since >= 0, "not finished %d s after the last fault", CALM_MS / 1000);
    check_end(s);
    stop_in_order(s);
}

static void run_world(uint64_t seed, struct slice choices, bool trace)
{
    struct sim *s = mem_zalloc(sizeof *s);
    running = s;
    s->seed = seed;
    s->rng = seed * 0x2545f4914f6cdd1du + 1;
    s->choices = choices;
    s->trace = trace;
    TAILQ_INIT(&s->free_evs);
    plan_make(s);
    describe(s);
    run(s);
    sim_done(s);
    free(s);
}

void sim_run(uint64_t seed, bool trace)
{
    run_world(seed, slice_of(NULL, 0), trace);
}

void sim_run_choices(const uint8_t *data, size_t size, bool trace)
{
    run_world(1, slice_of((const char *)data, size), trace);
}
