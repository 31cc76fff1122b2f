/* The operator's calls: plans, accounts, keys. */
#include "ctl/calls.h"

static const struct column plan_columns[] = {{"PLAN", "name", NULL}, {"PAID", "paid", NULL}, {"LIMITS", "limits", NULL}};
static const struct column account_columns[] = {
    {"ACCOUNT", "id", NULL},        {"PLAN", "plan", NULL},       {"POOL", "pool", NULL},
    {"WEBHOOKS", "webhooks", NULL}, {"VERSION", "version", NULL}, {"NAME", "name", NULL},
};
static const struct column key_columns[] = {
    {"KEY", "id", NULL},
    {"SCOPES", "scopes", NULL},
    {"CREATED", "created_at", NULL},
    {"EXPIRES", "expires_at", NULL},
    {"LAST USED", "last_used_at", NULL},
    {"DESCRIPTION", "description", NULL},
};

#define ACCOUNT_FIELDS                                                                                                           \
    {"name", FIELD_TEXT, IN_BODY, "name", "N", "name for people", 0, 0, false},                                                  \
        {"plan", FIELD_TEXT, IN_BODY, "plan", "PLAN", "plan (`plans list`); free has no webhooks", 0, 0, false},                 \
        {"pool", FIELD_TEXT, IN_BODY, "pool", "P", "pool that its new events go to; empty: the shared one", 0, 0, false},        \
        {"max-webhooks", FIELD_INT, IN_BODY, "limits.webhooks", "N", "webhooks at most", 0, INT32_MAX, false},                   \
    {                                                                                                                            \
        "events-per-second", FIELD_INT, IN_BODY, "limits.events_per_second", "N", "events a second at most", 0, INT32_MAX, false \
    }

static const struct field list_fields[] = {FIELD_LIMIT};
static const struct field create_account_fields[] = {ACCOUNT_FIELDS};
static const struct field update_account_fields[] = {
    ACCOUNT_FIELDS,
    {"if-version", FIELD_INT, AS_IF_MATCH, "", "N", "only if this is still its version (exit status 5 otherwise)", 0, INT64_MAX,
     false},
};
static const struct field key_fields[] = {
    {"scopes", FIELD_CSV, IN_BODY, "scopes", "A,B", "read, write, or both (default)", 0, 0, false},
    {"description", FIELD_TEXT, IN_BODY, "description", "D", "text for people", 0, 0, false},
    {"expires", FIELD_FUTURE, IN_BODY, "expires_at", "T", "when it ends: 2027-06-08T12:00:00Z, or 90d (default: never)", 0, 0,
     false},
};

const struct column audit_columns[AUDIT_COLUMNS] = {
    {"TIME", "time", NULL},     {"ACTOR", "actor", NULL},     {"ACTION", "action", NULL},
    {"TARGET", "target", NULL}, {"VERSION", "version", NULL}, {"FIELDS", "fields", NULL},
};

static const struct call list_plans = CALL_LISTING("listPlans", "/plans", CALL_LIST, list_fields, plan_columns);
static const struct call list_accounts = CALL_LISTING("listAccounts", "/accounts", CALL_LIST, list_fields, account_columns);
static const struct call get_one_account = {"getAccount", "GET", "/accounts/{}", CALL_ITEM, NULL, 0, NULL, 0, NULL, NULL};
static const struct call create_account = {
    "createAccount", "POST", "/accounts", CALL_ITEM, create_account_fields, COUNT(create_account_fields), NULL, 0, NULL, "id"};
static const struct call update_account = {"updateAccount",
                                           "PATCH",
                                           "/accounts/{}",
                                           CALL_ITEM,
                                           update_account_fields,
                                           COUNT(update_account_fields),
                                           NULL,
                                           0,
                                           NULL,
                                           NULL};
static const struct call account_audit = CALL_LISTING("listAudit", "/accounts/{}/audit", CALL_LIST, list_fields, audit_columns);
static const struct call list_keys = CALL_LISTING("listKeys", "/accounts/{}/keys", CALL_LIST, list_fields, key_columns);
static const struct call create_key = {
    "createKey", "POST", "/accounts/{}/keys", CALL_ITEM, key_fields, COUNT(key_fields), NULL, 0, NULL, NULL};
static const struct call revoke_key = {"revokeKey", "DELETE", "/accounts/{}/keys/{}", CALL_NOTHING, NULL, 0, NULL, 0,
                                       "revoked",   NULL};

const struct command commands_admin[] = {
    CALL_COMMAND("plans", "list", NULL, COMMAND_ADMIN, list_plans, "Lists the plans."),
    CALL_COMMAND("accounts", "list", NULL, COMMAND_ADMIN, list_accounts, "Lists the accounts."),
    CALL_COMMAND("accounts", "get", "ACCOUNT", COMMAND_ADMIN, get_one_account, "Shows an account."),
    CALL_COMMAND("accounts", "create", "ACCOUNT", COMMAND_ADMIN, create_account, "Makes an account with this id (plan: free)."),
    CALL_COMMAND("accounts", "update", "ACCOUNT", COMMAND_ADMIN, update_account, "Changes what is given of an account."),
    CALL_COMMAND("accounts", "audit", "ACCOUNT", COMMAND_ADMIN, account_audit, "Lists who changed what in an account."),
    CALL_COMMAND("keys", "list", "ACCOUNT", COMMAND_ADMIN, list_keys, "Lists an account's API keys."),
    CALL_COMMAND("keys", "create", "ACCOUNT", COMMAND_ADMIN, create_key, "Makes an API key and shows it, this once."),
    CALL_COMMAND("keys", "revoke", "ACCOUNT KEY", COMMAND_ADMIN, revoke_key, "Ends an API key on every replica, within 5 s."),
};
const size_t commands_admin_count = COUNT(commands_admin);
