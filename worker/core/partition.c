/* A partition's life: claim, take, fence, revoke; and the one function that changes its state.
 * Replay, serving and commits are in the files named after them. */
#include "core/partition_internal.h"

#include <stdlib.h>

#include "util/mem.h"

static const char *const state_names[PARTITION_STATE_COUNT] = {"claiming", "taking",   "replaying", "serving",
                                                               "fenced",   "draining", "gone"};

/* Which states may follow which. */
#define TO(state) (1u << PARTITION_##state)
static const unsigned transitions[PARTITION_STATE_COUNT] = {
    [PARTITION_CLAIMING] = TO(TAKING) | TO(DRAINING) | TO(GONE),
    [PARTITION_TAKING] = TO(REPLAYING) | TO(FENCED) | TO(CLAIMING) | TO(DRAINING) | TO(GONE),
    [PARTITION_REPLAYING] = TO(SERVING) | TO(TAKING) | TO(FENCED) | TO(CLAIMING) | TO(DRAINING) | TO(GONE),
    [PARTITION_SERVING] = TO(TAKING) | TO(FENCED) | TO(DRAINING) | TO(GONE),
    [PARTITION_FENCED] = TO(CLAIMING) | TO(DRAINING) | TO(GONE),
    [PARTITION_DRAINING] = TO(GONE),
};

void partition_change(struct partition *p, enum partition_state state, const char *why)
{
    check(transitions[p->state] & (1u << state));
    enum partition_state from = p->state;
    p->state = state;
    p->core->ports.state_changed(p->core->ctx, p, state_names[from], state_names[state], why);
}

struct partition *partition_new(struct core *c, int32_t number, int64_t generation, const char *member, int64_t committed,
                                const struct commit_metadata *metadata, void *shell)
{
    struct partition *p = mem_zalloc(sizeof *p);
    p->core = c;
    p->shell = shell;
    p->number = number;
    p->generation = generation;
    p->member = mem_strdup(member);
    p->ap = -1;
    p->tail_end = -1;
    p->repair_at = -1;
    p->replay_end = -1;
    bound_init(&p->bound, metadata->low);
    if (metadata->log[0] != '\0') {
        memcpy(p->log, metadata->log, sizeof p->log);
    } else {
        struct uuid id = uuid_v4();
        uuid_format(&id, p->log);
        p->log_is_new = true;
    }
    events_init(&p->events, committed);
    for (int i = 0; i < JOB_STATE_COUNT; i++)
        TAILQ_INIT(&p->jobs[i]);
    STAILQ_INIT(&p->applying);
    STAILQ_INIT(&p->sweeps);
    buf_init(&p->repair, 2 * 1024 * 1024);
    p->state = PARTITION_CLAIMING;
    partition_claim(p);
    return p;
}

void partition_free(struct partition *p)
{
    check(p->state == PARTITION_GONE && p->answers_due == 0);
    events_done(&p->events);
    hand_done(&p->hand);
    sweep_done(p);
    postpone_forget(p);
    free(p->postponed);
    buf_done(&p->repair);
    free(p->member);
    free(p);
}

/* ---- CLAIM ---- */

void partition_claim(struct partition *p)
{
    if (p->state != PARTITION_CLAIMING)
        partition_change(p, PARTITION_CLAIMING, "claim again");
    struct claim claim = {.life = p->life, .generation = p->generation, .member = slice_str(p->member)};
    memcpy(claim.log, p->log, sizeof claim.log);
    struct buf value;
    buf_init(&value, 4096);
    claim_write(&value, &claim);
    check(value.err == ERR_OK);
    p->must_append_claim = !p->core->ports.append_claim(p->core->ctx, p, buf_slice(&value));
    if (!p->must_append_claim)
        p->answers_due++;
    buf_done(&value);
}

void partition_on_claim_ack(struct partition *p, enum err err, int64_t offset)
{
    p->answers_due--;
    if (p->state != PARTITION_CLAIMING) {
        partition_maybe_release(p);
        return;
    }
    /* Not written, or written we know not where: another claim does no harm. */
    if (err != ERR_OK || offset < 0) {
        partition_claim(p);
        return;
    }
    p->epoch = (struct epoch){p->life, p->generation, offset};
    p->log_high = offset;
    /* The name of the log is new: it is committed before it matters, or the next owner would choose another one, and empty what
     * it finds in the index. */
    if (p->log_is_new)
        partition_commit(p);
    p->log_is_new = false;
    partition_take(p, "claim acknowledged");
}

/* ---- TAKE ---- */

void partition_take(struct partition *p, const char *why)
{
    if (p->state == PARTITION_SERVING)
        serve_suspend(p);
    replay_drop(p);
    if (p->state != PARTITION_TAKING)
        partition_change(p, PARTITION_TAKING, why);
    p->round++;
    p->index_waiting = false;
    p->answers_due++;
    p->core->ports.index_take(p->core->ctx, p, p->round);
}

void partition_on_take(struct partition *p, unsigned round, const struct index_answer *a)
{
    p->answers_due--;
    if (round != p->round || p->state != PARTITION_TAKING) {
        partition_maybe_release(p);
        return;
    }
    if (a->status == INDEX_FENCED) {
        partition_fence(p, &a->epoch, "the index belongs to a later epoch");
    } else if (a->status != INDEX_OK) {
        p->index_waiting = true;
    } else {
        p->ap = a->ap;
        bound_read(p, a->hi);
        partition_change(p, PARTITION_REPLAYING, "index taken");
        replay_begin(p);
    }
}

void partition_on_index_up(struct partition *p)
{
    if (p->state == PARTITION_TAKING && p->index_waiting)
        partition_take(p, "index is back");
}

bool partition_index_ok(struct partition *p, unsigned round, const struct index_answer *a)
{
    p->answers_due--;
    if (p->state == PARTITION_GONE) {
        partition_maybe_release(p);
        return false;
    }
    if (round != p->round || (p->state != PARTITION_SERVING && p->state != PARTITION_REPLAYING))
        return false;
    switch (a->status) {
    case INDEX_OK:
        return true;
    case INDEX_FENCED:
        partition_fence(p, &a->epoch, "the index belongs to a later epoch");
        return false;
    case INDEX_DOWN:
        partition_take(p, "the index did not answer");
        return false;
    case INDEX_INCOMPLETE:
        partition_take(p, "the index has lost a key");
        return false;
    case INDEX_MOVED:
    case INDEX_DOMINATED:
        partition_take(p, "the index is not where it was left");
        return false;
    }
    return false;
}

/* ---- FENCED ---- */

void partition_fence(struct partition *p, const struct epoch *seen, const char *why)
{
    if (p->state == PARTITION_SERVING)
        serve_suspend(p);
    replay_drop(p);
    p->round++;
    p->seen = *seen;
    partition_change(p, PARTITION_FENCED, why);
    /* A commit that is out already was sent before the later claim was read: it proves nothing, and another follows it. */
    partition_commit(p);
}

/* ---- REVOKE, and the end ---- */

void partition_revoke(struct partition *p, int64_t deadline_ms)
{
    if (p->state == PARTITION_GONE || p->revoked)
        return;
    p->revoked = true;
    if (p->state == PARTITION_SERVING)
        serve_suspend(p);
    replay_drop(p);
    p->round++;
    p->drain_deadline_ms = deadline_ms > 0 ? deadline_ms : 1;
    partition_change(p, PARTITION_DRAINING, "revoked");
}

void partition_lose(struct partition *p)
{
    if (p->state == PARTITION_GONE)
        return;
    p->revoked = p->lost = true;
    replay_drop(p);
    p->round++;
    partition_give_up(p, "membership lost");
}

/* What is still in hand goes back to the schedule, given back and not left behind by a dead owner. */
static void release_in_hand(struct partition *p)
{
    p->answers_due++;
    p->core->ports.index_release(p->core->ctx, p, p->round);
}

void partition_on_release(struct partition *p)
{
    p->answers_due--;
    partition_maybe_release(p);
}

/* DRAINING: done when nothing runs any more, or at the deadline; then the last commit. */
static void drain_turn(struct partition *p)
{
    bool idle = p->job_counts[JOB_POSTING] + p->job_counts[JOB_BURYING] + p->job_counts[JOB_RECORDING] == 0;
    record_produce(p);
    if (p->drain_deadline_ms == 0 || (!idle && p->core->now_ms < p->drain_deadline_ms))
        return;
    p->drain_deadline_ms = 0;
    release_in_hand(p);
    partition_commit(p);
}

void partition_give_up(struct partition *p, const char *why)
{
    record_produce(p); /* an outcome that is known is not thrown away: whoever comes next would POST again */
    serve_drop(p);
    replay_drop(p);
    partition_change(p, PARTITION_GONE, why);
    p->core->ports.gave_up(p->core->ctx, p);
    partition_maybe_release(p);
}

void partition_maybe_release(struct partition *p)
{
    if (p->state != PARTITION_GONE || p->answers_due > 0 || p->released)
        return;
    p->released = true;
    p->core->ports.released(p->core->ctx, p);
}

/* ---- each turn, each second ---- */

void partition_turn(struct partition *p)
{
    switch (p->state) {
    case PARTITION_CLAIMING:
        if (p->must_append_claim)
            partition_claim(p);
        record_produce(p);
        break;
    case PARTITION_REPLAYING:
        record_produce(p);
        replay_turn(p);
        break;
    case PARTITION_SERVING:
        record_produce(p);
        serve_turn(p);
        break;
    case PARTITION_DRAINING:
        drain_turn(p);
        break;
    case PARTITION_TAKING:
    case PARTITION_FENCED:
        record_produce(p);
        break;
    case PARTITION_GONE:
    case PARTITION_STATE_COUNT:
        break;
    }
}

void partition_second(struct partition *p)
{
    if (p->state == PARTITION_SERVING) {
        p->answers_due++;
        p->core->ports.index_check(p->core->ctx, p, p->round, p->held_cursor);
        if (!p->acked_lately)
            replay_check_tail(p);
        p->acked_lately = false;
        claim_park_suspects(p);
    }
    if (p->state != PARTITION_DRAINING && p->state != PARTITION_GONE && !p->commit_out)
        partition_commit(p);
}

/* ---- looking in ---- */

int32_t partition_number(const struct partition *p)
{
    return p->number;
}

void *partition_shell(const struct partition *p)
{
    return p->shell;
}

const char *partition_state_name(const struct partition *p)
{
    return state_names[p->state];
}

bool partition_is_serving(const struct partition *p)
{
    return p->state == PARTITION_SERVING;
}

bool partition_is_gone(const struct partition *p)
{
    return p->state == PARTITION_GONE;
}

const struct epoch *partition_epoch(const struct partition *p)
{
    return &p->epoch;
}

int64_t partition_applied(const struct partition *p)
{
    return p->ap;
}

const char *partition_log(const struct partition *p)
{
    return p->log;
}

int64_t partition_low(const struct partition *p)
{
    return p->bound.low;
}

int partition_job_count(const struct partition *p, enum job_state state)
{
    return p->job_counts[state];
}

int64_t partition_scheduled(const struct partition *p)
{
    return p->state == PARTITION_SERVING ? p->scheduled : 0;
}

int64_t partition_held(const struct partition *p)
{
    return p->state == PARTITION_SERVING ? p->held : 0;
}

int64_t partition_due(const struct partition *p)
{
    return p->state == PARTITION_SERVING ? p->due : 0;
}

int64_t partition_next_due_wall_ms(const struct partition *p)
{
    return p->state == PARTITION_SERVING ? p->next_due_wall_ms : 0;
}

int64_t partition_unsettled(const struct partition *p)
{
    return (int64_t)p->events.count;
}

int partition_in_hand(const struct partition *p)
{
    return (int)p->hand.count;
}

int partition_recording(const struct partition *p)
{
    return p->job_counts[JOB_RECORDING] + p->job_counts[JOB_RECORDED] + p->job_counts[JOB_APPLYING];
}

int partition_under_way(const struct partition *p)
{
    return partition_in_hand(p) - p->job_counts[JOB_QUEUED] - p->job_counts[JOB_POSTING];
}
