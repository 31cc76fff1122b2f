#include "owed/owed.h"

#include <stdlib.h>

#include "model/webhook.h"
#include "util/mem.h"

struct version {
    int64_t logged_wall_ms;
    struct webhook *wh; /* NULL: deleted */
};

struct owed_webhook {
    char *id;
    struct version *versions;
    size_t count;
};

struct owed {
    struct owed_webhook *webhooks;
    size_t webhook_count;
};

struct owed *owed_new(void)
{
    return mem_zalloc(sizeof(struct owed));
}

void owed_free(struct owed *o)
{
    if (!o) {
        return;
    }
    for (size_t i = 0; i < o->webhook_count; i++) {
        struct owed_webhook *w = &o->webhooks[i];
        for (size_t j = 0; j < w->count; j++) {
            webhook_free(w->versions[j].wh);
        }
        free(w->versions);
        free(w->id);
    }
    free(o->webhooks);
    free(o);
}

size_t owed_count(const struct owed *o)
{
    return o->webhook_count;
}

struct slice owed_id(const struct owed *o, size_t index)
{
    return slice_str(o->webhooks[index].id);
}

/* -------- the history -------- */

static struct owed_webhook *entry_of(struct owed *o, struct slice id)
{
    for (size_t i = 0; i < o->webhook_count; i++) {
        if (slice_eq(slice_str(o->webhooks[i].id), id)) {
            return &o->webhooks[i];
        }
    }
    o->webhooks = mem_array(o->webhooks, o->webhook_count + 1, sizeof *o->webhooks);
    struct owed_webhook *w = &o->webhooks[o->webhook_count++];
    *w = (struct owed_webhook){.id = mem_dup(id.p, id.len)};
    return w;
}

enum err owed_add_webhook(struct owed *o, struct slice id, struct slice json, int64_t logged_wall_ms, struct errmsg *why)
{
    struct webhook *wh = NULL;
    if (json.p) {
        enum err err = webhook_parse(json, &wh, why);
        if (err != ERR_OK) {
            return err;
        }
    }
    struct owed_webhook *w = entry_of(o, id);
    const struct webhook *last = w->count > 0 ? w->versions[w->count - 1].wh : NULL;
    if (wh && last && wh->version <= last->version) {
        webhook_free(wh);
        return ERR_OK;
    }
    w->versions = mem_array(w->versions, w->count + 1, sizeof *w->versions);
    w->versions[w->count++] = (struct version){logged_wall_ms, wh};
    return ERR_OK;
}

/* -------- the verdict -------- */

/* What the versions in force within the window say. */
struct votes {
    bool yes, no, unknown;
};

static void vote(struct votes *v, bool wants)
{
    v->yes = v->yes || wants;
    v->no = v->no || !wants;
}

/* Whether the span from `from` to the next version's time meets the window around the event. */
static bool in_force(int64_t from_wall_ms, int64_t until_wall_ms, int64_t logged_wall_ms)
{
    return from_wall_ms <= logged_wall_ms + OWED_WINDOW_MS && until_wall_ms > logged_wall_ms - OWED_MARGIN_MS;
}

/* Before the first version that is known: nothing, if that was the first of all or was made later than the event; else one that
 * compaction took, which is thought to have been like it. */
static void vote_before(struct votes *v, const struct version *first, bool wants, int64_t logged_wall_ms)
{
    if (!in_force(INT64_MIN, first->logged_wall_ms, logged_wall_ms)) {
        return;
    }
    if (!first->wh || first->wh->version <= 1 || first->wh->created_wall_ms > logged_wall_ms + OWED_MARGIN_MS) {
        vote(v, false);
        return;
    }
    v->unknown = v->unknown || wants;
    vote(v, wants);
}

/* One that is paused, without a reason, is owed what it wants: that is held for it. */
static bool is_disabled(const struct webhook *wh)
{
    return !wh->enabled && *wh->disabled_reason != '\0';
}

static void vote_webhook(struct votes *v, const struct owed_webhook *w, const struct event *ev, int64_t logged_wall_ms)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct version *at = &w->versions[i];
        int64_t until = i + 1 < w->count ? w->versions[i + 1].logged_wall_ms : INT64_MAX;
        bool wants = at->wh && !is_disabled(at->wh) && webhook_wants(at->wh, ev->type, ev->path);
        if (i == 0) {
            vote_before(v, at, wants, logged_wall_ms);
        }
        if (in_force(at->logged_wall_ms, until, logged_wall_ms)) {
            vote(v, wants);
        }
    }
}

enum owed_verdict owed_verdict(const struct owed *o, size_t index, const struct event *ev, int64_t logged_wall_ms)
{
    struct votes v = {0};
    vote_webhook(&v, &o->webhooks[index], ev, logged_wall_ms);
    if (!v.yes) {
        return OWED_NO;
    }
    return v.no || v.unknown ? OWED_UNSURE : OWED_YES;
}

/* -------- generations -------- */

static int weight(enum delivery_status status)
{
    if (status == DELIVERY_DELIVERED) {
        return 2;
    }
    return delivery_is_open(status) ? 1 : 0;
}

bool owed_decides(enum delivery_status later, enum delivery_status before)
{
    return weight(later) >= weight(before);
}
