/* The operator's re-wrap: all that is sealed with an older key of the key file is sealed with the one that writes.
 *
 * A call does a portion of the webhooks, in the order of their ids, and says where the next one begins; nothing is kept between
 * calls. So it can be cut short and begun again, and each call may be another replica's. A webhook is changed like by any other
 * request, by the version rule: what a customer changes at the same moment is not lost, and is looked at again. Rejected: a task
 * in the background, as recoveries are, which would have to be followed, found again on other replicas, and told from a dead one.
 */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "http/page.h"
#include "http/response.h"
#include "model/json_members.h"
#include "model/webhook_seal.h"
#include "routes/routes.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "webhooks/fields.h"

#define ID_SIZE 65
#define PORTION_MAX 100 /* as a page */
#define TRIES 5         /* against others' changes */

struct portion;

enum outcome {
    ITEM_GONE, /* deleted meanwhile */
    ITEM_NEWEST,
    ITEM_REWRAPPED,
    ITEM_FAILED,
    ITEM_UNKNOWN, /* Kafka has not answered */
};

/* A webhook of the portion. */
struct item {
    struct portion *portion;
    char id[ID_SIZE];
    char account_id[129];
    int64_t version; /* that was written */
    int tries;
    enum outcome outcome;
    struct errmsg why; /* ITEM_FAILED */
};

struct portion {
    struct request *rq;
    char key_id[SEALED_KEY_ID_MAX + 1];
    char after[ID_SIZE]; /* ids behind this one */
    size_t limit, count;
    bool more; /* there are webhooks behind the last */
    struct item items[PORTION_MAX];
    size_t open; /* not decided yet */
};

/* -------- which ones -------- */

/* Keeps the smallest ids, in their order. */
static void consider(void *ctx, const void *value)
{
    struct portion *p = ctx;
    const struct webhook *wh = value;
    size_t at = p->count;
    if (strcmp(wh->id, p->after) <= 0)
        return;
    while (at > 0 && strcmp(wh->id, p->items[at - 1].id) < 0)
        at--;
    p->more = p->more || p->count == p->limit;
    if (at == p->limit)
        return;
    size_t kept = p->count < p->limit ? p->count : p->limit - 1;
    memmove(&p->items[at + 1], &p->items[at], (kept - at) * sizeof p->items[0]);
    p->count = kept + 1;
    p->items[at] = (struct item){.portion = p};
    (void)snprintf(p->items[at].id, ID_SIZE, "%s", wh->id);
}

/* -------- the answer -------- */

static size_t count_of(const struct portion *p, enum outcome outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        n += p->items[i].outcome == outcome;
    return n;
}

static void write_failed(struct buf *out, const struct portion *p)
{
    const char *comma = "";
    buf_puts(out, ",\"failed\":[");
    for (size_t i = 0; i < p->count; i++) {
        const struct item *it = &p->items[i];
        if (it->outcome != ITEM_FAILED)
            continue;
        buf_printf(out, "%s{\"webhook_id\":", comma);
        json_put_string(out, slice_str(it->id));
        json_put_member(out, "account_id", it->account_id);
        json_put_member(out, "reason", it->why.text);
        buf_putc(out, '}');
        comma = ",";
    }
    buf_putc(out, ']');
}

static void write_cursor(struct buf *out, const struct portion *p)
{
    if (!p->more) {
        buf_puts(out, ",\"next_cursor\":null");
        return;
    }
    buf_puts(out, ",\"next_cursor\":\"");
    cursor_write(out, 0, p->items[p->count - 1].id);
    buf_putc(out, '"');
}

static void answer(struct portion *p)
{
    struct request *rq = p->rq;
    struct buf *out = reply_body(rq);
    size_t rewrapped = count_of(p, ITEM_REWRAPPED), newest = count_of(p, ITEM_NEWEST), failed = count_of(p, ITEM_FAILED);
    log_info("secrets_rewrapped", LOG_STR("request_id", rq->id), LOG_STR("key", p->key_id), LOG_INT("rewrapped", rewrapped),
             LOG_INT("newest", newest), LOG_INT("failed", failed));
    buf_puts(out, "{\"key_id\":");
    json_put_string(out, slice_str(p->key_id));
    json_put_member_int(out, "rewrapped", (int64_t)rewrapped);
    json_put_member_int(out, "newest", (int64_t)newest);
    write_failed(out, p);
    write_cursor(out, p);
    buf_putc(out, '}');
    if (count_of(p, ITEM_UNKNOWN) > 0)
        reply_unavailable(rq, "Kafka has not answered in time; some of this portion may be re-wrapped: repeat it");
    else
        reply_json(rq, 200);
    free(p);
}

/* -------- one webhook -------- */

static void rewrap(struct item *it);

static void settle(struct item *it, enum outcome outcome)
{
    it->outcome = outcome;
    if (--it->portion->open == 0)
        answer(it->portion);
}

/* The change stands, whatever became of the entry. */
static void on_audited(void *ctx, enum err err)
{
    struct item *it = ctx;
    if (err != ERR_OK)
        log_error("audit_not_written", LOG_STR("request_id", it->portion->rq->id), LOG_STR("action", "webhook.rewrap"),
                  LOG_STR("target", it->id), LOG_STR("error", err_name(err)));
    settle(it, ITEM_REWRAPPED);
}

static void audit(struct item *it)
{
    const struct request *rq = it->portion->rq;
    char actor[80];
    struct audit_entry entry = {.wall_ms = loop_wall(rq->api->loop),
                                .account_id = it->account_id,
                                .actor = actor,
                                .action = "webhook.rewrap",
                                .target = it->id,
                                .version = it->version,
                                .request_id = rq->id,
                                .fields = ""};
    request_actor(rq, actor);
    audit_append(definitions_audit(rq->api->definitions), &entry, on_audited, it);
}

static void on_written(void *ctx, enum err err)
{
    struct item *it = ctx;
    if (err == ERR_OK) {
        audit(it);
    } else if (err == ERR_EXISTS && it->tries < TRIES) {
        ++*it->portion->rq->api->stats.conflicts;
        rewrap(it); /* somebody else's change counts: theirs is looked at now */
    } else if (err == ERR_AGAIN) {
        settle(it, ITEM_UNKNOWN);
    } else {
        errmsg_set(&it->why, err, err == ERR_EXISTS ? "it is changed all the time" : "the change could not be written");
        settle(it, ITEM_FAILED);
    }
}

/* The version after the one that is known, as any change; when it was last changed by a person stays. */
static void rewrap(struct item *it)
{
    struct api *api = it->portion->rq->api;
    const struct webhook *wh = definitions_webhook(api->definitions, it->id);
    it->tries++;
    if (!wh || webhook_is_rewrapped(wh, api->keyring)) {
        settle(it, wh ? ITEM_NEWEST : ITEM_GONE);
        return;
    }
    struct webhook *next = webhook_copy(wh);
    (void)snprintf(it->account_id, sizeof it->account_id, "%s", wh->account_id);
    it->version = ++next->version;
    if (webhook_rewrap(next, api->keyring, loop_wall(api->loop), &it->why) == ERR_OK)
        table_write(definitions_webhooks(api->definitions), next->id, next, on_written, it);
    else
        settle(it, ITEM_FAILED);
    webhook_free(next);
}

/* -------- the request -------- */

/* False: wrong, answered. */
static bool read_parameters(struct request *rq, struct portion *p)
{
    const char *cursor = uri_query(&rq->uri, "cursor");
    int limit = 0;
    int64_t none = 0;
    if (!request_limit(rq, &limit))
        return false;
    p->limit = (size_t)limit;
    if (!cursor || cursor_parse(cursor, &none, p->after, sizeof p->after))
        return true;
    reply_problem(rq, PROBLEM_INVALID_CURSOR, "cursor: give next_cursor of the portion before as it is");
    return false;
}

void secrets_rewrap(struct request *rq)
{
    struct portion *p = mem_zalloc(sizeof *p);
    p->rq = rq;
    (void)snprintf(p->key_id, sizeof p->key_id, "%s", keyring_writing_id(rq->api->keyring));
    if (!read_parameters(rq, p)) {
        free(p);
        return;
    }
    table_each(definitions_webhooks(rq->api->definitions), consider, p);
    p->open = p->count + 1; /* one more, so that the answer comes once, and not before all have begun */
    for (size_t i = 0; i < p->count; i++)
        rewrap(&p->items[i]);
    if (--p->open == 0)
        answer(p);
}
