#include "view/ingest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/log.h"
#include "util/mem.h"
#include "view/ingest_internal.h"

#define POLL_BOUND 1024      /* records a turn */
#define COMMIT_RECORDS 16384 /* a transaction ends at this many records, */
#define COMMIT_AGE_MS 200    /* or at this age, or when a turn brings nothing */
#define FETCH_WAIT_MS 500
#define DISCOVER_MS 2000 /* how soon a new pool's topics are noticed, and how old the horizon may be */
#define DISCOVER_AGAIN_MS 1000
#define RECOVER_MS 1000
#define TELL_AGAIN_MS 60000
#define REPORT_MS 100
#define PRUNE_MS 1000
#define PRUNE_SOON_MS 20

/* -------- failure of the store -------- */

static void stop_reading(struct ingest *in)
{
    struct source *src;
    TAILQ_FOREACH(src, &in->sources.list, link) {
        kafka_reader_stop(in->reader, src->topic, src->partition);
        src->moved = false;
    }
}

/* Said once a minute at most: it is tried every second, and where the disk is nearly full it works now and then. */
static void tell_failure(struct ingest *in, enum err err, const struct errmsg *why)
{
    int64_t now_ms = loop_now(in->loop);
    in->failing_since_ms = in->failing ? in->failing_since_ms : now_ms;
    in->failing = true;
    if (in->failure_told_ms != 0 && now_ms - in->failure_told_ms < TELL_AGAIN_MS) {
        return;
    }
    const char *meaning = err == ERR_FATAL ? "it is made anew from the topics"
                                           : "what was read before is shown; reading goes on when the file can be written";
    log_error("view_store_failed", LOG_STR("file", in->store->path), LOG_STR("error", err_name(err)),
              LOG_STR("message", why->text), LOG_STR("meaning", meaning));
    in->failure_told_ms = now_ms;
    in->recovery_untold = true;
}

static void tell_recovery(struct ingest *in)
{
    if (in->failing && in->recovery_untold) {
        log_info("view_store_recovered", LOG_STR("file", in->store->path),
                 LOG_INT("after_ms", loop_now(in->loop) - in->failing_since_ms));
        in->recovery_untold = false;
    }
    in->failing = false;
}

static void halt(struct ingest *in, enum err err, const struct errmsg *why)
{
    tell_failure(in, err, why);
    metrics_add(in->store_errors, 1);
    store_rollback(in->store);
    report_rollback(in->report);
    stop_reading(in);
    report_unsettle(in->report); /* what is read anew is to be proven anew */
    in->halted = true;
    in->damaged = in->damaged || err == ERR_FATAL;
    in->complete = in->complete && !in->damaged;
    loop_timer_arm(in->recover_timer, RECOVER_MS);
}

static enum err start_reading(struct ingest *in, struct source *src, struct errmsg *why)
{
    enum err err = positions_load(&in->store->positions, slice_str(src->topic), src->partition, &src->at, why);
    if (err == ERR_OK) {
        src->committed = src->at.next;
        src->moved = src->ended = false;
        src->sample = -1;
        kafka_reader_start(in->reader, src->topic, src->partition, src->at.next);
    }
    return err;
}

static void begin_batch(struct ingest *in)
{
    in->batch_ms = loop_now(in->loop);
    in->batch_records = 0;
}

static enum err recover(struct ingest *in, struct errmsg *why)
{
    struct source *src;
    enum err err = in->damaged ? store_rebuild(in->store, why) : ERR_OK;
    if (err == ERR_OK && in->damaged) {
        in->damaged = false;
        horizon_forget(in->horizon);
        metrics_add(in->rebuilds, 1);
        in->files++;
        log_warn("view_rebuilding", LOG_STR("file", in->store->path));
    }
    err = err == ERR_OK ? store_begin(in->store, why) : err;
    begin_batch(in);
    TAILQ_FOREACH(src, &in->sources.list, link) {
        err = err == ERR_OK ? start_reading(in, src, why) : err;
    }
    return err;
}

static void on_recover(void *ctx)
{
    struct ingest *in = ctx;
    struct errmsg why;
    in->halted = false;
    enum err err = recover(in, &why);
    if (err != ERR_OK) {
        halt(in, err, &why);
    }
}

/* -------- records -------- */

static enum err fold(struct ingest *in, struct source *src, const struct kafka_record *rec, struct errmsg *why)
{
    int64_t now_wall_ms = loop_wall(in->loop);
    bool changed = false;
    switch (src->kind) {
    case TOPIC_DELIVERIES:
        return fold_delivery(&in->fold, rec, now_wall_ms, &changed, why);
    case TOPIC_EVENTS:
        return fold_event(&in->fold, rec, src->at.source, now_wall_ms, why);
    case TOPIC_AUDIT:
        return fold_audit(&in->fold, rec, now_wall_ms, why);
    default:
        return fold_webhook(&in->fold, rec, why);
    }
}

static void useless(struct ingest *in, const struct source *src, const struct kafka_record *rec, const struct errmsg *why)
{
    metrics_add(in->useless[src->kind], 1);
    log_warn("view_record_unusable", LOG_STR("topic", rec->topic), LOG_INT("partition", rec->partition),
             LOG_INT("offset", rec->offset), LOG_STR("error", why->text));
}

static void advance(struct source *src, const struct kafka_record *rec)
{
    if (src->at.first_offset < 0) {
        src->at.first_offset = rec->offset;
        src->at.first_wall_ms = rec->timestamp_wall_ms;
    }
    src->at.next = rec->offset + 1;
    src->moved = true;
}

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct ingest *in = ctx;
    struct errmsg why = {""};
    struct source *src = sources_find(&in->sources, rec->topic, rec->partition);
    check(src);
    if (!in->store->changing) {
        begin_batch(in);
    }
    enum err err = store_begin(in->store, &why);
    err = err == ERR_OK ? fold(in, src, rec, &why) : err;
    if (err == ERR_IO || err == ERR_FATAL) {
        halt(in, err, &why);
        return;
    }
    if (err != ERR_OK) {
        useless(in, src, rec, &why);
    }
    metrics_add(in->records[src->kind], 1);
    in->turn_records++;
    in->batch_records++;
    advance(src, rec);
}

static void on_end(void *ctx, const char *topic, int32_t partition, int64_t end)
{
    struct ingest *in = ctx;
    struct source *src = sources_find(&in->sources, topic, partition);
    check(src);
    src->ended = true;
    if (src->at.next != end) {
        src->at.next = end; /* compaction and retention leave holes */
        src->moved = true;
    }
}

/* -------- the turn: ends transactions -------- */

static enum err save_positions(struct ingest *in, struct errmsg *why)
{
    struct source *src;
    enum err err = ERR_OK;
    TAILQ_FOREACH(src, &in->sources.list, link) {
        if (src->moved && err == ERR_OK) {
            err = positions_save(&in->store->positions, &src->at, why);
            src->moved = false;
        }
    }
    return err;
}

static void committed(struct ingest *in)
{
    struct source *src;
    TAILQ_FOREACH(src, &in->sources.list, link) {
        src->committed = src->at.next;
    }
    metrics_add(in->commits, 1);
    report_commit(in->report);
    horizon_look(in->horizon);
    tell_recovery(in);
}

static void commit(struct ingest *in)
{
    struct errmsg why;
    enum err err = save_positions(in, &why);
    err = err == ERR_OK ? store_commit(in->store, &why) : err;
    if (err != ERR_OK) {
        halt(in, err, &why);
    } else {
        committed(in);
    }
}

static bool on_turn(void *ctx)
{
    struct ingest *in = ctx;
    bool idle = in->turn_records == 0;
    in->turn_records = 0;
    if (!in->store->changing || in->halted) {
        return false;
    }
    if (idle || in->batch_records >= COMMIT_RECORDS || loop_now(in->loop) - in->batch_ms >= COMMIT_AGE_MS) {
        commit(in);
        return false;
    }
    return true; /* the next turn brings more, or ends it */
}

/* -------- pruning -------- */

static void on_prune(void *ctx)
{
    struct ingest *in = ctx;
    struct errmsg why;
    bool rest = true;
    if (!in->halted) {
        if (!in->store->changing) {
            begin_batch(in);
        }
        enum err err = store_begin(in->store, &why);
        err = err == ERR_OK ? prune_step(&in->prune, loop_wall(in->loop), &rest, &why) : err;
        if (err != ERR_OK) {
            halt(in, err, &why);
        }
    }
    loop_timer_arm(in->prune_timer, rest ? PRUNE_MS : PRUNE_SOON_MS);
}

/* -------- topics -------- */

static enum err add_topic(struct ingest *in, const struct kafka_topic_name *topic, struct errmsg *why)
{
    char pool[TOPIC_NAME_SIZE];
    enum topic kind;
    enum err err = ERR_OK;
    if (!sources_wants(in->topic_prefix, topic->name, &kind, pool)) {
        return ERR_OK;
    }
    for (int32_t i = 0; i < topic->partitions && err == ERR_OK; i++) {
        if (!sources_find(&in->sources, topic->name, i)) {
            if (i == 0) {
                log_info("view_reads", LOG_STR("topic", topic->name), LOG_INT("partitions", topic->partitions));
            }
            err = start_reading(in, sources_add(&in->sources, topic->name, kind, pool, i), why);
        }
    }
    return err;
}

static void on_topics(void *ctx, enum err err, const struct kafka_topic_name *topics, int count)
{
    struct ingest *in = ctx;
    struct errmsg why;
    bool listed = err == ERR_OK && count > 0;
    int64_t asked_wall_ms = in->discover_wall_ms;
    if (listed && !in->halted) {
        if (!in->store->changing) {
            begin_batch(in);
        }
        err = store_begin(in->store, &why);
        for (int i = 0; i < count && err == ERR_OK; i++) {
            err = add_topic(in, &topics[i], &why);
        }
        if (err != ERR_OK) {
            halt(in, err, &why);
        }
        in->discovered = in->discovered || err == ERR_OK;
        if (err == ERR_OK) {
            horizon_listed(in->horizon, asked_wall_ms);
        }
    }
    loop_timer_arm(in->discover_timer, in->discovered ? DISCOVER_MS : DISCOVER_AGAIN_MS);
}

static void on_discover(void *ctx)
{
    struct ingest *in = ctx;
    char prefix[TOPIC_NAME_SIZE];
    (void)snprintf(prefix, sizeof prefix, "%.64s.", in->topic_prefix);
    in->discover_wall_ms = loop_wall(in->loop);
    kafka_admin_topics(in->admin, prefix, on_topics, in);
}

/* -------- what is told -------- */

/* Every partition that is known was read to its end, and what was read is committed. */
static bool all_is_read(const struct ingest *in)
{
    const struct source *src;
    TAILQ_FOREACH(src, &in->sources.list, link) {
        if (!src->ended) {
            return false;
        }
    }
    return in->discovered && !in->halted && !in->store->changing;
}

static void on_report(void *ctx)
{
    struct ingest *in = ctx;
    in->complete = in->complete || all_is_read(in); /* what comes later, new pools too, is news and no gap */
    struct errmsg why;
    horizon_look(in->horizon);
    if (report_take_damage(in->report, &why) && !in->damaged) {
        halt(in, ERR_FATAL, &why);
    }
    struct report_state state = ingest_state(in);
    report_set(in->report, &state);
    loop_timer_arm(in->report_timer, REPORT_MS);
}

static void on_delivery(void *ctx, struct slice record)
{
    report_record(ctx, REPORT_DELIVERY, record);
}

static void on_disabled(void *ctx, struct slice record)
{
    report_record(ctx, REPORT_DISABLED, record);
}

/* -------- the thread -------- */

static void on_stop(void *ctx, int events)
{
    struct ingest *in = ctx;
    (void)events;
    loop_stop(in->loop);
}

static void *run(void *arg)
{
    struct ingest *in = arg;
    loop_run(in->loop);
    return NULL;
}

/* Signals are the program's loop's. */
static void start_thread(struct ingest *in)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    check(pthread_create(&in->thread, NULL, run, in) == 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void add_to_loop(struct ingest *in)
{
    in->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    check(in->stop_fd >= 0);
    in->stop_io = loop_io_new(in->loop, in->stop_fd, LOOP_READ, on_stop, in);
    in->turn = loop_turn_new(in->loop, LOOP_ORDER_FLUSH, on_turn, in);
    in->discover_timer = loop_timer_new(in->loop, on_discover, in);
    in->recover_timer = loop_timer_new(in->loop, on_recover, in);
    in->prune_timer = loop_timer_new(in->loop, on_prune, in);
    in->report_timer = loop_timer_new(in->loop, on_report, in);
    loop_timer_arm(in->discover_timer, 0);
    loop_timer_arm(in->prune_timer, PRUNE_MS);
    loop_timer_arm(in->report_timer, REPORT_MS);
}

static void free_all(struct ingest *in)
{
    kafka_admin_free(in->admin);
    settled_free(in->settled);
    horizon_free(in->horizon);
    kafka_reader_free(in->reader);
    if (in->turn) {
        loop_io_free(in->stop_io);
        (void)close(in->stop_fd);
        loop_turn_free(in->turn);
        loop_timer_free(in->discover_timer);
        loop_timer_free(in->recover_timer);
        loop_timer_free(in->prune_timer);
        loop_timer_free(in->report_timer);
    }
    loop_free(in->loop);
    sources_done(&in->sources);
    fold_done(&in->fold);
    free(in->topic_prefix);
    free(in);
}

enum err ingest_start(const struct view_options *o, struct store *s, struct report *report, struct ingest **out,
                      struct errmsg *why)
{
    struct ingest *in = mem_zalloc(sizeof *in);
    struct kafka_options kafka = o->kafka;
    struct kafka_reader_options reader = {
        .on_record = on_record, .on_end = on_end, .ctx = in, .fetch_wait_ms = FETCH_WAIT_MS, .poll_bound = POLL_BOUND};
    in->loop = kafka.loop = loop_new();
    kafka.metrics_prefix = "trueftp_api_view"; /* cells of its own */
    in->report = report;
    in->store = s;
    in->topic_prefix = mem_strdup(o->topic_prefix);
    sources_init(&in->sources);
    fold_init(&in->fold, s, &o->limits);
    in->fold.on_delivery = on_delivery;
    in->fold.on_disabled = on_disabled;
    in->fold.told_ctx = report;
    in->prune = (struct prune){.store = s, .limits = o->limits};
    ingest_add_metrics(in, o->metrics);
    metrics_add(in->rebuilds, s->rebuilt);
    enum err err = kafka_reader_new(&kafka, &reader, &in->reader, why);
    err = err == ERR_OK ? kafka_admin_new(&kafka, &in->admin, why) : err;
    if (err != ERR_OK) {
        free_all(in);
        return err;
    }
    in->horizon = horizon_new(in->loop, in->admin, &in->sources);
    in->settled = settled_new(in->loop, in->admin, in->reader, &in->sources, report, in->topic_prefix);
    add_to_loop(in);
    start_thread(in);
    *out = in;
    return ERR_OK;
}

void ingest_stop(struct ingest *in)
{
    const uint64_t one = 1;
    if (!in) {
        return;
    }
    ssize_t written = write(in->stop_fd, &one, sizeof one);
    check(written == (ssize_t)sizeof one);
    (void)pthread_join(in->thread, NULL);
    free_all(in);
}
