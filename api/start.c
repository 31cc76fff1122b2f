#include "start.h"

#include <stdlib.h>

#include "api.h"
#include "util/log.h"
#include "util/mem.h"

#define AGAIN_MS 1000
#define LOOK_MS 20
#define EXIT_SOFTWARE 70

enum needed { EVENTS, WEBHOOKS, ACCOUNTS, EXPECTATIONS, AUDIT, NEEDED };

static const enum topic needed_topics[NEEDED] = {TOPIC_EVENTS, TOPIC_WEBHOOKS, TOPIC_ACCOUNTS, TOPIC_EXPECTATIONS, TOPIC_AUDIT};

struct question {
    struct start *start;
    char topic[TOPIC_NAME_SIZE];
    int32_t partitions; /* -1: not known */
};

struct start {
    struct api *api;
    struct loop_timer *timer;
    const char *waiting_for;
    struct question questions[NEEDED];
    int unanswered;
    bool missing;
};

static void wait_for(struct start *s, const char *what)
{
    if (s->waiting_for != what)
        log_info("waiting", LOG_STR("for", what));
    s->waiting_for = what;
    loop_timer_arm(s->timer, AGAIN_MS);
}

static void read_definitions(struct start *s)
{
    struct api *api = s->api;
    struct errmsg why;
    struct definitions_partitions partitions = {.webhooks = s->questions[WEBHOOKS].partitions,
                                                .accounts = s->questions[ACCOUNTS].partitions,
                                                .expectations = s->questions[EXPECTATIONS].partitions,
                                                .audit = s->questions[AUDIT].partitions};
    api->event_partitions = s->questions[EVENTS].partitions;
    if (definitions_new(&api->kafka, api->settings.common.topic_prefix, &partitions, api->writer, &api->definitions, &why) !=
        ERR_OK) {
        log_error("definitions_failed", LOG_STR("error", why.text));
        api->exit_status = EXIT_SOFTWARE;
        loop_stop(api->loop);
        return;
    }
    recoveries_follow(api->recoveries);
    sessions_follow(api->sessions);
    s->waiting_for = "definitions";
    loop_timer_arm(s->timer, LOOK_MS);
}

static void on_partitions(void *ctx, enum err err, int32_t count)
{
    struct question *q = ctx;
    struct start *s = q->start;
    q->partitions = err == ERR_OK ? count : -1;
    s->missing = s->missing || err == ERR_NOT_FOUND;
    if (--s->unanswered > 0 || s->api->stopping)
        return;
    for (int i = 0; i < NEEDED; i++) {
        if (s->questions[i].partitions < 0) {
            wait_for(s, s->missing ? "topics (trueftpctl topics ensure makes them)" : "Kafka");
            return;
        }
    }
    read_definitions(s);
}

static void step(void *ctx)
{
    struct start *s = ctx;
    if (s->api->stopping)
        return;
    if (!s->api->definitions) {
        s->unanswered = NEEDED;
        s->missing = false;
        for (int i = 0; i < NEEDED; i++)
            kafka_admin_partitions(s->api->kafka_admin, s->questions[i].topic, on_partitions, &s->questions[i]);
    } else if (!definitions_complete(s->api->definitions)) {
        loop_timer_arm(s->timer, LOOK_MS);
    } else {
        s->waiting_for = NULL;
        log_info("ready");
    }
}

struct start *start_new(struct api *api)
{
    struct start *s = mem_zalloc(sizeof *s);
    s->api = api;
    s->waiting_for = "Kafka";
    for (int i = 0; i < NEEDED; i++) {
        s->questions[i].start = s;
        topic_name(needed_topics[i], api->settings.common.topic_prefix, NULL, s->questions[i].topic);
    }
    s->timer = loop_timer_new(api->loop, step, s);
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
