/* The account of the key that asks. */
#include <string.h>

#include "api.h"
#include "http/page.h"
#include "http/response.h"
#include "model/json_members.h"
#include "routes/write.h"
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

static void write_line(struct request *rq, struct buf *out, const void *thing)
{
    const struct audit_line *line = thing;
    (void)rq;
    buf_puts(out, line->json);
}

void account_audit(struct request *rq)
{
    audit_reply(rq, rq->principal.account_id);
}

void audit_reply(struct request *rq, const char *account_id)
{
    struct page_item items[AUDIT_KEPT];
    const struct audit_line *lines;
    size_t count = audit_lines(definitions_audit(rq->api->definitions), account_id, &lines);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct page_item){-lines[i].number, "", &lines[i]};
    page_reply(rq, items, count, write_line);
}
