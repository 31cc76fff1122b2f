/* The index: worker/scripts/ as C, statement by statement, on the state of one partition. What Redis does around the scripts
 * (losing replies, coming back empty or older, being away) is the ports' and the faults' part. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define SUSPECT_WAIT_MS 1000
enum index_by index_by = INDEX_BY_C;

/* deliveries looked at by one script */
#define SWEEP_STEP (index_by == INDEX_BY_C ? 5 : MAX_PARTS * MAX_WEBHOOKS * 10000)

void ix_init(struct sim *s, struct ix *ix)
{
    ix->entries = arena_take(s, (size_t)s->ghost_count * sizeof *ix->entries + 1);
    ix->store = index_by == INDEX_BY_C ? NULL : store_new();
    ix_wipe(s, ix);
}

void ix_wipe(struct sim *s, struct ix *ix)
{
    struct ix_entry *entries = ix->entries;
    *ix = (struct ix){.entries = entries, .store = ix->store};
    if (ix->store)
        store_wipe(ix->store);
    for (int i = 0; i < s->ghost_count; i++)
        entries[i] = (struct ix_entry){.due = -1, .inf = -1, .low = -1};
}

void ix_copy(struct sim *s, struct ix *to, const struct ix *from)
{
    struct ix_entry *entries = to->entries;
    struct store *store = to->store;
    memcpy(entries, from->entries, (size_t)s->ghost_count * sizeof *entries);
    *to = *from;
    to->entries = entries;
    to->store = store;
    if (store)
        store_copy(store, from->store);
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
    if (ix->has_m && !ix->unusable && strcmp(ix->ep, e->ep) == 0 && ix->ap == e->ap)
        return true;
    if (ix->has_m && strcmp(ix->ep, e->ep) > 0) {
        e->answer.status = epoch_parse(slice_str(ix->ep), &e->answer.epoch) == ERR_OK ? INDEX_FENCED : INDEX_MOVED;
        return false;
    }
    e->answer.status = INDEX_MOVED;
    return false;
}

/* ---- held.lua ---- */

static void held_changed(struct ix *ix)
{
    ix->held_count = 0;
    for (int i = 0; i < MAX_WEBHOOKS; i++)
        ix->held_count += ix->held[i] > 0;
}

static void held_mark(struct ix *ix, int hook, int mark)
{
    ix->held[hook] = mark;
    held_changed(ix);
}

/* ---- whole.lua ---- */

static bool whole(const struct sim *s, const struct ix *ix)
{
    int open = 0, low = 0, scheduled = 0, held = 0;
    for (int i = 0; i < s->ghost_count; i++) {
        const struct ix_entry *e = &ix->entries[i];
        open += e->pl;
        low += e->low >= 0;
        scheduled += (e->due >= 0) + (e->inf >= 0 && !e->fresh);
    }
    for (int i = 0; i < MAX_WEBHOOKS; i++)
        held += ix->held[i] > 0;
    return low == open && scheduled == open && held == ix->held_count;
}

static void incomplete(struct ix *ix, struct ev *e)
{
    ix->unusable = true;
    e->answer.status = INDEX_INCOMPLETE;
}

/* What a fault does. */
void ix_lose_key(struct sim *s, int no, enum ix_key key)
{
    struct ix *ix = &s->parts[no].ix;
    ix->key_lost = true;
    if (key == IX_M) /* and with it who has taken it */
        ix->taken_assignment = 0;
    if (ix->store)
        scripts_lose_key(s, no, key);
    if (index_by == INDEX_BY_SCRIPTS)
        return;
    if (key == IX_M)
        ix->has_m = false;
    if (key == IX_HELD)
        memset(ix->held, 0, sizeof ix->held);
    for (int i = 0; i < s->ghost_count; i++) {
        struct ix_entry *e = &ix->entries[i];
        if (key == IX_DUE)
            e->due = -1;
        else if (key == IX_INF)
            e->inf = -1;
        else if (key == IX_PL)
            e->pl = false;
        else if (key == IX_LOW)
            e->low = -1;
        else if (key == IX_TRIES)
            e->tries = 0;
    }
}

/* ---- take.lua ---- */

static void empty_all(struct sim *s, struct ix *ix)
{
    for (int i = 0; i < s->ghost_count; i++) {
        ix->entries[i].pl = false;
        ix->entries[i].due = ix->entries[i].inf = ix->entries[i].low = -1;
    }
    memset(ix->held, 0, sizeof ix->held);
    ix->held_count = 0;
    ix->unusable = false;
}

/* It is built anew from its base on: what ended below that is not known any more. */
void ix_emptied(struct sim *s, int no)
{
    int64_t low = s->parts[no].ix.base;
    s->parts[no].ix.key_lost = false;
    for (int i = 0; i < s->ghost_count; i++) {
        struct ghost *g = &s->ghosts[i];
        if (g->part == no && g->recorded && !delivery_is_open(g->fold.status) && g->fold_offset < low)
            g->forgotten = true;
    }
}

static void requeue_claims(struct sim *s, struct ix *ix, int64_t now_wall, bool left_behind)
{
    for (int i = 0; i < s->ghost_count; i++) {
        struct ix_entry *entry = &ix->entries[i];
        if (entry->inf < 0)
            continue;
        if (entry->pl)
            entry->due = now_wall;
        if (left_behind)
            entry->tries++;
        entry->inf = -1;
    }
}

/* I5, by the true order of owners: an earlier owner never takes the index from a later one. (After the group was made anew it
 * can, until the later one knows which life it needs.) */
void ix_taken(struct sim *s, int no, int64_t assignment)
{
    struct ix *ix = &s->parts[no].ix;
    require(s, assignment >= ix->taken_assignment || s->parts[no].regroups > 0,
            "I5: p%d: the index was taken by the owner of assignment %" PRId64 " after %" PRId64, no, assignment,
            ix->taken_assignment);
    ix->taken_assignment = assignment;
}

static void take(struct sim *s, struct ix *ix, struct ev *e)
{
    if (ix->has_m && strcmp(ix->ep, e->ep) > 0) {
        e->answer.status = epoch_parse(slice_str(ix->ep), &e->answer.epoch) == ERR_OK ? INDEX_FENCED : INDEX_MOVED;
        return;
    }
    e->answer.status = INDEX_OK;
    ix_taken(s, e->no, e->assignment);
    if (!ix->has_m || strcmp(ix->log, e->log) != 0)
        for (int i = 0; i < s->ghost_count; i++)
            ix->entries[i].tries = 0;
    if (!ix->has_m || strcmp(ix->log, e->log) != 0 || ix->unusable || ix->base > e->low || !whole(s, ix)) {
        empty_all(s, ix);
        ix->has_m = true;
        ix->ap = e->low - 1;
        ix->base = e->low;
        ix->hi = -1;
        memcpy(ix->log, e->log, sizeof ix->log);
        ix_emptied(s, e->no);
    } else {
        requeue_claims(s, ix, e->now_wall, strcmp(ix->ep, e->ep) != 0);
    }
    memcpy(ix->ep, e->ep, sizeof ix->ep);
    e->answer.ap = ix->ap;
    e->answer.hi = ix->hi;
}

/* ---- claim.lua ---- */

static void claim(struct sim *s, struct ix *ix, struct ev *e)
{
    int room = e->room;
    e->tries = arena_take(s, (size_t)e->count * sizeof *e->tries + 1);
    for (int i = 0; i < e->count; i++) {
        struct ix_entry *entry = &ix->entries[e->ids[i]];
        int weight = suspect_weight(entry->tries);
        e->tries[i] = entry->tries;
        if (entry->pl || done_find(s, entry, e->log, e->now_wall / s->plan.slot_ms, 3))
            e->tries[i] = CLAIM_RECORDED;
        else if (weight > room)
            e->tries[i] = CLAIM_LEFT_ALONE;
        else {
            room -= weight;
            entry->inf = e->lease;
            entry->fresh = true;
        }
    }
}

/* ---- due.lua ---- */

/* As Redis orders a sorted set: by score, then by member. */
static bool comes_before(const struct sim *s, const struct ix *ix, int a, int b)
{
    if (ix->entries[a].due != ix->entries[b].due)
        return ix->entries[a].due < ix->entries[b].due;
    return memcmp(&s->ghosts[a].id, &s->ghosts[b].id, sizeof s->ghosts[a].id) < 0;
}

static int earliest(const struct sim *s, const struct ix *ix)
{
    int first = -1;
    for (int i = 0; i < s->ghost_count; i++)
        if (ix->entries[i].due >= 0 && (first < 0 || comes_before(s, ix, i, first)))
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
    int i, room = e->room;
    e->found = arena_take(s, (size_t)e->limit * sizeof *e->found + 1);
    e->tries = arena_take(s, (size_t)e->limit * sizeof *e->tries + 1);
    while (e->limit-- > 0 && (i = earliest(s, ix)) >= 0 && ix->entries[i].due <= e->now_wall) {
        struct ix_entry *entry = &ix->entries[i];
        if (!entry->pl) {
            incomplete(ix, e);
            return;
        }
        if (suspect_weight(entry->tries) > room) {
            entry->due = e->now_wall + SUSPECT_WAIT_MS;
            continue;
        }
        room -= suspect_weight(entry->tries);
        entry->due = -1;
        entry->inf = e->lease;
        entry->fresh = false;
        e->tries[e->count] = entry->tries;
        e->found[e->count++] = entry->record;
    }
    e->answer.next_due_wall_ms = next_due(s, ix);
}

/* ---- apply.lua ---- */

static void apply_one(const struct sim *s, struct ix_entry *entry, const struct ix_record *r, const char *log)
{
    int64_t slot = r->updated / s->plan.slot_ms;
    int known = entry->pl ? entry->head.attempt : entry->done ? entry->done_head.attempt : 0;
    entry->inf = -1;
    if (r->record.len == 0 || r->head.attempt > known)
        entry->tries = 0;
    entry->low = r->record.len > 0 ? r->offset : -1;
    entry->held = r->record.len > 0 && r->held >= 0;
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
        if (r->held >= 0)
            held_mark(ix, r->held, 2);
        if (r->event_offset > ix->hi)
            ix->hi = r->event_offset;
    }
    ix->ap = e->ap_to;
}

/* ---- check.lua ---- */

static void look(struct sim *s, struct ix *ix, struct ev *e)
{
    if (!whole(s, ix)) {
        incomplete(ix, e);
        return;
    }
    for (int i = 0; i < s->ghost_count; i++) {
        struct ix_entry *entry = &ix->entries[i];
        if (entry->inf < 0 || entry->inf > e->now_wall)
            continue;
        entry->inf = -1;
        if (entry->pl)
            entry->due = e->now_wall;
    }
    e->answer.next_due_wall_ms = next_due(s, ix);
    e->answer.ap = ix->ap;
    e->answer.open_low = INT64_MAX;
    for (int i = 0; i < s->ghost_count; i++)
        e->answer.held += ix->entries[i].pl && ix->entries[i].held;
    for (int i = 0; i < s->ghost_count; i++)
        if (ix->entries[i].low >= 0 && ix->entries[i].low < e->answer.open_low)
            e->answer.open_low = ix->entries[i].low;
    e->found = arena_take(s, sizeof *e->found);
    if (ix->held[e->cursor])
        e->found[e->count++] = slice_str(webhook_ids[e->cursor]);
    e->answer.held_cursor = (e->cursor + 1) % MAX_WEBHOOKS;
}

/* ---- postpone.lua ---- */

static void postpone(struct ix *ix, const struct ev *e)
{
    for (int i = 0; i < e->count; i++) {
        struct ix_entry *entry = &ix->entries[e->records[i].d];
        if (e->records[i].held >= 0)
            held_mark(ix, e->records[i].held, 2);
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
    int hook = webhook_number(slice_str(e->webhook)), *held = &ix->held[hook];
    if (e->unhold && e->cursor == 0 && *held > 0)
        held_mark(ix, hook, 1);
    int len = snprintf(wanted, sizeof wanted, "\"webhook_id\":\"%s\"", e->webhook);
    e->found = arena_take(s, (size_t)(to - from) * sizeof *e->found + 1);
    for (int i = from; i < to; i++) {
        struct ix_entry *entry = &ix->entries[i];
        if (!entry->pl || entry->due < 0 || !memmem(entry->record.p, entry->record.len, wanted, (size_t)len))
            continue;
        entry->due = e->now_wall;
        if (entry->tries >= SUSPECT_TRIES)
            continue;
        entry->due = -1;
        entry->inf = e->lease;
        entry->fresh = false;
        e->found[e->count++] = entry->record;
    }
    e->cursor = to < s->ghost_count ? (uint64_t)to : 0;
    if (e->unhold && e->cursor == 0 && *held == 1)
        held_mark(ix, hook, 0);
}

/* ---- release.lua ---- */

static void release(struct sim *s, struct ix *ix, struct ev *e)
{
    bool ours = ix->has_m && strcmp(ix->ep, e->ep) == 0;
    e->answer.status = ours ? INDEX_OK : INDEX_MOVED;
    if (ours)
        requeue_claims(s, ix, e->now_wall, false);
}

void ix_execute(struct sim *s, struct ev *e)
{
    struct ix *ix = &s->parts[e->no].ix;
    if (e->kind == CALL_TAKE) {
        take(s, ix, e);
    } else if (e->kind == CALL_RELEASE) {
        release(s, ix, e);
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
    static const char *const kinds[] = {"?", "TAKE", "CLAIM", "DUE", "APPLY", "CHECK", "POSTPONE", "SWEEP", "RELEASE"};
    static const char *const answers[] = {"ok", "down", "moved", "incomplete", "fenced", "dominated"};
    if (e->kind != CALL_CHECK || e->answer.status != INDEX_OK)
        say(s, "  index p%d %s ep %s ap %" PRId64 " count %d -> %s, now ep %s ap %" PRId64, e->no, kinds[e->kind], e->ep, e->ap,
            e->count, answers[e->answer.status], ix->ep, ix->ap);
}
