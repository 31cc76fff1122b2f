/* DELIVERY's invariants, I1 to I9. */
#include <inttypes.h>

#include "sim.h"

#define SOON_MS 12000

/* Faults that may have cost a delivery one more POST, since its event was first read. An index that is lost costs none: whatever
 * it knew is read from the log before the next claim; but a frontend that sends an event again finds it forgotten. */
static int faults_of(const struct sim *s, const struct ghost *g)
{
    const struct sim_part *part = &s->parts[g->part];
    return part->faults - g->faults_at_birth + g->extra + (g->sent_twice ? part->index_faults : 0);
}

/* What a rebuild from the bound must find: the last record of what is open, and of each delivery of an event that will be read
 * again. */
static void check_bound(struct sim *s, int no, int64_t offset, const char *text)
{
    const struct sim_part *part = &s->parts[no];
    struct commit_metadata now;
    commit_metadata_parse(text, &now);
    require(s, now.low <= part->log.end || s->recreated, "p%d: bound %" PRId64 ", beyond the log's end", no, now.low);
    const struct srec **lasts = slog_lasts(&part->log, s->ghost_count);
    for (int d = 0; d < s->ghost_count && !s->recreated; d++) {
        const struct ghost *g = &s->ghosts[d];
        const struct srec *last = lasts[d];
        if (!last || last->offset >= now.low)
            continue;
        require(s, !delivery_is_open(g->fold.status),
                "bound: p%d: %" PRId64 ", and d%d, which is open, has its last record @%" PRId64, no, now.low, d, last->offset);
        require(s, last->event_offset < offset,
                "bound: p%d: %" PRId64 ", committed %" PRId64 ", and the event @%" PRId64 " of d%d has its record @%" PRId64, no,
                now.low, offset, last->event_offset, d, last->offset);
    }
    free(lasts);
}

/* I1: what is committed has a record. */
void check_commit(struct sim *s, int no, int64_t offset, const char *metadata)
{
    const struct sim_part *part = &s->parts[no];
    check_bound(s, no, offset, metadata);
    require(s, offset >= part->committed || part->committed < 0,
            "p%d: the committed offset goes back from %" PRId64 " to %" PRId64, no, part->committed, offset);
    require(s, offset <= part->events_end, "p%d: committed %" PRId64 ", beyond the end %" PRId64, no, offset, part->events_end);
    for (int i = 0; i < part->event_count; i++) {
        const struct sim_event *e = &part->events[i];
        if (e->offset >= offset)
            break;
        for (int h = 0; h < MAX_WEBHOOKS; h++)
            require(s, !(e->webhooks & 1 << h) || s->ghosts[e->owes[h]].recorded,
                    "I1: p%d: committed %" PRId64 ", and d%d of event @%" PRId64 " has no record", no, offset, e->owes[h],
                    e->offset);
    }
}

static uint64_t hash(struct slice bytes)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < bytes.len; i++)
        h = (h ^ (uint8_t)bytes.p[i]) * 1099511628211u;
    return h;
}

/* I6: one body for one id, in each POST and in each record that has one. */
static void check_body(struct sim *s, struct ghost *g, struct slice body)
{
    require(s, body.len > 0, "I6: d%d: no body", g->number);
    uint64_t h = hash(body);
    require(s, g->body_hash == 0 || g->body_hash == h, "I6: d%d: another body", g->number);
    g->body_hash = h;
}

/* The log was made anew, and has grown over the index's position before anybody looked: offsets alone cannot tell. */
static bool unseen(struct sim *s, int no, int64_t offset)
{
    int64_t ap = s->parts[no].ix.ap;
    for (int i = 0; i < s->plan.workers; i++)
        if (s->workers[i].slots[no] && partition_applied(s->workers[i].slots[no]->p) > ap)
            ap = partition_applied(s->workers[i].slots[no]->p);
    return s->parts[no].log.remade > 0 && offset <= ap;
}

/* Poison is what five owners died of, the last one with no other suspect in its hands: what was beside it is not, unless another
 * fault came at that moment, or the index had forgotten that the deadly one was a suspect. */
static void check_poison(struct sim *s, const struct ghost *g, const struct delivery *dl)
{
    const struct sim_part *part = &s->parts[g->part];
    if (dl->status != DELIVERY_FAILED || dl->detail.len == 0 || !memmem(dl->detail.p, dl->detail.len, "poison", 6))
        return;
    require(s, g->buried, "d%d: poison, and no dead letter", g->number);
    require(s, part->faults + part->not_released >= POISON_TRIES, "d%d: poison after %d faults", g->number, part->faults);
    require(s, g->deadly || g->ahead || part->faults + part->not_released > part->deadly_kills,
            "d%d: found to be poison beside another one", g->number);
}

/* A record lands. I8: delivered only after a 2xx. */
void check_record(struct sim *s, const struct srec *r, const struct delivery *dl, const struct ev *e)
{
    struct ghost *g = &s->ghosts[r->d];
    char key[UUID_TEXT_SIZE];
    uuid_format(&dl->id, key);
    require(s, slice_eq(r->key, slice_str(key)), "d%d: a record under another key", g->number);
    require(s, dl->status != DELIVERY_DELIVERED || g->accepted, "I8: d%d: delivered, and no endpoint said so", g->number);
    require(s, dl->revision >= 1 && dl->attempt <= dl->max_attempts, "d%d: attempt %d of %d", g->number, dl->attempt,
            dl->max_attempts);
    if (delivery_is_open(dl->status)) {
        require(s, dl->next_attempt_wall_ms > 0, "d%d: open, and no next attempt", g->number);
        check_body(s, g, dl->body);
    }
    if (e->post > 0 && dl->status == DELIVERY_RETRYING && !s->posts[e->post - 1].failure_recorded) {
        s->posts[e->post - 1].failure_recorded = true;
        g->recorded_failures++;
    }
    if (unseen(s, g->part, r->offset))
        g->excused = true;
    check_poison(s, g, dl);
    if (!g->recorded || delivery_rank_compare(r->rank, g->fold) >= 0) {
        g->fold = r->rank;
        g->fold_offset = r->offset;
    }
    g->recorded = true;
}

/* A POST starts. I3: how many there may be; I7: not before it is due. */
void check_post(struct sim *s, const struct job *job)
{
    struct ghost *g = ghost_find(s, &job->dl.id);
    g->posts++;
    say(s, "w? p%d d%d: POST %d, attempt %d (%d recorded failures, %d faults)", g->part, g->number, g->posts, job->dl.attempt + 1,
        g->recorded_failures, faults_of(s, g));
    check_body(s, g, job->dl.body);
    require(s, g->excused || g->posts <= g->recorded_failures + 1 + faults_of(s, g),
            "I3: d%d: %d POSTs, %d recorded failures, %d faults", g->number, g->posts, g->recorded_failures, faults_of(s, g));
    require(s, job->partition->core->suspects <= SUSPECT_WINDOW, "d%d: a POST, and suspects for %d in hand", g->number,
            job->partition->core->suspects);
    require(s, !(s->paused_hooks >> webhook_number(job->dl.webhook_id) & 1), "d%d: a POST to a paused webhook", g->number);
    require(s, !job->has_record || job->dl.held_wall_ms > 0 || job->dl.next_attempt_wall_ms <= wall(s),
            "I7: d%d: a retry %" PRId64 " ms too early", g->number, job->dl.next_attempt_wall_ms - wall(s));
}

/* ---- I4: the index is the fold of S[base..ap] ---- */

/* Of the records that are left, from base to ap. false: there is none. */
static bool fold_of_log(const struct slog *log, int d, int64_t base, int64_t ap, struct delivery_rank *fold)
{
    bool any = false;
    for (int i = 0; i < log->count && log->recs[i].offset <= ap; i++) {
        if (log->recs[i].d != d || log->recs[i].offset < base)
            continue;
        if (!any || delivery_rank_compare(log->recs[i].rank, *fold) >= 0)
            *fold = log->recs[i].rank;
        any = true;
    }
    return any;
}

static struct ix_head head_of(struct delivery_rank r)
{
    return (struct ix_head){ix_rank(r.status), r.attempt, r.revision};
}

static int compare(struct ix_head a, struct ix_head b)
{
    if (a.rank != b.rank)
        return a.rank - b.rank;
    return a.attempt != b.attempt ? a.attempt - b.attempt : (a.revision > b.revision) - (a.revision < b.revision);
}

/* What is left of the log is less than what was there, and the index may know what was: never less than the one, never more than
 * the other. */
static void check_entry(struct sim *s, int no, int d)
{
    const struct ix *ix = &s->parts[no].ix;
    const struct ix_entry *entry = &ix->entries[d];
    struct delivery_rank fold;
    bool expires = s->plan.slot_ms < 3600000;
    require(s, entry->pl == (entry->due >= 0 || (entry->inf >= 0 && entry->pl)), "I4: p%d: d%d is open, and in no schedule", no,
            d);
    require(s, !(entry->due >= 0 && entry->inf >= 0), "I4: p%d: d%d is both due and in flight", no, d);
    if (!fold_of_log(&s->parts[no].log, d, ix->base, ix->ap, &fold))
        return;
    struct ix_head least = head_of(fold), most = head_of(s->ghosts[d].fold);
    if (entry->pl) {
        require(s, compare(entry->head, least) >= 0 && compare(entry->head, most) <= 0,
                "I4: p%d: d%d: index rank %d attempt %d revision %" PRId64 ", log %d/%d/%" PRId64, no, d, entry->head.rank,
                entry->head.attempt, entry->head.revision, least.rank, least.attempt, least.revision);
    } else if (entry->done && strncmp(entry->done_log, ix->log, 8) == 0) {
        require(s, compare(entry->done_head, least) >= 0 && compare(entry->done_head, most) <= 0,
                "I4: p%d: d%d: done rank %d attempt %d revision %" PRId64 ", log %d/%d/%" PRId64, no, d, entry->done_head.rank,
                entry->done_head.attempt, entry->done_head.revision, least.rank, least.attempt, least.revision);
    } else {
        require(s, expires, "I4: p%d: d%d is in the log up to %" PRId64 " and not in the index", no, d, ix->ap);
    }
}

void check_index(struct sim *s, int no)
{
    if (s->recreated || !s->parts[no].ix.has_m || s->parts[no].ix.key_lost)
        return;
    for (int d = 0; d < s->ghost_count; d++)
        if (s->ghosts[d].part == no)
            check_entry(s, no, d);
}

/* ---- the end ---- */

static struct owned *owner_of(struct sim *s, int no)
{
    struct owned *found = NULL;
    for (int i = 0; i < s->plan.workers; i++)
        if (s->workers[i].slots[no])
            found = found ? NULL : s->workers[i].slots[no];
    return found;
}

static bool part_quiet(struct sim *s, int no)
{
    const struct sim_part *part = &s->parts[no];
    struct owned *o = owner_of(s, no);
    if (!o || !partition_is_serving(o->p))
        return false;
    int64_t last = part->events[part->event_count - 1].offset + 1;
    return part->committed == last && part->ix.ap == part->log.end - 1;
}

/* Whether the last record of some delivery says that it goes on. */
static bool any_open(struct sim *s, const struct slog *log)
{
    const struct srec **lasts = slog_lasts(log, s->ghost_count);
    bool open = false;
    for (int d = 0; d < s->ghost_count && !open; d++)
        open = lasts[d] && delivery_is_open(lasts[d]->rank.status) && !s->ghosts[d].excused;
    free(lasts);
    return open;
}

bool all_quiet(struct sim *s)
{
    for (int i = 0; i < s->plan.workers; i++)
        if (!worker_idle(&s->workers[i]))
            return false;
    for (int no = 0; no < s->plan.parts; no++)
        if (!part_quiet(s, no))
            return false;
    for (int d = 0; d < s->ghost_count; d++) {
        const struct ix_entry *entry = &s->parts[s->ghosts[d].part].ix.entries[d];
        if (entry->pl || entry->inf >= 0)
            return false;
    }
    for (int no = 0; no < s->plan.parts; no++)
        if (any_open(s, &s->parts[no].log))
            return false;
    return !s->group.preparing;
}

/* What is held is sent soon after its webhook was resumed, whoever was there to hear of it. */
void check_resumed(struct sim *s)
{
    for (int no = 0; no < s->plan.parts; no++) {
        struct sim_part *part = &s->parts[no];
        struct owned *o = owner_of(s, no);
        bool may_wait = !o || !partition_is_serving(o->p) || o->w->stopped || s->redis_down || sweep_of_change(o->p);
        if (may_wait || part->ix.ap != partition_applied(o->p))
            part->serving_since = s->now_ms;
        for (int d = 0; d < s->ghost_count; d++) {
            const struct ix_entry *entry = &part->ix.entries[d];
            if (!entry->pl)
                continue;
            struct slice r = scripts_record(entry->record);
            if (entry->due < wall(s) + SOON_MS || !memmem(r.p, r.len, "\"held_at\"", 9))
                continue;
            const char *id = memmem(r.p, r.len, "\"webhook_id\":\"", 14);
            int hook = webhook_number(slice_of(id + 14, 4));
            bool long_ago = s->now_ms - s->resumed_ms[hook] > SOON_MS && s->now_ms - part->serving_since > SOON_MS;
            require(s, !long_ago || s->paused_hooks >> hook & 1, "p%d: d%d is held, and its webhook was resumed long ago", no, d);
        }
    }
}

/* I2, I4, I9, and that the owner, the log and the index agree. */
void check_end(struct sim *s)
{
    for (int no = 0; no < s->plan.parts; no++) {
        struct owned *o = owner_of(s, no);
        char ep[EPOCH_TEXT_SIZE];
        if (!o)
            sim_fail(s, "p%d has no owner", no);
        epoch_format(partition_epoch(o->p), ep);
        require(s, strcmp(ep, s->parts[no].ix.ep) == 0, "p%d: the index has epoch %s, its owner %s", no, s->parts[no].ix.ep, ep);
        require(s, partition_unsettled(o->p) == 0, "p%d: %" PRId64 " events are not settled", no, partition_unsettled(o->p));
        check_index(s, no);
    }
    for (int d = 0; d < s->ghost_count; d++) {
        const struct ghost *g = &s->ghosts[d];
        const struct srec *last = slog_last(&s->parts[g->part].log, d);
        require(s, g->recorded, "I2: d%d has no record", d);
        if (g->excused || (!last && s->parts[g->part].log.start > 0))
            continue;
        require(s, last && !delivery_is_open(last->rank.status), "I2: d%d is open in the log", d);
        require(s, g->truth_lost || g->forgotten || delivery_rank_compare(last->rank, g->fold) == 0,
                "I2: d%d: its last record is %s attempt %d revision %" PRId64 ", the fold %s attempt %d revision %" PRId64, d,
                delivery_status_name(last->rank.status), last->rank.attempt, last->rank.revision,
                delivery_status_name(g->fold.status), g->fold.attempt, g->fold.revision);
    }
}
