/* The core's ports. Each call becomes an ev: first it takes effect in the world, then its answer comes back, unless the process
 * died. */
#include <inttypes.h>
#include <stdio.h>

#include "sim.h"

static int64_t in_order(int64_t *last, int64_t at)
{
    if (*last < at)
        *last = at;
    return *last;
}

static struct owned *owned_of(const struct partition *p)
{
    return partition_shell(p);
}

/* ---- delivery log: writing ---- */

static void land(struct sim *s, struct ev *e)
{
    if (e->write) {
        int64_t offset = slog_land(s, e->no, e);
        if (e->offset == 0)
            e->offset = offset;
    }
    if (e->late) {
        ev_free(s, e);
        return;
    }
    int64_t at = s->now_ms + latency(s);
    if (e->w && !s->plan.reorder)
        at = in_order(&e->w->kafka_back, at);
    ev_answer(s, e, at);
}

/* The record lands after its writer was told that it did not. */
static void land_late(struct sim *s, const struct ev *e)
{
    struct ev *late = ev_new(s, NULL, NULL);
    late->no = e->no;
    late->key = e->key;
    late->value = e->value;
    late->post = e->post;
    late->write = late->late = true;
    ev_post(s, late, s->now_ms + rnd(s, 1, 3000), land);
}

static void choose_fate(struct sim *s, struct ev *e)
{
    const struct plan *plan = &s->plan;
    e->write = true;
    if (e->job && e->value.len > plan->record_max) {
        e->err = ERR_TOO_BIG;
        e->write = false;
        return;
    }
    if (s->calm)
        return;
    if (chance(s, plan->ack_lost_permille)) {
        e->err = ERR_AGAIN;
    } else if (chance(s, plan->not_written_permille)) {
        e->err = ERR_AGAIN;
        e->write = false;
    } else if (chance(s, plan->late_permille)) {
        e->err = ERR_AGAIN;
        e->write = false;
        land_late(s, e);
    } else if (chance(s, plan->unknown_offset_permille)) {
        e->offset = -1;
    }
}

/* false: the producer's queue is full. */
static bool append(struct sim_worker *w, struct partition *p, struct slice key, struct slice value, struct job *job,
                   void (*reply)(struct sim_worker *w, struct ev *e, bool died))
{
    struct sim *s = w->sim;
    bool last_chance =
        p->state == PARTITION_DRAINING && p->drain_deadline_ms == 0; /* refused now, an outcome is lost as by a fault */
    if (!s->calm && !last_chance && chance(s, s->plan.full_permille))
        return false;
    struct ev *e = ev_new(s, w, reply);
    e->no = partition_number(p);
    e->p = p;
    e->job = job;
    e->post = job ? (int)job->posted_wall_ms : 0;
    e->key = arena_copy(s, key);
    e->value = arena_copy(s, value);
    choose_fate(s, e);
    int64_t at = s->now_ms + latency(s);
    ev_post(s, e, s->plan.reorder ? at : in_order(&w->kafka_at, at), land);
    faults_notice(s, CALL_NONE, w->number);
    return true;
}

static void reply_claim(struct sim_worker *w, struct ev *e, bool died)
{
    (void)w;
    partition_on_claim_ack(e->p, died ? ERR_AGAIN : e->err, e->offset);
}

static void reply_record(struct sim_worker *w, struct ev *e, bool died)
{
    (void)w;
    partition_on_record_ack(e->job, died ? ERR_AGAIN : e->err, e->offset);
}

static void reply_repair(struct sim_worker *w, struct ev *e, bool died)
{
    (void)w;
    partition_on_repair_ack(e->p, died ? ERR_AGAIN : e->err, e->offset);
}

static bool append_claim(void *ctx, struct partition *p, struct slice value)
{
    return append(ctx, p, SLICE(CLAIM_KEY), value, NULL, reply_claim);
}

static bool append_record(void *ctx, struct job *job)
{
    char key[UUID_TEXT_SIZE];
    uuid_format(&job->dl.id, key);
    return append(ctx, job->partition, slice_str(key), buf_slice(&job->record), job, reply_record);
}

static bool append_repair(void *ctx, struct partition *p, struct slice key, struct slice value)
{
    return append(ctx, p, key, value, NULL, reply_repair);
}

/* ---- delivery log: reading ---- */

static void fetch(struct sim *s, struct ev *e);

static void ask_fetch(struct owned *o);

static void reply_fetch(struct sim_worker *w, struct ev *e, bool died)
{
    (void)w;
    struct owned *o = e->owned;
    if (died || !o || !o->reading || o->reader != e->reader)
        return;
    for (int i = 0; i < e->count && o->reading && o->reader == e->reader; i++) {
        o->read_at = e->read[i].offset + 1;
        partition_on_log_record(o->p, e->read[i].offset, e->read[i].key, e->read[i].value);
    }
    if (e->at_end && o->reading && o->reader == e->reader) {
        o->read_at = e->end;
        partition_on_log_end(o->p, e->end);
    }
    if (o->reading && o->reader == e->reader)
        ask_fetch(o);
}

/* What a fetch brings: some records from the position on, or the end. A position out of range starts at the earliest. A new
 * leader may not know yet how far the log goes. */
static void fetch(struct sim *s, struct ev *e)
{
    const struct slog *log = &s->parts[e->no].log;
    if (e->offset < log->start || e->offset > log->end)
        e->offset = log->start;
    e->end = !s->calm && chance(s, s->plan.early_end_permille) ? rnd(s, e->offset, log->end) : log->end;
    int most = (int)rnd(s, 1, s->plan.crowd ? 600 : 8);
    e->read = arena_take(s, (size_t)most * sizeof *e->read);
    e->at_end = true;
    for (int i = 0; i < log->count; i++) {
        if (log->recs[i].offset < e->offset || log->recs[i].offset >= e->end)
            continue;
        if (e->count == most) {
            e->at_end = false;
            break;
        }
        e->read[e->count++] = log->recs[i];
    }
    ev_answer(s, e, s->now_ms + latency(s) / 4);
}

static void ask_fetch(struct owned *o)
{
    struct sim *s = o->w->sim;
    struct ev *e = ev_new(s, o->w, reply_fetch);
    e->no = o->no;
    e->owned = o;
    e->reader = o->reader;
    e->offset = o->read_at;
    ev_post(s, e, s->now_ms + latency(s) / 4, fetch);
}

static void read_log(void *ctx, struct partition *p, int64_t from)
{
    struct owned *o = owned_of(p);
    (void)ctx;
    o->reading = true;
    o->reader++;
    o->read_at = from < 0 ? 0 : from;
    ask_fetch(o);
}

static void stop_log(void *ctx, struct partition *p)
{
    (void)ctx;
    owned_of(p)->reading = false;
}

/* ---- index ---- */

static void reply_index(struct sim_worker *w, struct ev *e, bool died)
{
    struct index_answer down = {.status = INDEX_DOWN};
    const struct index_answer *a = died || e->broken ? &down : &e->answer;
    if (!died && !e->broken && e->answer.status != INDEX_DOWN) {
        w->redis_heard_ms = w->sim->now_ms;
        redis_patience_answered(&w->patience, w->sim->now_ms - e->sent_ms, w->sim->now_ms);
    }
    if (index_by != INDEX_BY_C) {
        scripts_reply(e, a != &down && a->status != INDEX_DOWN);
        return;
    }
    switch (e->kind) {
    case CALL_TAKE:
        partition_on_take(e->p, e->round, a);
        break;
    case CALL_CLAIM:
        partition_on_claim(e->p, e->round, a, e->jobs, a->status == INDEX_OK ? e->count : 0, e->room, e->tries);
        break;
    case CALL_DUE:
        partition_on_due(e->p, e->round, a, e->found, e->tries, a->status == INDEX_OK ? e->count : 0);
        break;
    case CALL_APPLY:
        partition_on_apply(e->p, e->round, a, e->ap_to);
        break;
    case CALL_CHECK:
        partition_on_check(e->p, e->round, a, e->found, a->status == INDEX_OK ? e->count : 0);
        break;
    case CALL_POSTPONE:
        partition_on_postpone(e->p, e->round, a);
        break;
    case CALL_SWEEP:
        partition_on_sweep(e->p, e->round, a, e->cursor, e->found, a->status == INDEX_OK ? e->count : 0);
        break;
    case CALL_RELEASE:
        partition_on_release(e->p);
        break;
    case CALL_NONE:
        break;
    }
}

/* A slow Redis takes one command after the other. true: not yet. */
static bool waits_its_turn(struct sim *s, struct ev *e)
{
    if (e->served || e->unsent || s->now_ms >= s->redis_slow_until_ms)
        return false;
    e->served = true;
    s->redis_free_at_ms = (s->redis_free_at_ms > s->now_ms ? s->redis_free_at_ms : s->now_ms) + s->redis_slow_ms;
    return true;
}

static void execute(struct sim *s, struct ev *e)
{
    if (waits_its_turn(s, e)) {
        ev_post(s, e, s->redis_free_at_ms, execute);
        return;
    }
    if (!e->unsent) {
        if (s->redis_down || (!s->calm && chance(s, s->plan.redis_error_permille)))
            e->answer.status = INDEX_DOWN;
        else if (index_by == INDEX_BY_C)
            ix_execute(s, e);
        else
            scripts_execute(s, e);
    }
    /* The index must be whole from where its owner needs it. */
    if (e->kind == CALL_TAKE && e->answer.status == INDEX_OK && e->w)
        require(s, s->parts[e->no].ix.base <= partition_low(e->p),
                "bound: p%d: taken by an owner of bound %" PRId64 ", built from %" PRId64, e->no, partition_low(e->p),
                s->parts[e->no].ix.base);
    if (e->kind == CALL_RELEASE && e->answer.status != INDEX_OK)
        s->parts[e->no].not_released++;
    int64_t at = s->now_ms + latency(s) / 2;
    ev_answer(s, e, e->w && !e->broken ? in_order(&e->w->redis_back, at) : at);
}

static struct ev *call(struct sim_worker *w, struct partition *p, enum call_kind kind, unsigned round)
{
    struct ev *e = ev_new(w->sim, w, reply_index);
    e->kind = kind;
    e->no = partition_number(p);
    e->p = p;
    e->round = round;
    e->ap = partition_applied(p);
    e->assignment = owned_of(p)->assignment;
    epoch_format(partition_epoch(p), e->ep);
    memcpy(e->log, partition_log(p), sizeof e->log);
    e->now_wall = w->core.now_wall_ms;
    e->lease = e->now_wall + LEASE_MS;
    return e;
}

static void send_call(struct sim_worker *w, struct ev *e)
{
    struct sim *s = w->sim;
    e->answer.status = INDEX_DOWN;
    e->unsent = w->redis_known_down;
    e->sent_ms = s->now_ms;
    ev_post(s, e, in_order(&w->redis_at, s->now_ms + latency(s) / 2), execute);
    faults_notice(s, e->kind, w->number);
}

static void index_take(void *ctx, struct partition *p, unsigned round)
{
    struct ev *e = call(ctx, p, CALL_TAKE, round);
    e->low = partition_low(p);
    if (index_by != INDEX_BY_C)
        scripts_take(ctx, e);
    send_call(ctx, e);
}

static void index_claim(void *ctx, struct partition *p, unsigned round, struct job *const *jobs, int count, int room)
{
    struct sim_worker *w = ctx;
    struct ev *e = call(w, p, CALL_CLAIM, round);
    e->count = count;
    e->room = room;
    e->jobs = arena_take(w->sim, (size_t)count * sizeof(struct job *));
    e->ids = arena_take(w->sim, (size_t)count * sizeof(int));
    for (int i = 0; i < count; i++) {
        e->jobs[i] = jobs[i];
        e->ids[i] = ghost_find(w->sim, &jobs[i]->dl.id)->number;
    }
    if (index_by != INDEX_BY_C)
        scripts_claim(w, e);
    send_call(w, e);
}

static void index_due(void *ctx, struct partition *p, unsigned round, int limit, int room)
{
    struct ev *e = call(ctx, p, CALL_DUE, round);
    e->limit = limit;
    e->room = room;
    if (index_by != INDEX_BY_C)
        scripts_due(ctx, e);
    send_call(ctx, e);
}

static void index_apply(void *ctx, struct partition *p, unsigned round, int64_t ap_from, const struct index_record *records,
                        int count, int64_t ap_to)
{
    struct sim_worker *w = ctx;
    struct ev *e = call(w, p, CALL_APPLY, round);
    e->ap = ap_from;
    e->ap_to = ap_to;
    e->count = count;
    e->records = arena_take(w->sim, (size_t)count * sizeof *e->records + 1);
    for (int i = 0; i < count; i++) {
        const struct index_record *r = &records[i];
        require(w->sim, r->offset > ap_from && r->offset <= ap_to, "an apply of a record outside its range");
        e->records[i] = (struct ix_record){.offset = r->offset,
                                           .due = r->due_wall_ms,
                                           .updated = r->updated_wall_ms,
                                           .event_offset = r->event_offset,
                                           .held = -1,
                                           .d = -1};
        if (r->skip)
            continue;
        e->records[i].d = ghost_find(w->sim, &r->id)->number;
        e->records[i].head = (struct ix_head){ix_rank(r->rank.status), r->rank.attempt, r->rank.revision};
        e->records[i].record = arena_copy(w->sim, r->payload);
        if (r->held_by.len > 0)
            e->records[i].held = webhook_number(r->held_by);
    }
    if (index_by != INDEX_BY_C)
        scripts_apply(w, e, records);
    send_call(w, e);
}

static void index_check(void *ctx, struct partition *p, unsigned round, uint64_t held_cursor)
{
    struct ev *e = call(ctx, p, CALL_CHECK, round);
    e->cursor = held_cursor;
    if (index_by != INDEX_BY_C)
        scripts_check(ctx, e);
    send_call(ctx, e);
}

static void index_release(void *ctx, struct partition *p, unsigned round)
{
    struct ev *e = call(ctx, p, CALL_RELEASE, round);
    if (index_by != INDEX_BY_C)
        scripts_release(ctx, e);
    send_call(ctx, e);
}

static void index_postpone(void *ctx, struct partition *p, unsigned round, const struct index_postponed *postponed, int count)
{
    struct sim_worker *w = ctx;
    struct ev *e = call(w, p, CALL_POSTPONE, round);
    e->count = count;
    e->records = arena_take(w->sim, (size_t)count * sizeof *e->records);
    for (int i = 0; i < count; i++)
        e->records[i] = (struct ix_record){.due = postponed[i].due_wall_ms,
                                           .held = postponed[i].held_by ? webhook_number(slice_str(postponed[i].held_by)) : -1,
                                           .d = ghost_find(w->sim, &postponed[i].id)->number};
    if (index_by != INDEX_BY_C)
        scripts_postpone(w, e, postponed);
    send_call(w, e);
}

static void index_sweep(void *ctx, struct partition *p, unsigned round, struct slice webhook_id, uint64_t cursor, int step,
                        bool unhold)
{
    struct ev *e = call(ctx, p, CALL_SWEEP, round);
    snprintf(e->webhook, sizeof e->webhook, "%.*s", (int)webhook_id.len, webhook_id.p);
    e->cursor = cursor;
    e->unhold = unhold;
    if (index_by != INDEX_BY_C)
        scripts_sweep(ctx, e, webhook_id, step);
    send_call(ctx, e);
}

/* ---- group ---- */

static void start_events(void *ctx, struct partition *p, int64_t offset)
{
    struct owned *o = owned_of(p);
    (void)ctx;
    require(o->w->sim, !o->started, "events started twice");
    o->started = true;
    o->position = offset < 0 ? 0 : offset;
}

static void reply_commit(struct sim_worker *w, struct ev *e, bool died)
{
    enum err err = died ? ERR_AGAIN : e->err;
    if (err == ERR_OK && e->generation != w->generation)
        err = ERR_REFUSED;
    if (err == ERR_OK && e->end > w->contact_ms)
        w->contact_ms = e->end;
    partition_on_commit(e->p, err);
}

static void commit(void *ctx, struct partition *p, int64_t offset, const char *metadata)
{
    struct sim_worker *w = ctx;
    struct ev *e = ev_new(w->sim, w, reply_commit);
    e->no = partition_number(p);
    e->p = p;
    e->offset = offset;
    e->generation = w->generation;
    e->member_id = w->member_id;
    e->end = w->sim->now_ms;
    snprintf(e->metadata, sizeof e->metadata, "%s", metadata);
    if (w->generation < 0) {
        e->err = ERR_REFUSED;
        ev_answer(w->sim, e, w->sim->now_ms + 1);
        return;
    }
    group_commit(w, e);
}

static int64_t generation(void *ctx)
{
    return ((struct sim_worker *)ctx)->generation;
}

/* ---- deliveries, and the end ---- */

static void send_job(void *ctx, struct job *job)
{
    gate_send(ctx, job);
}

static void withdraw(void *ctx, struct job *job)
{
    gate_withdraw(ctx, job);
}

static void reply_buried(struct sim_worker *w, struct ev *e, bool died)
{
    if (!died)
        ghost_find(w->sim, &e->job->dl.id)->buried = true;
    partition_on_buried(e->job);
}

static void bury(void *ctx, struct job *job)
{
    struct sim_worker *w = ctx;
    struct ev *e = ev_new(w->sim, w, reply_buried);
    say(w->sim, "w%d d%d: dead letter", w->number, ghost_find(w->sim, &job->dl.id)->number);
    e->job = job;
    ev_answer(w->sim, e, w->sim->now_ms + rnd(w->sim, 1, 2000));
}

static bool is_held(void *ctx, struct slice webhook_id)
{
    const struct sim_worker *w = ctx;
    return w->sim->paused_hooks >> webhook_number(webhook_id) & 1;
}

static enum call_in calls_in(void *ctx, struct partition *p, struct slice webhook_id)
{
    const struct sim_worker *w = ctx;
    (void)p;
    (void)webhook_id;
    return (enum call_in)rnd(w->sim, CALL_IN_ENDS, CALL_IN_MORE);
}

static void called_in(void *ctx, struct partition *p, struct slice webhook_id)
{
    (void)ctx;
    (void)p;
    (void)webhook_id;
}

static void gave_up(void *ctx, struct partition *p)
{
    struct sim_worker *w = ctx;
    struct owned *o = owned_of(p);
    if (w->slots[o->no] == o)
        w->slots[o->no] = NULL;
    o->live = false;
    /* Whoever comes next may read the log before these records land: as when a POST is cut short (gate_withdraw). */
    const struct job *job;
    if (o->graceful)
        TAILQ_FOREACH(job, &p->jobs[JOB_RECORDING], link)
            ghost_find(w->sim, &job->dl.id)->extra++;
}

static void released(void *ctx, struct partition *p)
{
    (void)p;
    ((struct sim_worker *)ctx)->dead_owned = true;
}

static void recorded(void *ctx, const struct job *job)
{
    struct sim_worker *w = ctx;
    require(w->sim, ghost_find(w->sim, &job->dl.id)->recorded, "told recorded, and no record has landed");
}

static void state_changed(void *ctx, struct partition *p, const char *from, const char *to, const char *why)
{
    struct sim_worker *w = ctx;
    (void)from;
    say(w->sim, "w%d p%d %s: %s", w->number, partition_number(p), to, why);
}

const struct core_ports sim_ports = {
    .append_claim = append_claim,
    .append_record = append_record,
    .append_repair = append_repair,
    .read_log = read_log,
    .stop_log = stop_log,
    .index_take = index_take,
    .index_claim = index_claim,
    .index_due = index_due,
    .index_apply = index_apply,
    .index_check = index_check,
    .index_postpone = index_postpone,
    .index_sweep = index_sweep,
    .index_release = index_release,
    .start_events = start_events,
    .commit = commit,
    .generation = generation,
    .withdraw = withdraw,
    .bury = bury,
    .is_held = is_held,
    .calls_in = calls_in,
    .called_in = called_in,
    .gave_up = gave_up,
    .released = released,
    .recorded = recorded,
    .state_changed = state_changed,
    .send = send_job,
};
