#include "routes/routes.h"

#define EXT "/api/ext/v1"
#define WEBHOOK EXT "/webhooks/{webhook_id}"

const struct route routes[] = {
    {METHOD_GET, EXT "/openapi.json", SCOPE_NONE, BODY_NONE, openapi_get},

    {METHOD_POST, EXT "/session", SCOPE_NONE, BODY_REQUIRED, session_create},
    {METHOD_GET, EXT "/session", SCOPE_SESSION, BODY_NONE, session_get},
    {METHOD_DELETE, EXT "/session", SCOPE_SESSION, BODY_NONE, session_delete},

    {METHOD_GET, EXT "/account", SCOPE_READ, BODY_NONE, account_get},
    {METHOD_GET, EXT "/audit", SCOPE_READ, BODY_NONE, account_audit},

    {METHOD_GET, EXT "/webhooks", SCOPE_READ, BODY_NONE, webhooks_list},
    {METHOD_GET, WEBHOOK, SCOPE_READ, BODY_NONE, webhooks_get},
};

const size_t route_count = sizeof routes / sizeof routes[0];
