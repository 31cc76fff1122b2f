/* Topic names and settings, and the list of known configuration names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/settings.h"
#include "model/topics.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_names(void **state)
{
    (void)state;
    static const struct {
        enum topic topic;
        const char *prefix, *pool, *expected;
    } cases[] = {
        {TOPIC_EVENTS, "trueftp", NULL, "trueftp.events"},
        {TOPIC_EVENTS, "trueftp", "", "trueftp.events"},
        {TOPIC_EVENTS, "trueftp", "acme", "trueftp.events.acme"},
        {TOPIC_DELIVERIES, "trueftp", NULL, "trueftp.deliveries"},
        {TOPIC_DELIVERIES, "eu", "acme-2", "eu.deliveries.acme-2"},
        {TOPIC_WEBHOOKS, "trueftp", NULL, "trueftp.webhooks"},
        {TOPIC_WEBHOOKS, "trueftp", "acme", "trueftp.webhooks"},
        {TOPIC_ACCOUNTS, "trueftp", "acme", "trueftp.accounts"},
        {TOPIC_EXPECTATIONS, "trueftp", "acme", "trueftp.expectations"},
        {TOPIC_AUDIT, "trueftp", "acme", "trueftp.audit"},
        {TOPIC_EVENTS_DLQ, "trueftp", "acme", "trueftp.events.dlq"},
    };
    char name[TOPIC_NAME_SIZE];
    for (size_t i = 0; i < COUNT(cases); i++) {
        topic_name(cases[i].topic, cases[i].prefix, cases[i].pool, name);
        assert_string_equal(name, cases[i].expected);
    }
    topic_worker_group("trueftp", NULL, name);
    assert_string_equal(name, "trueftp-worker");
    topic_worker_group("trueftp", "", name);
    assert_string_equal(name, "trueftp-worker");
    topic_worker_group("eu", "acme", name);
    assert_string_equal(name, "eu-worker.acme");
}

static void test_longest_names_fit(void **state)
{
    (void)state;
    char prefix[65], pool[33], name[TOPIC_NAME_SIZE];
    memset(prefix, 'p', 64);
    memset(pool, 'q', 32);
    prefix[64] = pool[32] = '\0';
    assert_true(topic_prefix_valid(prefix));
    assert_true(topic_pool_valid(pool));
    topic_name(TOPIC_DELIVERIES, prefix, pool, name);
    assert_int_equal(strlen(name), 64 + strlen(".deliveries.") + 32);
}

static const char *setting(enum topic topic, const char *name)
{
    for (const struct topic_setting *s = topic_settings(topic); s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s->value;
    return NULL;
}

static long max_bytes(enum topic topic)
{
    const char *value = setting(topic, "max.message.bytes");
    assert_non_null(value);
    return strtol(value, NULL, 10);
}

static void test_settings(void **state)
{
    (void)state;
    static const struct {
        enum topic topic;
        const char *name, *value;
    } cases[] = {
        {TOPIC_EVENTS, "cleanup.policy", "delete"},
        {TOPIC_EVENTS, "retention.ms", "604800000"},
        {TOPIC_DELIVERIES, "cleanup.policy", "compact,delete"},
        {TOPIC_DELIVERIES, "retention.ms", "2592000000"},
        {TOPIC_DELIVERIES, "segment.ms", "3600000"},
        {TOPIC_DELIVERIES, "min.compaction.lag.ms", "3600000"},
        {TOPIC_DELIVERIES, "max.compaction.lag.ms", "86400000"},
        {TOPIC_DELIVERIES, "delete.retention.ms", "604800000"},
        {TOPIC_WEBHOOKS, "cleanup.policy", "compact"},
        {TOPIC_WEBHOOKS, "delete.retention.ms", "604800000"},
        {TOPIC_ACCOUNTS, "cleanup.policy", "compact"},
        {TOPIC_EXPECTATIONS, "cleanup.policy", "compact"},
        {TOPIC_AUDIT, "cleanup.policy", "delete"},
        {TOPIC_AUDIT, "retention.ms", "31536000000"},
        {TOPIC_EVENTS_DLQ, "cleanup.policy", "delete"},
        {TOPIC_EVENTS_DLQ, "retention.ms", "2592000000"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *value = setting(cases[i].topic, cases[i].name);
        assert_non_null(value);
        assert_string_equal(value, cases[i].value);
    }
    for (int t = 0; t < TOPIC_COUNT; t++)
        assert_null(setting((enum topic)t, "min.insync.replicas"));
    assert_int_equal(max_bytes(TOPIC_DELIVERIES), 2 * 1024 * 1024);
    assert_true(max_bytes(TOPIC_EVENTS) >= 256 * 1024 + 128 + 256 * 1024);
    assert_true(max_bytes(TOPIC_EVENTS_DLQ) > max_bytes(TOPIC_EVENTS));
}

static void test_pools(void **state)
{
    (void)state;
    static const struct {
        const char *pool;
        bool valid;
    } cases[] = {
        {"a", true},
        {"acme", true},
        {"acme-2", true},
        {"-", true},
        {"0", true},
        {"dlq-1", true},
        {"", false},
        {"dlq", false},
        {"Acme", false},
        {"a.b", false},
        {"a_b", false},
        {"a b", false},
        {"\xc3\xa9", false},
        {"abcdefghijklmnopqrstuvwxyz012345", true},
        {"abcdefghijklmnopqrstuvwxyz0123456", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(topic_pool_valid(cases[i].pool), cases[i].valid);
}

static void test_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        bool valid;
    } cases[] = {
        {"trueftp", true},
        {"T_1", true},
        {"-a", true},
        {"a.b-c_d", true},
        {"", false},
        {".a", false},
        {"a b", false},
        {"a/b", false},
        {"p012345678901234567890123456789012345678901234567890123456789012", true},
        {"p0123456789012345678901234567890123456789012345678901234567890123", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(topic_prefix_valid(cases[i].prefix), cases[i].valid);
}

static bool is_known(const char *name)
{
    for (const char *const *known = settings_known_names; *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

static void test_every_shared_option_is_a_known_name(void **state)
{
    (void)state;
    static const struct config_option shared[] = {SETTINGS_OPTIONS("127.0.0.1:1")};
    static const char *const others[] = {
        "TRUEFTP_POOL",       "TRUEFTP_WORKER_SLOTS",     "TRUEFTP_RETRY_BASE_MS", "TRUEFTP_RETRY_FACTOR", "TRUEFTP_RETRY_MAX_MS",
        "TRUEFTP_API_LISTEN", "TRUEFTP_ADMIN_TOKEN_FILE", "TRUEFTP_DATA_DIR",      "TRUEFTP_SOURCES",      "TRUEFTP_ASSIGNOR"};
    for (size_t i = 0; i < COUNT(shared); i++)
        assert_true(is_known(shared[i].name));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_true(is_known(others[i]));
    assert_false(is_known("TRUEFTP_KAFKA_BROKER"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_longest_names_fit),
        cmocka_unit_test(test_settings), cmocka_unit_test(test_pools),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_every_shared_option_is_a_known_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
