#include "safety.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_REPLICATION 3
#define MIN_INSYNC 2
#define DAY_MS (24 * 3600000LL)
#define DEFAULT_ATTEMPTS 3

/* One topic being looked at. */
struct check_run {
    const struct kafka_topic *topic;
    safety_fn *fn;
    void *ctx;
    int findings;
};

static void find(struct check_run *c, const char *setting, const char *actual, const char *needed)
{
    c->findings++;
    c->fn(c->ctx, setting, actual, needed);
}

/* NULL, and a finding, where the broker does not tell it. */
static const char *value_of(struct check_run *c, const char *name)
{
    for (int i = 0; i < c->topic->setting_count; i++)
        if (strcmp(c->topic->settings[i].name, name) == 0)
            return c->topic->settings[i].value;
    find(c, name, "not told by the broker", "to be known");
    return NULL;
}

static bool has_policy(const char *list, const char *word)
{
    size_t len = strlen(word);
    while (*list) {
        size_t n = strcspn(list, ", ");
        if (n == len && memcmp(list, word, len) == 0)
            return true;
        list += n + strspn(list + n, ", ");
    }
    return false;
}

static void at_least(struct check_run *c, const char *name, int64_t least, const char *unlimited)
{
    char needed[48];
    const char *value = value_of(c, name);
    if (!value || (unlimited && strcmp(value, unlimited) == 0) || strtoll(value, NULL, 10) >= least)
        return;
    snprintf(needed, sizeof needed, "at least %" PRId64, least);
    find(c, name, value, needed);
}

static void check_replication(struct check_run *c)
{
    char actual[16];
    snprintf(actual, sizeof actual, "%d", c->topic->replication_factor);
    if (c->topic->replication_factor < MIN_REPLICATION)
        find(c, "replication factor", actual, "at least 3");
}

static void check_election(struct check_run *c)
{
    const char *value = value_of(c, "unclean.leader.election.enable");
    if (value && strcmp(value, "false") != 0)
        find(c, "unclean.leader.election.enable", value, "false");
}

/* Compaction would take all but the last event of a path. */
static void check_events(struct check_run *c, int64_t retry_window_ms)
{
    const char *policy = value_of(c, "cleanup.policy");
    if (policy && has_policy(policy, "compact"))
        find(c, "cleanup.policy", policy, "without compact");
    if (policy && has_policy(policy, "delete"))
        at_least(c, "retention.ms", retry_window_ms, "-1");
}

/* An open delivery is written again every 7 days, so that retention does not take it. */
static void check_deliveries(struct check_run *c)
{
    const char *policy = value_of(c, "cleanup.policy");
    if (policy && !has_policy(policy, "compact"))
        find(c, "cleanup.policy", policy, "with compact");
    if (policy && has_policy(policy, "delete"))
        at_least(c, "retention.ms", 7 * DAY_MS, "-1");
}

int64_t safety_retry_window_ms(const struct retry_policy *policy)
{
    int64_t longest_ms = policy->max_ms + policy->max_ms / 5; /* jitter */
    int64_t window_ms = (DEFAULT_ATTEMPTS - 1) * longest_ms;
    return window_ms > DAY_MS ? window_ms : DAY_MS;
}

int safety_check(enum topic kind, const struct kafka_topic *topic, int64_t retry_window_ms, safety_fn *fn, void *ctx)
{
    struct check_run c = {.topic = topic, .fn = fn, .ctx = ctx};
    check_replication(&c);
    if (topic->undescribed) {
        find(&c, "all settings", topic->undescribed, "to be told by the broker");
        return c.findings;
    }
    at_least(&c, "min.insync.replicas", MIN_INSYNC, NULL);
    check_election(&c);
    if (kind == TOPIC_EVENTS)
        check_events(&c, retry_window_ms);
    else
        check_deliveries(&c);
    return c.findings;
}
