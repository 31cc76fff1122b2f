#include "routes/write.h"

#include <openssl/crypto.h>

#include "api.h"
#include "model/json_members.h"
#include "model/webhook_seal.h"
#include "util/json.h"
#include "util/log.h"
#include "webhooks/tls.h"

#define RECORD_MAX (1024UL * 1024)

void write_bool(struct buf *out, const char *name, bool value)
{
    buf_printf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

void write_or_null(struct buf *out, const char *name, const char *value)
{
    if (*value)
        json_put_member(out, name, value);
    else
        buf_printf(out, ",\"%s\":null", name);
}

void write_limits(struct buf *out, const struct account *a)
{
    buf_printf(out, ",\"limits\":{\"webhooks\":%lld,\"events_per_second\":%lld}", (long long)a->max_webhooks,
               (long long)a->events_per_second);
}

void write_scopes(struct buf *out, const char *scopes)
{
    const char *comma = "";
    buf_puts(out, ",\"scopes\":[");
    while (*scopes) {
        size_t len = strcspn(scopes, " ");
        buf_puts(out, comma);
        json_put_string(out, slice_of(scopes, len));
        comma = ",";
        scopes += len + strspn(scopes + len, " ");
    }
    buf_putc(out, ']');
}

void write_own_account(struct buf *out, const struct definitions *d, const struct account *a, const struct account_key *key)
{
    const struct webhook *const *webhooks;
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(a->id));
    json_put_member(out, "name", a->name);
    json_put_member(out, "plan", a->plan);
    write_bool(out, "paid", account_is_paid(a));
    write_limits(out, a);
    json_put_member_int(out, "webhooks", (int64_t)definitions_webhooks_of(d, a->id, &webhooks));
    buf_puts(out, ",\"key\":{\"id\":");
    json_put_string(out, slice_str(key->id));
    write_scopes(out, key->scopes);
    json_put_member_time(out, "expires_at", key->expires_wall_ms);
    buf_puts(out, "}}");
}

struct account *account_next(const struct account *a, int64_t now_wall_ms)
{
    struct account *next = NULL;
    struct buf record;
    struct errmsg why;
    buf_init(&record, RECORD_MAX);
    account_write(&record, a);
    check(record.err == ERR_OK && account_parse(buf_slice(&record), &next, &why) == ERR_OK);
    buf_done(&record);
    next->version++;
    next->updated_wall_ms = now_wall_ms;
    return next;
}

/* -------- webhooks -------- */

/* Those that sign now; never what they are. */
static void write_secrets(struct buf *out, const struct webhook *wh, int64_t now_wall_ms)
{
    const char *comma = "";
    buf_puts(out, ",\"secrets\":[");
    for (size_t i = 0; i < wh->secret_count; i++) {
        const struct webhook_secret *s = &wh->secrets[i];
        if (s->expires_wall_ms > 0 && s->expires_wall_ms <= now_wall_ms)
            continue;
        buf_printf(out, "%s{\"created_version\":%lld", comma, (long long)s->sealed_version);
        json_put_member_time(out, "expires_at", s->expires_wall_ms);
        buf_putc(out, '}');
        comma = ",";
    }
    buf_putc(out, ']');
}

static void write_value(struct request *rq, struct buf *out, const struct webhook *wh, const struct webhook_header *h)
{
    struct buf value;
    struct errmsg why;
    buf_init(&value, SEALED_SECRET_MAX);
    if (!rq->principal.may_write) {
        buf_puts(out, "null");
    } else if (webhook_open_header(wh, h, rq->api->keyring, &value, &why) == ERR_OK) {
        json_put_string(out, buf_slice(&value));
    } else {
        log_warn("header_unreadable", LOG_STR("request_id", rq->id), LOG_STR("webhook_id", wh->id), LOG_STR("header", h->name),
                 LOG_STR("error", why.text));
        buf_puts(out, "null");
    }
    if (value.p)
        OPENSSL_cleanse(value.p, value.cap);
    buf_done(&value);
}

void write_headers(struct request *rq, struct buf *out, const struct webhook *wh)
{
    for (size_t i = 0; i < wh->header_count; i++) {
        buf_puts(out, i > 0 ? "," : "");
        json_put_string(out, slice_str(wh->headers[i].name));
        buf_putc(out, ':');
        write_value(rq, out, wh, &wh->headers[i]);
    }
}

void write_webhook_public(struct request *rq, struct buf *out, const struct webhook *wh, const char *secret)
{
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(wh->id));
    webhook_write_settings(out, wh);
    buf_puts(out, ",\"headers\":{");
    write_headers(rq, out, wh);
    buf_putc(out, '}');
    write_or_null(out, "disabled_reason", wh->enabled ? "" : wh->disabled_reason);
    bool held = (!wh->enabled && !*wh->disabled_reason) || !definitions_account_pays(rq->api->definitions, wh->account_id);
    write_bool(out, "paused", held);
    write_secrets(out, wh, loop_wall(rq->api->loop));
    buf_puts(out, ",\"tls\":");
    webhook_tls_write_public(out, wh->tls);
    json_put_member_int(out, "version", wh->version);
    json_put_member_time(out, "created_at", wh->created_wall_ms);
    json_put_member_time(out, "updated_at", wh->updated_wall_ms);
    if (secret)
        json_put_member(out, "secret", secret);
    buf_putc(out, '}');
}
