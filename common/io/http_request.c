/* Requests: begin, resolve, start, end.
 *
 *     RESOLVING --answer--> RUNNING --libcurl, body limit, cancel--> DEAD --end of turn--> FREE
 *         \--no name, refused--> ENDED --end of turn--> DEAD
 *
 * done is called from the loop only, never from within libcurl and never from http_client_post. A request and its easy handle are
 * used again; they rest on the dead list until the turn is over, since whoever called us may still look at them. */
#include <stdlib.h>

#include "http_internal.h"
#include "util/mem.h"

#define LINES_MAX 65536

/* -------- ending -------- */

static struct http_request *request_new(struct http_client *c)
{
    struct http_request *rq = mem_zalloc(sizeof *rq);
    rq->client = c;
    buf_init(&rq->response, DELIVERY_RESPONSE_BYTES);
    buf_init(&rq->lines, LINES_MAX);
    return rq;
}

static void request_free(struct http_request *rq)
{
    http_transfer_free(rq);
    buf_done(&rq->response);
    buf_done(&rq->lines);
    free(rq);
}

/* Tells the outcome. rq is on no list but `from`. */
static void conclude(struct http_request *rq, struct http_requests *from, const struct http_result *result)
{
    struct http_client *c = rq->client;
    TAILQ_REMOVE(from, rq, link);
    TAILQ_INSERT_TAIL(&c->dead, rq, link);
    rq->state = HTTP_REQUEST_DEAD;
    c->in_flight--;
    if (result->ours && result->error != DELIVERY_ERROR_NONE)
        (*c->counters.ours)++;
    if (result->error == DELIVERY_ERROR_BLOCKED_TARGET)
        (*c->counters.blocked)++;
    http_client_wake(c);
    rq->done(rq->ctx, result);
}

/* Gives back what a dead request holds. */
static void recycle(struct http_request *rq)
{
    struct http_client *c = rq->client;
    TAILQ_REMOVE(&c->dead, rq, link);
    http_transfer_release(rq);
    http_endpoint_unref(rq->ep);
    rq->ep = NULL;
    if (!rq->easy) { /* there was no memory for one */
        request_free(rq);
        return;
    }
    rq->state = HTTP_REQUEST_FREE;
    TAILQ_INSERT_HEAD(&c->free, rq, link);
}

/* Ends a request that is not in libcurl; done is called at the end of the turn. detail is a literal or lies in rq. */
static void end_early(struct http_request *rq, enum delivery_error error, bool ours, const char *detail)
{
    struct http_client *c = rq->client;
    struct http_result *result = &rq->early;
    *result = (struct http_result){.error = error, .ours = ours, .detail = detail, .dns_ms = rq->dns_ms};
    result->connect_ms = result->tls_ms = result->first_byte_ms = -1;
    result->duration_ms = (int32_t)(loop_now(c->loop) - rq->started_ms);
    rq->state = HTTP_REQUEST_ENDED;
    TAILQ_REMOVE(&c->active, rq, link);
    TAILQ_INSERT_TAIL(&c->ended, rq, link);
    http_client_wake(c);
}

static void fill_result(struct http_request *rq, CURLcode code, struct http_result *result)
{
    struct http_facts facts = {
        .code = code,
        .stop = rq->stop,
        .head_complete = rq->head == HTTP_HEAD_COMPLETE,
        .requested = rq->requested,
        .os_errno = rq->os_errno,
    };
    long os_errno = 0;
    *result = (struct http_result){0};
    facts.connected = http_transfer_timings(rq, result);
    if (code == CURLE_COULDNT_CONNECT && facts.os_errno == 0 &&
        curl_easy_getinfo(rq->easy, CURLINFO_OS_ERRNO, &os_errno) == CURLE_OK)
        facts.os_errno = (int)os_errno;
    struct http_verdict verdict = http_judge(&facts);
    result->error = verdict.error;
    result->ours = verdict.ours;
    if (verdict.error != DELIVERY_ERROR_NONE) {
        result->detail = rq->error_text[0] ? rq->error_text : curl_easy_strerror(code);
        if (verdict.words)
            result->detail = rq->stop == HTTP_STOP_REFUSED && rq->rule ? rq->rule : verdict.words;
        return;
    }
    result->status = rq->status;
    result->response = buf_slice(&rq->response);
    result->retry_after = slice_of(rq->retry_after, rq->retry_after_len);
}

static void leave_shard(struct http_request *rq)
{
    http_shard_remove(rq->ep->shard, rq);
    if (rq->reading_body)
        TAILQ_REMOVE(&rq->client->reading_body, rq, body_link);
    rq->reading_body = false;
}

static void start(struct http_request *rq);

void http_request_finished(struct http_request *rq, CURLcode code)
{
    struct http_client *c = rq->client;
    leave_shard(rq);
    if (rq->stop == HTTP_STOP_NOT_PINNED && !rq->pinned_again && rq->ep->host->pin) {
        rq->pinned_again = true; /* the name was forgotten and made again in one breath */
        rq->ep->host->pin_loaded = false;
        rq->stop = HTTP_STOP_NONE;
        http_transfer_release(rq);
        start(rq);
        return;
    }
    struct http_result result;
    fill_result(rq, code, &result);
    conclude(rq, &c->active, &result);
}

/* -------- starting -------- */

static void start(struct http_request *rq)
{
    int64_t left_ms = rq->timeout_ms - (loop_now(rq->client->loop) - rq->started_ms);
    rq->state = HTTP_REQUEST_RUNNING;
    if (!http_transfer_prepare(rq, left_ms > 0 ? left_ms : 1) || http_shard_add(rq->ep->shard, rq) != ERR_OK)
        end_early(rq, DELIVERY_ERROR_CANCELLED, true, "out of memory");
}

static void end_unresolved(struct http_request *rq, enum err err)
{
    bool ours = err != ERR_NOT_FOUND && resolver_failing_ms(rq->client->resolver) >= HTTP_RESOLVER_OURS_MS;
    end_early(rq, DELIVERY_ERROR_DNS, ours,
              err == ERR_NOT_FOUND ? "no such name, or it has no address" : "the name servers fail or do not answer");
}

static void on_resolved(void *ctx, enum err err, const struct resolver_answer *answer)
{
    struct http_request *rq = ctx;
    const char *rule = NULL;
    rq->query = NULL;
    rq->dns_ms = (int32_t)(loop_now(rq->client->loop) - rq->started_ms);
    if (err == ERR_OK && answer->count == 0)
        err = ERR_NOT_FOUND;
    if (err != ERR_OK)
        end_unresolved(rq, err);
    else if (http_host_take_answer(rq->ep->host, answer, &rule) == HTTP_PIN_REFUSED)
        end_early(rq, DELIVERY_ERROR_BLOCKED_TARGET, false, rule);
    else
        start(rq);
}

static void resolve(struct http_request *rq)
{
    struct http_client *c = rq->client;
    struct http_endpoint *ep = rq->ep;
    if (!ep->host) {
        const char *rule = target_address_refused(&c->policy, &ep->target.address);
        rq->dns_ms = 0;
        if (rule)
            end_early(rq, DELIVERY_ERROR_BLOCKED_TARGET, false, rule);
        else
            start(rq);
        return;
    }
    if (ep->host->pin && rq->started_ms - ep->host->resolved_ms < HTTP_FRESH_MS) {
        rq->dns_ms = 0;
        start(rq);
        return;
    }
    struct resolver_query *query = resolver_ask(c->resolver, ep->target.host, rq->timeout_ms, on_resolved, rq);
    if (query)
        rq->query = query; /* else on_resolved was called */
}

static struct http_request *take_request(struct http_client *c)
{
    struct http_request *rq = TAILQ_FIRST(&c->free);
    if (rq)
        TAILQ_REMOVE(&c->free, rq, link);
    else
        rq = request_new(c);
    rq->stop = HTTP_STOP_NONE;
    rq->head = HTTP_HEAD_STATUS;
    rq->opened = rq->connected = rq->requested = rq->pinned_again = false;
    rq->sends = 0;
    rq->status = rq->os_errno = 0;
    rq->head_bytes = rq->body_bytes = rq->retry_after_len = 0;
    rq->dns_ms = -1;
    rq->rule = NULL;
    buf_reset(&rq->response);
    buf_reset(&rq->lines);
    return rq;
}

struct http_request *http_client_post(struct http_client *c, struct http_endpoint *ep, const struct http_post *post,
                                      http_done_fn *done, void *ctx)
{
    check(post->timeout_ms > 0);
    struct http_request *rq = take_request(c);
    rq->ep = ep;
    ep->refs++;
    rq->done = done;
    rq->ctx = ctx;
    rq->body = post->body;
    rq->timeout_ms = post->timeout_ms;
    rq->started_ms = loop_now(c->loop);
    rq->state = HTTP_REQUEST_RESOLVING;
    TAILQ_INSERT_TAIL(&c->active, rq, link);
    c->in_flight++;
    (*c->counters.requests)++;
    if (!rq->easy && !http_transfer_init(rq)) {
        http_transfer_free(rq);
        end_early(rq, DELIVERY_ERROR_CANCELLED, true, "out of memory");
    } else if (!http_transfer_headers(rq, post->headers, post->header_count)) {
        end_early(rq, DELIVERY_ERROR_PROTOCOL, false, "a header to be sent is not a single line \"Name: value\"");
    } else if (ep->target.https && !http_tls_load(c)) {
        end_early(rq, DELIVERY_ERROR_TLS, true, "no trusted certificates could be loaded");
    } else {
        resolve(rq);
    }
    return rq;
}

static void cancel_running(struct http_request *rq)
{
    struct http_result result;
    leave_shard(rq);
    fill_result(rq, CURLE_ABORTED_BY_CALLBACK, &result);
    if (rq->head != HTTP_HEAD_COMPLETE) {
        result.error = DELIVERY_ERROR_CANCELLED;
        result.ours = true;
        result.detail = "cancelled";
    }
    conclude(rq, &rq->client->active, &result);
}

void http_request_cancel(struct http_request *rq)
{
    if (rq->state == HTTP_REQUEST_RUNNING) {
        cancel_running(rq);
        return;
    }
    check(rq->state == HTTP_REQUEST_RESOLVING || rq->state == HTTP_REQUEST_ENDED);
    if (rq->query)
        resolver_cancel(rq->query);
    rq->query = NULL;
    if (rq->state == HTTP_REQUEST_RESOLVING)
        end_early(rq, DELIVERY_ERROR_CANCELLED, true, "cancelled");
    rq->early.error = DELIVERY_ERROR_CANCELLED;
    rq->early.ours = true;
    rq->early.detail = "cancelled";
    conclude(rq, &rq->client->ended, &rq->early);
}

/* -------- for the client -------- */

void http_requests_tell(struct http_client *c)
{
    struct http_request *last = TAILQ_LAST(&c->ended, http_requests);
    struct http_request *rq;
    while (last && (rq = TAILQ_FIRST(&c->ended))) {
        bool was_last = rq == last;
        conclude(rq, &c->ended, &rq->early);
        if (was_last)
            break;
    }
}

void http_requests_bury(struct http_client *c)
{
    struct http_request *rq;
    while ((rq = TAILQ_FIRST(&c->dead)))
        recycle(rq);
}

void http_requests_free(struct http_client *c)
{
    struct http_request *rq;
    while ((rq = TAILQ_FIRST(&c->free))) {
        TAILQ_REMOVE(&c->free, rq, link);
        request_free(rq);
    }
}
