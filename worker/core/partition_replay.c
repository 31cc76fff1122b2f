/* REPLAY: the log is read from the index's position to its end, and folded into the index. A record that is worth less than what
 * is known (a zombie wrote it late) is repaired first: the merged state is appended, so that the log's last record of a key stays
 * sufficient by itself, and only then the position moves over it. The same reading checks an idle owner's tail. */
#include "core/partition_internal.h"

#include <stdlib.h>

#include "util/mem.h"

#define APPLYING_MAX 8 /* batches in the index's hands before reading stops */
#define APPLYING_LOW 2 /* and where it goes on */

static struct replay_batch *batch_new(int64_t ap_from)
{
    struct replay_batch *b = mem_alloc(sizeof *b);
    b->ap_from = b->ap_to = ap_from;
    b->count = 0;
    buf_init(&b->bytes, REPLAY_BATCH_BYTES + 4 * 1024 * 1024);
    return b;
}

static void batch_free(struct replay_batch *b)
{
    if (b)
        buf_done(&b->bytes);
    free(b);
}

static void read_from(struct partition *p, int64_t offset)
{
    p->reading = true;
    p->read_next = offset;
    p->core->ports.read_log(p->core->ctx, p, offset);
}

static void stop_reading(struct partition *p)
{
    if (p->reading)
        p->core->ports.stop_log(p->core->ctx, p);
    p->reading = false;
    p->tail_check = false;
}

static void drop_batches(struct partition *p)
{
    struct replay_batch *b;
    batch_free(p->filling);
    p->filling = NULL;
    while ((b = STAILQ_FIRST(&p->applying)) != NULL) {
        STAILQ_REMOVE_HEAD(&p->applying, link);
        batch_free(b);
    }
    p->applying_count = 0;
}

void replay_drop(struct partition *p)
{
    stop_reading(p);
    drop_batches(p);
    p->replay_end = -1;
    p->repair_at = -1;
    p->repair_produced = false;
    buf_reset(&p->repair);
}

void replay_begin(struct partition *p)
{
    replay_drop(p);
    read_from(p, p->ap + 1);
}

/* What we hold as the log is not the log the index and the commit speak of: it was made anew. So is our name for it; the next
 * TAKE empties the index, and the whole log is read. */
static void log_made_anew(struct partition *p)
{
    struct uuid id = uuid_v4();
    uuid_format(&id, p->log);
    p->log_is_new = true;
    bound_log_made_anew(p);
    replay_drop(p);
    p->round++;
    serve_record_again(p);
    partition_claim(p);
}

/* Our claim stands behind everything that earlier owners were told is written, and what we were told stands behind the claim. An
 * end before that is told by a leader that does not know yet how far the log goes: what it leaves out, we would POST again. A new
 * claim finds out. */
static void end_too_early(struct partition *p)
{
    replay_drop(p);
    p->round++;
    partition_claim(p);
}

/* ---- reading ---- */

static struct replay_record *add_record(struct partition *p, int64_t offset)
{
    if (!p->filling)
        p->filling = batch_new(p->read_next - 1);
    struct replay_record *r = &p->filling->records[p->filling->count++];
    *r = (struct replay_record){.offset = offset, .event_offset = -1, .skip = true};
    p->filling->ap_to = offset;
    p->read_next = offset + 1;
    return r;
}

static void read_delivery(struct partition *p, int64_t offset, struct slice value)
{
    struct replay_record *r = add_record(p, offset);
    struct delivery dl;
    struct buf scratch;
    buf_init(&scratch, 4 * 1024 * 1024);
    if (delivery_parse(value, &scratch, &dl, NULL) == ERR_OK) {
        struct buf *bytes = &p->filling->bytes;
        r->skip = false;
        r->id = dl.id;
        r->rank = (struct delivery_rank){dl.status, dl.attempt, dl.revision};
        r->due_wall_ms = dl.next_attempt_wall_ms;
        r->updated_wall_ms = dl.updated_wall_ms;
        r->event_offset = bound_event_offset(p, &dl);
        bound_read(p, r->event_offset);
        r->value_at = bytes->len;
        r->value_len = value.len;
        buf_put_slice(bytes, value);
        r->held_at = bytes->len;
        r->held_len = dl.held_wall_ms > 0 ? dl.webhook_id.len : 0;
        buf_put(bytes, dl.webhook_id.p, r->held_len);
        check(bytes->err == ERR_OK);
    }
    buf_done(&scratch);
}

static void read_claim(struct partition *p, int64_t offset, struct slice value)
{
    struct claim claim;
    if (claim_parse(value, &claim, NULL) == ERR_OK) {
        struct epoch epoch = {claim.life, claim.generation, offset};
        if (epoch_compare(&epoch, &p->epoch) > 0) {
            partition_fence(p, &epoch, "a later claim stands in the log");
            return;
        }
    }
    add_record(p, offset);
}

static bool batch_full(const struct replay_batch *b)
{
    return b->count == REPLAY_BATCH_RECORDS || b->bytes.len >= REPLAY_BATCH_BYTES;
}

static void send_batch(struct partition *p)
{
    struct index_record records[REPLAY_BATCH_RECORDS];
    struct replay_batch *b = p->filling;
    for (int i = 0; i < b->count; i++) {
        const struct replay_record *r = &b->records[i];
        records[i] = (struct index_record){.offset = r->offset,
                                           .id = r->id,
                                           .rank = r->rank,
                                           .due_wall_ms = r->due_wall_ms,
                                           .updated_wall_ms = r->updated_wall_ms,
                                           .event_offset = r->event_offset,
                                           .held_by = slice_of(buf_cstr(&b->bytes) + r->held_at, r->held_len),
                                           .skip = r->skip};
        if (!r->skip && delivery_is_open(r->rank.status))
            records[i].payload = slice_of(b->bytes.p + r->value_at, r->value_len);
    }
    p->filling = NULL;
    STAILQ_INSERT_TAIL(&p->applying, b, link);
    p->applying_count++;
    p->ap = b->ap_to;
    p->answers_due++;
    p->core->ports.index_apply(p->core->ctx, p, p->round, b->ap_from, records, b->count, b->ap_to);
}

void partition_on_log_record(struct partition *p, int64_t offset, struct slice key, struct slice value)
{
    if (!p->reading)
        return;
    if (p->tail_check) {
        if (offset < p->read_next)
            partition_take(p, "the log is shorter than the index knows");
        return;
    }
    if (offset < p->read_next) {
        log_made_anew(p);
    } else if (slice_eq(key, SLICE(CLAIM_KEY)) && value.p) {
        read_claim(p, offset, value);
    } else if (!value.p || (key.len > 0 && key.p[0] == '!')) {
        add_record(p, offset);
    } else {
        read_delivery(p, offset, value);
    }
    if (p->filling && batch_full(p->filling))
        send_batch(p);
    if (p->applying_count >= APPLYING_MAX)
        stop_reading(p);
}

void partition_on_log_end(struct partition *p, int64_t end)
{
    if (!p->reading)
        return;
    if (p->tail_check && end < p->read_next) {
        partition_take(p, "the log is shorter than the index knows");
        return;
    }
    if (p->tail_check) {
        p->tail_end = end;
        stop_reading(p);
        return;
    }
    if (end < p->read_next) {
        log_made_anew(p);
        return;
    }
    if (end <= p->log_high) {
        end_too_early(p);
        return;
    }
    p->replay_end = end;
    stop_reading(p);
}

/* ---- repair ---- */

/* The merged state of a dominated record and what the index knows: the known outcome, with all that the better of the two texts
 * tells. */
static enum err merge(struct partition *p, struct slice dominated, const struct index_answer *a)
{
    struct delivery dl;
    struct buf scratch;
    buf_init(&scratch, 4 * 1024 * 1024);
    struct slice base = a->known_record.len > 0 ? a->known_record : dominated;
    enum err err = delivery_parse(base, &scratch, &dl, NULL);
    if (err == ERR_OK) {
        struct delivery_rank known = a->known;
        dl.status = known.status;
        dl.attempt = known.attempt > dl.attempt ? known.attempt : dl.attempt;
        dl.updated_wall_ms = p->core->now_wall_ms;
        if (!delivery_is_open(dl.status)) {
            dl.next_attempt_wall_ms = 0;
            dl.detail = SLICE(""); /* of the open state */
            if (dl.status != DELIVERY_FAILED)
                dl.body = SLICE("");
        }
        p->repair_id = dl.id;
        int64_t revision = dl.revision > known.revision ? dl.revision : known.revision;
        dl.revision = revision + 1;
        buf_reset(&p->repair);
        delivery_write(&p->repair, &dl);
        err = p->repair.err;
    }
    buf_done(&scratch);
    return err;
}

/* The position moves over the dominated record, and reading goes on behind it. */
static void pass_over(struct partition *p, int64_t at)
{
    p->read_next = at;
    add_record(p, at);
    send_batch(p);
    read_from(p, at + 1);
}

static const struct replay_record *find_record(const struct replay_batch *b, int64_t offset)
{
    for (int i = 0; i < b->count; i++)
        if (b->records[i].offset == offset)
            return &b->records[i];
    return NULL;
}

static bool has_later(const struct replay_batch *b, const struct uuid *id, int64_t at)
{
    for (int i = 0; b && i < b->count; i++)
        if (b->records[i].offset > at && !b->records[i].skip && memcmp(&b->records[i].id, id, sizeof *id) == 0)
            return true;
    return false;
}

/* A later record of this delivery stands in the log, as far as we know: then that one decides, and a repair would stand in front
 * of it. */
static bool later_record_known(const struct partition *p, const struct uuid *id, int64_t at)
{
    const struct replay_batch *b;
    const struct job *job = job_find(p, id);
    STAILQ_FOREACH(b, &p->applying, link)
        if (has_later(b, id, at))
            return true;
    return has_later(p->filling, id, at) || (job && job->state == JOB_RECORDED && job->record_offset > at);
}

/* The oldest batch came to a record that is dominated; those before it are applied. */
static void begin_repair(struct partition *p, const struct index_answer *a)
{
    const struct replay_batch *b = STAILQ_FIRST(&p->applying);
    const struct replay_record *r = b ? find_record(b, a->at) : NULL;
    if (!r) {
        partition_take(p, "an answer is missing"); /* of the batch before this one */
        return;
    }
    bool needed = !later_record_known(p, &r->id, a->at);
    stop_reading(p);
    p->replay_end = -1;
    p->round++;
    if (needed)
        check(merge(p, slice_of(b->bytes.p + r->value_at, r->value_len), a) == ERR_OK);
    drop_batches(p);
    p->ap = a->at - 1;
    if (needed)
        p->repair_at = a->at;
    else
        pass_over(p, a->at);
    p->repair_produced = false;
}

static void produce_repair(struct partition *p)
{
    char key[UUID_TEXT_SIZE];
    uuid_format(&p->repair_id, key);
    p->repair_produced = p->core->ports.append_repair(p->core->ctx, p, slice_str(key), buf_slice(&p->repair));
    if (p->repair_produced)
        p->answers_due++;
}

void partition_on_repair_ack(struct partition *p, enum err err, int64_t offset)
{
    p->answers_due--;
    if (err == ERR_OK && offset > p->log_high) /* wherever it stands, the reading will come to it */
        p->log_high = offset;
    if (p->state != PARTITION_REPLAYING || p->repair_at < 0 || !p->repair_produced) {
        partition_maybe_release(p);
        return;
    }
    p->repair_produced = false;
    if (err != ERR_OK)
        return; /* produced again in the next turn */
    int64_t at = p->repair_at;
    p->repair_at = -1;
    pass_over(p, at);
}

/* ---- the index's answers, and the turn ---- */

void partition_on_apply(struct partition *p, unsigned round, const struct index_answer *a, int64_t ap_to)
{
    if (a->status == INDEX_DOMINATED && p->state == PARTITION_REPLAYING && round == p->round) {
        p->answers_due--;
        begin_repair(p, a);
        return;
    }
    if (!partition_index_ok(p, round, a))
        return;
    struct replay_batch *b = STAILQ_FIRST(&p->applying);
    if (b && b->ap_to == ap_to) {
        STAILQ_REMOVE_HEAD(&p->applying, link);
        p->applying_count--;
        batch_free(b);
    }
    record_applied(p, ap_to);
}

/* The end of the log is the index's position, also where no record stands there. */
static void move_to_end(struct partition *p)
{
    p->filling = batch_new(p->ap);
    p->filling->ap_to = p->replay_end - 1;
    send_batch(p);
}

void replay_turn(struct partition *p)
{
    if (p->repair_at >= 0) {
        if (!p->repair_produced)
            produce_repair(p);
        return;
    }
    if (p->filling && p->filling->count > 0)
        send_batch(p);
    if (!p->reading && p->replay_end < 0 && p->applying_count <= APPLYING_LOW)
        read_from(p, p->ap + 1);
    if (p->replay_end < 0 || p->applying_count > 0)
        return;
    if (p->ap < p->replay_end - 1) {
        move_to_end(p);
    } else {
        partition_change(p, PARTITION_SERVING, "replayed to the log's end");
        serve_begin(p);
    }
}

void replay_check_tail(struct partition *p)
{
    if (p->reading || p->job_counts[JOB_RECORDING] + p->job_counts[JOB_RECORDED] > 0)
        return;
    p->tail_check = true;
    read_from(p, p->ap + 1);
}
