#include "post.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "crash.h"
#include "health.h"
#include "schedule.h"
#include "trace.h"
#include "worker.h"

/* Header lines of one request, in one block of memory. */
struct header_lines {
    char text[16 * 1024];
    size_t used;
    const char *lines[HTTP_MAX_HEADERS];
    int count;
};

static void add_line(struct header_lines *h, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add_line(struct header_lines *h, const char *fmt, ...)
{
    va_list ap;
    check(h->count < HTTP_MAX_HEADERS);
    va_start(ap, fmt);
    int len = vsnprintf(h->text + h->used, sizeof h->text - h->used, fmt, ap);
    va_end(ap);
    check(len >= 0 && (size_t)len < sizeof h->text - h->used);
    h->lines[h->count++] = h->text + h->used;
    h->used += (size_t)len + 1;
}

static void add_trueftp(struct header_lines *h, const struct job *job, const struct endpoint *ep, int64_t now_s)
{
    char signature[SIGNATURE_TRUEFTP_SIZE];
    for (int i = 0; i < ep->key_count; i++) {
        if (!ep->keys[i].trueftp || (ep->keys[i].expires_wall_ms != 0 && ep->keys[i].expires_wall_ms <= now_s * 1000))
            continue;
        sign_trueftp(ep->keys[i].trueftp, now_s, job->dl.body, signature);
        add_line(h, "%s: %s", ep->keys[i].expires_wall_ms == 0 ? "X-TrueFTP-Signature" : "X-TrueFTP-Signature-Previous",
                 signature);
    }
}

static void add_standard(struct header_lines *h, const struct job *job, const struct endpoint *ep, const char *id, int64_t now_s)
{
    char list[2 * (SIGNATURE_STANDARD_SIZE + 1)] = "";
    size_t used = 0;
    for (int i = 0; i < ep->key_count; i++) {
        if (!ep->keys[i].standard || (ep->keys[i].expires_wall_ms != 0 && ep->keys[i].expires_wall_ms <= now_s * 1000))
            continue;
        if (used > 0)
            list[used++] = ' ';
        sign_standard(ep->keys[i].standard, slice_str(id), now_s, job->dl.body, list + used);
        used += strlen(list + used);
    }
    if (used == 0)
        return;
    add_line(h, "webhook-id: %s", id);
    add_line(h, "webhook-timestamp: %" PRId64, now_s);
    add_line(h, "webhook-signature: %s", list);
}

/* A span of its own for each attempt. false: the event has no trace. */
static bool add_trace(struct header_lines *h, const struct job *job, uint64_t span)
{
    struct trace trace = {.id = job->dl.trace_id, .sampled = !job->dl.trace_unsampled};
    char parent[TRACE_PARENT_SIZE];
    if (trace.id.len != TRACE_ID_SIZE)
        return false;
    trace_format(&trace, span, parent);
    add_line(h, "traceparent: %s", parent);
    return true;
}

static void build_headers(struct header_lines *h, const struct job *job, const struct endpoint *ep, int64_t now_s, uint64_t span)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&job->dl.id, id);
    add_line(h, "X-TrueFTP-Event: %s", event_type_name(job->dl.event));
    add_line(h, "X-TrueFTP-Delivery: %s", id);
    add_line(h, "X-TrueFTP-Timestamp: %" PRId64, now_s);
    add_line(h, "X-TrueFTP-Attempt: %d", job->dl.attempt + 1);
    add_trueftp(h, job, ep, now_s);
    add_standard(h, job, ep, id, now_s);
    bool traced = add_trace(h, job, span);
    for (size_t i = 0; i < ep->wh->header_count; i++)
        if (!traced || strcasecmp(ep->wh->headers[i].name, "traceparent") != 0)
            add_line(h, "%s: %s", ep->wh->headers[i].name, ep->wh->headers[i].value);
}

static void on_done(void *ctx, const struct http_result *r)
{
    struct job *job = ctx;
    struct worker *w = partition_shell(job->partition);
    struct outcome o = {.http_status = r->status,
                        .error = r->error,
                        .ours = r->ours,
                        .retry_after = r->retry_after,
                        .response = r->response,
                        .started_wall_ms = job->posted_wall_ms,
                        .duration_ms = r->duration_ms,
                        .queued_ms = job->waited_ms,
                        .dns_ms = r->dns_ms,
                        .connect_ms = r->connect_ms,
                        .tls_ms = r->tls_ms,
                        .first_byte_ms = r->first_byte_ms};
    enum gate_answer answer = r->ours || job->withdrawn ? GATE_NOTHING : retry_strained(&o) ? GATE_BAD : GATE_GOOD;
    health_outcome(w->health, job->endpoint, &o);
    endpoint_unref(job->endpoint);
    job->endpoint = NULL;
    job->request = NULL;
    CRASH_POINT("after_post");
    schedule_ended(w->schedule, job, answer, r->duration_ms);
    if (job->withdrawn)
        return;
    if (r->ours)
        schedule_rest(w->schedule);
    partition_on_outcome(job, &o);
}

/* The target policy refuses the URL that the webhook names: an attempt that failed without a connection. */
static void refused(struct worker *w, struct job *job, struct endpoint *ep)
{
    struct outcome o = {.error = DELIVERY_ERROR_BLOCKED_TARGET,
                        .response = slice_str(ep->refused),
                        .started_wall_ms = job->posted_wall_ms,
                        .queued_ms = job->waited_ms,
                        .dns_ms = -1,
                        .connect_ms = -1,
                        .tls_ms = -1,
                        .first_byte_ms = -1};
    health_outcome(w->health, ep, &o);
    schedule_ended(w->schedule, job, GATE_NOTHING, 0);
    partition_on_outcome(job, &o);
}

void post_start(struct worker *w, struct job *job, struct endpoint *ep)
{
    struct header_lines h;
    h.used = 0;
    h.count = 0;
    job->posted_wall_ms = w->core.now_wall_ms;
    job->waited_ms = (int32_t)(w->core.now_ms - job->queued_ms);
    if (!ep->http) {
        refused(w, job, ep);
        return;
    }
    CRASH_POINT("before_post");
    uint64_t span = (uint64_t)core_random(&w->core) << 32 | core_random(&w->core);
    build_headers(&h, job, ep, w->core.now_wall_ms / 1000, span);
    struct http_post post = {.headers = h.lines, .header_count = h.count, .body = job->dl.body, .timeout_ms = ep->wh->timeout_ms};
    job->endpoint = endpoint_ref(ep);
    job->request = http_client_post(w->http, ep->http, &post, on_done, job);
}

void post_cancel(struct job *job)
{
    http_request_cancel(job->request);
}
