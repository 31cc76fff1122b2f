/* Which topic settings are found to be unsafe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "safety.h"

#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct seen {
    char text[512];
};

static void on_finding(void *ctx, const char *setting, const char *actual, const char *needed)
{
    struct seen *seen = ctx;
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof seen->text - used, "%s%s=%s (%s)", used ? "; " : "", setting, actual, needed);
}

struct row {
    const char *what;
    enum topic kind;
    int replication;
    const char *insync, *unclean, *policy, *retention; /* NULL: not told */
    const char *findings;
};

static const struct row rows[] = {
    {"events as made", TOPIC_EVENTS, 3, "2", "false", "delete", "604800000", ""},
    {"deliveries as made", TOPIC_DELIVERIES, 3, "2", "false", "compact,delete", "2592000000", ""},
    {"deliveries, the other order", TOPIC_DELIVERIES, 5, "3", "false", "delete, compact", "604800000", ""},
    {"kept for ever", TOPIC_EVENTS, 3, "2", "false", "delete", "-1", ""},
    {"deliveries that are compacted alone have no retention", TOPIC_DELIVERIES, 3, "2", "false", "compact", "1000", ""},
    {"two copies", TOPIC_EVENTS, 2, "2", "false", "delete", "-1", "replication factor=2 (at least 3)"},
    {"one copy is enough to acknowledge", TOPIC_DELIVERIES, 3, "1", "false", "compact", "-1",
     "min.insync.replicas=1 (at least 2)"},
    {"unclean election", TOPIC_EVENTS, 3, "2", "true", "delete", "-1", "unclean.leader.election.enable=true (false)"},
    {"events gone too early", TOPIC_EVENTS, 3, "2", "false", "delete", "86399999", "retention.ms=86399999 (at least 86400000)"},
    {"events kept just long enough", TOPIC_EVENTS, 3, "2", "false", "delete", "86400000", ""},
    {"deliveries gone too early", TOPIC_DELIVERIES, 3, "2", "false", "compact,delete", "604799999",
     "retention.ms=604799999 (at least 604800000)"},
    {"a log that is not compacted", TOPIC_DELIVERIES, 3, "2", "false", "delete", "-1", "cleanup.policy=delete (with compact)"},
    {"compacted events", TOPIC_EVENTS, 3, "2", "false", "compact", "-1", "cleanup.policy=compact (without compact)"},
    {"all at once", TOPIC_DELIVERIES, 1, "1", "true", "delete", "1",
     "replication factor=1 (at least 3); min.insync.replicas=1 (at least 2); unclean.leader.election.enable=true (false); "
     "cleanup.policy=delete (with compact); retention.ms=1 (at least 604800000)"},
    {"a setting that is not told", TOPIC_EVENTS, 3, "2", NULL, "delete", "-1",
     "unclean.leader.election.enable=not told by the broker (to be known)"},
};

static void add(struct kafka_topic *t, struct kafka_setting *settings, const char *name, const char *value)
{
    if (value)
        settings[t->setting_count++] = (struct kafka_setting){name, value};
}

static void test_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *r = &rows[i];
        struct kafka_setting settings[4];
        struct kafka_topic t = {.partitions = 4, .replication_factor = r->replication, .settings = settings};
        struct seen seen = {""};
        add(&t, settings, "min.insync.replicas", r->insync);
        add(&t, settings, "unclean.leader.election.enable", r->unclean);
        add(&t, settings, "cleanup.policy", r->policy);
        add(&t, settings, "retention.ms", r->retention);
        int count = safety_check(r->kind, &t, DAY_MS, on_finding, &seen);
        if (strcmp(seen.text, r->findings) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", r->what, seen.text, r->findings);
        assert_int_equal(count == 0, r->findings[0] == '\0');
    }
}

static void test_a_broker_that_tells_nothing(void **state)
{
    (void)state;
    struct kafka_topic t = {.partitions = 4, .replication_factor = 3, .undescribed = "Local: Unsupported"};
    struct seen seen = {""};
    assert_int_equal(safety_check(TOPIC_EVENTS, &t, DAY_MS, on_finding, &seen), 1);
    assert_string_equal(seen.text, "all settings=Local: Unsupported (to be told by the broker)");
}

static void test_retry_window(void **state)
{
    (void)state;
    static const struct {
        struct retry_policy policy;
        int64_t window_ms;
    } cases[] = {
        {{10000, 6, 6 * HOUR_MS}, DAY_MS}, /* 14.4 h */
        {{200, 2, 5000}, DAY_MS},
        {{10000, 6, DAY_MS}, 2 * DAY_MS + 2 * DAY_MS / 5},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(safety_retry_window_ms(&cases[i].policy), cases[i].window_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_a_broker_that_tells_nothing),
        cmocka_unit_test(test_retry_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
