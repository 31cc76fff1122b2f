/* The view's own answers: each finds numbers for names, asks one table, and parses what it gives. Health: view_health.c;
 * reconciliation: view_reconcile.c. */
#include <stdlib.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "view/view_internal.h"

#define SCRATCH_MAX (8UL * 1024 * 1024)
#define PREFIX_LOOKED_AT 2000 /* events a page with a path prefix looks at: some 5 ms */

/* -------- opening -------- */

static void tell_delivery(struct view *v, struct slice record)
{
    struct delivery dl;
    struct errmsg why;
    if (v->on_delivery && delivery_parse(record, &v->told_scratch, &dl, &why) == ERR_OK) {
        v->on_delivery(v->on_delivery_ctx, &dl);
    }
}

static void tell_untold(struct view *v)
{
    log_warn("view_untold", LOG_INT("deliveries_so_far", (int64_t)report_dropped(v->report)));
    if (v->on_untold) {
        v->on_untold(v->on_delivery_ctx);
    }
}

static void tell_disabled(struct view *v, struct slice record)
{
    struct event ev;
    struct errmsg why;
    if (v->on_disabled && event_parse(record, &v->told_scratch, &ev, &why) == ERR_OK) {
        v->on_disabled(v->on_disabled_ctx, &ev);
    }
}

static void on_told(void *ctx, enum report_kind kind, struct slice record)
{
    switch (kind) {
    case REPORT_DELIVERY:
        tell_delivery(ctx, record);
        break;
    case REPORT_UNTOLD:
        tell_untold(ctx);
        break;
    case REPORT_DISABLED:
        tell_disabled(ctx, record);
        break;
    }
}

static double lag(void *ctx)
{
    return (double)report_get(((struct view *)ctx)->report).lag_records;
}

static double lag_seconds(void *ctx)
{
    const struct view *v = ctx;
    int64_t until_wall_ms = report_get(v->report).all_until_wall_ms;
    int64_t since_wall_ms = until_wall_ms > 0 ? until_wall_ms : v->opened_wall_ms;
    return (double)(clock_wall_ms() - since_wall_ms) / 1000.0;
}

static double complete(void *ctx)
{
    return view_complete(ctx) ? 1 : 0;
}

static double file_bytes(void *ctx)
{
    return (double)store_size_bytes(&((struct view *)ctx)->store);
}

static double dropped(void *ctx)
{
    return (double)report_dropped(((struct view *)ctx)->report);
}

static void add_metrics(struct view *v, struct metrics *m)
{
    v->read_errors = metrics_counter(m, "trueftp_api_view_read_errors_total", "Rows that could not be read", NULL);
    metrics_gauge_fn(m, "trueftp_api_view_lag_records", "Records in the topics that are not read yet", NULL, lag, v);
    metrics_gauge_fn(m, "trueftp_api_view_lag_seconds",
                     "Age of the moment whose every record is in the view; before that is known, since the start", NULL,
                     lag_seconds, v);
    metrics_gauge_fn(m, "trueftp_api_view_complete", "1 when every partition was read to its end since the start", NULL, complete,
                     v);
    metrics_gauge_fn(m, "trueftp_api_view_file_bytes", "Size of the view's file", NULL, file_bytes, v);
    metrics_gauge_fn(m, "trueftp_api_view_untold", "Changed deliveries that live streams were not told of since too many came",
                     NULL, dropped, v);
}

enum err view_open(const struct view_options *o, struct view **out, struct errmsg *why)
{
    struct view *v = mem_zalloc(sizeof *v);
    v->loop = o->kafka.loop;
    v->limits = o->limits;
    v->opened_wall_ms = clock_wall_ms();
    buf_init(&v->scratch, SCRATCH_MAX);
    buf_init(&v->told_scratch, SCRATCH_MAX);
    v->store.lock_fd = -1;
    v->report = report_new(v->loop, on_told, v);
    enum err err = store_open(&v->filled, o->folder, why);
    if (err == ERR_OK && v->filled.rebuilt) {
        log_warn("view_rebuilding", LOG_STR("file", v->filled.path));
    }
    err = err == ERR_OK ? store_open_reader(&v->store, v->filled.path, why) : err;
    err = err == ERR_OK ? ingest_start(o, &v->filled, v->report, &v->ingest, why) : err;
    if (err != ERR_OK) {
        view_free(v);
        return err;
    }
    add_metrics(v, o->metrics);
    *out = v;
    return ERR_OK;
}

void view_free(struct view *v)
{
    if (!v) {
        return;
    }
    ingest_stop(v->ingest);
    store_close(&v->store);
    store_close(&v->filled);
    report_free(v->report);
    buf_done(&v->scratch);
    buf_done(&v->told_scratch);
    free(v);
}

bool view_complete(const struct view *v)
{
    return report_get(v->report).complete;
}

int64_t view_events_until(const struct view *v)
{
    return report_get(v->report).events_until_wall_ms;
}

int64_t view_until(const struct view *v)
{
    return report_get(v->report).all_until_wall_ms;
}

void view_on_delivery(struct view *v, view_delivery_fn *fn, void (*untold)(void *ctx), void *ctx)
{
    v->on_delivery = fn;
    v->on_untold = untold;
    v->on_delivery_ctx = ctx;
}

void view_watch(struct view *v, bool watched)
{
    report_watch(v->report, watched);
}

enum err view_refresh(struct view *v, struct errmsg *why)
{
    unsigned files = v->report ? report_get(v->report).files : v->files;
    if (files == v->files && v->store.db) {
        return ERR_OK;
    }
    char *path = mem_strdup(v->filled.path);
    store_close(&v->store);
    enum err err = store_open_reader(&v->store, path, why);
    free(path);
    v->files = err == ERR_OK ? files : v->files;
    return err;
}

enum err view_answer(struct view *v, enum err err, const struct errmsg *why)
{
    if (err == ERR_FATAL) {
        ++*v->read_errors;
        if (v->report) {
            report_damage(v->report, why);
        }
    }
    return err;
}

/* The number of a name; 0: unknown, so there is nothing of it. */
static enum err find_name(struct view *v, struct slice text, int64_t *key, struct errmsg *why)
{
    *key = 0;
    enum err err = view_refresh(v, why);
    return err == ERR_OK ? names_find(&v->store.names, text, key, why) : err;
}

void view_on_disabled(struct view *v, view_event_fn *fn, void *ctx)
{
    v->on_disabled = fn;
    v->on_disabled_ctx = ctx;
}

bool view_parse(struct view *v, struct slice record, struct delivery *out)
{
    struct errmsg why;
    if (delivery_parse(record, &v->scratch, out, &why) == ERR_OK) {
        return true;
    }
    ++*v->read_errors;
    log_error("view_row_unreadable", LOG_STR("error", why.text));
    return false;
}

/* A record on its way to the caller. */
struct handing {
    struct view *view;
    view_delivery_fn *fn;
    void *ctx;
};

static void hand_over(void *ctx, struct slice record)
{
    struct handing *h = ctx;
    struct delivery dl;
    if (view_parse(h->view, record, &dl)) {
        h->fn(h->ctx, &dl);
    }
}

/* -------- deliveries -------- */

/* Two queries with other filters are other lists. The bound a cursor replaces is not among them: a list from now back may go on
 * with another `until`. */
static uint32_t mark_of(const struct view_delivery_query *q)
{
    uint32_t mark = bookmark_mark(1, q->webhook_id);
    mark = bookmark_mark_int(mark, q->status);
    mark = bookmark_mark_int(mark, q->event);
    mark = bookmark_mark_int(mark, q->oldest_first);
    return bookmark_mark_int(mark, q->oldest_first ? q->until_wall_ms : q->since_wall_ms);
}

enum err view_deliveries(struct view *v, const struct view_delivery_query *q, view_delivery_fn *fn, void *ctx,
                         char next[VIEW_CURSOR_SIZE], struct errmsg *why)
{
    struct handing h = {v, fn, ctx};
    struct bookmark from, end;
    bool full = false;
    enum err err = q->cursor.len > 0 ? bookmark_read(q->cursor, mark_of(q), &from, why) : ERR_OK;
    int64_t webhook = 0;
    next[0] = '\0';
    err = err == ERR_OK ? find_name(v, q->webhook_id, &webhook, why) : err;
    if (err != ERR_OK || webhook == 0) {
        return view_answer(v, err, why);
    }
    err = deliveries_list(&v->store.deliveries, webhook, q, q->cursor.len > 0 ? &from : NULL, hand_over, &h, &end, &full, why);
    if (err == ERR_OK && full) {
        bookmark_write(&end, mark_of(q), next);
    }
    return view_answer(v, err, why);
}

/* The record of a webhook's delivery; deliveries_release afterwards. */
static enum err find(struct view *v, struct slice webhook_id, const struct uuid *id, struct deliveries_row *row,
                     struct errmsg *why)
{
    int64_t webhook = 0;
    *row = (struct deliveries_row){0};
    enum err err = find_name(v, webhook_id, &webhook, why);
    err = err == ERR_OK ? deliveries_find(&v->store.deliveries, id, row, why) : err;
    if (err == ERR_OK && (row->seq == 0 || row->webhook != webhook)) {
        return errmsg_set(why, ERR_NOT_FOUND, "there is no such delivery of this webhook");
    }
    return view_answer(v, err, why);
}

enum err view_delivery(struct view *v, struct slice webhook_id, const struct uuid *id, view_delivery_fn *fn, void *ctx,
                       struct errmsg *why)
{
    struct handing h = {v, fn, ctx};
    struct deliveries_row row;
    enum err err = find(v, webhook_id, id, &row, why);
    if (err == ERR_OK) {
        hand_over(&h, row.record);
    }
    deliveries_release(&v->store.deliveries);
    return err;
}

enum err view_history(struct view *v, struct slice webhook_id, const struct uuid *id, view_delivery_fn *fn, void *ctx,
                      struct errmsg *why)
{
    struct handing h = {v, fn, ctx};
    struct deliveries_row row;
    struct delivery dl;
    enum err err = find(v, webhook_id, id, &row, why);
    bool good = err == ERR_OK && view_parse(v, row.record, &dl);
    struct uuid event_id = good ? dl.event_id : (struct uuid){{0}}; /* dl points into the row */
    int64_t webhook = err == ERR_OK ? row.webhook : 0;
    deliveries_release(&v->store.deliveries);
    if (err != ERR_OK || !good) {
        return err;
    }
    struct uuid first = delivery_id(&event_id, webhook_id, 0);
    err = view_delivery(v, webhook_id, &first, fn, ctx, why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) { /* the original may have been pruned */
        err = view_answer(v, deliveries_again(&v->store.deliveries, webhook, &event_id, hand_over, &h, why), why);
    }
    return err;
}

void view_counts(struct view *v, struct slice webhook_id, int64_t counts[VIEW_STATUSES])
{
    struct errmsg why;
    int64_t webhook = 0;
    memset(counts, 0, VIEW_STATUSES * sizeof *counts);
    enum err err = find_name(v, webhook_id, &webhook, &why);
    err = err == ERR_OK ? counts_get(&v->store.counts, webhook, counts, &why) : err;
    if (view_answer(v, err, &why) != ERR_OK) {
        log_error("view_counts_unreadable", LOG_STR("error", why.text));
    }
}

/* -------- events -------- */

struct event_page {
    struct view *view;
    const struct view_event_query *query;
    view_event_fn *fn;
    void *ctx;
    int count;
    struct bookmark end;
};

static bool has_prefix(struct slice path, struct slice prefix)
{
    return path.len >= prefix.len && (prefix.len == 0 || memcmp(path.p, prefix.p, prefix.len) == 0);
}

static bool take_event(void *ctx, const struct events_row *row)
{
    struct event_page *p = ctx;
    struct event ev;
    struct errmsg why;
    p->end = row->at;
    if (event_parse(row->record, &p->view->scratch, &ev, &why) != ERR_OK) {
        ++*p->view->read_errors;
        log_error("view_row_unreadable", LOG_STR("error", why.text));
    } else if (has_prefix(ev.path, p->query->path_prefix)) {
        p->fn(p->ctx, &ev);
        p->count++;
    }
    return p->count < p->query->limit;
}

static uint32_t mark_of_events(const struct view_event_query *q)
{
    uint32_t mark = bookmark_mark(2, q->account_id);
    mark = bookmark_mark_int(mark, q->type);
    mark = bookmark_mark(mark, q->path_prefix);
    return bookmark_mark_int(mark, q->since_wall_ms);
}

enum err view_events(struct view *v, const struct view_event_query *q, view_event_fn *fn, void *ctx, char next[VIEW_CURSOR_SIZE],
                     struct errmsg *why)
{
    struct event_page p = {.view = v, .query = q, .fn = fn, .ctx = ctx};
    struct bookmark from;
    bool more = false;
    enum err err = q->cursor.len > 0 ? bookmark_read(q->cursor, mark_of_events(q), &from, why) : ERR_OK;
    int64_t account = 0;
    next[0] = '\0';
    err = err == ERR_OK ? find_name(v, q->account_id, &account, why) : err;
    if (err != ERR_OK || account == 0) {
        return view_answer(v, err, why);
    }
    err = events_list(&v->store.events, account, q->type, q->since_wall_ms, q->until_wall_ms, q->cursor.len > 0 ? &from : NULL,
                      q->path_prefix.len > 0 ? PREFIX_LOOKED_AT : q->limit, take_event, &p, &more, why);
    if (err == ERR_OK && more) {
        bookmark_write(&p.end, mark_of_events(q), next);
    }
    return view_answer(v, err, why);
}

/* -------- who changed what -------- */

enum err view_audit(struct view *v, const struct view_audit_query *q, view_audit_fn *fn, void *ctx, char next[VIEW_CURSOR_SIZE],
                    struct errmsg *why)
{
    uint32_t mark = bookmark_mark(4, q->account_id);
    struct bookmark from, end;
    bool full = false;
    enum err err = q->cursor.len > 0 ? bookmark_read(q->cursor, mark, &from, why) : ERR_OK;
    int64_t account = 0;
    next[0] = '\0';
    err = err == ERR_OK ? find_name(v, q->account_id, &account, why) : err;
    if (err != ERR_OK || account == 0) {
        return view_answer(v, err, why);
    }
    err = trail_list(&v->store.trail, account, q->limit, q->cursor.len > 0 ? &from : NULL, fn, ctx, &end, &full, why);
    if (err == ERR_OK && full) {
        bookmark_write(&end, mark, next);
    }
    return view_answer(v, err, why);
}

/* -------- bodies -------- */

struct body {
    struct view *view;
    const struct delivery *dl;
    struct buf *out;
    bool found;
};

static bool take_body(void *ctx, const struct events_row *row)
{
    struct body *b = ctx;
    struct event ev;
    struct errmsg why;
    struct buf scratch; /* the view's holds the delivery */
    buf_init(&scratch, SCRATCH_MAX);
    if (event_parse(row->record, &scratch, &ev, &why) == ERR_OK) {
        delivery_body(b->out, &ev, &b->dl->id);
        b->found = true;
    }
    buf_done(&scratch);
    return false;
}

enum err view_body(struct view *v, const struct delivery *dl, struct buf *out, struct errmsg *why)
{
    struct body b = {v, dl, out, false};
    if (dl->body.len > 0) {
        buf_put_slice(out, dl->body);
        return ERR_OK;
    }
    if (dl->status == DELIVERY_PURGED) {
        return errmsg_set(why, ERR_NOT_FOUND, "the delivery was purged");
    }
    enum err err = view_refresh(v, why);
    err = err == ERR_OK ? events_get(&v->store.events, &dl->event_id, take_body, &b, why) : err;
    if (err == ERR_OK && !b.found) {
        return errmsg_set(why, ERR_NOT_FOUND, "the delivery's event is not kept any more");
    }
    return view_answer(v, err, why);
}
