/* The group's coordinator: members, generations, rebalances in order (everybody gives up everything, then joins again), evictions
 * of members who do not hear of it for a while, committed offsets. Messages between a worker and the coordinator keep their
 * order. */
#include <inttypes.h>
#include <stdio.h>

#include "sim.h"

static struct member *member_find(struct group *g, unsigned id)
{
    for (int i = 0; i < g->count; i++)
        if (g->members[i].id == id)
            return &g->members[i];
    return NULL;
}

static int64_t in_order(int64_t *last, int64_t at)
{
    if (*last < at)
        *last = at;
    return *last;
}

static void to_coordinator(struct sim_worker *w, struct ev *e, int64_t delay_ms, void (*fn)(struct sim *s, struct ev *e))
{
    ev_post(w->sim, e, in_order(&w->group_at, w->sim->now_ms + delay_ms), fn);
}

static void from_coordinator(struct sim *s, struct ev *e)
{
    int64_t at = s->now_ms + latency(s);
    ev_answer(s, e, e->w ? in_order(&e->w->group_back, at) : at);
}

/* A message that the member did not ask for. */
static void tell(struct sim *s, const struct member *m, int64_t delay_ms, struct ev *e)
{
    e->member_id = m->id;
    ev_answer(s, e, in_order(&m->w->told_at, s->now_ms + delay_ms));
}

static bool knows(const struct sim_worker *w, const struct ev *e, bool died)
{
    return !died && w->member_id == e->member_id;
}

static void reply_revoked(struct sim_worker *w, struct ev *e, bool died)
{
    if (knows(w, e, died))
        worker_revoked(w);
}

static void reply_lost(struct sim_worker *w, struct ev *e, bool died)
{
    if (knows(w, e, died))
        worker_lost(w);
}

static void reply_assigned(struct sim_worker *w, struct ev *e, bool died)
{
    if (knows(w, e, died))
        worker_assigned(w, e);
}

/* ---- rebalances ---- */

static void assign(struct sim *s)
{
    struct group *g = &s->group;
    int owners[MAX_PARTS] = {0};
    for (int no = 0; no < s->plan.parts; no++) {
        owners[no] = (int)rnd(s, 0, g->count - 1);
        s->parts[no].assignment++;
        say(s, "group: generation %" PRId64 ": p%d belongs to w%d", g->generation, no, g->members[owners[no]].w->number);
    }
    for (int i = 0; i < g->count; i++) {
        struct ev *e = ev_new(s, g->members[i].w, reply_assigned);
        e->generation = g->generation;
        for (int no = 0; no < s->plan.parts; no++) {
            e->parts |= (unsigned)(owners[no] == i) << no;
            e->assignments[no] = s->parts[no].assignment;
        }
        tell(s, &g->members[i], latency(s), e);
    }
}

static void complete(struct sim *s)
{
    struct group *g = &s->group;
    g->preparing = false;
    g->generation++;
    for (int i = 0; i < g->count; i++)
        g->members[i].heard_ms = s->now_ms;
    assign(s);
}

static void complete_when_all_are_back(struct sim *s)
{
    struct group *g = &s->group;
    for (int i = 0; i < g->count; i++)
        if (!g->members[i].rejoined)
            return;
    if (g->preparing && g->count > 0)
        complete(s);
}

void group_prepare(struct sim *s, const char *why)
{
    struct group *g = &s->group;
    if (g->preparing)
        return;
    say(s, "group: rebalance (%s)", why);
    g->preparing = true;
    g->deadline_ms = s->now_ms + REBALANCE_MS;
    for (int i = 0; i < g->count; i++) {
        g->members[i].rejoined = false;
        if (g->members[i].w->member_id == g->members[i].id)
            tell(s, &g->members[i], rnd(s, 5, 500), ev_new(s, g->members[i].w, reply_revoked));
    }
}

static void remove_member(struct sim *s, unsigned id, int64_t told_in_ms, const char *why)
{
    struct group *g = &s->group;
    struct member *m = member_find(g, id);
    if (!m)
        return;
    bool alive = m->w->alive && m->w->member_id == id;
    say(s, "group: w%d's member %u is out (%s)%s", m->w->number, id, why, alive ? ", and does not know it" : "");
    if (alive) {
        m->w->out = true;
        for (int no = 0; no < s->plan.parts; no++) {
            m->w->faults_before[no] = s->parts[no].faults;
            if (m->w->slots[no])
                fault_hit(s, no, 1, "its owner's membership ended");
        }
        tell(s, m, told_in_ms, ev_new(s, m->w, reply_lost));
    }
    *m = g->members[--g->count];
}

void group_evict(struct sim *s, unsigned id, int64_t told_in_ms, const char *why)
{
    if (!member_find(&s->group, id))
        return;
    remove_member(s, id, told_in_ms, why);
    group_prepare(s, why);
    complete_when_all_are_back(s);
}

void group_make_anew(struct sim *s)
{
    struct group *g = &s->group;
    say(s, "group: made anew");
    while (g->count > 0)
        remove_member(s, g->members[0].id, rnd(s, 0, 4000), "group made anew");
    for (int no = 0; no < s->plan.parts; no++) {
        s->parts[no].regroups++;
        fault_hit(s, no, 2, "the group made anew");
    }
    g->generation = 0;
    g->preparing = false;
}

/* ---- joining ---- */

static void on_join(struct sim *s, struct ev *e)
{
    struct group *g = &s->group;
    struct sim_worker *w = e->w;
    struct member *m = member_find(g, e->member_id);
    if (w && w->member_id == 0 && g->count < MAX_MEMBERS) {
        w->member_id = ++g->next_id;
        group_prepare(s, "a member joins");
        g->members[g->count++] = (struct member){.id = w->member_id, .w = w, .rejoined = true, .heard_ms = s->now_ms};
        say(s, "group: w%d joins as member %u", w->number, w->member_id);
    } else if (w && m) {
        m->rejoined = true;
    }
    ev_free(s, e);
    complete_when_all_are_back(s);
}

static void ignore(struct sim_worker *w, struct ev *e, bool died)
{
    (void)w;
    (void)e;
    (void)died;
}

void group_join(struct sim_worker *w, int64_t delay_ms)
{
    struct ev *e = ev_new(w->sim, w, ignore);
    e->member_id = w->member_id;
    to_coordinator(w, e, delay_ms, on_join);
}

/* ---- heartbeats, deadlines ---- */

void group_second(struct sim *s)
{
    struct group *g = &s->group;
    unsigned late[MAX_MEMBERS];
    int count = 0;
    for (int i = 0; i < g->count; i++) {
        struct member *m = &g->members[i];
        if (m->w->alive && m->w->member_id == m->id && !m->w->stopped && !m->w->cut)
            m->heard_ms = s->now_ms;
        if (s->now_ms - m->heard_ms >= SESSION_MS || (g->preparing && !m->rejoined && s->now_ms >= g->deadline_ms))
            late[count++] = m->id;
    }
    for (int i = 0; i < count; i++)
        group_evict(s, late[i], s->calm ? rnd(s, 0, 500) : rnd(s, 0, 8000), "no heartbeat");
    complete_when_all_are_back(s);
}

/* ---- commits, and what was committed ---- */

static void on_commit(struct sim *s, struct ev *e)
{
    struct sim_part *part = &s->parts[e->no];
    struct member *m = member_find(&s->group, e->member_id);
    bool cut = e->w && e->w->cut;
    bool lost = cut || (!s->calm && chance(s, s->plan.commit_lost_permille));
    e->err = ERR_OK;
    if (cut || (lost && chance(s, 500))) {
        e->err = ERR_AGAIN; /* and not done */
    } else if (!m || s->group.generation != e->generation) {
        e->err = ERR_REFUSED;
    } else {
        check_commit(s, e->no, e->offset, e->metadata);
        if (part->committed != e->offset)
            say(s, "  commit p%d: %" PRId64, e->no, e->offset);
        part->committed = e->offset;
        memcpy(part->metadata, e->metadata, sizeof part->metadata);
        if (lost)
            e->err = ERR_AGAIN;
    }
    if (e->w && cut)
        ev_answer(s, e, s->now_ms + 500);
    else
        from_coordinator(s, e);
}

void group_commit(struct sim_worker *w, struct ev *e)
{
    to_coordinator(w, e, latency(w->sim), on_commit);
}

static void reply_committed(struct sim_worker *w, struct ev *e, bool died)
{
    if (!died && w->awaiting[e->no] && w->awaiting_assignment[e->no] == e->assignment)
        worker_begin(w, e->no, e->offset, e->metadata);
}

static void on_ask(struct sim *s, struct ev *e)
{
    if (e->w && e->w->cut) {
        ev_post(s, e, s->now_ms + 1000, on_ask);
        return;
    }
    e->offset = s->parts[e->no].committed;
    memcpy(e->metadata, s->parts[e->no].metadata, sizeof e->metadata);
    from_coordinator(s, e);
}

void group_ask_committed(struct sim_worker *w)
{
    for (int no = 0; no < w->sim->plan.parts; no++) {
        if (!w->awaiting[no])
            continue;
        struct ev *e = ev_new(w->sim, w, reply_committed);
        e->no = no;
        e->assignment = w->awaiting_assignment[no];
        to_coordinator(w, e, latency(w->sim), on_ask);
    }
}
