/* The JSON that several routes answer with. */
#ifndef ROUTES_WRITE_H
#define ROUTES_WRITE_H

#include "definitions/definitions.h"
#include "http/request.h"

/* A webhook as who asks may see it. secret: shown this once, or NULL. */
void write_webhook_public(struct request *rq, struct buf *out, const struct webhook *wh, const char *secret);
/* "Name":"value",... of the webhook's own headers, without braces. A key that may not write sees null for each value: whoever may
 * write could send them anywhere. So does everybody for a value that cannot be opened, which is logged. */
void write_headers(struct request *rq, struct buf *out, const struct webhook *wh);
void write_own_account(struct buf *out, const struct definitions *d, const struct account *a, const struct account_key *key);
void write_limits(struct buf *out, const struct account *a);
void write_scopes(struct buf *out, const char *scopes);
/* ,"name":true with its comma; likewise a string that is null when it is empty. */
void write_bool(struct buf *out, const char *name, bool value);
void write_or_null(struct buf *out, const char *name, const char *value);

/* A copy of the account as its next version, the caller's. */
struct account *account_next(const struct account *a, int64_t now_wall_ms);

/* Answers with the account's audit entries. */
void audit_reply(struct request *rq, const char *account_id);

#endif
