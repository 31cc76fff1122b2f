/* The index: worker/scripts/ as C, statement by statement, on the state of one partition. What Redis does around the scripts
 * (losing replies, coming back empty or older, being away) is the ports' and the faults' part. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define SWEEP_STEP 5 /* deliveries looked at by one script */

void ix_init(struct sim *s, struct ix *ix)
{
    ix->entries = arena_take(s, (size_t)s->ghost_count * sizeof *ix->entries + 1);
    ix_wipe(s, ix);
}

void ix_wipe(struct sim *s, struct ix *ix)
{
    struct ix_entry *entries = ix->entries;
    *ix = (struct ix){.entries = entries};
    for (int i = 0; i < s->ghost_count; i++)
        entries[i] = (struct ix_entry){.due = -1, .inf = -1};
}

void ix_copy(struct sim *s, struct ix *to, const struct ix *from)
{
    struct ix_entry *entries = to->entries;
    memcpy(entries, from->entries, (size_t)s->ghost_count * sizeof *entries);
    *to = *from;
    to->entries = entries;
}

int ix_rank(enum delivery_status status)
{
    return delivery_is_open(status) ? 0 : (int)status;
}

static int compare_heads(const struct ix_head *a, const struct ix_head *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank ? 1 : -1;
    if (a->attempt != b->attempt)
        return a->attempt > b->attempt ? 1 : -1;
    return (a->revision > b->revision) - (a->revision < b->revision);
}

/* ---- done.lua ---- */

static bool done_find(const struct sim *s, const struct ix_entry *e, const char *log, int64_t newest, int slots)
{
    if (!e->done || strncmp(e->done_log, log, 8) != 0 || wall(s) >= (e->slot + 3) * s->plan.slot_ms)
        return false;
    return e->slot <= newest && e->slot > newest - slots;
}

/* ---- guard.lua ---- */

static bool guard(const struct ix *ix, struct ev *e)
{
    if (ix->has_m && strcmp(ix->ep, e->ep) == 0 && ix->ap == e->ap)
        return true;
    if (ix->has_m && strcmp(ix->ep, e->ep) > 0) {
        e->answer.status = epoch_parse(slice_str(ix->ep), &e->answer.epoch) == ERR_OK ? INDEX_FENCED : INDEX_MOVED;
        return false;
    }
    e->answer.status = INDEX_MOVED;
    return false;
}

/* ---- take.lua ---- */

static void empty_all(struct sim *s, struct ix *ix)
{
    for (int i = 0; i < s->ghost_count; i++) {
        ix->entries[i].pl = false;
        ix->entries[i].due = ix->entries[i].inf = -1;
    }
}

static void requeue_claims(struct sim *s, struct ix *ix, int64_t now_wall)
{
    for (int i = 0; i < s->ghost_count; i++) {
        struct ix_entry *entry = &ix->entries[i];
        if (entry->inf >= 0 && entry->pl)
            entry->due = now_wall;
        entry->inf = -1;
    }
}

/* I5, by the true order of owners: an earlier owner never takes the index from a later one. (After the group was made anew it
 * can, until the later one knows which life it needs.) */
static void check_take(struct sim *s, struct ix *ix, const struct ev *e)
{
    require(s, e->assignment >= ix->taken_assignment || s->parts[e->no].regroups > 0,
            "I5: p%d: the index was taken by the owner of assignment %" PRId64 " after %" PRId64, e->no, e->assignment,
            ix->taken_assignment);
    ix->taken_assignment = e->assignment;
}

static void take(struct sim *s, struct ix *ix, struct ev *e)
{
    if (ix->has_m && strcmp(ix->ep, e->ep) > 0) {
        e->answer.status = epoch_parse(slice_str(ix->ep), &e->answer.epoch) == ERR_OK ? INDEX_FENCED : INDEX_MOVED;
        return;
    }
    e->answer.status = INDEX_OK;
    check_take(s, ix, e);
    if (!ix->has_m || strcmp(ix->log, e->log) != 0) {
        empty_all(s, ix);
        ix->has_m = true;
        ix->ap = -1;
        memcpy(ix->log, e->log, sizeof ix->log);
    } else {
        requeue_claims(s, ix, e->now_wall);
    }
    memcpy(ix->ep, e->ep, sizeof ix->ep);
    e->answer.ap = ix->ap;
}

/* ---- claim.lua ---- */

static void claim(struct sim *s, struct ix *ix, struct ev *e)
{
    e->recorded = arena_take(s, (size_t)e->count * sizeof *e->recorded + 1);
    for (int i = 0; i < e->count; i++) {
        struct ix_entry *entry = &ix->entries[e->ids[i]];
        e->recorded[i] = entry->pl || done_find(s, entry, e->log, e->now_wall / s->plan.slot_ms, 3);
        if (!e->recorded[i])
            entry->inf = e->lease;
    }
}

/* ---- due.lua ---- */

static int earliest(const struct sim *s, const struct ix *ix)
{
    int first = -1;
    for (int i = 0; i < s->ghost_count; i++)
        if (ix->entries[i].due >= 0 && (first < 0 || ix->entries[i].due < ix->entries[first].due))
            first = i;
    return first;
}

static int64_t next_due(const struct sim *s, const struct ix *ix)
{
    int i = earliest(s, ix);
    return i < 0 ? 0 : ix->entries[i].due;
}

static void due(struct sim *s, struct ix *ix, struct ev *e)
{
    int i;
    e->found = arena_take(s, (size_t)e->limit * sizeof *e->found + 1);
    while (e->limit-- > 0 && (i = earliest(s, ix)) >= 0 && ix->entries[i].due <= e->now_wall) {
        ix->entries[i].due = -1;
        if (!ix->entries[i].pl)
            continue;
        ix->entries[i].inf = e->lease;
        e->found[e->count++] = ix->entries[i].record;
    }
    e->answer.next_due_wall_ms = next_due(s, ix);
}

/* ---- apply.lua ---- */

static void apply_one(const struct sim *s, struct ix_entry *entry, const struct ix_record *r, const char *log)
{
    int64_t slot = r->updated / s->plan.slot_ms;
    entry->inf = -1;
    if (r->record.len > 0) {
        entry->pl = true;
        entry->head = r->head;
        entry->record = r->record;
        entry->due = r->due;
        entry->done = false;
        return;
    }
    entry->pl = false;
    entry->due = -1;
    entry->done = wall(s) < (slot + 3) * s->plan.slot_ms;
    entry->slot = slot;
    memcpy(entry->done_log, log, 8);
    entry->done_head = r->head;
}

/* true: the record is worth less than what is known. */
static bool dominated(const struct sim *s, const struct ix_entry *entry, const struct ix_record *r, struct ev *e)
{
    bool is_done = !entry->pl && done_find(s, entry, e->log, r->updated / s->plan.slot_ms + 1, 4);
    const struct ix_head *known = entry->pl ? &entry->head : &entry->done_head;
    if ((!entry->pl && !is_done) || compare_heads(known, &r->head) <= 0)
        return false;
    e->answer.status = INDEX_DOMINATED;
    e->answer.at = r->offset;
    e->answer.known = (struct delivery_rank){known->rank == 0 ? DELIVERY_RETRYING : (enum delivery_status)known->rank,
                                             known->attempt, known->revision};
    e->answer.known_record = entry->pl ? entry->record : SLICE("");
    return true;
}

static void apply(struct sim *s, struct ix *ix, struct ev *e)
{
    for (int i = 0; i < e->count; i++) {
        const struct ix_record *r = &e->records[i];
        if (r->d < 0)
            continue;
        if (dominated(s, &ix->entries[r->d], r, e)) {
            ix->ap = r->offset - 1;
            return;
        }
        apply_one(s, &ix->entries[r->d], r, e->log);
    }
    ix->ap = e->ap_to;
}

/* ---- check.lua ---- */

static void look(struct sim *s, struct ix *ix, struct ev *e)
{
    for (int i = 0; i < s->ghost_count; i++) {
        struct ix_entry *entry = &ix->entries[i];
        if (entry->inf < 0 || entry->inf > e->now_wall)
            continue;
        entry->inf = -1;
        if (entry->pl)
            entry->due = e->now_wall;
    }
    e->answer.next_due_wall_ms = next_due(s, ix);
}

/* ---- postpone.lua ---- */

static void postpone(struct ix *ix, const struct ev *e)
{
    for (int i = 0; i < e->count; i++) {
        struct ix_entry *entry = &ix->entries[e->records[i].d];
        if (entry->inf < 0)
            continue;
        entry->inf = -1;
        entry->due = e->records[i].due;
    }
}

/* ---- sweep.lua ---- */

/* One step: a stretch of the deliveries that the cursor names. */
static void sweep(struct sim *s, struct ix *ix, struct ev *e)
{
    char wanted[96];
    int from = (int)e->cursor, to = from + SWEEP_STEP < s->ghost_count ? from + SWEEP_STEP : s->ghost_count;
    int len = snprintf(wanted, sizeof wanted, "\"webhook_id\":\"%s\"", e->webhook);
    e->found = arena_take(s, SWEEP_STEP * sizeof *e->found);
    for (int i = from; i < to; i++) {
        struct ix_entry *entry = &ix->entries[i];
        if (!entry->pl || entry->due < 0 || !memmem(entry->record.p, entry->record.len, wanted, (size_t)len))
            continue;
        entry->due = -1;
        entry->inf = e->lease;
        e->found[e->count++] = entry->record;
    }
    e->cursor = to < s->ghost_count ? (uint64_t)to : 0;
}

void ix_execute(struct sim *s, struct ev *e)
{
    struct ix *ix = &s->parts[e->no].ix;
    if (e->kind == CALL_TAKE) {
        take(s, ix, e);
    } else if (guard(ix, e)) {
        e->answer.status = INDEX_OK;
        if (e->kind == CALL_CLAIM)
            claim(s, ix, e);
        else if (e->kind == CALL_DUE)
            due(s, ix, e);
        else if (e->kind == CALL_APPLY)
            apply(s, ix, e);
        else if (e->kind == CALL_POSTPONE)
            postpone(ix, e);
        else if (e->kind == CALL_SWEEP)
            sweep(s, ix, e);
        else
            look(s, ix, e);
    }
    static const char *const kinds[] = {"?", "TAKE", "CLAIM", "DUE", "APPLY", "CHECK", "POSTPONE", "SWEEP"};
    static const char *const answers[] = {"ok", "down", "moved", "fenced", "dominated"};
    if (e->kind != CALL_CHECK || e->answer.status != INDEX_OK)
        say(s, "  index p%d %s ep %s ap %" PRId64 " count %d -> %s, now ep %s ap %" PRId64, e->no, kinds[e->kind], e->ep, e->ap,
            e->count, answers[e->answer.status], ix->ep, ix->ap);
}
