#include "start.h"

#include <stdlib.h>

#include "backlog.h"
#include "ownership.h"
#include "safety.h"
#include "table.h"
#include "util/log.h"
#include "util/mem.h"
#include "worker.h"

#define AGAIN_MS 1000
#define TABLES_MS 20
#define ASK_SETTINGS 2 /* so often, before a broker counts as one that does not tell them: it may be in trouble for a moment */
#define EXIT_SOFTWARE 70
#define EXIT_CONFIG 78

/* The topics that are read and written. Settings are looked at for those that deliveries depend on. */
enum needed { EVENTS, DELIVERIES, WEBHOOKS, ACCOUNTS, NEEDED };

struct question {
    struct start *start;
    enum topic kind;
    const char *topic;
    int32_t partitions; /* -1: not known */
};

struct start {
    struct worker *worker;
    struct loop_timer *timer;
    const char *waiting_for, *told; /* told: what was logged last */
    struct question questions[NEEDED];
    int unanswered; /* of those asked last */
    bool missing;   /* a topic is not there */
    bool ask_again; /* settings were not told, which may pass */
    int asked;      /* for settings, how often */
    int findings;
    bool topics_known;
};

static void give_up(struct worker *w, int status)
{
    w->exit_status = status;
    loop_stop(w->loop);
}

static void wait_for(struct start *s, const char *what)
{
    if (s->told != what)
        log_info("waiting", LOG_STR("for", what));
    s->waiting_for = s->told = what;
    loop_timer_arm(s->timer, AGAIN_MS);
}

/* ---- the group ---- */

static void join(struct worker *w)
{
    struct errmsg why;
    w->backlog = backlog_new(w, w->event_partitions);
    if (ownership_new(w, w->event_partitions, &w->ownership, &why) != ERR_OK) {
        log_error("group_failed", LOG_STR("error", why.text));
        give_up(w, EXIT_SOFTWARE);
        return;
    }
    w->start->waiting_for = NULL;
    log_info("joining", LOG_STR("group", w->group_id), LOG_STR("topic", w->events_topic));
}

/* ---- the tables ---- */

static void read_tables(struct start *s)
{
    struct worker *w = s->worker;
    struct errmsg why;
    if (table_new(w, s->questions[WEBHOOKS].partitions, s->questions[ACCOUNTS].partitions, &w->table, &why) != ERR_OK) {
        log_error("table_failed", LOG_STR("error", why.text));
        give_up(w, EXIT_SOFTWARE);
        return;
    }
    s->waiting_for = "webhooks and accounts";
    loop_timer_arm(s->timer, 0);
}

/* ---- settings of the topics ---- */

static void on_finding(void *ctx, const char *setting, const char *actual, const char *needed)
{
    const struct question *q = ctx;
    enum log_level level = q->start->worker->settings.common.dev ? LOG_WARN : LOG_ERROR;
    LOG_AT(level, "topic_unsafe", LOG_STR("topic", q->topic), LOG_STR("setting", setting), LOG_STR("actual", actual),
           LOG_STR("needed", needed));
}

static void settings_known(struct start *s)
{
    struct worker *w = s->worker;
    if (w->settings.common.dev || w->stopping)
        return; /* the start went on meanwhile */
    if (s->ask_again) {
        wait_for(s, "Kafka");
    } else if (s->findings > 0) {
        log_error("start_refused", LOG_STR("error", "events could be lost with these topics (TRUEFTP_DEV=1 accepts them)"),
                  LOG_INT("findings", s->findings));
        give_up(w, EXIT_CONFIG);
    } else {
        read_tables(s);
    }
}

static void on_topic(void *ctx, enum err err, const struct kafka_topic *topic)
{
    struct question *q = ctx;
    struct start *s = q->start;
    const struct worker_settings *set = &s->worker->settings;
    struct retry_policy policy = {set->retry_base_ms, set->retry_factor, set->retry_max_ms};
    if (err != ERR_OK || (topic->undescribed && s->asked < ASK_SETTINGS && !set->common.dev))
        s->ask_again = true;
    else
        s->findings += safety_check(q->kind, topic, safety_retry_window_ms(&policy), on_finding, q);
    if (--s->unanswered == 0)
        settings_known(s);
}

/* In development nothing waits for the answer: some brokers that are good enough for it never give one. */
static void ask_settings(struct start *s)
{
    struct worker *w = s->worker;
    s->unanswered = 2;
    s->findings = 0;
    s->ask_again = false;
    s->asked++;
    kafka_admin_topic(w->kafka_admin, w->events_topic, on_topic, &s->questions[EVENTS]);
    kafka_admin_topic(w->kafka_admin, w->deliveries_topic, on_topic, &s->questions[DELIVERIES]);
    if (w->settings.common.dev)
        read_tables(s);
}

/* ---- the topics ---- */

static void topics_known(struct start *s)
{
    struct worker *w = s->worker;
    int32_t events = s->questions[EVENTS].partitions, deliveries = s->questions[DELIVERIES].partitions;
    if (events != deliveries) {
        log_error("topics_differ", LOG_STR("events", w->events_topic), LOG_INT("partitions", events),
                  LOG_STR("deliveries", w->deliveries_topic), LOG_INT("delivery_partitions", deliveries));
        give_up(w, EXIT_CONFIG);
        return;
    }
    s->topics_known = true;
    w->event_partitions = events;
    ask_settings(s);
}

static void on_partitions(void *ctx, enum err err, int32_t count)
{
    struct question *q = ctx;
    struct start *s = q->start;
    q->partitions = err == ERR_OK ? count : -1;
    s->missing = s->missing || err == ERR_NOT_FOUND;
    if (--s->unanswered > 0 || s->worker->stopping)
        return;
    for (int i = 0; i < NEEDED; i++) {
        if (s->questions[i].partitions < 0) {
            wait_for(s, s->missing ? "topics (trueftpctl topics ensure makes them)" : "Kafka");
            return;
        }
    }
    topics_known(s);
}

static void ask_topics(struct start *s)
{
    s->unanswered = NEEDED;
    s->missing = false;
    for (int i = 0; i < NEEDED; i++)
        kafka_admin_partitions(s->worker->kafka_admin, s->questions[i].topic, on_partitions, &s->questions[i]);
}

/* ---- life ---- */

static void step(void *ctx)
{
    struct start *s = ctx;
    struct worker *w = s->worker;
    if (w->stopping || w->ownership)
        return;
    if (!s->topics_known)
        ask_topics(s);
    else if (!w->table)
        ask_settings(s);
    else if (!table_complete(w->table))
        loop_timer_arm(s->timer, TABLES_MS);
    else
        join(w);
}

struct start *start_new(struct worker *w)
{
    struct start *s = mem_zalloc(sizeof *s);
    s->worker = w;
    s->waiting_for = "Kafka";
    s->questions[EVENTS] = (struct question){s, TOPIC_EVENTS, w->events_topic, -1};
    s->questions[DELIVERIES] = (struct question){s, TOPIC_DELIVERIES, w->deliveries_topic, -1};
    s->questions[WEBHOOKS] = (struct question){s, TOPIC_WEBHOOKS, w->webhooks_topic, -1};
    s->questions[ACCOUNTS] = (struct question){s, TOPIC_ACCOUNTS, w->accounts_topic, -1};
    s->timer = loop_timer_new(w->loop, step, s);
    loop_timer_arm(s->timer, 0);
    return s;
}

void start_free(struct start *s)
{
    if (!s)
        return;
    loop_timer_free(s->timer);
    free(s);
}

const char *start_waiting_for(const struct start *s)
{
    return s->waiting_for;
}
