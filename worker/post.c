#include "post.h"

#include <string.h>

#include "crash.h"
#include "health.h"
#include "schedule.h"
#include "trace.h"
#include "worker.h"

static void put(struct buf *b, struct slice name, struct slice value)
{
    buf_put_slice(b, name);
    buf_put_slice(b, value);
    buf_put(b, "\r\n", 2);
}

static void put_number(struct buf *b, struct slice name, int64_t value)
{
    buf_put_slice(b, name);
    buf_put_i64(b, value);
    buf_put(b, "\r\n", 2);
}

static bool signs_now(const struct endpoint_open *open, int i, int64_t now_s)
{
    return open->keys[i].expires_wall_ms == 0 || open->keys[i].expires_wall_ms > now_s * 1000;
}

static void put_trueftp(struct buf *b, const struct job *job, const struct endpoint_open *open, int64_t now_s)
{
    char signature[SIGNATURE_TRUEFTP_SIZE];
    for (int i = 0; i < open->key_count; i++) {
        if (!open->keys[i].trueftp || !signs_now(open, i, now_s))
            continue;
        sign_trueftp(open->keys[i].trueftp, now_s, job->dl.body, signature);
        put(b, open->keys[i].expires_wall_ms == 0 ? SLICE("X-TrueFTP-Signature: ") : SLICE("X-TrueFTP-Signature-Previous: "),
            slice_of(signature, sizeof signature - 1));
    }
}

static void put_standard(struct buf *b, const struct job *job, const struct endpoint_open *open, struct slice id, int64_t now_s)
{
    char list[2 * (SIGNATURE_STANDARD_SIZE + 1)] = "";
    size_t used = 0;
    for (int i = 0; i < open->key_count; i++) {
        if (!open->keys[i].standard || !signs_now(open, i, now_s))
            continue;
        if (used > 0)
            list[used++] = ' ';
        sign_standard(open->keys[i].standard, id, now_s, job->dl.body, list + used);
        used += strlen(list + used);
    }
    if (used == 0)
        return;
    put(b, SLICE("webhook-id: "), id);
    put_number(b, SLICE("webhook-timestamp: "), now_s);
    put(b, SLICE("webhook-signature: "), slice_of(list, used));
}

/* A span of its own for each attempt. false: the event has no trace. */
static bool put_trace(struct buf *b, const struct job *job, uint64_t span)
{
    struct trace trace = {.id = job->dl.trace_id, .sampled = !job->dl.trace_unsampled};
    char parent[TRACE_PARENT_SIZE];
    if (trace.id.len != TRACE_ID_SIZE)
        return false;
    trace_format(&trace, span, parent);
    put(b, SLICE("traceparent: "), slice_str(parent));
    return true;
}

static void put_headers(struct buf *b, const struct job *job, const struct endpoint_open *open, int64_t now_s, uint64_t span)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(&job->dl.id, text);
    struct slice id = slice_of(text, UUID_TEXT_SIZE - 1);
    put(b, SLICE("X-TrueFTP-Event: "), slice_str(event_type_name(job->dl.event)));
    put(b, SLICE("X-TrueFTP-Delivery: "), id);
    put_number(b, SLICE("X-TrueFTP-Timestamp: "), now_s);
    put_number(b, SLICE("X-TrueFTP-Attempt: "), job->dl.attempt + 1);
    put_trueftp(b, job, open, now_s);
    put_standard(b, job, open, id, now_s);
    bool traced = put_trace(b, job, span);
    buf_put_slice(b, buf_slice(traced ? &open->headers_traced : &open->headers));
}

static void on_done(void *ctx, const struct http_result *r)
{
    struct job *job = ctx;
    struct worker *w = partition_shell(job->partition);
    struct outcome o = {.http_status = r->status,
                        .error = r->error,
                        .reason = r->reason,
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
    struct buf *lines = &w->header_lines;
    job->posted_wall_ms = w->core.now_wall_ms;
    job->waited_ms = (int32_t)(w->core.now_ms - job->queued_ms);
    if (!ep->open->http) {
        refused(w, job, ep);
        return;
    }
    CRASH_POINT("before_post");
    uint64_t span = (uint64_t)core_random(&w->core) << 32 | core_random(&w->core);
    buf_reset(lines);
    put_headers(lines, job, ep->open, w->core.now_wall_ms / 1000, span);
    check(lines->err == ERR_OK);
    struct http_post post = {.headers = buf_slice(lines), .body = job->dl.body, .timeout_ms = ep->wh->timeout_ms};
    job->endpoint = endpoint_ref(ep);
    job->request = http_client_post(w->http, ep->open->http, &post, on_done, job);
}

void post_cancel(struct job *job)
{
    http_request_cancel(job->request);
}
