/* Names and settings of the topics. */
#include "model/topics.h"

#include <stdio.h>
#include <string.h>

#define ALNUM_LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define ALNUM ALNUM_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define HOUR_MS "3600000"
#define DAY_MS "86400000"
#define DAYS_7_MS "604800000"
#define DAYS_30_MS "2592000000"
#define YEAR_MS "31536000000"

static const char *const suffixes[TOPIC_COUNT] = {
    [TOPIC_EVENTS] = "events",         [TOPIC_DELIVERIES] = "deliveries",     [TOPIC_WEBHOOKS] = "webhooks",
    [TOPIC_ACCOUNTS] = "accounts",     [TOPIC_EXPECTATIONS] = "expectations", [TOPIC_AUDIT] = "audit",
    [TOPIC_EVENTS_DLQ] = "events.dlq",
};

/* A record is at most 256 KiB of event and its key, which repeats the path. */
static const struct topic_setting events[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", DAYS_7_MS},
    {"max.message.bytes", "589824"},
    {NULL, NULL},
};

/* The worst record is about 1.6 MiB: a 256 KiB body whose every byte needs an escape, the path once more, and twenty
 * responses of 4 KiB of control characters, each six bytes long when escaped. */
static const struct topic_setting deliveries[] = {
    {"cleanup.policy", "compact,delete"},
    {"retention.ms", DAYS_30_MS},
    {"segment.ms", HOUR_MS},
    {"min.compaction.lag.ms", HOUR_MS},
    {"max.compaction.lag.ms", DAY_MS},
    {"delete.retention.ms", DAYS_7_MS},
    {"max.message.bytes", "2097152"},
    {NULL, NULL},
};

/* Definitions are few and read from the start by every program. A day's segments let them be compacted early; an hour of lag
 * keeps the record that won a race until the loser has appended it again; tombstones stay a week for a reader that was away; what
 * was deleted is gone within another. */
static const struct topic_setting definitions[] = {
    {"cleanup.policy", "compact"},
    {"min.cleanable.dirty.ratio", "0.1"},
    {"segment.ms", DAY_MS},
    {"min.compaction.lag.ms", HOUR_MS},
    {"max.compaction.lag.ms", DAYS_7_MS},
    {"delete.retention.ms", DAYS_7_MS},
    {NULL, NULL},
};

static const struct topic_setting audit[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", YEAR_MS},
    {NULL, NULL},
};

/* Whatever the events topic could hold, and the reason headers. */
static const struct topic_setting events_dlq[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", DAYS_30_MS},
    {"max.message.bytes", "1048576"},
    {NULL, NULL},
};

static const struct topic_setting *const settings[TOPIC_COUNT] = {
    [TOPIC_EVENTS] = events,         [TOPIC_DELIVERIES] = deliveries,    [TOPIC_WEBHOOKS] = definitions,
    [TOPIC_ACCOUNTS] = definitions,  [TOPIC_EXPECTATIONS] = definitions, [TOPIC_AUDIT] = audit,
    [TOPIC_EVENTS_DLQ] = events_dlq,
};

static bool has_pool(const char *pool)
{
    return pool && *pool;
}

void topic_name(enum topic topic, const char *prefix, const char *pool, char out[TOPIC_NAME_SIZE])
{
    bool pooled = has_pool(pool) && (topic == TOPIC_EVENTS || topic == TOPIC_DELIVERIES);
    int len = snprintf(out, TOPIC_NAME_SIZE, "%s.%s%s%s", prefix, suffixes[topic], pooled ? "." : "", pooled ? pool : "");
    check(len > 0 && len < TOPIC_NAME_SIZE);
}

void topic_worker_group(const char *prefix, const char *pool, char out[TOPIC_NAME_SIZE])
{
    bool pooled = has_pool(pool);
    int len = snprintf(out, TOPIC_NAME_SIZE, "%s-worker%s%s", prefix, pooled ? "." : "", pooled ? pool : "");
    check(len > 0 && len < TOPIC_NAME_SIZE);
}

const struct topic_setting *topic_settings(enum topic topic)
{
    return settings[topic];
}

bool topic_pool_valid(const char *pool)
{
    size_t len = strlen(pool);
    return len >= 1 && len <= 32 && strspn(pool, ALNUM_LOWER "-") == len && strcmp(pool, "dlq") != 0;
}

bool topic_prefix_valid(const char *prefix)
{
    size_t len = strlen(prefix);
    return len >= 1 && len <= 64 && prefix[0] != '.' && strspn(prefix, ALNUM "._-") == len;
}
