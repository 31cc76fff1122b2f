/* The account of the key that asks. */
#include <string.h>

#include "api.h"
#include "http/response.h"
#include "model/json_members.h"
#include "routes/write.h"
#include "routes/write_delivery.h"
#include "util/json.h"
#include "util/mem.h"

#include "routes/routes.h"

static const struct account_key *own_key(const struct request *rq, const struct account *a)
{
    for (size_t i = 0; i < a->key_count; i++)
        if (strcmp(a->keys[i].id, rq->principal.key_id) == 0)
            return &a->keys[i];
    return NULL;
}

void account_get(struct request *rq)
{
    const struct definitions *d = rq->api->definitions;
    const struct account *a = definitions_account(d, rq->principal.account_id);
    const struct account_key *key = a ? own_key(rq, a) : NULL;
    if (!key) { /* a session may outlive its key by some seconds */
        reply_problem(rq, PROBLEM_UNAUTHORIZED, "the key has been revoked");
        return;
    }
    write_own_account(reply_body(rq), d, a, key);
    reply_json(rq, 200);
}

static void write_entry(void *ctx, struct slice entry)
{
    struct buf *out = ctx;
    buf_puts(out, out->p[out->len - 1] == '[' ? "" : ",");
    buf_put_slice(out, entry);
}

void account_audit(struct request *rq)
{
    audit_reply(rq, rq->principal.account_id);
}

void audit_reply(struct request *rq, const char *account_id)
{
    struct view_audit_query q = {.account_id = slice_str(account_id), .cursor = query_text(rq, "cursor")};
    struct buf *out = reply_body(rq);
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    if (!view_is_ready(rq) || !request_limit(rq, &q.limit))
        return;
    buf_puts(out, "{\"data\":[");
    enum err err = view_audit(rq->api->view, &q, write_entry, out, next, &why);
    if (err != ERR_OK) {
        reply_view_failed(rq, err, &why);
        return;
    }
    buf_puts(out, "]");
    write_text(out, "next_cursor", slice_str(next));
    buf_puts(out, "}");
    reply_json(rq, 200);
}
