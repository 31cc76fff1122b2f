#include "producer/agent.h"

#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "io/admin.h"
#include "io/confine.h"
#include "producer/announce.h"
#include "producer/notify.h"
#include "producer/outlet.h"
#include "producer/users.h"
#include "util/clock.h"
#include "util/log.h"

#define TICK_MS 1000
#define DRAIN_MS 10000
#define STALLED_TURN_MS 15000

enum { ORDER_WORK = 10 };

struct agent {
    const struct producer_settings *settings;
    struct loop *loop;
    struct metrics *metrics;
    struct counters counters;
    struct sources sources;
    struct announcer *announcers[SOURCES_MAX];
    size_t announcer_count;
    struct users *users[SOURCES_MAX]; /* the sources that are files of users */
    size_t users_count;
    struct outlet *outlet;
    struct publisher *publisher; /* the outlet's */
    struct admin *admin;
    struct loop_turn *turn;
    struct loop_timer *tick, *drain;
    int lock;
    bool stopping;
    char not_ready[256];
};

/* -------- the admin port -------- */

static const char *live(void *ctx)
{
    const struct agent *a = ctx;
    return loop_turn_age_ms(a->loop) > STALLED_TURN_MS ? "the loop stands still" : NULL;
}

static const char *ready(void *ctx)
{
    struct agent *a = ctx;
    if (a->stopping)
        return "stopping";
    if (outlet_not_ready(a->outlet))
        return outlet_not_ready(a->outlet);
    for (size_t i = 0; i < a->announcer_count; i++) {
        if (!announcer_watching(a->announcers[i])) {
            snprintf(a->not_ready, sizeof(a->not_ready), "source %s: the log's folder is not there",
                     announcer_name(a->announcers[i]));
            return a->not_ready;
        }
    }
    for (size_t i = 0; i < a->users_count; i++) {
        if (!users_watching(a->users[i])) {
            snprintf(a->not_ready, sizeof(a->not_ready), "source %s: the file's folder is not there", users_name(a->users[i]));
            return a->not_ready;
        }
    }
    return NULL;
}

static double bytes_behind(void *ctx)
{
    const struct agent *a = ctx;
    int64_t sum = 0;
    for (size_t i = 0; i < a->announcer_count; i++)
        sum += announcer_bytes_behind(a->announcers[i]);
    return (double)sum;
}

static double oldest_seconds(void *ctx)
{
    const struct agent *a = ctx;
    int64_t now = loop_now(a->loop), oldest = now;
    for (size_t i = 0; i < a->announcer_count; i++) {
        int64_t since = announcer_oldest_ms(a->announcers[i]);
        oldest = since < oldest ? since : oldest;
    }
    for (size_t i = 0; i < a->users_count; i++) {
        int64_t since = users_oldest_ms(a->users[i]);
        oldest = since < oldest ? since : oldest;
    }
    return (double)(now - oldest) / 1000;
}

static double checkpoint_seconds(void *ctx)
{
    const struct agent *a = ctx;
    int64_t now = loop_now(a->loop), oldest = now;
    for (size_t i = 0; i < a->announcer_count; i++) {
        int64_t saved = announcer_saved_ms(a->announcers[i]);
        oldest = saved < oldest ? saved : oldest;
    }
    return (double)(now - oldest) / 1000;
}

static double outstanding(void *ctx)
{
    const struct agent *a = ctx;
    return publisher_outstanding(a->publisher);
}

static void register_gauges(struct agent *a)
{
    struct metrics *m = a->metrics;
    metrics_gauge_fn(m, "trueftp_producer_behind_bytes", "Bytes of the logs that were not read yet.", NULL, bytes_behind, a);
    metrics_gauge_fn(m, "trueftp_producer_oldest_unacknowledged_seconds",
                     "Age of the oldest event that Kafka has not acknowledged; 0: none.", NULL, oldest_seconds, a);
    metrics_gauge_fn(m, "trueftp_producer_checkpoint_age_seconds", "How old the oldest checkpoint of a source is.", NULL,
                     checkpoint_seconds, a);
    metrics_gauge_fn(m, "trueftp_producer_events_outstanding", "Events on their way to Kafka.", NULL, outstanding, a);
}

/* -------- the loop -------- */

static bool work(void *ctx)
{
    struct agent *a = ctx;
    bool left = false;
    for (size_t i = 0; i < a->announcer_count; i++)
        left = announcer_work(a->announcers[i]) || left;
    for (size_t i = 0; i < a->users_count; i++)
        left = users_work(a->users[i]) || left;
    publisher_flush(a->publisher);
    if (a->stopping && publisher_outstanding(a->publisher) == 0)
        loop_stop(a->loop);
    return left;
}

static void on_tick(void *ctx)
{
    struct agent *a = ctx;
    for (size_t i = 0; i < a->announcer_count; i++)
        announcer_tick(a->announcers[i]);
    for (size_t i = 0; i < a->users_count; i++)
        users_tick(a->users[i]);
    loop_timer_arm(a->tick, TICK_MS);
}

static void on_drained(void *ctx)
{
    struct agent *a = ctx;
    log_warn("drain_ended", LOG_INT("outstanding", publisher_outstanding(a->publisher)));
    loop_stop(a->loop);
}

static void on_signal(void *ctx, int signo)
{
    struct agent *a = ctx;
    if (a->stopping) {
        loop_stop(a->loop);
        return;
    }
    log_info("stopping", LOG_INT("signal", signo), LOG_INT("outstanding", publisher_outstanding(a->publisher)));
    a->stopping = true;
    notify_supervisor("STOPPING=1");
    for (size_t i = 0; i < a->announcer_count; i++)
        announcer_stop(a->announcers[i]);
    for (size_t i = 0; i < a->users_count; i++)
        users_stop(a->users[i]);
    loop_timer_arm(a->drain, DRAIN_MS);
}

static void on_refused(void *ctx, enum err err, struct slice key)
{
    struct agent *a = ctx;
    ++*a->counters.quarantined[SOURCE_UNPUBLISHABLE];
    log_error("event_refused", LOG_STR("error", err_name(err)), LOG_SLICE("key", key));
}

/* -------- start and end -------- */

static int start_kafka(struct agent *a, struct errmsg *why)
{
    struct outlet_options o = {
        .loop = a->loop, .settings = &a->settings->shared, .metrics = a->metrics, .refused = on_refused, .ctx = a};
    if (outlet_new(&o, &a->outlet, why) != ERR_OK)
        return EX_USAGE;
    a->publisher = outlet_publisher(a->outlet);
    return 0;
}

static enum err start_log(struct agent *a, const struct source_config *c, struct errmsg *why)
{
    struct announcer_options o = {
        .loop = a->loop, .config = c, .publisher = a->publisher, .counters = &a->counters, .data_dir = a->settings->data_dir};
    enum err err = announcer_new(&o, &a->announcers[a->announcer_count], why);
    a->announcer_count += err == ERR_OK;
    return err;
}

static enum err start_users(struct agent *a, const struct source_config *c, struct errmsg *why)
{
    struct users_options o = {
        .loop = a->loop, .config = c, .publisher = a->publisher, .counters = &a->counters, .data_dir = a->settings->data_dir};
    enum err err = users_new(&o, &a->users[a->users_count], why);
    a->users_count += err == ERR_OK;
    return err;
}

static int start_sources(struct agent *a, struct errmsg *why)
{
    for (size_t i = 0; i < a->sources.count; i++) {
        const struct source_config *c = a->sources.list[i];
        enum err err = c->is_users ? start_users(a, c, why) : start_log(a, c, why);
        if (err != ERR_OK)
            return err == ERR_INVALID ? EX_USAGE : EX_UNAVAILABLE;
    }
    return 0;
}

/* Logs may be anywhere, and their folders may come and go: reading is free. Written are checkpoints, spools, and sockets. */
static enum err confine_agent(const struct agent *a, struct errmsg *why)
{
    struct sandbox s;
    enum err err = confine_init(&s, &a->settings->shared, why);
    if (err != ERR_OK)
        return err;
    sandbox_read_below(&s, "/");
    sandbox_write_below(&s, a->settings->data_dir);
    for (size_t i = 0; i < a->sources.count; i++) {
        const struct source_config *c = a->sources.list[i];
        if (c->format == &source_spool)
            sandbox_write_below(&s, c->path);
        if (c->socket)
            sandbox_write_beside(&s, c->socket);
    }
    return confine_enter(&s, why);
}

static int start(struct agent *a, struct errmsg *why)
{
    if (sources_load(a->settings->sources, &a->sources, why) != ERR_OK)
        return EX_USAGE;
    sources_place_spools(&a->sources, a->settings->data_dir);
    sources_add_spool(&a->sources, a->settings->data_dir);
    if (checkpoint_lock(a->settings->data_dir, &a->lock, why) != ERR_OK)
        return EX_CANTCREAT;
    if (confine_agent(a, why) != ERR_OK)
        return EX_CONFIG;
    counters_register(&a->counters, a->metrics);
    int status = start_kafka(a, why);
    if (status == 0)
        status = start_sources(a, why);
    if (status != 0)
        return status;
    register_gauges(a);
    struct admin_checks checks = {.live = live, .ready = ready, .ctx = a};
    enum err err = admin_start(a->loop, a->settings->shared.admin_listen, a->metrics, checks, &a->admin, why);
    if (err == ERR_OK)
        return 0;
    return err == ERR_INVALID ? EX_CONFIG : EX_UNAVAILABLE;
}

static void run(struct agent *a)
{
    a->turn = loop_turn_new(a->loop, ORDER_WORK, work, a);
    a->tick = loop_timer_new(a->loop, on_tick, a);
    a->drain = loop_timer_new(a->loop, on_drained, a);
    loop_timer_arm(a->tick, TICK_MS);
    loop_on_signal(a->loop, SIGTERM, on_signal, a);
    loop_on_signal(a->loop, SIGINT, on_signal, a);
    log_info("started", LOG_INT("sources", a->announcer_count + a->users_count), LOG_INT("admin_port", admin_port(a->admin)),
             LOG_STR("topic", routes_topic(publisher_routes(a->publisher), 0)));
    notify_supervisor("READY=1");
    loop_run(a->loop);
    for (size_t i = 0; i < a->announcer_count; i++)
        announcer_save(a->announcers[i]);
    for (size_t i = 0; i < a->users_count; i++)
        users_save(a->users[i]);
    log_info("stopped", LOG_INT("outstanding", publisher_outstanding(a->publisher)));
}

static void finish(struct agent *a)
{
    loop_turn_free(a->turn);
    loop_timer_free(a->tick);
    loop_timer_free(a->drain);
    if (a->admin)
        admin_stop(a->admin);
    for (size_t i = 0; i < a->announcer_count; i++)
        announcer_free(a->announcers[i]);
    for (size_t i = 0; i < a->users_count; i++)
        users_free(a->users[i]);
    outlet_free(a->outlet);
    sources_done(&a->sources);
    metrics_free(a->metrics);
    loop_free(a->loop);
    if (a->lock >= 0)
        close(a->lock);
}

int agent_run(const struct producer_settings *s)
{
    struct errmsg why = {""};
    struct agent a = {.settings = s, .loop = loop_new(), .metrics = metrics_new(), .lock = -1};
    int status = start(&a, &why);
    if (status == 0)
        run(&a);
    else
        log_error("not_started", LOG_STR("message", why.text));
    finish(&a);
    return status;
}
