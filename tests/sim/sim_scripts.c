/* The index as it is in production: worker/index.c writes the commands and reads the replies, and worker/scripts run, in a store
 * in memory (store.h) in place of Redis. This file is the wire between them, and draws the picture of the store that the checks
 * look at; or, with both, compares the picture with what sim_index.c says. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "index.h"
#include "model/delivery_packed.h"
#include "sim.h"

#define TOPIC "trueftp.events"
#define KEY_SIZE 64
#define SCAN_MAX 8

/* ---- in the place of common/io/redis.c ---- */

struct redis {
    struct sim_worker *w;
};

void redis_script_register(struct redis *r, struct redis_script *s)
{
    (void)r;
    (void)s;
}

/* The world decides when a call is made whether it leaves the process. */
bool redis_is_up(const struct redis *r)
{
    (void)r;
    return true;
}

void redis_eval(struct redis *r, const struct redis_script *script, redis_fn *fn, void *ctx, int key_count, int argc,
                const char *const *argv, const size_t *lens)
{
    struct ev *e = r->w->asking;
    size_t size = 1;
    for (int i = 0; i < argc; i++)
        size += lens[i];
    char *at = e->words_text = mem_alloc(size);
    e->words = mem_array(NULL, (size_t)argc, sizeof *e->words);
    for (int i = 0; i < argc; i++) {
        memcpy(at, argv[i], lens[i]);
        e->words[i] = slice_of(at, lens[i]);
        at += lens[i];
    }
    e->script = script->source;
    e->keys = key_count;
    e->word_count = argc;
    e->on_reply = fn;
    e->on_reply_ctx = ctx;
    r->w->asking = NULL;
}

void scripts_start(struct sim_worker *w)
{
    if (index_by == INDEX_BY_C)
        return;
    w->redis = mem_alloc(sizeof *w->redis);
    w->redis->w = w;
    w->scripts = index_new(w->redis, &w->core, TOPIC, w->sim->plan.slot_ms);
}

void scripts_stop(struct sim_worker *w)
{
    index_free(w->scripts);
    free(w->redis);
    w->scripts = NULL;
    w->redis = NULL;
}

/* ---- calls ---- */

static struct index_store *ask(struct sim_worker *w, struct ev *e)
{
    w->asking = e;
    return w->scripts;
}

void scripts_take(struct sim_worker *w, struct ev *e)
{
    index_take(ask(w, e), e->p, e->round);
}

void scripts_claim(struct sim_worker *w, struct ev *e)
{
    index_claim(ask(w, e), e->p, e->round, e->jobs, e->count, e->room);
}

void scripts_due(struct sim_worker *w, struct ev *e)
{
    index_due(ask(w, e), e->p, e->round, e->limit, e->room);
}

void scripts_apply(struct sim_worker *w, struct ev *e, const struct index_record *records)
{
    index_apply(ask(w, e), e->p, e->round, e->ap, records, e->count, e->ap_to);
}

void scripts_check(struct sim_worker *w, struct ev *e)
{
    index_check(ask(w, e), e->p, e->round, e->cursor);
}

void scripts_postpone(struct sim_worker *w, struct ev *e, const struct index_postponed *postponed)
{
    index_postpone(ask(w, e), e->p, e->round, postponed, e->count);
}

void scripts_sweep(struct sim_worker *w, struct ev *e, struct slice webhook_id, int step)
{
    index_sweep(ask(w, e), e->p, e->round, webhook_id, e->cursor, step, e->unhold);
}

void scripts_release(struct sim_worker *w, struct ev *e)
{
    index_release(ask(w, e), e->p, e->round);
}

void scripts_reply(struct ev *e, bool answered)
{
    e->on_reply(e->on_reply_ctx, answered ? e->redis_reply : NULL);
}

/* ---- the picture ---- */

#define IX_DONE IX_KEYS

static const char *key_name(int no, int key)
{
    static const char *const names[IX_DONE + 1] = {"m", "due", "inf", "pl", "low", "tries", "held", "done:"};
    static char texts[MAX_PARTS][IX_DONE + 1][KEY_SIZE];
    char *text = texts[no][key];
    if (text[0] == '\0')
        snprintf(text, KEY_SIZE, "{" TOPIC ":%d}:%s", no, names[key]);
    return text;
}

static int64_t integer(struct slice s)
{
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)s.len, s.p);
    return strtoll(text, NULL, 10);
}

struct slice scripts_record(struct slice stored)
{
    static struct buf text;
    if (text.p == NULL)
        buf_init(&text, 2 * DELIVERY_MAX_BYTES);
    buf_reset(&text);
    delivery_unpack(&text, stored);
    check(text.err == ERR_OK);
    return buf_slice(&text);
}

/* "rank attempt revision", then maybe a line's end and the record. */
static struct ix_head head_of(struct slice value, struct slice *record)
{
    struct ix_head head = {0};
    char text[64];
    const char *end = value.len > 0 ? memchr(value.p, '\n', value.len) : NULL;
    snprintf(text, sizeof text, "%.*s", (int)(end ? end - value.p : (ptrdiff_t)value.len), value.p);
    long long numbers[3];
    char *at = text;
    for (int i = 0; i < 3; i++) {
        char *behind;
        numbers[i] = strtoll(at, &behind, 10);
        check(behind > at);
        at = behind;
    }
    head = (struct ix_head){.rank = (int)numbers[0], .attempt = (int)numbers[1], .revision = numbers[2]};
    *record = end ? slice_of(end + 1, value.len - (size_t)(end + 1 - value.p)) : SLICE("");
    return head;
}

/* What has no record stands with its negative. */
static int64_t score(struct store *st, int no, enum ix_key key, struct slice id)
{
    double found;
    return store_zscore(st, key_name(no, (int)key), id, &found) ? (int64_t)fabs(found) : -1;
}

static void picture_entry(struct sim *s, int no, struct ix *ix, int d)
{
    struct ix_entry *entry = &ix->entries[d];
    struct slice id = slice_of((const char *)&s->ghosts[d].id, sizeof s->ghosts[d].id), value;
    *entry = (struct ix_entry){.due = score(ix->store, no, IX_DUE, id),
                               .inf = score(ix->store, no, IX_INF, id),
                               .low = score(ix->store, no, IX_LOW, id)};
    entry->pl = store_hget(ix->store, key_name(no, IX_PL), id, &value);
    if (entry->pl)
        entry->head = head_of(value, &entry->record);
    if (store_hget(ix->store, key_name(no, IX_TRIES), id, &value))
        entry->tries = (int)integer(value);
}

struct painter {
    struct sim *s;
    struct ix *ix;
    size_t prefix_len;
};

/* {topic:no}:done:LOG:SLOT:BUCKET. Of several the one of this log counts, and of these the latest. */
static void picture_done(void *ctx, struct slice key, struct slice field, struct slice value)
{
    struct painter *painter = ctx;
    struct uuid id;
    struct slice none;
    check(field.len == sizeof id);
    memcpy(&id, field.p, sizeof id);
    struct ix_entry *entry = &painter->ix->entries[ghost_find(painter->s, &id)->number];
    const char *log = key.p + painter->prefix_len;
    int64_t slot = integer(slice_of(log + 9, key.len - painter->prefix_len - 9));
    bool ours = strncmp(log, painter->ix->log, 8) == 0, known_ours = strncmp(entry->done_log, painter->ix->log, 8) == 0;
    if (entry->done && (ours != known_ours ? known_ours : entry->slot > slot))
        return;
    entry->done = true;
    entry->slot = slot;
    memcpy(entry->done_log, log, 8);
    entry->done_head = head_of(value, &none);
}

static void text_field(struct ix *ix, int no, const char *field, char *out, size_t size)
{
    struct slice value;
    store_hget(ix->store, key_name(no, IX_M), slice_str(field), &value);
    snprintf(out, size, "%.*s", (int)value.len, value.p);
}

static int64_t number_field(struct ix *ix, int no, const char *field, int64_t fallback)
{
    struct slice value;
    return store_hget(ix->store, key_name(no, IX_M), slice_str(field), &value) ? integer(value) : fallback;
}

void scripts_picture(struct sim *s, int no, struct ix *ix)
{
    struct slice value;
    store_set_time(ix->store, wall(s));
    ix->has_m = store_has(ix->store, key_name(no, IX_M));
    text_field(ix, no, "ep", ix->ep, sizeof ix->ep);
    text_field(ix, no, "log", ix->log, sizeof ix->log);
    ix->ap = number_field(ix, no, "ap", 0);
    ix->base = number_field(ix, no, "base", 0);
    ix->unusable = ix->has_m && !store_hget(ix->store, key_name(no, IX_M), SLICE("base"), &value);
    ix->held_count = (int)number_field(ix, no, "held", 0);
    ix->hi = number_field(ix, no, "hi", -1);
    for (int i = 0; i < MAX_WEBHOOKS; i++)
        ix->held[i] =
            store_hget(ix->store, key_name(no, IX_HELD), slice_str(webhook_ids[i]), &value) ? (int)integer(value) + 1 : 0;
    for (int d = 0; d < s->ghost_count; d++)
        if (s->ghosts[d].part == no)
            picture_entry(s, no, ix, d);
    const char *prefix = key_name(no, IX_DONE);
    store_each(ix->store, prefix, picture_done, &(struct painter){s, ix, strlen(prefix)});
}

void scripts_lose_key(struct sim *s, int no, enum ix_key key)
{
    store_delete(s->parts[no].ix.store, key_name(no, (int)key));
    if (index_by == INDEX_BY_SCRIPTS)
        scripts_picture(s, no, &s->parts[no].ix);
}

/* ---- both: the scripts do what sim_index.c says ---- */

static bool same_head(struct ix_head a, struct ix_head b)
{
    return a.rank == b.rank && a.attempt == b.attempt && a.revision == b.revision;
}

static bool done_now(const struct sim *s, const struct ix *ix, const struct ix_entry *e)
{
    return e->done && strncmp(e->done_log, ix->log, 8) == 0 && wall(s) < (e->slot + 3) * s->plan.slot_ms;
}

static void compare_entry(struct sim *s, const char *call, int no, const struct ix *c, const struct ix *scripts, int d)
{
    const struct ix_entry *a = &c->entries[d], *b = &scripts->entries[d];
    bool done = done_now(s, c, a);
    require(s, a->due == b->due && a->inf == b->inf && a->low == b->low && a->pl == b->pl && a->tries == b->tries,
            "%s p%d d%d: C due %" PRId64 " inf %" PRId64 " low %" PRId64 " pl %d tries %d, scripts %" PRId64 " %" PRId64
            " %" PRId64 " %d %d",
            call, no, d, a->due, a->inf, a->low, a->pl, a->tries, b->due, b->inf, b->low, b->pl, b->tries);
    require(s, !a->pl || (same_head(a->head, b->head) && slice_eq(a->record, scripts_record(b->record))),
            "%s p%d d%d: records differ", call, no, d);
    require(s,
            !c->has_m ||
                (done == done_now(s, scripts, b) && (!done || (a->slot == b->slot && same_head(a->done_head, b->done_head)))),
            "%s p%d d%d: idempotency keys differ", call, no, d);
}

static void compare(struct sim *s, const char *call, int no, const struct ix *c)
{
    struct ix seen = *c;
    seen.entries = mem_array(NULL, (size_t)s->ghost_count + 1, sizeof *seen.entries);
    scripts_picture(s, no, &seen);
    require(s, c->has_m == seen.has_m, "%s p%d: m is there: C %d, scripts %d", call, no, c->has_m, seen.has_m);
    require(s, !c->has_m || (strcmp(c->ep, seen.ep) == 0 && strcmp(c->log, seen.log) == 0),
            "%s p%d: C ep %s log %s, scripts %s %s", call, no, c->ep, c->log, seen.ep, seen.log);
    require(s, !c->has_m || (c->unusable == seen.unusable && c->held_count == seen.held_count),
            "%s p%d: C unusable %d held %d, scripts %d %d", call, no, c->unusable, c->held_count, seen.unusable, seen.held_count);
    require(s, !c->has_m || c->unusable || (c->ap == seen.ap && c->base == seen.base && c->hi == seen.hi),
            "%s p%d: C ap %" PRId64 " base %" PRId64 " hi %" PRId64 ", scripts %" PRId64 " %" PRId64 " %" PRId64, call, no, c->ap,
            c->base, c->hi, seen.ap, seen.base, seen.hi);
    require(s, memcmp(c->held, seen.held, sizeof c->held) == 0, "%s p%d: lists of what is held differ", call, no);
    for (int d = 0; d < s->ghost_count; d++)
        if (s->ghosts[d].part == no)
            compare_entry(s, call, no, c, &seen, d);
    free(seen.entries);
}

static struct slice element(const redisReply *reply, size_t i)
{
    return i < reply->elements && reply->element[i]->type == REDIS_REPLY_STRING
               ? slice_of(reply->element[i]->str, reply->element[i]->len)
               : SLICE("");
}

static void compare_claim(struct sim *s, const struct ev *e)
{
    struct slice letters = element(e->redis_reply, 1);
    require(s, letters.len == (size_t)e->count, "CLAIM: %zu letters for %d deliveries", letters.len, e->count);
    for (int i = 0; i < e->count; i++) {
        int tries = e->tries[i] < 9 ? e->tries[i] : 9;
        char letter = e->tries[i] == CLAIM_RECORDED ? 'R' : e->tries[i] == CLAIM_LEFT_ALONE ? 'S' : (char)('0' + tries);
        require(s, letters.p[i] == letter, "CLAIM d%d: C says %c, the script %c", e->ids[i], letter, letters.p[i]);
    }
}

static void compare_answer(struct sim *s, const struct ev *e, enum index_status status)
{
    const struct index_answer *a = &e->answer;
    require(s, status == a->status, "p%d: C answers %d, the script %d", e->no, a->status, status);
    if (status != INDEX_OK)
        return;
    if (e->kind == CALL_CLAIM)
        compare_claim(s, e);
    if (e->kind == CALL_DUE || e->kind == CALL_CHECK)
        require(s, integer(element(e->redis_reply, 1)) == a->next_due_wall_ms, "p%d: what is due next differs", e->no);
    if (e->kind == CALL_CHECK)
        require(s, integer(element(e->redis_reply, 6)) == a->held, "p%d: how many are held differs", e->no);
    if (e->kind == CALL_CHECK)
        require(s, a->open_low == (element(e->redis_reply, 5).len ? integer(element(e->redis_reply, 5)) : INT64_MAX),
                "p%d: the lowest open record differs", e->no);
}

/* ---- a command runs ---- */

static const char *const call_names[] = {"?", "TAKE", "CLAIM", "DUE", "APPLY", "CHECK", "POSTPONE", "SWEEP", "RELEASE"};

static enum index_status status_of(struct sim *s, const struct ev *e)
{
    const redisReply *r = e->redis_reply;
    require(s, r->type == REDIS_REPLY_ARRAY && r->elements > 0, "%s: %s", call_names[e->kind],
            r->type == REDIS_REPLY_ERROR ? r->str : "not an array");
    switch (element(r, 0).p[0]) {
    case 'O':
        return INDEX_OK;
    case 'F':
        return INDEX_FENCED;
    case 'D':
        return INDEX_DOMINATED;
    case 'I':
        return INDEX_INCOMPLETE;
    default:
        return INDEX_MOVED;
    }
}

static void run_script(struct sim *s, struct ev *e)
{
    struct store *st = s->parts[e->no].ix.store;
    store_set_time(st, wall(s));
    store_set_scan(st, index_by == INDEX_BY_BOTH ? 0 : 1 + (int)(s->order % SCAN_MAX));
    e->redis_reply = store_eval(st, e->script, e->keys, e->word_count, e->words);
}

void scripts_execute(struct sim *s, struct ev *e)
{
    struct ix *ix = &s->parts[e->no].ix;
    if (index_by == INDEX_BY_BOTH)
        ix_execute(s, e);
    run_script(s, e);
    enum index_status status = status_of(s, e);
    if (index_by == INDEX_BY_BOTH) {
        compare_answer(s, e, status);
        compare(s, call_names[e->kind], e->no, ix);
        return;
    }
    e->answer.status = status;
    scripts_picture(s, e->no, ix);
    say(s, "  index p%d %s ep %s ap %" PRId64 " -> %s, now ep %s ap %" PRId64, e->no, call_names[e->kind], e->ep, e->ap,
        element(e->redis_reply, 0).p, ix->ep, ix->ap);
    if (e->kind != CALL_TAKE || status != INDEX_OK)
        return;
    ix_taken(s, e->no, e->assignment);
    if (ix->ap == ix->base - 1)
        ix_emptied(s, e->no);
}
