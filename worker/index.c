#include "index.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash.h"
#include "model/delivery_packed.h"
#include "util/log.h"
#include "util/mem.h"

#define LEASE_MS 60000          /* longer than a POST's timeout, its wait at the gate and its record take together */
#define KEYS 7                  /* m due inf pl low tries held: every script gets them all */
#define ARGS_MAX (24 + 8 * 256) /* of the largest: APPLY, of records that are open */
#define CLAIM_MOST 256
#define SUSPECT_WAIT_MS 1000
#define TEXT_MAX (64 * 1024 * 1024)
#define RECORDS_MAX ((size_t)256 * DELIVERY_MAX_BYTES) /* of one command or one reply */
#define RECORDS_KEPT (1024 * 1024)

extern const char script_take[], script_claim[], script_due[], script_apply[], script_check[], script_postpone[], script_sweep[],
    script_release[];

enum call_kind { CALL_TAKE, CALL_CLAIM, CALL_DUE, CALL_APPLY, CALL_CHECK, CALL_POSTPONE, CALL_SWEEP, CALL_RELEASE, CALL_KINDS };

/* One command whose reply is awaited. */
struct index_call {
    STAILQ_ENTRY(index_call) link; /* in unsent */
    struct index_store *ix;
    struct partition *partition;
    enum call_kind kind;
    unsigned round;
    int64_t ap_to;
    int room; /* CLAIM */
    int count;
    struct job *jobs[CLAIM_MOST];
};

struct index_store {
    struct redis *redis;
    struct core *core;
    const char *topic;
    int64_t slot_ms;
    struct redis_script scripts[CALL_KINDS];
    STAILQ_HEAD(calls, index_call) unsent; /* asked while Redis was down */
    struct calls free;

    /* The command being built. Numbers are formatted into text, whose place is fixed while a command is built. */
    const char *argv[ARGS_MAX];
    size_t lens[ARGS_MAX];
    int argc;
    struct buf text;

    struct buf packed; /* records, the same */

    struct buf records; /* of the reply being read; commands may be built meanwhile */
};

static void on_reply(void *ctx, redisReply *reply);

struct index_store *index_new(struct redis *r, struct core *core, const char *events_topic, int64_t slot_ms)
{
    struct index_store *ix = mem_zalloc(sizeof *ix);
    ix->redis = r;
    ix->core = core;
    ix->topic = events_topic;
    ix->slot_ms = slot_ms;
    STAILQ_INIT(&ix->unsent);
    STAILQ_INIT(&ix->free);
    ix->scripts[CALL_TAKE] = (struct redis_script){.name = "take", .source = script_take};
    ix->scripts[CALL_CLAIM] = (struct redis_script){.name = "claim", .source = script_claim};
    ix->scripts[CALL_DUE] = (struct redis_script){.name = "due", .source = script_due};
    ix->scripts[CALL_APPLY] = (struct redis_script){.name = "apply", .source = script_apply};
    ix->scripts[CALL_CHECK] = (struct redis_script){.name = "check", .source = script_check};
    ix->scripts[CALL_POSTPONE] = (struct redis_script){.name = "postpone", .source = script_postpone};
    ix->scripts[CALL_SWEEP] = (struct redis_script){.name = "sweep", .source = script_sweep};
    ix->scripts[CALL_RELEASE] = (struct redis_script){.name = "release", .source = script_release};
    for (int i = 0; i < CALL_KINDS; i++)
        redis_script_register(r, &ix->scripts[i]);
    buf_init(&ix->text, TEXT_MAX);
    (void)mem_reserve(&ix->text, ARGS_MAX * 24 + 1024);
    buf_init(&ix->packed, RECORDS_MAX);
    buf_init(&ix->records, RECORDS_MAX);
    return ix;
}

void index_free(struct index_store *ix)
{
    struct index_call *call;
    if (!ix)
        return;
    while ((call = STAILQ_FIRST(&ix->free)) != NULL) {
        STAILQ_REMOVE_HEAD(&ix->free, link);
        free(call);
    }
    buf_done(&ix->text);
    buf_done(&ix->packed);
    buf_done(&ix->records);
    free(ix);
}

/* ---- building a command ---- */

static void add(struct index_store *ix, const void *p, size_t len)
{
    check(ix->argc < ARGS_MAX);
    ix->argv[ix->argc] = p ? p : "";
    ix->lens[ix->argc++] = len;
}

static void add_text(struct index_store *ix, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add_text(struct index_store *ix, const char *fmt, ...)
{
    va_list ap;
    size_t at = ix->text.len;
    va_start(ap, fmt);
    buf_vprintf(&ix->text, fmt, ap);
    va_end(ap);
    add(ix, ix->text.p + at, ix->text.len - at);
}

static void add_number(struct index_store *ix, int64_t value)
{
    size_t at = ix->text.len;
    check(ix->text.cap - at > 24); /* what was added before must stay where it is */
    buf_put_i64(&ix->text, value);
    add(ix, ix->text.p + at, ix->text.len - at);
}

static void add_epoch(struct index_store *ix, const struct partition *p)
{
    char epoch[EPOCH_TEXT_SIZE];
    epoch_format(partition_epoch(p), epoch);
    add_text(ix, "%s", epoch);
}

static void add_done_prefix(struct index_store *ix, const struct partition *p)
{
    add_text(ix, "{%s:%" PRId32 "}:done:%.8s:", ix->topic, partition_number(p), partition_log(p));
}

/* An index of another format is one of another log: it is emptied, and rebuilt from the log. So is ours by a worker that knows
 * only another format. */
static void add_log(struct index_store *ix, const struct partition *p)
{
    add_text(ix, "%s/%d", partition_log(p), DELIVERY_PACKED_FORMAT);
}

/* The keys, then the epoch. */
static void begin(struct index_store *ix, const struct partition *p)
{
    static const char *const names[KEYS] = {"m", "due", "inf", "pl", "low", "tries", "held"};
    ix->argc = 0;
    buf_truncate(&ix->text, 0);
    for (size_t i = 0; i < KEYS; i++)
        add_text(ix, "{%s:%" PRId32 "}:%s", ix->topic, partition_number(p), names[i]);
    add_epoch(ix, p);
}

static struct index_call *call_new(struct index_store *ix, struct partition *p, enum call_kind kind, unsigned round,
                                   int job_count)
{
    struct index_call *call = STAILQ_FIRST(&ix->free);
    if (call)
        STAILQ_REMOVE_HEAD(&ix->free, link);
    else
        call = mem_alloc(sizeof *call);
    check(job_count <= CLAIM_MOST);
    call->ix = ix;
    call->partition = p;
    call->kind = kind;
    call->round = round;
    call->ap_to = -1;
    call->room = 0;
    call->count = job_count;
    return call;
}

static void send_call(struct index_store *ix, struct index_call *call)
{
    if (!redis_is_up(ix->redis)) {
        STAILQ_INSERT_TAIL(&ix->unsent, call, link);
        return;
    }
    redis_eval(ix->redis, &ix->scripts[call->kind], on_reply, call, KEYS, ix->argc, ix->argv, ix->lens);
}

bool index_turn(struct index_store *ix)
{
    struct index_call *call;
    struct calls unsent = STAILQ_HEAD_INITIALIZER(unsent);
    bool any = !STAILQ_EMPTY(&ix->unsent);
    STAILQ_CONCAT(&unsent, &ix->unsent);
    while ((call = STAILQ_FIRST(&unsent)) != NULL) {
        STAILQ_REMOVE_HEAD(&unsent, link);
        on_reply(call, NULL);
    }
    return any;
}

/* ---- the calls ---- */

void index_take(struct index_store *ix, struct partition *p, unsigned round)
{
    CRASH_POINT("before_take");
    begin(ix, p);
    add_log(ix, p);
    add_number(ix, ix->core->now_wall_ms);
    add_number(ix, partition_low(p));
    send_call(ix, call_new(ix, p, CALL_TAKE, round, 0));
}

void index_claim(struct index_store *ix, struct partition *p, unsigned round, struct job *const *jobs, int count, int room)
{
    struct index_call *call = call_new(ix, p, CALL_CLAIM, round, count);
    CRASH_POINT("before_claim_script");
    begin(ix, p);
    add_number(ix, partition_applied(p));
    add_number(ix, ix->core->now_wall_ms + LEASE_MS);
    add_done_prefix(ix, p);
    add_number(ix, ix->core->now_wall_ms / ix->slot_ms);
    add_number(ix, SUSPECT_TRIES);
    add_number(ix, SUSPECT_WINDOW);
    add_number(ix, room);
    call->room = room;
    check(ix->argc == KEYS + INDEX_CLAIM_ARGS);
    for (int i = 0; i < count; i++) {
        call->jobs[i] = jobs[i];
        add(ix, jobs[i]->dl.id.bytes, sizeof jobs[i]->dl.id.bytes);
    }
    send_call(ix, call);
}

void index_due(struct index_store *ix, struct partition *p, unsigned round, int limit, int room)
{
    begin(ix, p);
    add_number(ix, partition_applied(p));
    add_number(ix, ix->core->now_wall_ms);
    add_number(ix, ix->core->now_wall_ms + LEASE_MS);
    add_number(ix, limit);
    add_number(ix, SUSPECT_TRIES);
    add_number(ix, SUSPECT_WINDOW);
    add_number(ix, room);
    add_number(ix, ix->core->now_wall_ms + SUSPECT_WAIT_MS);
    send_call(ix, call_new(ix, p, CALL_DUE, round, 0));
}

/* The order of worth, as delivery_rank_compare has it; the open states are equal. */
static int rank_number(enum delivery_status status)
{
    return delivery_is_open(status) ? 0 : (int)status;
}

/* "rank attempt revision" */
static void add_head(struct index_store *ix, const struct delivery_rank *rank)
{
    size_t at = ix->text.len;
    check(ix->text.cap - at > 48);
    buf_put_i64(&ix->text, rank_number(rank->status));
    buf_putc(&ix->text, ' ');
    buf_put_i64(&ix->text, rank->attempt);
    buf_putc(&ix->text, ' ');
    buf_put_i64(&ix->text, rank->revision);
    add(ix, ix->text.p + at, ix->text.len - at);
}

static void add_record(struct index_store *ix, const struct index_record *r)
{
    bool open = r->payload.len > 0;
    add_number(ix, r->offset);
    add(ix, r->id.bytes, r->skip ? 0 : sizeof r->id.bytes);
    add_head(ix, &r->rank);
    add_number(ix, r->updated_wall_ms / ix->slot_ms);
    add_number(ix, r->event_offset);
    if (!open) {
        add(ix, "", 0);
        return;
    }
    add_number(ix, r->due_wall_ms);
    add(ix, r->held_by.p, r->held_by.len);
    size_t at = ix->packed.len;
    delivery_pack(&ix->packed, r->payload);
    add(ix, ix->packed.p + at, ix->packed.len - at);
}

/* Room for all of them at once: what was added must stay where it is. */
static void reserve_records(struct index_store *ix, const struct index_record *records, int count)
{
    size_t size = 1;
    for (int i = 0; i < count; i++)
        size += records[i].payload.len + 1;
    buf_reset(&ix->packed);
    (void)mem_reserve(&ix->packed, size);
}

/* What was large once is not kept for it. */
static void shrink(struct buf *records)
{
    if (records->cap > RECORDS_KEPT) {
        buf_done(records);
        buf_init(records, RECORDS_MAX);
    }
}

void index_apply(struct index_store *ix, struct partition *p, unsigned round, int64_t ap_from, const struct index_record *records,
                 int count, int64_t ap_to)
{
    struct index_call *call = call_new(ix, p, CALL_APPLY, round, 0);
    call->ap_to = ap_to;
    begin(ix, p);
    add_number(ix, ap_from);
    add_number(ix, ap_to);
    add_done_prefix(ix, p);
    add_number(ix, ix->slot_ms);
    reserve_records(ix, records, count);
    for (int i = 0; i < count; i++)
        add_record(ix, &records[i]);
    send_call(ix, call);
    shrink(&ix->packed);
}

void index_postpone(struct index_store *ix, struct partition *p, unsigned round, const struct index_postponed *postponed,
                    int count)
{
    begin(ix, p);
    add_number(ix, partition_applied(p));
    for (int i = 0; i < count; i++) {
        add(ix, postponed[i].id.bytes, sizeof postponed[i].id.bytes);
        add_number(ix, postponed[i].due_wall_ms);
        add(ix, postponed[i].held_by, postponed[i].held_by ? strlen(postponed[i].held_by) : 0);
    }
    send_call(ix, call_new(ix, p, CALL_POSTPONE, round, 0));
}

void index_sweep(struct index_store *ix, struct partition *p, unsigned round, struct slice webhook_id, uint64_t cursor, int step,
                 bool unhold)
{
    begin(ix, p);
    add_number(ix, partition_applied(p));
    add_text(ix, "%" PRIu64, cursor);
    add_number(ix, step);
    add_number(ix, ix->core->now_wall_ms + LEASE_MS);
    add(ix, webhook_id.p, webhook_id.len);
    add_number(ix, SUSPECT_TRIES);
    add_number(ix, ix->core->now_wall_ms);
    add_number(ix, unhold);
    add_text(ix, "\"webhook_id\":\"%.*s\"", (int)webhook_id.len, webhook_id.p); /* in one that could not be packed */
    buf_reset(&ix->packed);
    delivery_packed_webhook(&ix->packed, webhook_id);
    add(ix, ix->packed.p, ix->packed.len);
    send_call(ix, call_new(ix, p, CALL_SWEEP, round, 0));
}

void index_check(struct index_store *ix, struct partition *p, unsigned round, uint64_t held_cursor)
{
    begin(ix, p);
    add_number(ix, partition_applied(p));
    add_number(ix, ix->core->now_wall_ms);
    add_text(ix, "%" PRIu64, held_cursor);
    send_call(ix, call_new(ix, p, CALL_CHECK, round, 0));
}

void index_release(struct index_store *ix, struct partition *p, unsigned round)
{
    begin(ix, p);
    add_number(ix, ix->core->now_wall_ms);
    send_call(ix, call_new(ix, p, CALL_RELEASE, round, 0));
}

/* ---- replies ---- */

static struct slice text_at(const redisReply *reply, size_t i)
{
    if (i >= reply->elements || reply->element[i]->type != REDIS_REPLY_STRING)
        return SLICE("");
    return slice_of(reply->element[i]->str, reply->element[i]->len);
}

static int64_t number_at(const redisReply *reply, size_t i, int64_t fallback)
{
    char digits[32];
    struct slice s = text_at(reply, i);
    if (s.len == 0 || s.len >= sizeof digits)
        return fallback;
    memcpy(digits, s.p, s.len);
    digits[s.len] = '\0';
    return strtoll(digits, NULL, 10);
}

/* "rank attempt revision[ h]\npacked record": appends the record; how long it is. */
static size_t read_record(struct index_store *ix, struct slice value)
{
    size_t at = ix->records.len;
    const char *end = value.len > 0 ? memchr(value.p, '\n', value.len) : NULL;
    if (end)
        delivery_unpack(&ix->records, slice_of(end + 1, value.len - (size_t)(end + 1 - value.p)));
    check(ix->records.err == ERR_OK);
    return ix->records.len - at;
}

/* Reads every step-th element from the first on into records, as many as there is room for; how many. */
static int read_records(struct index_store *ix, const redisReply *reply, size_t first, size_t step, struct slice *records,
                        size_t room)
{
    size_t count = 0, at = 0;
    buf_reset(&ix->records);
    for (size_t i = first; i < reply->elements && count < room; i += step)
        records[count++].len = read_record(ix, text_at(reply, i));
    for (size_t i = 0; i < count; i++) {
        records[i].p = ix->records.p + at; /* only now, since they moved as more came */
        at += records[i].len;
    }
    return (int)count;
}

static void read_ok(enum call_kind kind, const redisReply *reply, struct index_answer *a)
{
    if (kind == CALL_TAKE) {
        a->ap = number_at(reply, 1, -1);
        a->hi = number_at(reply, 2, -1);
    } else if (kind == CALL_DUE) {
        a->next_due_wall_ms = number_at(reply, 1, 0);
    } else if (kind == CALL_CHECK) {
        a->next_due_wall_ms = number_at(reply, 1, 0);
        a->scheduled = number_at(reply, 2, 0);
        a->due = number_at(reply, 3, 0);
        a->ap = number_at(reply, 4, -1);
        a->open_low = number_at(reply, 5, INT64_MAX);
        a->held = number_at(reply, 6, 0);
        a->held_cursor = strtoull(text_at(reply, 7).p, NULL, 10);
    }
}

static struct index_answer answer_of(const struct index_call *call, const redisReply *reply)
{
    struct index_answer a = {.status = INDEX_DOWN};
    if (!reply)
        return a;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        log_warn("redis_refused", LOG_STR("script", call->ix->scripts[call->kind].name),
                 LOG_STR("answer", reply->type == REDIS_REPLY_ERROR ? reply->str : "not an array"));
        return a;
    }
    switch (text_at(reply, 0).p[0]) {
    case 'O':
        a.status = INDEX_OK;
        read_ok(call->kind, reply, &a);
        break;
    case 'F':
        a.status = epoch_parse(text_at(reply, 1), &a.epoch) == ERR_OK ? INDEX_FENCED : INDEX_MOVED;
        break;
    case 'D':
        a.status = INDEX_DOMINATED;
        a.at = number_at(reply, 1, -1);
        int64_t rank = number_at(reply, 2, 0);
        a.known.status = rank == 0 ? DELIVERY_RETRYING : (enum delivery_status)rank;
        a.known.attempt = (int)number_at(reply, 3, 0);
        a.known.revision = number_at(reply, 4, 0);
        buf_reset(&call->ix->records);
        read_record(call->ix, text_at(reply, 5));
        a.known_record = buf_slice(&call->ix->records);
        break;
    case 'I':
        a.status = INDEX_INCOMPLETE;
        break;
    default:
        a.status = INDEX_MOVED;
    }
    return a;
}

static int claim_result(struct slice letters, int i)
{
    char letter = (size_t)i < letters.len ? letters.p[i] : 'R';
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    return letter == 'S' ? CLAIM_LEFT_ALONE : CLAIM_RECORDED;
}

static void answer_claim(struct index_call *call, struct index_answer *a, const redisReply *reply)
{
    int tries[CLAIM_MOST] NOT_ZEROED;
    struct slice letters = a->status == INDEX_OK ? text_at(reply, 1) : SLICE("");
    if (a->status == INDEX_OK && letters.len != (size_t)call->count)
        a->status = INDEX_DOWN; /* not an answer that we understand */
    for (int i = 0; i < call->count; i++)
        tries[i] = claim_result(letters, i);
    partition_on_claim(call->partition, call->round, a, call->jobs, call->count, call->room, tries);
}

static void answer_due(struct index_call *call, const struct index_answer *a, const redisReply *reply)
{
    struct slice records[128] NOT_ZEROED;
    int tries[128] NOT_ZEROED, count = 0;
    if (reply && a->status == INDEX_OK)
        count = read_records(call->ix, reply, 3, 2, records, 128);
    for (int i = 0; i < count; i++)
        tries[i] = (int)number_at(reply, 2 + 2 * (size_t)i, 0);
    partition_on_due(call->partition, call->round, a, records, tries, count);
    shrink(&call->ix->records);
}

static void answer_sweep(struct index_call *call, const struct index_answer *a, const redisReply *reply)
{
    size_t found = reply && a->status == INDEX_OK && reply->elements > 2 ? reply->elements - 2 : 0;
    struct slice *records = mem_array(NULL, found + 1, sizeof *records);
    int count = found > 0 ? read_records(call->ix, reply, 2, 1, records, found) : 0;
    uint64_t cursor = a->status == INDEX_OK ? strtoull(text_at(reply, 1).p, NULL, 10) : 0;
    partition_on_sweep(call->partition, call->round, a, cursor, records, count);
    free(records);
    shrink(&call->ix->records);
}

static void answer_check(struct index_call *call, const struct index_answer *a, const redisReply *reply)
{
    size_t found = reply && a->status == INDEX_OK && reply->elements > 8 ? reply->elements - 8 : 0;
    struct slice *held = mem_array(NULL, found + 1, sizeof *held);
    for (size_t i = 0; i < found; i++)
        held[i] = text_at(reply, i + 8);
    partition_on_check(call->partition, call->round, a, held, (int)found);
    free(held);
}

static void on_reply(void *ctx, redisReply *reply)
{
    struct index_call *call = ctx;
    struct index_answer a = answer_of(call, reply);
    switch (call->kind) {
    case CALL_TAKE:
        CRASH_POINT("after_take");
        partition_on_take(call->partition, call->round, &a);
        break;
    case CALL_CLAIM:
        CRASH_POINT("after_claim_script");
        answer_claim(call, &a, reply);
        break;
    case CALL_DUE:
        answer_due(call, &a, reply);
        break;
    case CALL_APPLY:
        CRASH_POINT("after_apply");
        partition_on_apply(call->partition, call->round, &a, call->ap_to);
        break;
    case CALL_CHECK:
        answer_check(call, &a, reply);
        break;
    case CALL_POSTPONE:
        partition_on_postpone(call->partition, call->round, &a);
        break;
    case CALL_SWEEP:
        answer_sweep(call, &a, reply);
        break;
    case CALL_RELEASE:
        partition_on_release(call->partition);
        break;
    case CALL_KINDS:
        break;
    }
    STAILQ_INSERT_HEAD(&call->ix->free, call, link);
}
