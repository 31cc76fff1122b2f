/* What a seed stands for: how many workers, partitions, events and webhooks, how the endpoints answer, what the weather is and
 * which kinds of faults may happen. Small worlds: what breaks a protocol needs few things at the wrong moment. */
#include <stdio.h>

#include "sim.h"

#define GAP_PERMILLE 50
#define TWICE_PERMILLE 100
#define CROWD_PERMILLE 2
#define CROWD 900

const char *const webhook_ids[MAX_WEBHOOKS] = {"wh_0", "wh_1", "wh_2"};

static unsigned pick_kinds(struct sim *s)
{
    unsigned all = (1u << FAULT_KINDS) - 1, rare = 1u << FAULT_RECREATE;
    if (chance(s, 500))
        return all & ~rare;
    if (chance(s, 60))
        return all;
    /* Webhooks are paused and resumed while partitions change hands. */
    if (chance(s, 80))
        return 1u << FAULT_PAUSE | 1u << FAULT_REBALANCE | 1u << FAULT_KILL | 1u << FAULT_COMPACT;
    /* One or two kinds, many times. */
    unsigned kinds = 1u << rnd(s, 0, FAULT_RECREATE - 1);
    if (chance(s, 700))
        kinds |= 1u << rnd(s, 0, FAULT_RECREATE - 1);
    return kinds | 1u << FAULT_COMPACT;
}

static void pick_weather(struct sim *s)
{
    struct plan *p = &s->plan;
    static const int strengths[] = {0, 0, 5, 50};
    int strength = strengths[rnd(s, 0, 3)];
    p->full_permille = chance(s, 500) ? strength : 0;
    p->ack_lost_permille = chance(s, 500) ? strength : 0;
    p->not_written_permille = chance(s, 500) ? strength : 0;
    p->late_permille = chance(s, 300) ? strength : 0;
    p->unknown_offset_permille = chance(s, 500) ? strength : 0;
    p->redis_error_permille = chance(s, 500) ? strength : 0;
    p->commit_lost_permille = chance(s, 500) ? strength : 0;
    p->early_end_permille = chance(s, 300) ? strength : 0;
    p->reorder = chance(s, 200);
    p->record_max = chance(s, 100) ? (size_t)rnd(s, 1050, 1250) : 1000000;
    p->latency_ms = rnd(s, 0, 2) == 0 ? 2 : rnd(s, 5, 150);
}

static void pick_endpoints(struct sim *s)
{
    struct plan *p = &s->plan;
    static const int success[] = {1000, 900, 500, 100, 0};
    for (int i = 0; i < p->webhooks; i++) {
        p->max_attempts[i] = (int)rnd(s, 1, 4);
        p->success_permille[i] = success[rnd(s, 0, 4)];
    }
    p->slow_permille = chance(s, 300) ? 200 : 10;
    p->ours_permille = chance(s, 300) ? 100 : 0;
    p->park_permille = chance(s, 400) ? 100 : 5;
    p->cancel_permille = chance(s, 300) ? 30 : 0;
}

/* Connections to Redis break, and nothing else: a claim that was given up runs after its owner has taken the index again. */
static void pick_breaks(struct plan *p)
{
    p->faults = 30;
    p->fault_kinds = 1u << FAULT_CONN_BREAK;
    p->latency_ms = 150;
    p->redis_error_permille = 0;
}

static void pick(struct sim *s)
{
    struct plan *p = &s->plan;
    p->crowd = chance(s, CROWD_PERMILLE);
    p->workers = (int)rnd(s, 2, MAX_WORKERS);
    p->parts = chance(s, 650) ? 1 : 2;
    p->webhooks = (int)rnd(s, 1, MAX_WEBHOOKS);
    p->faults_end_ms = rnd(s, 6, 40) * 1000;
    p->record_max = 1000000;
    bool faults = chance(s, 950);
    p->faults = faults ? (int)rnd(s, 1, 8) : 0;
    p->fault_kinds = pick_kinds(s);
    if (p->crowd)
        p->fault_kinds = 1u << FAULT_WIPE | 1u << FAULT_KILL | 1u << FAULT_ROLLBACK | 1u << FAULT_COMPACT;
    p->deadly = !p->crowd && chance(s, 60);
    p->compact_at_once = chance(s, 500);
    p->slot_ms = chance(s, 800) ? 12 * 3600000LL : 120000;
    p->bound_lag_ms = s->seed % 10 < 7 ? 0 : (int64_t)(s->seed % 10) * 1000;
    p->returns = s->seed % 4 == 1;
    pick_endpoints(s);
    if (faults)
        pick_weather(s);
    else
        p->latency_ms = 10;
    if (s->seed % 16 == 13)
        pick_breaks(p);
}

/* ---- events and what they owe ---- */

static struct uuid random_id(struct sim *s)
{
    struct uuid id;
    for (int i = 0; i < 16; i++)
        id.bytes[i] = rnd_byte(s);
    return id;
}

static struct slice text(struct sim *s, const char *before, int n, const char *after)
{
    char buf[64];
    int len = snprintf(buf, sizeof buf, "%s%d%s", before, n, after);
    return arena_copy(s, slice_of(buf, (size_t)len));
}

static int add_ghost(struct sim *s, const struct uuid *id, int no, int64_t offset)
{
    struct ghost *g;
    HASH_FIND(hh, s->by_id, id, sizeof *id, g);
    if (!g) {
        check(s->ghost_count < s->ghost_cap);
        g = &s->ghosts[s->ghost_count];
        *g = (struct ghost){.id = *id, .part = no, .number = s->ghost_count++};
        HASH_ADD(hh, s->by_id, id, sizeof g->id, g);
    } else {
        g->sent_twice = true;
    }
    g->last_event_offset = offset;
    return g->number;
}

static void make_event(struct sim *s, int no, struct sim_event *e, const struct sim_event *before)
{
    struct sim_part *part = &s->parts[no];
    if (before && chance(s, TWICE_PERMILLE)) {
        /* A frontend sends it twice: the same event at another offset. */
        e->event = before->event;
        e->webhooks = before->webhooks;
    } else {
        e->event = (struct event){.id = random_id(s),
                                  .type = EVENT_FILE_UPLOADED,
                                  .timestamp = SLICE("2026-06-08T12:00:00Z"),
                                  .time_wall_ms = wall(s),
                                  .account_id = SLICE("acc_1")};
        e->event.path = text(s, "/in/", (int)part->events_end, "");
        e->event.data = text(s, "{\"path\":\"/in/", (int)part->events_end, "\"}");
        e->webhooks = (int)rnd(s, 0, (1 << s->plan.webhooks) - 1);
    }
    e->dead_letter = chance(s, 30);
    e->offset = part->events_end;
    part->events_end += chance(s, GAP_PERMILLE) ? 2 : 1;
    for (int i = 0; i < MAX_WEBHOOKS; i++) {
        if (!(e->webhooks & 1 << i))
            continue;
        struct uuid id = delivery_id(&e->event.id, slice_str(webhook_ids[i]), 0);
        e->owes[i] = add_ghost(s, &id, no, e->offset);
    }
}

static void make_events(struct sim *s, int no)
{
    struct sim_part *part = &s->parts[no];
    part->event_count = (int)rnd(s, 1, chance(s, 700) ? 6 : 25);
    if (s->plan.crowd)
        part->event_count = (int)rnd(s, 300, CROWD);
    struct sim_event *events = arena_take(s, (size_t)part->event_count * sizeof *events);
    memset(events, 0, (size_t)part->event_count * sizeof *events);
    part->events = events;
    int64_t at = 0, gap = chance(s, 300) || s->plan.crowd ? 20 : s->plan.faults_end_ms / part->event_count;
    for (int i = 0; i < part->event_count; i++) {
        make_event(s, no, &events[i], i > 0 ? &events[rnd(s, 0, i - 1)] : NULL);
        events[i].at_ms = at;
        at += rnd(s, 0, gap);
    }
}

void plan_make(struct sim *s)
{
    pick(s);
    s->ghost_cap = MAX_PARTS * CROWD * MAX_WEBHOOKS;
    s->ghosts = mem_array(NULL, (size_t)s->ghost_cap, sizeof *s->ghosts);
    for (int i = 0; i < s->plan.parts; i++) {
        s->parts[i].committed = -1;
        make_events(s, i);
    }
    if (s->plan.deadly && s->ghost_count > 0)
        s->ghosts[rnd(s, 0, s->ghost_count - 1)].deadly = true;
    for (int i = 0; i < s->plan.parts; i++) {
        ix_init(s, &s->parts[i].ix);
        for (int n = 0; n < SNAPSHOTS; n++)
            ix_init(s, &s->parts[i].snapshots[n]);
    }
}

int webhook_number(struct slice id)
{
    return id.p[id.len - 1] - '0';
}

struct ghost *ghost_find(struct sim *s, const struct uuid *id)
{
    struct ghost *g;
    HASH_FIND(hh, s->by_id, id, sizeof *id, g);
    require(s, g, "a delivery that no event owes");
    return g;
}
