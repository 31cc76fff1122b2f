#include "health.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/retry.h"
#include "dlq.h"
#include "endpoint.h"
#include "model/partition.h"
#include "ownership.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "worker.h"

#define MARK_KEPT_S (30 * (int64_t)86400) /* beyond the limit: a webhook that is hardly ever called */
#define LOOKS 20                          /* so often in the limit's time Redis is asked about a failing webhook, */
#define LOOK_MAX_MS (int64_t)3600000      /* and at least so often */
#define KEY_SIZE 256
#define EVENT_SIZE 1024

/* Names what these events are about; any UUID that nothing else uses. */
static const struct uuid event_namespace = {
    {0x2d, 0x51, 0x6e, 0x3b, 0x70, 0x0c, 0x4b, 0x0a, 0x9a, 0x54, 0x1f, 0x8e, 0x63, 0xd2, 0x47, 0x95}};

struct health {
    struct worker *worker;
    int64_t limit_ms; /* 0: never */
    int64_t look_ms;
};

/* A command to Redis about an endpoint, which lives until it is answered. */
struct question {
    struct health *health;
    struct endpoint *ep;
};

struct health *health_new(struct worker *w)
{
    struct health *h = mem_zalloc(sizeof *h);
    h->worker = w;
    h->limit_ms = w->settings.disable_after_s * 1000;
    h->look_ms = h->limit_ms / LOOKS < LOOK_MAX_MS ? h->limit_ms / LOOKS : LOOK_MAX_MS;
    return h;
}

void health_free(struct health *h)
{
    free(h);
}

/* ---- the event ---- */

static void write_event(struct buf *out, const struct webhook *wh, const char *reason, int64_t since_wall_ms, int64_t now_wall_ms)
{
    char name[128], id[UUID_TEXT_SIZE], now[CLOCK_UTC_SIZE], since[CLOCK_UTC_SIZE];
    snprintf(name, sizeof name, "%s/%s/%" PRId64, wh->id, reason, wh->version);
    struct uuid uuid = uuid_v5(&event_namespace, slice_str(name));
    uuid_format(&uuid, id);
    clock_format_utc(now_wall_ms, true, now);
    clock_format_utc(since_wall_ms, true, since);
    buf_printf(out,
               "{\"event_id\":\"%s\",\"event\":\"webhook.disabled\",\"timestamp\":\"%s\",\"account_id\":\"%s\",\"data\":{"
               "\"webhook_id\":\"%s\",\"version\":%" PRId64 ",\"reason\":\"%s\",\"since\":\"%s\"}}",
               id, now, wh->account_id, wh->id, wh->version, reason, since);
}

/* Whoever finds the same makes the same event, in the same partition: it is delivered once. */
static void publish(struct health *h, const struct endpoint *ep, const char *reason, int64_t since_wall_ms)
{
    struct worker *w = h->worker;
    const struct webhook *wh = ep->wh;
    struct buf value, key;
    buf_init(&value, EVENT_SIZE);
    buf_init(&key, KEY_SIZE);
    buf_printf(&key, "%s/%s", wh->account_id, wh->id);
    write_event(&value, wh, reason, since_wall_ms, w->core.now_wall_ms);
    check(key.err == ERR_OK && value.err == ERR_OK);
    size_t account = strlen(wh->account_id);
    int32_t partition =
        partition_of(slice_str(wh->account_id), slice_of(key.p + account, key.len - account), w->event_partitions);
    dlq_publish(w->dlq, w->events_topic, partition, buf_slice(&key), buf_slice(&value));
    buf_done(&key);
    buf_done(&value);
}

static void log_fact(const char *fact, const struct endpoint *ep, int64_t since_wall_ms, int percent)
{
    char since[CLOCK_UTC_SIZE];
    clock_format_utc(since_wall_ms, false, since);
    log_warn(fact, LOG_STR("webhook_id", ep->wh->id), LOG_STR("account_id", ep->wh->account_id),
             LOG_INT("version", ep->wh->version), LOG_STR("since", since), LOG_INT("percent", percent));
}

/* ---- gone ---- */

static void gone(struct health *h, struct endpoint *ep)
{
    int64_t now_wall_ms = h->worker->core.now_wall_ms;
    if (ep->health.gone)
        return;
    ep->health.gone = true;
    ++*h->worker->stats.webhooks_gone;
    log_fact("webhook_gone", ep, now_wall_ms, 100);
    publish(h, ep, "gone", now_wall_ms);
    ownership_sweep(h->worker->ownership, slice_str(ep->wh->id)); /* what is scheduled ends now */
}

/* ---- failing ---- */

static void judge(struct health *h, struct endpoint *ep, int64_t since_wall_ms)
{
    struct endpoint_health *eh = &ep->health;
    int stage = health_stage(since_wall_ms, h->worker->core.now_wall_ms, h->limit_ms);
    if (stage > HEALTH_STAGES) {
        if (eh->disable_told)
            return;
        eh->disable_told = true;
        ++*h->worker->stats.webhooks_failing;
        log_fact("webhook_failed_too_long", ep, since_wall_ms, 100);
        publish(h, ep, "failing", since_wall_ms);
    } else if (stage > eh->stage) {
        eh->stage = stage;
        ++*h->worker->stats.webhook_warnings[stage - 1];
        log_fact("webhook_failing", ep, since_wall_ms, health_stage_percents[stage - 1]);
    }
}

static struct question *question_new(struct health *h, struct endpoint *ep)
{
    struct question *q = mem_alloc(sizeof *q);
    q->health = h;
    q->ep = endpoint_ref(ep);
    return q;
}

static void question_free(struct question *q)
{
    endpoint_unref(q->ep);
    free(q);
}

static void key_of(const struct health *h, const struct endpoint *ep, char out[KEY_SIZE])
{
    int len = snprintf(out, KEY_SIZE, "{%s}:failing:%s:%" PRId64, h->worker->events_topic, ep->wh->id, ep->wh->version);
    check(len > 0 && len < KEY_SIZE);
}

static void on_marked(void *ctx, redisReply *reply)
{
    struct question *q = ctx;
    struct endpoint_health *eh = &q->ep->health;
    eh->asking = false;
    /* A success since then, or nothing there: a success that another worker saw. */
    if (eh->failing_since_wall_ms > 0 && reply && reply->type == REDIS_REPLY_STRING)
        judge(q->health, q->ep, strtoll(reply->str, NULL, 10));
    question_free(q);
}

/* Leaves the earliest time there. */
static void mark(struct health *h, struct endpoint *ep)
{
    struct redis *r = h->worker->redis;
    char key[KEY_SIZE], since[24], kept[24];
    key_of(h, ep, key);
    snprintf(since, sizeof since, "%" PRId64, ep->health.failing_since_wall_ms);
    snprintf(kept, sizeof kept, "%" PRId64, h->limit_ms / 1000 + MARK_KEPT_S);
    ep->health.marked = ep->health.asking = true;
    redis_command(r, NULL, NULL, 6, (const char *const[]){"SET", key, since, "NX", "EX", kept}, NULL);
    redis_command(r, on_marked, question_new(h, ep), 2, (const char *const[]){"GET", key}, NULL);
}

static void failed(struct health *h, struct endpoint *ep)
{
    struct endpoint_health *eh = &ep->health;
    int64_t now_ms = h->worker->core.now_ms;
    if (eh->failing_since_wall_ms == 0)
        eh->failing_since_wall_ms = h->worker->core.now_wall_ms;
    if (h->limit_ms == 0 || eh->asking || now_ms < eh->mark_again_ms || !redis_is_up(h->worker->redis))
        return;
    eh->mark_again_ms = now_ms + h->look_ms;
    mark(h, ep);
}

/* ---- succeeding ---- */

static void on_cleared(void *ctx, redisReply *reply)
{
    struct question *q = ctx;
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        q->ep->health.clear_again_ms = 0;
    question_free(q);
}

/* Now and then also without a failure of ours: another worker may have one, or an earlier process of this one had. */
static void succeeded(struct health *h, struct endpoint *ep)
{
    struct endpoint_health *eh = &ep->health;
    int64_t now_ms = h->worker->core.now_ms;
    char key[KEY_SIZE] NOT_ZEROED;
    eh->failing_since_wall_ms = 0;
    eh->stage = 0;
    eh->disable_told = false;
    if (h->limit_ms == 0 || (!eh->marked && now_ms < eh->clear_again_ms) || !redis_is_up(h->worker->redis))
        return;
    eh->marked = false;
    eh->clear_again_ms = now_ms + h->look_ms;
    key_of(h, ep, key);
    redis_command(h->worker->redis, on_cleared, question_new(h, ep), 2, (const char *const[]){"DEL", key}, NULL);
}

void health_outcome(struct health *h, struct endpoint *ep, const struct outcome *o)
{
    enum delivery_error error;
    if (!ep->listed)
        return; /* of a definition that is no more */
    switch (retry_classify(o, &error)) {
    case VERDICT_DELIVERED:
        succeeded(h, ep);
        break;
    case VERDICT_GONE:
        gone(h, ep);
        break;
    case VERDICT_RETRY:
        failed(h, ep);
        break;
    case VERDICT_AGAIN:
        break;
    }
}
