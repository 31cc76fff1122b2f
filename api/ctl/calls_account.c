/* What else an account's key is for: events, what was owed, health, audit. */
#include "ctl/calls.h"

static const struct column event_columns[] = {
    {"TIME", "timestamp", NULL}, {"EVENT", "event", NULL},      {"USER", "username", NULL},
    {"SIZE", "size", NULL},      {"CLIENT", "client_ip", NULL}, {"PATH", "path", NULL},
};
static const struct column owed_columns[] = {
    {"STATUS", "status", NULL},      {"EVENT", "event", NULL},          {"TIME", "event_time", NULL},
    {"WEBHOOK", "webhook_id", NULL}, {"DELIVERY", "delivery_id", NULL}, {"PATH", "path", NULL},
};
static const struct column health_columns[] = {
    {"WEBHOOK", "webhook_id", NULL},
    {"STATE", "state", NULL},
    {"SUCCESS", "success_rate", NULL},
    {"P50-MS", "latency_ms.p50", NULL},
    {"P95-MS", "latency_ms.p95", NULL},
    {"DELIVERIES", "deliveries", NULL},
    {"OPEN", "open", NULL},
    {"FAILURES IN A ROW", "consecutive_failures", NULL},
    {"FAILING SINCE", "failing_since", NULL},
};
static const struct column session_columns[] = {
    {"SESSION", "id", NULL},         {"CREATED", "created_at", NULL}, {"LAST USED", "last_used_at", NULL},
    {"EXPIRES", "expires_at", NULL}, {"KEY", "key_id", NULL},         {"BROWSER", "user_agent", NULL},
};
static const struct field list_fields[] = {FIELD_LIMIT};
static const struct field range_fields[] = {CALL_RANGE, FIELD_LIMIT};
static const struct field event_fields[] = {
    {"event", FIELD_TEXT, IN_QUERY, "event", "NAME", "only this event", 0, 0, false},
    {"path-prefix", FIELD_TEXT, IN_QUERY, "path_prefix", "P", "only paths that begin so", 0, 0, false},
    CALL_RANGE,
    FIELD_LIMIT,
};
static const struct field health_fields[] = {
    {"window", FIELD_TEXT, IN_QUERY, "window", "15m|24h", "the time the figures are of (default 24h)", 0, 0, false},
};

static const struct call list_events = CALL_LISTING("listEvents", "/events", CALL_LIST, event_fields, event_columns);
static const struct call reconcile = CALL_LISTING("reconcile", "/reconciliation", CALL_TOTALS, range_fields, owed_columns);
static const struct call list_health = CALL_LISTING("listHealth", "/health", CALL_LIST, list_fields, health_columns);
static const struct call list_audit = {"listOwnAudit",     "GET",         "/audit",      CALL_LIST, list_fields,
                                       COUNT(list_fields), audit_columns, AUDIT_COLUMNS, NULL,      NULL};
static const struct call list_sessions = CALL_LISTING("listSessions", "/sessions", CALL_LIST, list_fields, session_columns);
static const struct call end_session = {"endSession", "DELETE", "/sessions/{}", CALL_NOTHING, NULL, 0, NULL, 0, "ended", NULL};
static const struct call end_sessions = {"endSessions", "DELETE", "/sessions", CALL_ITEM, NULL, 0, NULL, 0, NULL, NULL};
static const struct call get_health = {
    "getHealth", "GET", "/webhooks/{}/health", CALL_ITEM, health_fields, COUNT(health_fields), NULL, 0, NULL, NULL};
static const struct call get_account = {"getOwnAccount", "GET", "/account", CALL_ITEM, NULL, 0, NULL, 0, NULL, NULL};
static const struct call get_description = {
    "getDescription", "GET", "/openapi.json", CALL_DOCUMENT, NULL, 0, NULL, 0, NULL, NULL};

const struct command commands_account[] = {
    CALL_COMMAND("events", "list", NULL, COMMAND_API, list_events, "Lists what happened on the FTP side, the newest first."),
    CALL_COMMAND(NULL, "reconciliation", NULL, COMMAND_API, reconcile,
                 "Says how many deliveries were owed, delivered, pending and failed, and lists what was not delivered.\n"
                 "With --output json a line for each of these, and the sums in the last one."),
    CALL_COMMAND("health", "list", NULL, COMMAND_API, list_health, "Lists the webhooks' state, success and latency."),
    CALL_COMMAND("health", "get", "WEBHOOK", COMMAND_API, get_health, "Shows a webhook's health, and how it went on."),
    CALL_COMMAND("audit", "list", NULL, COMMAND_API, list_audit, "Lists who changed what in the account."),
    CALL_COMMAND("sessions", "list", NULL, COMMAND_API, list_sessions, "Lists the account's sessions of the dashboard."),
    CALL_COMMAND("sessions", "end", "SESSION", COMMAND_API, end_session,
                 "Ends a session of the dashboard, with every copy of its cookie, on every replica within 5 s.\n"
                 "A key that may only read ends those that began with it."),
    CALL_COMMAND("sessions", "end-all", NULL, COMMAND_API, end_sessions,
                 "Ends all sessions of the account's dashboard; with a key that may only read, those that began with it."),
    CALL_COMMAND(NULL, "whoami", NULL, COMMAND_API, get_account, "Shows the account and the key that is used."),
    CALL_COMMAND(NULL, "openapi", NULL, COMMAND_ANYBODY, get_description, "Prints the API's description (OpenAPI 3.1)."),
};
const size_t commands_account_count = COUNT(commands_account);
