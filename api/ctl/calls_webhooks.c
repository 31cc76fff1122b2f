/* Webhooks, their recoveries and expectations: the calls of an account's key that are about definitions. */
#include "ctl/calls.h"

#define IF_VERSION                                                                                                               \
    {                                                                                                                            \
        "if-version", FIELD_INT, AS_IF_MATCH, "", "N", "only if this is still its version (exit status 5 otherwise)", 0,         \
            INT64_MAX, false                                                                                                     \
    }
#define IDEMPOTENCY_KEY                                                                                                          \
    {                                                                                                                            \
        "idempotency-key", FIELD_TEXT, AS_IDEMPOTENCY_KEY, "", "KEY", "a repeat with the same one makes nothing new", 0, 0,      \
            false                                                                                                                \
    }
#define FROM_FILE                                                                                                                \
    {                                                                                                                            \
        "from-file", FIELD_TEXT, AS_BODY_FILE, "", "FILE", "JSON that these options are put into; - is standard input", 0, 0,    \
            false                                                                                                                \
    }

/* -------- webhooks -------- */

static void put_state(struct buf *out, const json_t *item)
{
    bool enabled = json_is_true(json_object_get(item, "enabled")), paused = json_is_true(json_object_get(item, "paused"));
    const char *reason = json_string_value(json_object_get(item, "disabled_reason"));
    buf_puts(out, paused ? "paused" : enabled ? "enabled" : reason && *reason ? "disabled" : "paused");
}

static const struct column webhook_columns[] = {
    {"WEBHOOK", "id", NULL},          {"STATE", NULL, put_state}, {"EVENTS", "events", NULL},
    {"PATHS", "path_patterns", NULL}, {"URL", "url", NULL},
};

/* clang-format off */
#define WEBHOOK_FIELDS(url_required)                                                                                            \
    {"url", FIELD_TEXT, IN_BODY, "url", "URL", "where deliveries are sent", 0, 0, url_required},                                \
    {"events", FIELD_CSV, IN_BODY, "events", "A,B,...", "events it wants; * is all but extensions", 0, 0, false},               \
    {"path-pattern", FIELD_LIST, IN_BODY, "path_patterns", "GLOB", "only these paths; repeatable; empty: all", 0, 0, false}, \
    {"description", FIELD_TEXT, IN_BODY, "description", "D", "text for people", 0, 0, false},                                   \
    {"max-attempts", FIELD_INT, IN_BODY, "max_attempts", "N", "attempts at most, 1 to 20", 1, 20, false},                       \
    {"timeout-ms", FIELD_INT, IN_BODY, "timeout_ms", "N", "of one attempt, 1000 to 20000", 1000, 20000, false},                 \
    {"max-concurrency", FIELD_INT, IN_BODY, "max_concurrency", "N", "POSTs at once, 1 to 1024", 1, 1024, false},                \
    {"rate-limit", FIELD_INT, IN_BODY, "rate_limit_per_second", "N", "deliveries a second, 0 for no limit", 0, 1000000, false}, \
    {"header", FIELD_HEADERS, IN_BODY, "headers", "NAME: VALUE", "sent along; may be repeated; empty: none", 0, 0, false},      \
    {"signature", FIELD_TEXT, IN_BODY, "signature", "SCHEME", "trueftp, standard or both", 0, 0, false},                        \
    {"tls-ca", FIELD_FILE, IN_BODY,                                                                                             \
     "tls.ca_certificates", "FILE", "PEM: trust these alone; empty: the public ones", 0, 0, false},                             \
    {"tls-certificate", FIELD_FILE, IN_BODY,                                                                                    \
     "tls.client_certificate", "FILE", "PEM: shown to the endpoint; empty: none", 0, 0, false},                                 \
    {"tls-key", FIELD_FILE, IN_BODY,                                                                                            \
     "tls.client_key", "FILE", "PEM: the key of --tls-certificate, without a passphrase", 0, 0, false},                         \
    {"tls-pin", FIELD_LIST, IN_BODY,                                                                                            \
     "tls.pinned_public_keys", "sha256//BASE64", "only these keys; repeatable; empty: any", 0, 0, false},                       \
    {"tls-min-version", FIELD_TEXT, IN_BODY,                                                                                    \
     "tls.min_version", "V", "1.2 or 1.3", 0, 0, false}

#define PAUSE(kind) \
    {"pause", kind, IN_BODY, "enabled", NULL, "hold its deliveries until it is enabled, 30 days at most", 0, 0, false}
/* clang-format on */

static const struct field create_fields[] = {
    WEBHOOK_FIELDS(true),
    PAUSE(FIELD_FALSE),
    FROM_FILE,
    IDEMPOTENCY_KEY,
};
static const struct field update_fields[] = {
    WEBHOOK_FIELDS(false),
    PAUSE(FIELD_PAUSE),
    {"enable", FIELD_ENABLE, IN_BODY, "enabled", NULL, "deliver again", 0, 0, false},
    {"disable", FIELD_DISABLE, IN_BODY, "enabled", "REASON", "end its deliveries; the customer is shown the reason", 0, 0, false},
    FROM_FILE,
    IF_VERSION,
};
static const struct field list_fields[] = {FIELD_LIMIT};
static const struct field delete_fields[] = {IF_VERSION};
static const struct field rotate_fields[] = {
    {"overlap-s", FIELD_INT, IN_BODY, "overlap_s", "N", "seconds in which the old secret signs too", 0, INT64_MAX, false},
    IF_VERSION,
};
static const struct field test_fields[] = {
    {"event", FIELD_TEXT, IN_BODY, "event", "NAME", "event of the test", 0, 0, false},
    {"path", FIELD_TEXT, IN_BODY, "path", "P", "path of the test", 0, 0, false},
};

static const struct call list_webhooks = {
    "listWebhooks",         "GET", "/webhooks", CALL_LIST, list_fields, COUNT(list_fields), webhook_columns,
    COUNT(webhook_columns), NULL,  NULL};
static const struct call get_webhook = {"getWebhook", "GET", "/webhooks/{}", CALL_ITEM, NULL, 0, NULL, 0, NULL, NULL};
static const struct call create_webhook = {"createWebhook",      "POST", "/webhooks", CALL_ITEM, create_fields,
                                           COUNT(create_fields), NULL,   0,           NULL,      NULL};
static const struct call update_webhook = {
    "updateWebhook", "PATCH", "/webhooks/{}", CALL_ITEM, update_fields, COUNT(update_fields), NULL, 0, NULL, NULL};
static const struct call delete_webhook = {
    "deleteWebhook", "DELETE", "/webhooks/{}", CALL_NOTHING, delete_fields, COUNT(delete_fields), NULL, 0, "deleted", NULL};
static const struct call rotate_secret = {
    "rotateSecret", "POST", "/webhooks/{}/rotate-secret", CALL_ITEM, rotate_fields, COUNT(rotate_fields), NULL, 0, NULL, NULL};
static const struct call test_webhook = {
    "testWebhook", "POST", "/webhooks/{}/test", CALL_ITEM, test_fields, COUNT(test_fields), NULL, 0, NULL, NULL};

const struct command commands_webhooks[] = {
    CALL_COMMAND("webhooks", "list", NULL, COMMAND_API, list_webhooks, "Lists the account's webhooks."),
    CALL_COMMAND("webhooks", "get", "WEBHOOK", COMMAND_API, get_webhook, "Shows a webhook."),
    CALL_COMMAND("webhooks", "create", NULL, COMMAND_API, create_webhook,
                 "Makes a webhook and shows its secret, this once.\n"
                 "It wants all events but extensions, of all paths, unless it is told otherwise."),
    CALL_COMMAND("webhooks", "update", "WEBHOOK", COMMAND_API, update_webhook, "Changes what is given of a webhook."),
    CALL_COMMAND("webhooks", "delete", "WEBHOOK", COMMAND_API, delete_webhook,
                 "Deletes a webhook; what is open ends as cancelled."),
    CALL_COMMAND("webhooks", "rotate-secret", "WEBHOOK", COMMAND_API, rotate_secret,
                 "Gives a webhook a new secret and shows it, this once."),
    CALL_COMMAND("webhooks", "test", "WEBHOOK", COMMAND_API, test_webhook, "Sends a test delivery, marked as such."),
};
const size_t commands_webhooks_count = COUNT(commands_webhooks);

/* -------- recoveries -------- */

static const struct column recovery_columns[] = {
    {"RECOVERY", "recovery_id", NULL}, {"STATE", "state", NULL}, {"SENT", "sent", NULL},   {"SKIPPED", "skipped", NULL},
    {"TOTAL", "total", NULL},          {"SINCE", "since", NULL}, {"UNTIL", "until", NULL}, {"STARTED", "started_at", NULL},
};
static const struct field recover_fields[] = {
    {"since", FIELD_PAST, IN_BODY, "since", "T", "failed deliveries made from this time on", 0, 0, true},
    {"until", FIELD_PAST, IN_BODY, "until", "T", "and before this one (default: now)", 0, 0, false},
};

static const struct call recover = {
    "recover", "POST", "/webhooks/{}/recover", CALL_ITEM, recover_fields, COUNT(recover_fields), NULL, 0, NULL, NULL};
static const struct call list_recoveries = {"listRecoveries",
                                            "GET",
                                            "/webhooks/{}/recoveries",
                                            CALL_LIST,
                                            list_fields,
                                            COUNT(list_fields),
                                            recovery_columns,
                                            COUNT(recovery_columns),
                                            NULL,
                                            NULL};
static const struct call get_recovery = {"getRecovery", "GET", "/webhooks/{}/recoveries/{}", CALL_ITEM, NULL, 0, NULL, 0,
                                         NULL,          NULL};
static const struct call cancel_recovery = {
    "cancelRecovery", "DELETE", "/webhooks/{}/recoveries/{}", CALL_ITEM, NULL, 0, NULL, 0, NULL, NULL};

const struct command commands_recoveries[] = {
    CALL_COMMAND("recoveries", "create", "WEBHOOK", COMMAND_API, recover,
                 "Sends all failed deliveries of a time range again, in the background.\n"
                 "A time is given as 2026-06-08T12:00:00Z or as an age: 90s, 15m, 2h, 7d."),
    CALL_COMMAND("recoveries", "list", "WEBHOOK", COMMAND_API, list_recoveries, "Lists a webhook's recoveries."),
    CALL_COMMAND("recoveries", "get", "WEBHOOK RECOVERY", COMMAND_API, get_recovery, "Shows how far a recovery is."),
    CALL_COMMAND("recoveries", "cancel", "WEBHOOK RECOVERY", COMMAND_API, cancel_recovery, "Ends a recovery."),
};
const size_t commands_recoveries_count = COUNT(commands_recoveries);

/* -------- expectations -------- */

static const struct column expectation_columns[] = {
    {"EXPECTATION", "id", NULL},       {"PATH", "path", NULL},        {"SCHEDULE", "schedule", NULL},
    {"ZONE", "time_zone", NULL},       {"GRACE-S", "grace_s", NULL},  {"NEXT DUE", "next_due_at", NULL},
    {"LAST DUE", "last_due_at", NULL}, {"STATE", "last_state", NULL},
};
static const struct field expect_fields[] = {
    {"path", FIELD_TEXT, IN_BODY, "path", "GLOB", "the file that is expected", 0, 0, true},
    {"schedule", FIELD_TEXT, IN_BODY, "schedule", "CRON", "when: minute hour day-of-month month day-of-week", 0, 0, true},
    {"time-zone", FIELD_TEXT, IN_BODY, "time_zone", "ZONE", "of the schedule, as Europe/Berlin", 0, 0, false},
    {"grace-s", FIELD_INT, IN_BODY, "grace_s", "N", "seconds that it may be late", 0, INT64_MAX, false},
    {"window-s", FIELD_INT, IN_BODY, "window_s", "N", "seconds before the due time in which it may come", 0, INT64_MAX, false},
    {"event", FIELD_TEXT, IN_BODY, "event", "NAME", "event that counts as its arrival", 0, 0, false},
    {"description", FIELD_TEXT, IN_BODY, "description", "D", "text for people", 0, 0, false},
    FROM_FILE,
    IDEMPOTENCY_KEY,
};

#define EXPECTATIONS "/webhooks/{}/expectations"

static const struct call list_expectations = {
    "listExpectations",         "GET", EXPECTATIONS, CALL_LIST, list_fields, COUNT(list_fields), expectation_columns,
    COUNT(expectation_columns), NULL,  NULL};
static const struct call create_expectation = {
    "createExpectation", "POST", EXPECTATIONS, CALL_ITEM, expect_fields, COUNT(expect_fields), NULL, 0, NULL, NULL};
static const struct call get_expectation = {"getExpectation", "GET", EXPECTATIONS "/{}", CALL_ITEM, NULL, 0, NULL, 0, NULL, NULL};
static const struct call delete_expectation = {"deleteExpectation", "DELETE", EXPECTATIONS "/{}", CALL_NOTHING, NULL, 0, NULL, 0,
                                               "deleted",           NULL};

const struct command commands_expectations[] = {
    CALL_COMMAND("expectations", "list", "WEBHOOK", COMMAND_API, list_expectations, "Lists a webhook's expected files."),
    CALL_COMMAND("expectations", "get", "WEBHOOK EXPECTATION", COMMAND_API, get_expectation, "Shows an expectation."),
    CALL_COMMAND("expectations", "create", "WEBHOOK", COMMAND_API, create_expectation,
                 "Expects a file by a schedule.\n"
                 "When it has not come in time, the event file.missing goes to the webhooks that name it."),
    CALL_COMMAND("expectations", "delete", "WEBHOOK EXPECTATION", COMMAND_API, delete_expectation, "Deletes an expectation."),
};
const size_t commands_expectations_count = COUNT(commands_expectations);
