/* Reconciliation. The events of the range are walked in steps, oldest first; each is held against the history of every webhook of
 * the account (owed.h), and each pair that is owed against the deliveries by the id that such a delivery must have: so the list
 * of what should be there does not come from the records of what is. A pair that was sent again is judged by the generation that
 * decides (owed_decides). */
#include <stdlib.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "view/view_internal.h"

#define EVENTS_A_BATCH 64
#define RECORD_MAX (8UL * 1024 * 1024)

struct view_reconciliation {
    struct view *view;
    struct owed *owed;
    unsigned files;   /* the numbers of names are that file's */
    char *webhook_id; /* NULL: all */
    int64_t account, since_wall_ms, until_wall_ms;
    int limit, listed;
    view_owed_fn *fn;
    void *ctx;
    uint32_t mark;
    bool walking; /* at: the last event that was looked at */
    struct bookmark at;
    bool skipping; /* list_from: listing begins after it */
    struct bookmark list_from;
    bool list_full;
    enum err err; /* of the step */
    struct errmsg why;
    struct buf scratch;
    struct buf record; /* of the generation that decides */
    struct view_balance balance;
    char next[VIEW_CURSOR_SIZE];
};

/* -------- one event and one webhook -------- */

static void count_status(struct view_balance *b, enum delivery_status status)
{
    switch (status) {
    case DELIVERY_DELIVERED:
        b->delivered++;
        break;
    case DELIVERY_FAILED:
        b->failed++;
        break;
    case DELIVERY_CANCELLED:
        b->cancelled++;
        break;
    case DELIVERY_PURGED:
        b->purged++;
        break;
    case DELIVERY_RETRYING:
    case DELIVERY_PARKED:
        b->pending++;
        break;
    }
    b->owed++;
}

static bool is_listed(const struct view_reconciliation *r, const struct bookmark *at)
{
    if (r->list_full) {
        return false;
    }
    if (!r->skipping) {
        return true;
    }
    if (at->wall_ms != r->list_from.wall_ms) {
        return at->wall_ms > r->list_from.wall_ms;
    }
    return memcmp(at->id.bytes, r->list_from.id.bytes, sizeof at->id.bytes) > 0;
}

struct pair {
    const struct event *ev;
    const struct events_row *row;
    struct slice webhook_id;
    struct uuid delivery_id;
};

static void list(struct view_reconciliation *r, const struct pair *p, const struct delivery *dl, bool missing)
{
    struct view_owed owed = {.event_id = p->ev->id,
                             .delivery_id = dl ? dl->id : p->delivery_id,
                             .webhook_id = p->webhook_id,
                             .path = p->ev->path,
                             .event = p->ev->type,
                             .event_wall_ms = p->ev->time_wall_ms,
                             .dl = dl,
                             .missing = missing};
    if (is_listed(r, &p->row->at)) {
        r->fn(r->ctx, &owed);
        r->listed++;
    }
}

static void judge_absent(struct view_reconciliation *r, const struct pair *p, enum owed_verdict verdict)
{
    struct view_balance *b = &r->balance;
    if (verdict == OWED_UNSURE) {
        b->unproven++;
        return;
    }
    bool missing = p->row->place.offset < report_settled(r->view->report, p->row->place.source);
    *(missing ? &b->missing : &b->pending) += 1;
    b->owed++;
    list(r, p, NULL, missing);
}

/* What became of a pair: the generation that decides, whose record is kept in the reconciliation. */
struct outcome {
    struct view_reconciliation *r;
    bool found, again; /* again: a redelivery decides */
    enum delivery_status status;
};

static void take_outcome(struct outcome *o, enum delivery_status status, bool again, struct slice record)
{
    o->found = true;
    o->again = again;
    o->status = status;
    buf_reset(&o->r->record);
    buf_put_slice(&o->r->record, record);
}

static void take_again(void *ctx, struct slice record)
{
    struct outcome *o = ctx;
    struct delivery dl;
    if (view_parse(o->r->view, record, &dl) && (!o->found || owed_decides(dl.status, o->status))) {
        take_outcome(o, dl.status, true, record);
    }
}

static enum err find_again(struct view_reconciliation *r, const struct pair *p, struct outcome *o)
{
    struct store *s = &r->view->store;
    int64_t webhook = 0;
    enum err err = names_find(&s->names, p->webhook_id, &webhook, &r->why);
    return err == ERR_OK ? deliveries_again(&s->deliveries, webhook, &p->ev->id, take_again, o, &r->why) : err;
}

static enum err find_outcome(struct view_reconciliation *r, const struct pair *p, struct outcome *o)
{
    struct deliveries *t = &r->view->store.deliveries;
    struct deliveries_row row;
    *o = (struct outcome){.r = r};
    enum err err = deliveries_find(t, &p->delivery_id, &row, &r->why);
    if (err == ERR_OK && row.seq != 0) {
        take_outcome(o, row.rank.status, false, row.record);
    }
    deliveries_release(t);
    bool settled = o->found && o->status == DELIVERY_DELIVERED;
    return err == ERR_OK && !settled ? find_again(r, p, o) : err;
}

static enum err judge(struct view_reconciliation *r, const struct pair *p, enum owed_verdict verdict)
{
    struct outcome o;
    struct delivery dl;
    enum err err = find_outcome(r, p, &o);
    if (err == ERR_OK && !o.found) {
        judge_absent(r, p, verdict);
    } else if (err == ERR_OK) {
        count_status(&r->balance, o.status);
        r->balance.redelivered += o.status == DELIVERY_DELIVERED && o.again;
        if (o.status != DELIVERY_DELIVERED && o.status != DELIVERY_PURGED && view_parse(r->view, buf_slice(&r->record), &dl)) {
            list(r, p, &dl, false);
        }
    }
    return err;
}

/* -------- events -------- */

static bool take_event(void *ctx, const struct events_row *row)
{
    struct view_reconciliation *r = ctx;
    struct event ev;
    r->err = event_parse(row->record, &r->scratch, &ev, &r->why);
    for (size_t i = 0; i < owed_count(r->owed) && r->err == ERR_OK; i++) {
        struct pair p = {&ev, row, owed_id(r->owed, i), {{0}}};
        if (r->webhook_id && !slice_eq(p.webhook_id, slice_str(r->webhook_id))) {
            continue;
        }
        enum owed_verdict verdict = owed_verdict(r->owed, i, &ev, row->place.logged_wall_ms);
        if (verdict != OWED_NO) {
            p.delivery_id = delivery_id(&ev.id, p.webhook_id, 0);
            r->err = judge(r, &p, verdict);
        }
    }
    if (r->err != ERR_OK) {
        return false;
    }
    r->balance.events++;
    r->at = row->at;
    r->walking = true;
    if (!r->list_full && r->limit > 0 && r->listed >= r->limit) {
        r->list_full = true;
        bookmark_write(&row->at, r->mark, r->next);
    }
    return true;
}

enum err view_reconcile_step(struct view_reconciliation *r, int64_t budget_ms, bool *done, struct errmsg *why)
{
    int64_t until_ms = clock_mono_ms() + budget_ms;
    enum err err = view_refresh(r->view, why);
    if (err == ERR_OK && r->files != r->view->files) {
        err = errmsg_set(why, ERR_IO, "the view was made anew meanwhile");
    }
    if (err != ERR_OK) {
        return err;
    }
    bool more = r->account != 0;
    r->err = ERR_OK;
    while (more && r->err == ERR_OK && clock_mono_ms() < until_ms) {
        err = events_walk(&r->view->store.events, r->account, r->since_wall_ms, r->until_wall_ms, r->walking ? &r->at : NULL,
                          EVENTS_A_BATCH, take_event, r, &more, why);
        if (err != ERR_OK) {
            return view_answer(r->view, err, why);
        }
    }
    *done = !more;
    return view_answer(r->view, r->err, &r->why) == ERR_OK ? ERR_OK : errmsg_set(why, ERR_IO, "%s", r->why.text);
}

/* -------- the whole -------- */

enum err view_reconcile_new(struct view *v, const struct view_reconcile_query *q, view_owed_fn *fn, void *ctx,
                            struct view_reconciliation **out, struct errmsg *why)
{
    struct bookmark from = {0};
    uint32_t mark = bookmark_mark(bookmark_mark(3, q->account_id), q->webhook_id);
    enum err err = q->cursor.len > 0 ? bookmark_read(q->cursor, mark, &from, why) : ERR_OK;
    struct owed *owed = owed_new();
    int64_t account = 0;
    err = err == ERR_OK ? view_refresh(v, why) : err;
    err = err == ERR_OK ? names_find(&v->store.names, q->account_id, &account, why) : err;
    err = err == ERR_OK && account != 0 ? history_of(&v->store.history, account, owed, why) : err;
    if (err != ERR_OK) {
        owed_free(owed);
        return view_answer(v, err, why);
    }
    struct view_reconciliation *r = mem_zalloc(sizeof *r);
    *r = (struct view_reconciliation){.view = v,
                                      .owed = owed,
                                      .files = v->files,
                                      .webhook_id = q->webhook_id.len > 0 ? mem_dup(q->webhook_id.p, q->webhook_id.len) : NULL,
                                      .account = account,
                                      .since_wall_ms = q->since_wall_ms,
                                      .until_wall_ms = q->until_wall_ms,
                                      .limit = q->limit,
                                      .fn = fn,
                                      .ctx = ctx,
                                      .mark = mark,
                                      .skipping = q->cursor.len > 0,
                                      .list_from = from,
                                      .list_full = q->limit == 0};
    int64_t kept_since = loop_wall(v->loop) - v->limits.event_age_ms, read_since = report_get(v->report).complete_since_wall_ms;
    r->balance.as_of_wall_ms = view_until(v);
    r->balance.complete_since_wall_ms = q->since_wall_ms < kept_since && kept_since > read_since ? kept_since : read_since;
    buf_init(&r->scratch, 4UL * EVENT_MAX_BYTES);
    buf_init(&r->record, RECORD_MAX);
    *out = r;
    return ERR_OK;
}

const struct view_balance *view_reconcile_balance(const struct view_reconciliation *r)
{
    return &r->balance;
}

const char *view_reconcile_next(const struct view_reconciliation *r)
{
    return r->next;
}

void view_reconcile_free(struct view_reconciliation *r)
{
    if (r) {
        owed_free(r->owed);
        free(r->webhook_id);
        buf_done(&r->scratch);
        buf_done(&r->record);
        free(r);
    }
}
