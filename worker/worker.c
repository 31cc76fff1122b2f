#include "worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "age.h"
#include "backlog.h"
#include "delivery_log.h"
#include "dlq.h"
#include "health.h"
#include "keys.h"
#include "ownership.h"
#include "ports.h"
#include "schedule.h"
#include "start.h"
#include "table.h"
#include "util/clock.h"
#include "util/log.h"

#define SECOND_MS 1000
#define DAY_MS 86400000LL
#define WRITE_AGAIN_MS (7 * DAY_MS) /* DELIVERY: "Open for long" */
#define HOLD_MAX_MS (30 * DAY_MS)
#define BOUND_LAG_MS 120000 /* more than a zombie lives: sessions last 10 s unless they are set longer */
#define CONNECTIONS_A_SLOT 8
#define FILES_WANTED 65536
#define FILES_ELSEWHERE 256 /* Kafka, Redis, resolver, libcurl's own */
#define FILES_LEAST 64
#define JOBS_A_SLOT 4       /* deliveries in hand for each POST that may be in flight */
#define STOOD_STILL_MS 5000 /* a turn this late: this process was stopped */
#define SILENCE_MS 2500     /* two commits of one a second, and a little: less is no silence, however short the session timeout */
#define USER_AGENT "TrueFTP-Webhooks/" TRUEFTP_VERSION

/* ---- turns ---- */

/* SELF-FENCE: no POST after this process stood still, or has not heard of the group, until a commit has succeeded. */
static void watch_self(struct worker *w, int64_t now_ms)
{
    int64_t gap_ms = w->last_turn_ms > 0 ? now_ms - w->last_turn_ms : 0;
    w->last_turn_ms = now_ms;
    if (!w->ownership || ownership_serving(w->ownership) == 0)
        return;
    int64_t limit_ms = ownership_session_timeout_ms(w->ownership) / 2;
    if (limit_ms < SILENCE_MS)
        limit_ms = SILENCE_MS;
    bool still = gap_ms > (limit_ms < STOOD_STILL_MS ? limit_ms : STOOD_STILL_MS);
    bool silent = now_ms - ownership_last_contact(w->ownership) > limit_ms;
    if (!still && (!silent || w->core.hold))
        return;
    core_hold(&w->core);
    ++*w->stats.self_fenced;
    log_warn("posts_held", LOG_STR("why", still ? "this process stood still" : "no answer from the group's coordinator"));
}

static void finish_stop(struct worker *w)
{
    if (!w->stopping || (w->ownership && (!ownership_closed(w->ownership) || ownership_live(w->ownership) > 0)))
        return;
    if (w->producer && kafka_producer_outstanding(w->producer) > 0)
        return;
    if (w->ownership && ownership_leaving(w->ownership) > 0 && w->core.now_ms < w->stop_by_ms)
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
    int64_t backlog_ms = backlog_idle_ms(w->backlog);
    if (idle_ms < 0 || (gates_ms >= 0 && gates_ms < idle_ms))
        idle_ms = gates_ms;
    if (idle_ms < 0 || (backlog_ms >= 0 && backlog_ms < idle_ms))
        idle_ms = backlog_ms;
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
        backlog_turn(w->backlog);
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

/* A start without Redis. What goes away later is told by on_redis_down. */
static void tell_of_redis(struct worker *w)
{
    if (!w->redis_known && !redis_is_up(w->redis))
        log_info("waiting", LOG_STR("for", "Redis"), LOG_STR("reason", redis_trouble(w->redis)));
    w->redis_known = true;
}

static void on_second(void *ctx)
{
    struct worker *w = ctx;
    tell_of_redis(w);
    *w->stats.loop_lag_seconds = (double)loop_take_longest_turn_ms(w->loop) / 1000.0;
    if (w->ownership) {
        ownership_second(w->ownership);
        schedule_second(w->schedule);
        endpoint_shelf_tidy(&w->endpoints, w->core.now_ms);
        stats_generation(&w->stats, ownership_generation(w->ownership));
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
    if (start_waiting_for(w->start))
        return start_waiting_for(w->start);
    if (!redis_is_up(w->redis))
        return "waiting for Redis";
    return ownership_joined(w->ownership) ? NULL : "waiting for the consumer group";
}

/* ---- life ---- */

/* Eight connections for each POST that may be in flight, so that some thousand endpoints keep theirs while they take turns: a new
 * one costs ten POSTs over a kept one. And no more than there are descriptors for. */
static int connections_most(const struct worker *w)
{
    struct rlimit files;
    int64_t most = w->settings.slots * CONNECTIONS_A_SLOT;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
        files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
        (int64_t)files.rlim_cur - FILES_ELSEWHERE < most)
        most = (int64_t)files.rlim_cur - FILES_ELSEWHERE;
    return most > FILES_LEAST ? (int)most : FILES_LEAST;
}

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
    return err == ERR_OK
               ? target_policy_make(s->common.allow_http, s->common.allow_targets, s->common.deny_targets, &w->policy, why)
               : err;
}

static enum err open_proxy(struct worker *w, struct errmsg *why)
{
    const struct worker_settings *s = &w->settings;
    const struct http_proxy_options o = {
        .loop = w->loop, .resolver = w->resolver, .url = s->egress_proxy, .credentials_file = s->egress_proxy_credentials_file};
    struct errmsg inner;
    if (*s->egress_proxy == '\0')
        return ERR_OK;
    enum err err = http_proxy_new(&o, &w->proxy, &inner);
    return err == ERR_OK ? err : errmsg_set(why, err, "TRUEFTP_EGRESS_PROXY: %.480s", inner.text);
}

static enum err open_io(struct worker *w, struct errmsg *why)
{
    struct redis_options ro = {.url = w->settings.common.redis_url,
                               .password_file = w->settings.redis_password_file,
                               .tls = {.ca = w->settings.redis_ca_file,
                                       .certificate = w->settings.redis_certificate_file,
                                       .key = w->settings.redis_key_file},
                               .deadline_ms = 2000,
                               .on_up = on_redis_up,
                               .on_down = on_redis_down,
                               .ctx = w,
                               .metrics = w->metrics,
                               .metrics_prefix = "trueftp_worker"};
    struct http_client_options ho = {.loop = w->loop,
                                     .policy = &w->policy,
                                     .user_agent = USER_AGENT,
                                     .max_connections = connections_most(w),
                                     .metrics = w->metrics,
                                     .metrics_prefix = "trueftp_worker"};
    struct admin_checks checks = {.live = live, .ready = ready, .ctx = w};
    enum err err = admin_start(w->loop, w->settings.common.admin_listen, w->metrics, checks, &w->admin, why);
    if (err != ERR_OK)
        return err;
    w->resolver = resolver_new(w->loop, NULL, why);
    if (!w->resolver)
        return ERR_IO;
    err = open_proxy(w, why);
    if (err != ERR_OK)
        return err;
    ho.resolver = w->resolver;
    ho.proxy = w->proxy;
    w->http = http_client_new(&ho);
    endpoint_shelf_init(&w->endpoints, w->http);
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
    w->ages = ages_new();
    stats_init(&w->stats, w->metrics, w);
    w->kafka = (struct kafka_options){.loop = w->loop,
                                      .brokers = w->settings.common.kafka_brokers,
                                      .config_file = w->settings.common.kafka_config,
                                      .client_id = "trueftp-worker",
                                      .metrics = w->metrics,
                                      .metrics_prefix = "trueftp_worker"};
    core_set_time(&w->core, loop_now(w->loop), loop_wall(w->loop));
    core_init(&w->core, &worker_ports, w, (uint64_t)clock_wall_ms() ^ (uint64_t)getpid() << 40);
    w->core.retry = (struct retry_policy){w->settings.retry_base_ms, w->settings.retry_factor, w->settings.retry_max_ms};
    w->core.write_again_ms = WRITE_AGAIN_MS;
    w->core.hold_max_ms = HOLD_MAX_MS;
    w->core.bound_lag_ms = BOUND_LAG_MS;
    w->core.events_topic = w->events_topic;
    w->core.max_jobs = (int)w->settings.slots * JOBS_A_SLOT;
    buf_init(&w->event_scratch, 2 * EVENT_MAX_BYTES);
    buf_init(&w->header_lines, 16384);
    err = open_io(w, why);
    if (err != ERR_OK)
        return err;
    w->index = index_new(w->redis, &w->core, w->events_topic, INDEX_SLOT_MS);
    w->schedule = schedule_new(w);
    w->dlq = dlq_new(w);
    w->health = health_new(w);
    w->keys = keys_new(w);
    loop_on_wake(w->loop, on_wake, w);
    w->turn = loop_turn_new(w->loop, LOOP_ORDER_WORK, on_turn, w);
    w->second = loop_timer_new(w->loop, on_second, w);
    w->deadline = loop_timer_new(w->loop, on_deadline, w);
    loop_timer_arm(w->second, SECOND_MS);
    w->start = start_new(w);
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
    w->stop_by_ms = w->core.now_ms + WORKER_DRAIN_MS + WORKER_ANSWER_MS;
    if (w->ownership)
        ownership_close(w->ownership);
}

void worker_done(struct worker *w)
{
    /* First, since it answers what it was asked: for partitions that wait for that to be released, and about endpoints, which it
     * keeps alive. */
    if (w->redis)
        redis_free(w->redis);
    ownership_free(w->ownership);
    backlog_free(w->backlog);
    schedule_free(w->schedule); /* its gates keep endpoints */
    table_free(w->table);
    if (w->http)
        http_client_free(w->http);
    http_proxy_free(w->proxy);
    index_free(w->index);
    dlq_free(w->dlq);
    health_free(w->health);
    ages_free(w->ages);
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
    start_free(w->start);
    if (w->turn)
        loop_turn_free(w->turn);
    core_done(&w->core);
    buf_done(&w->event_scratch);
    buf_done(&w->header_lines);
    target_policy_done(&w->policy);
    keys_free(w->keys);
    keyring_free(w->keyring);
    metrics_free(w->metrics);
    loop_free(w->loop);
}
