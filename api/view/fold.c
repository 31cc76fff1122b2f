#include "view/fold.h"

#include "model/json_members.h"
#include "model/webhook.h"
#include "util/mem.h"

#define RECORD_MAX (1024UL * 1024)
#define SCRATCH_MAX (8UL * 1024 * 1024)

void fold_init(struct fold *f, struct store *s, const struct view_limits *limits)
{
    *f = (struct fold){.store = s, .limits = *limits};
    buf_init(&f->scratch, SCRATCH_MAX);
    buf_init(&f->old_scratch, SCRATCH_MAX);
}

void fold_done(struct fold *f)
{
    buf_done(&f->scratch);
    buf_done(&f->old_scratch);
}

/* -------- deliveries -------- */

/* The sums are of the attempts of the records that are held; a test's do not count. */
static void count_attempts(struct fold *f, int64_t webhook, const struct delivery *dl, int sign)
{
    for (int i = 0; i < dl->attempt_count && !dl->test; i++) {
        health_count(&f->store->health, webhook, &dl->attempts[i], sign);
    }
}

static enum err extend_streak(struct fold *f, int64_t webhook, const struct delivery *dl, int known, struct errmsg *why)
{
    enum err err = ERR_OK;
    for (int i = 0; i < dl->attempt_count && err == ERR_OK && !dl->test; i++) {
        if (dl->attempts[i].number > known) {
            err = health_extend(&f->store->health, webhook, &dl->attempts[i], why);
        }
    }
    return err;
}

/* Takes what an old record contributed to the sums away again. It was parsed when it came. */
static enum err take_away(struct fold *f, const struct deliveries_row *row, struct errmsg *why)
{
    struct delivery old;
    enum err err = delivery_parse(row->record, &f->old_scratch, &old, why);
    if (err != ERR_OK) {
        return ERR_FATAL;
    }
    counts_add(&f->store->counts, row->webhook, (int)row->rank.status, -1);
    count_attempts(f, row->webhook, &old, -1);
    return ERR_OK;
}

/* Adds what a record that is held now contributes; known: the attempts that were known before. */
static enum err contribute(struct fold *f, int64_t webhook, const struct delivery *dl, int known, struct errmsg *why)
{
    counts_add(&f->store->counts, webhook, (int)dl->status, 1);
    count_attempts(f, webhook, dl, 1);
    return extend_streak(f, webhook, dl, known, why);
}

static bool wins(const struct delivery *dl, const struct deliveries_row *row)
{
    struct delivery_rank rank = {dl->status, dl->attempt, dl->revision};
    return delivery_rank_compare(rank, row->rank) > 0;
}

/* Puts the record in the place of the one that is held, if it wins over that. */
static enum err replace_delivery(struct fold *f, const struct delivery *dl, struct slice record, bool *changed,
                                 struct errmsg *why)
{
    struct deliveries_row row;
    enum err err = deliveries_find(&f->store->deliveries, &dl->id, &row, why);
    bool won = err == ERR_OK && row.seq != 0 && wins(dl, &row);
    if (won) {
        err = take_away(f, &row, why);
    }
    deliveries_release(&f->store->deliveries);
    if (!won || err != ERR_OK) {
        return err;
    }
    err = deliveries_update(&f->store->deliveries, row.seq, dl, record, why);
    *changed = err == ERR_OK;
    return err == ERR_OK ? contribute(f, row.webhook, dl, row.rank.attempt, why) : err;
}

/* Most records are the first and only one of their delivery, so it is inserted without looking first. */
static enum err put_delivery(struct fold *f, const struct delivery *dl, struct slice record, bool *changed, struct errmsg *why)
{
    int64_t webhook = 0;
    enum err err = names_key(&f->store->names, dl->webhook_id, &webhook, why);
    err = err == ERR_OK ? deliveries_insert(&f->store->deliveries, webhook, dl, record, changed, why) : err;
    if (err != ERR_OK) {
        return err;
    }
    return *changed ? contribute(f, webhook, dl, 0, why) : replace_delivery(f, dl, record, changed, why);
}

static enum err remove_delivery(struct fold *f, struct slice key, bool *changed, struct errmsg *why)
{
    struct deliveries_row row;
    struct uuid id;
    if (uuid_parse(key, &id) != ERR_OK) {
        return errmsg_set(why, ERR_INVALID, "key: must be a delivery's id");
    }
    enum err err = deliveries_find(&f->store->deliveries, &id, &row, why);
    *changed = err == ERR_OK && row.seq != 0;
    if (*changed) {
        err = take_away(f, &row, why);
    }
    deliveries_release(&f->store->deliveries);
    return *changed && err == ERR_OK ? deliveries_remove(&f->store->deliveries, row.seq, why) : err;
}

enum err fold_delivery(struct fold *f, const struct kafka_record *rec, int64_t now_wall_ms, bool *changed, struct errmsg *why)
{
    struct delivery dl;
    *changed = false;
    if (rec->key.len > 0 && rec->key.p[0] == '!') {
        return ERR_OK;
    }
    if (rec->tombstone) {
        return remove_delivery(f, rec->key, changed, why);
    }
    enum err err = delivery_parse(rec->value, &f->scratch, &dl, why);
    if (err != ERR_OK || dl.created_wall_ms < now_wall_ms - f->limits.delivery_age_ms) {
        return err;
    }
    err = put_delivery(f, &dl, rec->value, changed, why);
    if (err == ERR_OK && *changed && f->on_delivery) {
        f->on_delivery(f->told_ctx, rec->value);
    }
    return err;
}

/* -------- events -------- */

enum err fold_event(struct fold *f, const struct kafka_record *rec, int64_t source, int64_t now_wall_ms, struct errmsg *why)
{
    struct event ev;
    int64_t account = 0;
    struct events_place place = {source, rec->offset, rec->timestamp_wall_ms};
    if (rec->tombstone) {
        return errmsg_set(why, ERR_INVALID, "the record has no value");
    }
    enum err err = event_parse(rec->value, &f->scratch, &ev, why);
    if (err == ERR_OK && ev.type == EVENT_WEBHOOK_DISABLED && f->on_disabled) {
        f->on_disabled(f->told_ctx, rec->value);
    }
    if (err != ERR_OK || ev.time_wall_ms < now_wall_ms - f->limits.event_age_ms) {
        return err;
    }
    err = names_key(&f->store->names, ev.account_id, &account, why);
    return err == ERR_OK ? events_put(&f->store->events, account, &ev, &place, rec->value, why) : err;
}

/* -------- definitions -------- */

static enum err key_fits(const struct kafka_record *rec, const char *id, struct errmsg *why)
{
    return slice_eq(rec->key, slice_str(id)) ? ERR_OK : errmsg_set(why, ERR_INVALID, "key: must be the record's id");
}

/* The definition without its headers: nobody asks the history for them, and old records have their values in the clear. Nothing
 * for a deletion. */
static void write_kept(struct buf *out, struct webhook *wh)
{
    if (!wh) {
        return;
    }
    webhook_clear_headers(wh);
    webhook_write(out, wh);
    mem_appended(out);
    check(out->err == ERR_OK);
}

enum err fold_webhook(struct fold *f, const struct kafka_record *rec, struct errmsg *why)
{
    struct webhook *wh = NULL;
    struct buf kept;
    int64_t webhook = 0, account = 0;
    enum err err = rec->tombstone ? ERR_OK : webhook_parse(rec->value, &wh, why);
    if (err == ERR_OK && wh) {
        err = key_fits(rec, wh->id, why);
    }
    err = err == ERR_OK ? names_key(&f->store->names, rec->key, &webhook, why) : err;
    if (err == ERR_OK && wh) {
        err = names_key(&f->store->names, slice_str(wh->account_id), &account, why);
    }
    buf_init(&kept, RECORD_MAX);
    if (err == ERR_OK) {
        write_kept(&kept, wh);
        err = history_put(&f->store->history, webhook, account, wh ? wh->version : 0, rec->timestamp_wall_ms, buf_slice(&kept),
                          why);
    }
    buf_done(&kept);
    webhook_free(wh);
    return err;
}

/* -------- who changed what -------- */

/* The account of an entry, borrowed; quiet ones are no lines of the trail. */
static enum err read_entry(const json_t *o, struct slice *account_id, int64_t *wall_ms, bool *quiet, struct errmsg *why)
{
    const json_t *id = json_object_get(o, "account_id");
    if (!json_is_string(id) || json_string_length(id) == 0) {
        return errmsg_set(why, ERR_INVALID, "account_id: is needed");
    }
    *account_id = slice_of(json_string_value(id), json_string_length(id));
    enum err err = json_member_time(o, "", "time", wall_ms, why);
    err = err == ERR_OK ? json_member_bool(o, "", "quiet", quiet, why) : err;
    return err == ERR_OK && *wall_ms <= 0 ? errmsg_set(why, ERR_INVALID, "time: is needed") : err;
}

enum err fold_audit(struct fold *f, const struct kafka_record *rec, int64_t now_wall_ms, struct errmsg *why)
{
    json_t *root = NULL;
    struct slice account_id = {0};
    int64_t wall_ms = 0, account = 0;
    bool quiet = false;
    if (rec->tombstone) {
        return errmsg_set(why, ERR_INVALID, "the record has no value");
    }
    enum err err = json_members_load(rec->value, &root, why);
    err = err == ERR_OK ? read_entry(root, &account_id, &wall_ms, &quiet, why) : err;
    if (err == ERR_OK && !slice_eq(rec->key, account_id)) {
        err = errmsg_set(why, ERR_INVALID, "key: must be the account's id");
    }
    if (err == ERR_OK && !quiet && wall_ms >= now_wall_ms - f->limits.audit_age_ms) {
        err = names_key(&f->store->names, account_id, &account, why);
        err = err == ERR_OK ? trail_put(&f->store->trail, account, wall_ms, rec->partition, rec->offset, rec->value, why) : err;
    }
    json_decref(root);
    return err;
}
