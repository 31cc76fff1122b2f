#include "routes/routes.h"

#define EXT "/api/ext/v1"
#define ADMIN "/api/admin/v1"
#define WEBHOOK EXT "/webhooks/{webhook_id}"
#define ACCOUNT ADMIN "/accounts/{account_id}"

const struct route routes[] = {
    {METHOD_GET, EXT "/openapi.json", SCOPE_NONE, BODY_NONE, openapi_get},

    {METHOD_POST, EXT "/session", SCOPE_NONE, BODY_REQUIRED, session_create},
    {METHOD_GET, EXT "/session", SCOPE_SESSION, BODY_NONE, session_get},
    {METHOD_DELETE, EXT "/session", SCOPE_SESSION, BODY_NONE, session_delete},
    {METHOD_GET, EXT "/sessions", SCOPE_READ, BODY_NONE, sessions_list},
    {METHOD_DELETE, EXT "/sessions", SCOPE_OWN, BODY_NONE, sessions_end_others},
    {METHOD_DELETE, EXT "/sessions/{session_id}", SCOPE_OWN, BODY_NONE, sessions_end_one},

    {METHOD_GET, EXT "/account", SCOPE_READ, BODY_NONE, account_get},
    {METHOD_GET, EXT "/audit", SCOPE_READ, BODY_NONE, account_audit},

    {METHOD_GET, EXT "/webhooks", SCOPE_READ, BODY_NONE, webhooks_list},
    {METHOD_POST, EXT "/webhooks", SCOPE_WRITE, BODY_REQUIRED, webhooks_create},
    {METHOD_GET, WEBHOOK, SCOPE_READ, BODY_NONE, webhooks_get},
    {METHOD_PATCH, WEBHOOK, SCOPE_WRITE, BODY_REQUIRED, webhooks_update},
    {METHOD_DELETE, WEBHOOK, SCOPE_WRITE, BODY_NONE, webhooks_delete},
    {METHOD_POST, WEBHOOK "/rotate-secret", SCOPE_WRITE, BODY_OPTIONAL, webhooks_rotate},
    {METHOD_POST, WEBHOOK "/test", SCOPE_WRITE, BODY_OPTIONAL, webhooks_test},
    {METHOD_GET, WEBHOOK "/stream", SCOPE_READ, BODY_NONE, stream_get},

    {METHOD_GET, ADMIN "/plans", SCOPE_ADMIN, BODY_NONE, plans_list},
    {METHOD_GET, ADMIN "/accounts", SCOPE_ADMIN, BODY_NONE, accounts_list},
    {METHOD_POST, ADMIN "/accounts", SCOPE_ADMIN, BODY_REQUIRED, accounts_create},
    {METHOD_GET, ACCOUNT, SCOPE_ADMIN, BODY_NONE, accounts_get},
    {METHOD_PATCH, ACCOUNT, SCOPE_ADMIN, BODY_REQUIRED, accounts_update},
    {METHOD_GET, ACCOUNT "/audit", SCOPE_ADMIN, BODY_NONE, accounts_audit},
    {METHOD_GET, ACCOUNT "/keys", SCOPE_ADMIN, BODY_NONE, keys_list},
    {METHOD_POST, ACCOUNT "/keys", SCOPE_ADMIN, BODY_OPTIONAL, keys_create},
    {METHOD_DELETE, ACCOUNT "/keys/{key_id}", SCOPE_ADMIN, BODY_NONE, keys_revoke},
    {METHOD_POST, ADMIN "/secrets/rewrap", SCOPE_ADMIN, BODY_NONE, secrets_rewrap},

    {METHOD_GET, WEBHOOK "/deliveries", SCOPE_READ, BODY_NONE, webhook_deliveries},
    {METHOD_GET, WEBHOOK "/deliveries/{delivery_id}", SCOPE_READ, BODY_NONE, webhook_delivery},
    {METHOD_POST, WEBHOOK "/deliveries/{delivery_id}/redeliver", SCOPE_WRITE, BODY_NONE, webhook_redeliver},
    {METHOD_POST, WEBHOOK "/recover", SCOPE_WRITE, BODY_REQUIRED, webhook_recover},
    {METHOD_GET, WEBHOOK "/recoveries", SCOPE_READ, BODY_NONE, recoveries_list},
    {METHOD_GET, WEBHOOK "/recoveries/{recovery_id}", SCOPE_READ, BODY_NONE, recoveries_get},
    {METHOD_DELETE, WEBHOOK "/recoveries/{recovery_id}", SCOPE_WRITE, BODY_NONE, recoveries_delete},

    {METHOD_GET, WEBHOOK "/expectations", SCOPE_READ, BODY_NONE, expectations_list},
    {METHOD_POST, WEBHOOK "/expectations", SCOPE_WRITE, BODY_REQUIRED, expectations_create},
    {METHOD_GET, WEBHOOK "/expectations/{expectation_id}", SCOPE_READ, BODY_NONE, expectations_get},
    {METHOD_DELETE, WEBHOOK "/expectations/{expectation_id}", SCOPE_WRITE, BODY_NONE, expectations_delete},
    {METHOD_GET, WEBHOOK "/health", SCOPE_READ, BODY_NONE, health_get},
    {METHOD_GET, EXT "/health", SCOPE_READ, BODY_NONE, health_list},
    {METHOD_GET, EXT "/events", SCOPE_READ, BODY_NONE, account_events},
    {METHOD_GET, EXT "/reconciliation", SCOPE_READ, BODY_NONE, reconciliation_get},
};

const size_t route_count = sizeof routes / sizeof routes[0];
