#include "producer/outlet.h"

#include <stdlib.h>
#include <string.h>

#include "producer/pools.h"
#include "util/log.h"
#include "util/mem.h"

#define ASK_AGAIN_MS 1000      /* partitions, until they are known */
#define REFRESH_MS (60 * 1000) /* and afterwards */

struct outlet {
    struct publisher *publisher;
    struct routes *routes; /* the publisher's */
    struct kafka_admin *admin;
    struct pools *pools;
    struct loop_timer *ask;
    size_t asked; /* which topic's partitions are asked for; only while `asking` */
    bool asking;
};

static void ask_next(struct outlet *out);

/* The shared topic must be there: it is asked for until it is. */
static void settle(struct outlet *out, enum err err, int32_t count)
{
    const char *topic = routes_topic(out->routes, out->asked);
    int32_t before = routes_partitions(out->routes, out->asked);
    bool answered = routes_answered(out->routes, out->asked);
    if (err == ERR_OK) {
        if (count != before)
            log_info("topic_seen", LOG_STR("topic", topic), LOG_INT("partitions", count));
        routes_set_partitions(out->routes, topic, count);
    } else if (err == ERR_NOT_FOUND && out->asked > 0) {
        if (before > 0 || !answered)
            log_error("pool_topic_missing", LOG_STR("topic", topic), LOG_STR("instead", routes_topic(out->routes, 0)));
        routes_set_partitions(out->routes, topic, 0);
    } else if (before == 0) {
        log_warn("topic_not_seen", LOG_STR("topic", topic), LOG_STR("error", err_name(err)));
    }
}

static bool all_answered(const struct outlet *out)
{
    for (size_t i = 0; routes_topic(out->routes, i); i++) {
        if (!routes_answered(out->routes, i))
            return false;
    }
    return true;
}

static void on_partitions(void *ctx, enum err err, int32_t count)
{
    struct outlet *out = ctx;
    settle(out, err, count);
    out->asked++;
    ask_next(out);
}

static void ask_next(struct outlet *out)
{
    const char *topic = routes_topic(out->routes, out->asked);
    out->asking = topic != NULL;
    if (topic)
        kafka_admin_partitions(out->admin, topic, on_partitions, out);
    else
        loop_timer_arm(out->ask, all_answered(out) ? REFRESH_MS : ASK_AGAIN_MS);
}

static void on_ask(void *ctx)
{
    struct outlet *out = ctx;
    if (out->asking)
        return;
    out->asked = 0;
    ask_next(out);
}

static void on_accounts(void *ctx)
{
    struct outlet *out = ctx;
    publisher_hold(out->publisher, !pools_ready(out->pools));
    if (!out->asking)
        loop_timer_arm(out->ask, 0);
}

static enum err start(const struct outlet_options *o, struct outlet *out, struct errmsg *why)
{
    struct kafka_options kafka = {
        .loop = o->loop,
        .brokers = o->settings->kafka_brokers,
        .config_file = o->settings->kafka_config,
        .client_id = "trueftp-producer",
        .metrics = o->metrics,
        .metrics_prefix = "trueftp_producer",
    };
    struct publish_options options = {
        .kafka = &kafka, .topic_prefix = o->settings->topic_prefix, .linger_ms = 0, .refused = o->refused, .ctx = o->ctx};
    enum err err = publisher_new(&options, &out->publisher, why);
    if (err == ERR_OK)
        err = kafka_admin_new(&kafka, &out->admin, why);
    if (err != ERR_OK)
        return err;
    out->routes = publisher_routes(out->publisher);
    publisher_hold(out->publisher, true);
    struct pools_options accounts = {.kafka = &kafka,
                                     .admin = out->admin,
                                     .topic_prefix = o->settings->topic_prefix,
                                     .routes = out->routes,
                                     .changed = on_accounts,
                                     .ctx = out};
    out->pools = pools_new(&accounts);
    return ERR_OK;
}

enum err outlet_new(const struct outlet_options *o, struct outlet **result, struct errmsg *why)
{
    struct outlet *out = mem_zalloc(sizeof(*out));
    out->ask = loop_timer_new(o->loop, on_ask, out);
    enum err err = start(o, out, why);
    if (err != ERR_OK) {
        outlet_free(out);
        return err;
    }
    loop_timer_arm(out->ask, 0);
    *result = out;
    return ERR_OK;
}

void outlet_free(struct outlet *out)
{
    if (!out)
        return;
    if (out->admin)
        kafka_admin_free(out->admin);
    pools_free(out->pools);
    loop_timer_free(out->ask);
    publisher_free(out->publisher);
    free(out);
}

struct publisher *outlet_publisher(struct outlet *out)
{
    return out->publisher;
}

const char *outlet_not_ready(const struct outlet *out)
{
    if (routes_partitions(out->routes, 0) == 0)
        return "the events topic's partitions are not known yet";
    return pools_ready(out->pools) ? NULL : "the accounts were not read yet";
}
