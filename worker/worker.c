#include "worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delivery_log.h"
#include "dlq.h"
#include "ownership.h"
#include "schedule.h"
#include "table.h"
#include "util/clock.h"
#include "util/log.h"

#define SECOND_MS 1000
#define START_AGAIN_MS 1000
#define JOBS_A_SLOT 4             /* deliveries in hand for each POST that may be in flight */
#define STOOD_STILL_MS 5000       /* a turn this late: this process was stopped */
#define CONTACT_MS 5000           /* half the group's session timeout */
#define USER_AGENT "TrueFTP-Webhooks/" TRUEFTP_VERSION

/* ---- the core's ports ---- */

static bool port_append_claim(void *ctx, struct partition *p, struct slice value)
{
    return delivery_log_append_claim(ctx, p, value);
}

static bool port_append_record(void *ctx, struct job *job)
{
    return delivery_log_append_record(ctx, job);
}

static bool port_append_repair(void *ctx, struct partition *p, struct slice key, struct slice value)
{
    return delivery_log_append_repair(ctx, p, key, value);
}

static void port_read_log(void *ctx, struct partition *p, int64_t from)
{
    delivery_log_read(ctx, p, from);
}

static void port_stop_log(void *ctx, struct partition *p)
{
    delivery_log_stop(ctx, p);
}

static void port_index_take(void *ctx, struct partition *p, unsigned round)
{
    index_take(((struct worker *)ctx)->index, p, round);
}

static void port_index_claim(void *ctx, struct partition *p, unsigned round, struct job *const *jobs, int count)
{
    index_claim(((struct worker *)ctx)->index, p, round, jobs, count);
}

static void port_index_due(void *ctx, struct partition *p, unsigned round, int limit)
{
    index_due(((struct worker *)ctx)->index, p, round, limit);
}

static void port_index_apply(void *ctx, struct partition *p, unsigned round, int64_t ap_from, const struct index_record *records, int count,
                             int64_t ap_to)
{
    index_apply(((struct worker *)ctx)->index, p, round, ap_from, records, count, ap_to);
}

static void port_index_check(void *ctx, struct partition *p, unsigned round)
{
    index_check(((struct worker *)ctx)->index, p, round);
}

static void port_start_events(void *ctx, struct partition *p, int64_t offset)
{
    ownership_start_events(((struct worker *)ctx)->ownership, p, offset);
}

static void port_commit(void *ctx, struct partition *p, int64_t offset, const char *metadata)
{
    ownership_commit(((struct worker *)ctx)->ownership, p, offset, metadata);
}

static int64_t port_generation(void *ctx)
{
    return ownership_generation(((struct worker *)ctx)->ownership);
}

static void port_send(void *ctx, struct job *job)
{
    schedule_send(((struct worker *)ctx)->schedule, job);
}

static void port_withdraw(void *ctx, struct job *job)
{
    schedule_withdraw(((struct worker *)ctx)->schedule, job);
}

static void port_gave_up(void *ctx, struct partition *p)
{
    ownership_gave_up(((struct worker *)ctx)->ownership, p);
}

static void port_released(void *ctx, struct partition *p)
{
    ownership_released(((struct worker *)ctx)->ownership, p);
}

static void port_recorded(void *ctx, const struct job *job)
{
    struct worker *w = ctx;
    const struct delivery *dl = &job->dl;
    char id[UUID_TEXT_SIZE], event_id[UUID_TEXT_SIZE];
    enum log_level level = dl->status == DELIVERY_DELIVERED ? LOG_DEBUG : LOG_INFO;
    stats_recorded(&w->stats, dl);
    if (!log_wants(level))
        return;
    uuid_format(&dl->id, id);
    uuid_format(&dl->event_id, event_id);
    LOG_AT(level, "delivery_recorded", LOG_STR("status", delivery_status_name(dl->status)), LOG_STR("delivery_id", id),
           LOG_STR("event_id", event_id), LOG_SLICE("account_id", dl->account_id), LOG_SLICE("webhook_id", dl->webhook_id),
           LOG_STR("event", event_type_name(dl->event)), LOG_INT("attempt", dl->attempt), LOG_INT("http_status", dl->http_status),
           LOG_STR("error", dl->error ? delivery_error_name(dl->error) : ""), LOG_INT("latency_ms", dl->updated_wall_ms - dl->event_wall_ms),
           LOG_INT("partition", dl->event_partition), LOG_INT("offset", dl->event_offset), LOG_SLICE("trace_id", dl->trace_id));
}

static void port_state_changed(void *ctx, struct partition *p, const char *from, const char *to, const char *why)
{
    struct worker *w = ctx;
    stats_state_changed(&w->stats, to);
    log_info("partition_state", LOG_INT("partition", partition_number(p)), LOG_STR("from", from), LOG_STR("to", to), LOG_STR("why", why));
}

static const struct core_ports ports = {
    port_append_claim, port_append_record, port_append_repair, port_read_log,  port_stop_log, port_index_take, port_index_claim,
    port_index_due,    port_index_apply,   port_index_check,   port_start_events, port_commit, port_generation, port_send,
    port_withdraw,     port_gave_up,       port_released,      port_recorded,  port_state_changed,
};

/* ---- turns ---- */

/* SELF-FENCE: no POST after this process stood still, or has not heard of the group, until a commit has succeeded. */
static void watch_self(struct worker *w, int64_t now_ms)
{
    bool still = w->last_turn_ms > 0 && now_ms - w->last_turn_ms > STOOD_STILL_MS;
    w->last_turn_ms = now_ms;
    if (!w->ownership || ownership_serving(w->ownership) == 0)
        return;
    bool silent = now_ms - ownership_last_contact(w->ownership) > CONTACT_MS;
    if (!still && (!silent || w->core.hold))
        return;
    core_hold(&w->core);
    ++*w->stats.self_fenced;
    log_warn("posts_held", LOG_STR("why", still ? "this process stood still" : "no answer from the group's coordinator"));
}

static void finish_stop(struct worker *w)
{
    if (!w->stopping || (w->ownership && !ownership_closed(w->ownership)))
        return;
    if (w->producer && kafka_producer_outstanding(w->producer) > 0)
        return;
    log_info("stopped");
    loop_stop(w->loop);
}

/* The start of a turn, before anything is told to the core. */
static void on_wake(void *ctx)
{
    struct worker *w = ctx;
    core_set_time(&w->core, loop_now(w->loop), loop_wall(w->loop));
    watch_self(w, loop_now(w->loop));
}

/* Waking is all that it is for: the turn's work follows. */
static void on_deadline(void *ctx)
{
    (void)ctx;
}

static void arm_deadline(struct worker *w)
{
    int64_t idle_ms = ownership_idle_ms(w->ownership), gates_ms = schedule_idle_ms(w->schedule);
    if (idle_ms < 0 || (gates_ms >= 0 && gates_ms < idle_ms))
        idle_ms = gates_ms;
    if (idle_ms >= 0)
        loop_timer_arm(w->deadline, idle_ms);
    else
        loop_timer_cancel(w->deadline);
}

static bool on_turn(void *ctx)
{
    struct worker *w = ctx;
    bool again = index_turn(w->index);
    if (w->ownership) {
        dlq_turn(w->dlq);
        ownership_turn(w->ownership);
        /* What was started may have ended at once (a refused target): its record leaves in this turn too. */
        if (schedule_turn(w->schedule))
            again = true;
        arm_deadline(w);
        if (ownership_fatal(w->ownership)[0] != '\0') {
            log_error("kafka_fatal", LOG_STR("error", ownership_fatal(w->ownership)));
            w->exit_status = 70;
            loop_stop(w->loop);
        }
    }
    finish_stop(w);
    return again;
}

static void on_second(void *ctx)
{
    struct worker *w = ctx;
    *w->stats.loop_lag_seconds = (double)loop_take_longest_turn_ms(w->loop) / 1000.0;
    if (w->ownership) {
        ownership_second(w->ownership);
        schedule_second(w->schedule);
    }
    loop_timer_arm(w->second, SECOND_MS);
}

static void on_redis_up(void *ctx)
{
    struct worker *w = ctx;
    log_info("redis_up");
    if (w->ownership)
        ownership_index_up(w->ownership);
}

static void on_redis_down(void *ctx)
{
    log_warn("redis_down", LOG_STR("reason", redis_trouble(((struct worker *)ctx)->redis)));
}

/* ---- start: topics, then tables, then the group ---- */

static void start_step(void *ctx);

static void wait_for(struct worker *w, const char *what)
{
    if (w->waiting_for != what)
        log_info("waiting", LOG_STR("for", what));
    w->waiting_for = what;
    loop_timer_arm(w->start_timer, START_AGAIN_MS);
}

static void topics_known(struct worker *w)
{
    struct errmsg why;
    if (w->partitions[0] != w->partitions[1]) {
        log_error("topics_differ", LOG_STR("events", w->events_topic), LOG_INT("partitions", w->partitions[0]),
                  LOG_STR("deliveries", w->deliveries_topic), LOG_INT("delivery_partitions", w->partitions[1]));
        w->exit_status = 78;
        loop_stop(w->loop);
        return;
    }
    if (table_new(w, w->partitions[2], w->partitions[3], &w->table, &why) != ERR_OK) {
        log_error("table_failed", LOG_STR("error", why.text));
        w->exit_status = 70;
        loop_stop(w->loop);
        return;
    }
    start_step(w);
}

static void on_partitions(struct worker *w, int i, enum err err, int32_t count)
{
    w->partitions[i] = err == ERR_OK ? count : -1;
    w->topics_missing = w->topics_missing || err == ERR_NOT_FOUND;
    if (--w->start_questions > 0 || w->stopping)
        return;
    for (int t = 0; t < 4; t++) {
        if (w->partitions[t] < 0) {
            wait_for(w, w->topics_missing ? "topics (trueftpctl topics ensure makes them)" : "Kafka");
            return;
        }
    }
    topics_known(w);
}

static void on_events_partitions(void *ctx, enum err err, int32_t count)
{
    on_partitions(ctx, 0, err, count);
}

static void on_deliveries_partitions(void *ctx, enum err err, int32_t count)
{
    on_partitions(ctx, 1, err, count);
}

static void on_webhooks_partitions(void *ctx, enum err err, int32_t count)
{
    on_partitions(ctx, 2, err, count);
}

static void on_accounts_partitions(void *ctx, enum err err, int32_t count)
{
    on_partitions(ctx, 3, err, count);
}

static void ask_topics(struct worker *w)
{
    w->start_questions = 4;
    w->topics_missing = false;
    kafka_admin_partitions(w->kafka_admin, w->events_topic, on_events_partitions, w);
    kafka_admin_partitions(w->kafka_admin, w->deliveries_topic, on_deliveries_partitions, w);
    kafka_admin_partitions(w->kafka_admin, w->webhooks_topic, on_webhooks_partitions, w);
    kafka_admin_partitions(w->kafka_admin, w->accounts_topic, on_accounts_partitions, w);
}

static void start_step(void *ctx)
{
    struct worker *w = ctx;
    struct errmsg why;
    if (w->stopping || w->ownership)
        return;
    if (!w->table) {
        ask_topics(w);
    } else if (!table_complete(w->table)) {
        w->waiting_for = "webhooks and accounts";
        loop_timer_arm(w->start_timer, 20);
    } else if (ownership_new(w, w->partitions[0], &w->ownership, &why) != ERR_OK) {
        log_error("group_failed", LOG_STR("error", why.text));
        w->exit_status = 70;
        loop_stop(w->loop);
    } else {
        w->waiting_for = NULL;
        log_info("joining", LOG_STR("group", w->group_id), LOG_STR("topic", w->events_topic));
    }
}

/* ---- health ---- */

static const char *live(void *ctx)
{
    (void)ctx;
    return NULL;
}

static const char *ready(void *ctx)
{
    struct worker *w = ctx;
    if (w->stopping)
        return "stopping";
    if (w->waiting_for)
        return w->waiting_for;
    if (!redis_is_up(w->redis))
        return "waiting for Redis";
    return ownership_joined(w->ownership) ? NULL : "waiting for the consumer group";
}

/* ---- life ---- */

static void name_topics(struct worker *w)
{
    const char *prefix = w->settings.common.topic_prefix, *pool = w->settings.pool;
    topic_name(TOPIC_EVENTS, prefix, pool, w->events_topic);
    topic_name(TOPIC_DELIVERIES, prefix, pool, w->deliveries_topic);
    topic_name(TOPIC_WEBHOOKS, prefix, NULL, w->webhooks_topic);
    topic_name(TOPIC_ACCOUNTS, prefix, NULL, w->accounts_topic);
    topic_name(TOPIC_EVENTS_DLQ, prefix, NULL, w->dlq_topic);
    topic_worker_group(prefix, pool, w->group_id);
}

static enum err check_settings(struct worker *w, struct errmsg *why)
{
    const struct worker_settings *s = &w->settings;
    if (!topic_prefix_valid(s->common.topic_prefix))
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_TOPIC_PREFIX: '%s' is not a topic prefix", s->common.topic_prefix);
    if (s->pool[0] != '\0' && !topic_pool_valid(s->pool))
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_POOL: '%s' is not a pool name ([a-z0-9-]{1,32}, not dlq)", s->pool);
    if (s->common.secrets_key_file[0] == '\0')
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_SECRETS_KEY_FILE must be given: webhook secrets are sealed with its keys");
    enum err err = keyring_load(s->common.secrets_key_file, &w->keyring, why);
    if (err == ERR_OK && address_list_parse(s->common.allow_targets, &w->exempt, why) != ERR_OK) {
        char text[sizeof why->text];
        memcpy(text, why->text, sizeof text);
        err = errmsg_set(why, ERR_INVALID, "TRUEFTP_ALLOW_TARGETS: %.480s", text);
    }
    return err;
}

static enum err open_io(struct worker *w, struct errmsg *why)
{
    struct redis_options ro = {.url = w->settings.common.redis_url, .deadline_ms = 2000, .on_up = on_redis_up, .on_down = on_redis_down,
                               .ctx = w, .metrics = w->metrics, .metrics_prefix = "trueftp_worker"};
    struct http_client_options ho = {.loop = w->loop, .policy = &w->policy, .user_agent = USER_AGENT,
                                     .max_connections = (int)w->settings.slots * 2, .metrics = w->metrics, .metrics_prefix = "trueftp_worker"};
    struct admin_checks checks = {.live = live, .ready = ready, .ctx = w};
    enum err err = admin_start(w->loop, w->settings.common.admin_listen, w->metrics, checks, &w->admin, why);
    if (err != ERR_OK)
        return err;
    w->resolver = resolver_new(w->loop, NULL, why);
    if (!w->resolver)
        return ERR_IO;
    ho.resolver = w->resolver;
    w->http = http_client_new(&ho);
    err = redis_new(w->loop, w->resolver, &ro, &w->redis, why);
    if (err == ERR_OK)
        err = kafka_admin_new(&w->kafka, &w->kafka_admin, why);
    return err == ERR_OK ? delivery_log_open(w, why) : err;
}

static void on_signal(void *ctx, int signo)
{
    log_info("signal", LOG_STR("name", strsignal(signo)));
    worker_stop(ctx);
}

enum err worker_start(struct worker *w, struct errmsg *why)
{
    enum err err = check_settings(w, why);
    if (err != ERR_OK)
        return err;
    name_topics(w);
    w->loop = loop_new();
    w->metrics = metrics_new();
    stats_init(&w->stats, w->metrics, w);
    w->policy = (struct target_policy){.allow_http = w->settings.common.allow_http, .exempt = w->exempt};
    w->kafka = (struct kafka_options){.loop = w->loop, .brokers = w->settings.common.kafka_brokers, .config_file = w->settings.common.kafka_config,
                                      .client_id = "trueftp-worker", .metrics = w->metrics, .metrics_prefix = "trueftp_worker"};
    core_set_time(&w->core, loop_now(w->loop), loop_wall(w->loop));
    core_init(&w->core, &ports, w, (uint64_t)clock_wall_ms() ^ (uint64_t)getpid() << 40);
    w->core.retry = (struct retry_policy){w->settings.retry_base_ms, w->settings.retry_factor, w->settings.retry_max_ms};
    w->core.events_topic = w->events_topic;
    w->core.max_jobs = (int)w->settings.slots * JOBS_A_SLOT;
    buf_init(&w->event_scratch, 2 * EVENT_MAX_BYTES);
    err = open_io(w, why);
    if (err != ERR_OK)
        return err;
    w->index = index_new(w->redis, &w->core, w->events_topic);
    w->schedule = schedule_new(w);
    w->dlq = dlq_new(w);
    loop_on_wake(w->loop, on_wake, w);
    w->turn = loop_turn_new(w->loop, LOOP_ORDER_WORK, on_turn, w);
    w->second = loop_timer_new(w->loop, on_second, w);
    w->deadline = loop_timer_new(w->loop, on_deadline, w);
    w->start_timer = loop_timer_new(w->loop, start_step, w);
    loop_timer_arm(w->second, SECOND_MS);
    loop_timer_arm(w->start_timer, 0);
    loop_on_signal(w->loop, SIGTERM, on_signal, w);
    loop_on_signal(w->loop, SIGINT, on_signal, w);
    return ERR_OK;
}

void worker_stop(struct worker *w)
{
    if (w->stopping) {
        log_warn("stopped_at_once");
        _exit(1);
    }
    w->stopping = true;
    if (w->ownership)
        ownership_close(w->ownership);
}

void worker_done(struct worker *w)
{
    ownership_free(w->ownership);
    table_free(w->table);
    if (w->http)
        http_client_free(w->http);
    if (w->redis)
        redis_free(w->redis);
    index_free(w->index);
    schedule_free(w->schedule);
    dlq_free(w->dlq);
    if (w->producer)
        kafka_producer_free(w->producer);
    if (w->log_reader)
        kafka_reader_free(w->log_reader);
    if (w->kafka_admin)
        kafka_admin_free(w->kafka_admin);
    if (w->resolver)
        resolver_free(w->resolver);
    if (w->admin)
        admin_stop(w->admin);
    loop_timer_free(w->second);
    loop_timer_free(w->deadline);
    loop_timer_free(w->start_timer);
    if (w->turn)
        loop_turn_free(w->turn);
    core_done(&w->core);
    buf_done(&w->event_scratch);
    address_list_free(w->exempt);
    keyring_free(w->keyring);
    metrics_free(w->metrics);
    loop_free(w->loop);
}
