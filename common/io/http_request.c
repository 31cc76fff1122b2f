/* Requests: begin, resolve, exchange, end.
 *
 *     RESOLVING --answer--> EXCHANGING on a kept connection, or CONNECTING --> EXCHANGING --response, timeout, cancel--> DEAD
 *         \--no name, refused--> ENDED --end of turn--> DEAD --end of turn--> FREE
 *
 * done is called from the loop only, never from within libcurl and never from http_client_post. A request is used again; it rests
 * on the dead list until the turn is over, since whoever called us may still look at it. */
#include <stdio.h>
#include <stdlib.h>

#include "http_internal.h"
#include "util/mem.h"

#define HEAD_MAX 65536
#define LENGTH_LINE 64   /* "Content-Length: ...", and the line that ends the head */
#define BODY_COPIED 4096 /* so much of a body is copied behind the head: one piece is cheaper to send than two */

/* -------- ending -------- */

static struct http_request *request_new(struct http_client *c)
{
    struct http_request *rq = mem_zalloc(sizeof *rq);
    rq->client = c;
    rq->slot = -1;
    buf_init(&rq->head, HEAD_MAX + BODY_COPIED);
    http_response_init(&rq->response, &c->fields, DELIVERY_RESPONSE_BYTES);
    return rq;
}

static void request_free(struct http_request *rq)
{
    http_response_done(&rq->response);
    buf_done(&rq->head);
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

/* Ends a request that has no connection; done is called at the end of the turn. detail is a literal. */
static void end_early(struct http_request *rq, enum delivery_error error, bool ours, const char *detail)
{
    struct http_client *c = rq->client;
    struct http_result *result = &rq->early;
    *result = (struct http_result){.error = error, .ours = ours, .detail = detail, .dns_ms = rq->dns_ms};
    result->connect_ms = result->tls_ms = result->first_byte_ms = -1;
    result->duration_ms = (int32_t)(loop_now(c->loop) - rq->started_ms);
    rq->state = HTTP_REQUEST_ENDED;
    http_wheel_drop(&c->wheel, rq);
    TAILQ_REMOVE(&c->active, rq, link);
    TAILQ_INSERT_TAIL(&c->ended, rq, link);
    http_client_wake(c);
}

static void fill_times(const struct http_request *rq, struct http_result *result)
{
    result->dns_ms = rq->dns_ms;
    result->connect_ms = rq->connect_ms;
    result->tls_ms = rq->tls_ms;
    result->first_byte_ms = rq->first_byte_ms;
    result->duration_ms = (int32_t)(loop_now(rq->client->loop) - rq->started_ms);
}

static void fill_answer(const struct http_request *rq, struct http_result *result)
{
    const struct http_response *r = &rq->response;
    result->status = r->status;
    result->response = buf_slice(&r->kept);
    result->retry_after = slice_of(r->retry_after, r->retry_after_len);
}

/* Leaves its connection behind, kept or closed. */
static void leave(struct http_request *rq, bool reusable)
{
    struct http_conn *conn = rq->conn;
    rq->conn = NULL;
    http_wheel_drop(&rq->client->wheel, rq);
    if (conn && reusable)
        http_conn_keep(conn);
    else if (conn)
        http_conn_close(conn);
}

/* The final head is complete: that is the delivery's answer, whatever came after it. */
static void answered(struct http_request *rq, bool reusable)
{
    struct http_result result = {0};
    fill_times(rq, &result);
    fill_answer(rq, &result);
    leave(rq, reusable);
    conclude(rq, &rq->client->active, &result);
}

static void fail_as(struct http_request *rq, struct http_verdict verdict, const char *detail)
{
    struct http_result result = {0};
    char text[CURL_ERROR_SIZE];
    snprintf(text, sizeof text, "%s", verdict.words ? verdict.words : detail); /* detail may lie in the connection */
    fill_times(rq, &result);
    result.error = verdict.error;
    result.reason = verdict.reason;
    result.ours = verdict.ours;
    result.detail = text;
    leave(rq, false);
    conclude(rq, &rq->client->active, &result);
}

static void fail_exchange(struct http_request *rq, enum http_end end, const char *detail)
{
    struct http_facts facts = {.end = end, .connected = true};
    if (rq->conn) {
        facts.tls_alert = rq->conn->tls_alert;
        facts.asked = rq->conn->certificate_asked;
    }
    fail_as(rq, http_judge(&facts), detail);
}

/* -------- exchanging -------- */

/* What was checked when the request began may be refused by now, where another of its host has asked again. */
static void start_connecting(struct http_request *rq)
{
    if (!rq->ep->target.literal && !rq->ep->host->answer) {
        rq->conn = NULL;
        end_early(rq, DELIVERY_ERROR_BLOCKED_TARGET, false, rq->ep->host->rule);
        return;
    }
    int64_t left_ms = rq->deadline_ms - loop_now(rq->client->loop);
    rq->state = HTTP_REQUEST_CONNECTING;
    rq->conn = http_conn_open(rq->ep->host, rq, left_ms > 0 ? left_ms : 1);
    if (!rq->conn)
        end_early(rq, DELIVERY_ERROR_CANCELLED, true, "out of memory");
}

/* The connection is gone before an answer was complete. Servers close kept connections whenever they like, also just as a request
 * is on its way: once, it is sent again, over a connection that is new. */
static void lost(struct http_request *rq)
{
    if (rq->response.head_complete) {
        answered(rq, false);
    } else if (rq->conn->tls_alert != 0) {
        fail_exchange(rq, HTTP_END_ALERT, NULL);
    } else if (rq->conn->used && http_response_untouched(&rq->response) && !rq->retried) {
        rq->retried = true;
        rq->waits_to_send = false;
        rq->sent = 0;
        http_conn_close(rq->conn);
        start_connecting(rq);
    } else {
        fail_exchange(rq, HTTP_END_CLOSED, NULL);
    }
}

/* What of the body is not here yet has its own time, within the request's. */
static void wait_for_body(struct http_request *rq)
{
    int64_t until_ms = loop_now(rq->client->loop) + HTTP_BODY_MS;
    if (rq->reading_body)
        return;
    rq->reading_body = true;
    if (until_ms < rq->deadline_ms) {
        rq->deadline_ms = until_ms;
        http_wheel_put(&rq->client->wheel, rq);
    }
}

/* false: rq is over. */
static bool take(struct http_request *rq, size_t len)
{
    if (rq->first_byte_ms < 0)
        rq->first_byte_ms = (int32_t)(loop_now(rq->client->loop) - rq->started_ms);
    switch (http_response_take(&rq->response, rq->client->scratch, len)) {
    case HTTP_COMPLETE:
        answered(rq, rq->response.reusable && rq->sent == rq->head.len + rq->body.len);
        return false;
    case HTTP_BAD:
        fail_exchange(rq, HTTP_END_BAD, rq->response.why);
        return false;
    case HTTP_MORE:
        break;
    }
    if (rq->response.head_complete)
        wait_for_body(rq);
    return true;
}

/* The peer takes nothing more. What it said before it closed may be here still: an answer, or why it does not like our TLS. */
static void cannot_send(struct http_request *rq)
{
    ssize_t n;
    while ((n = http_wire_recv(rq->conn, rq->client->scratch, HTTP_READ_MAX)) > 0)
        if (!take(rq, (size_t)n))
            return;
    lost(rq);
}

/* false: rq is over, or begins anew. */
static bool send_more(struct http_request *rq)
{
    size_t all = rq->head.len + rq->body.len;
    while (rq->sent < all) {
        size_t of_head = rq->sent < rq->head.len ? rq->sent : rq->head.len, of_body = rq->sent - of_head;
        ssize_t n = http_wire_send(rq->conn, slice_of(rq->head.p + of_head, rq->head.len - of_head),
                                   slice_of(rq->body.p + of_body, rq->body.len - of_body));
        if (n == HTTP_WIRE_AGAIN) {
            rq->waits_to_send = true;
            http_socket_watch(rq->conn->sock, LOOP_READ | LOOP_WRITE);
            return true;
        }
        if (n < 0) {
            cannot_send(rq);
            return false;
        }
        rq->sent += (size_t)n;
    }
    if (rq->waits_to_send)
        http_socket_watch(rq->conn->sock, LOOP_READ);
    rq->waits_to_send = false;
    return true;
}

static void begin_exchange(struct http_request *rq)
{
    const char *rule = http_conn_refused(rq->conn);
    rq->state = HTTP_REQUEST_EXCHANGING;
    rq->connect_ms = rq->conn->used ? 0 : rq->conn->connect_ms;
    rq->tls_ms = rq->conn->used ? 0 : rq->conn->tls_ms;
    if (!rule) {
        send_more(rq);
        return;
    }
    leave(rq, false);
    end_early(rq, DELIVERY_ERROR_BLOCKED_TARGET, false, rule);
}

/* What TLS has decrypted does not show at the descriptor: there it is read until nothing is left. The response's limits bound it.
 */
static void receive(struct http_request *rq)
{
    struct http_conn *conn = rq->conn;
    ssize_t n;
    do {
        n = http_wire_recv(conn, rq->client->scratch, HTTP_READ_MAX);
        if (n == HTTP_WIRE_AGAIN)
            return;
        if (n <= 0) {
            lost(rq);
            return;
        }
        if (!take(rq, (size_t)n))
            return;
    } while (conn->tls || n == HTTP_READ_MAX);
}

void http_request_on_ready(struct http_request *rq, int events)
{
    if ((events & LOOP_WRITE) && !send_more(rq))
        return;
    if (events & LOOP_READ)
        receive(rq);
}

void http_request_connected(struct http_request *rq)
{
    if (rq->client->proxy)
        http_proxy_worked(rq->client->proxy);
    begin_exchange(rq);
}

static struct http_facts facts_of_connecting(struct http_conn *conn, CURLcode code)
{
    struct http_facts facts = {.end = conn->trouble,
                               .code = code,
                               .connected = conn->connect_ms >= 0,
                               .os_errno = conn->os_errno,
                               .tls_alert = conn->tls_alert,
                               .asked = conn->certificate_asked};
    long os_errno = 0;
    curl_easy_getinfo(conn->easy, CURLINFO_SSL_VERIFYRESULT, &facts.verified);
    curl_easy_getinfo(conn->easy, CURLINFO_HTTP_CONNECTCODE, &facts.tunnel_status);
    if (code == CURLE_COULDNT_CONNECT && facts.os_errno == 0 &&
        curl_easy_getinfo(conn->easy, CURLINFO_OS_ERRNO, &os_errno) == CURLE_OK)
        facts.os_errno = (int)os_errno;
    return facts;
}

/* Behind a tunnel the failure is the endpoint's; before that the proxy stands between. */
static struct http_verdict judge_connecting(const struct http_request *rq, const struct http_facts *facts)
{
    struct http_proxy *proxy = rq->client->proxy;
    if (proxy && facts->end == HTTP_END_REFUSED) { /* at the socket: the target itself was looked at before */
        ++*rq->client->counters.proxy_failures;
        return (struct http_verdict){DELIVERY_ERROR_CANCELLED, DELIVERY_REASON_NONE, true,
                                     "the egress proxy's address has changed"};
    }
    if (!proxy || facts->end != HTTP_END_CONNECT)
        return http_judge(facts);
    if (facts->tunnel_status < 200 || facts->tunnel_status > 299) {
        struct http_verdict verdict = http_proxy_judge(proxy, facts, rq->ep->host->hash);
        *rq->client->counters.proxy_failures += verdict.ours;
        return verdict;
    }
    http_proxy_worked(proxy);
    return http_judge(facts);
}

void http_request_not_connected(struct http_request *rq, CURLcode code)
{
    struct http_conn *conn = rq->conn;
    struct http_facts facts = facts_of_connecting(conn, code);
    rq->connect_ms = conn->connect_ms;
    const char *said = conn->error_text[0] ? conn->error_text : curl_easy_strerror(code);
    fail_as(rq, judge_connecting(rq, &facts), facts.end == HTTP_END_REFUSED && conn->rule ? conn->rule : said);
}

void http_request_late(struct http_request *rq)
{
    if (rq->state == HTTP_REQUEST_CONNECTING) {
        http_request_not_connected(rq, CURLE_OPERATION_TIMEDOUT);
    } else if (rq->state == HTTP_REQUEST_EXCHANGING && rq->response.head_complete) {
        answered(rq, false);
    } else if (rq->state == HTTP_REQUEST_EXCHANGING) {
        fail_exchange(rq, HTTP_END_TIMEOUT, NULL);
    } /* else it resolves: the resolver keeps the time */
}

/* -------- starting -------- */

static void start(struct http_request *rq)
{
    http_wheel_put(&rq->client->wheel, rq);
    rq->conn = http_conn_take(rq->ep->host, rq);
    if (rq->conn)
        begin_exchange(rq);
    else
        start_connecting(rq);
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
    else if (http_host_take_answer(rq->ep->host, answer, &rule) == HTTP_ANSWER_REFUSED)
        end_early(rq, DELIVERY_ERROR_BLOCKED_TARGET, false, rule);
    else
        start(rq);
}

static void resolve(struct http_request *rq)
{
    struct http_client *c = rq->client;
    struct http_endpoint *ep = rq->ep;
    if (ep->target.literal) {
        const char *rule = target_address_refused(&c->policy, &ep->target.address);
        rq->dns_ms = 0;
        if (rule)
            end_early(rq, DELIVERY_ERROR_BLOCKED_TARGET, false, rule);
        else
            start(rq);
        return;
    }
    if (ep->host->answer && rq->started_ms - ep->host->resolved_ms < HTTP_FRESH_MS) {
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
    rq->sent = 0;
    rq->retried = rq->reading_body = rq->waits_to_send = false;
    rq->dns_ms = rq->connect_ms = rq->tls_ms = rq->first_byte_ms = -1;
    buf_reset(&rq->head);
    return rq;
}

static void put_head(struct http_request *rq, const struct http_post *post)
{
    struct buf *b = &rq->head;
    size_t body = post->body.len > BODY_COPIED ? 0 : post->body.len;
    (void)buf_reserve(b, rq->ep->head_len + rq->client->fixed.len + post->headers.len + LENGTH_LINE + body); /* all at once */
    buf_put(b, rq->ep->head, rq->ep->head_len);
    buf_put_slice(b, buf_slice(&rq->client->fixed));
    buf_put_slice(b, post->headers);
    buf_put(b, "Content-Length: ", 16);
    buf_put_i64(b, (long long)post->body.len);
    buf_put(b, "\r\n\r\n", 4);
}

static void put_body(struct http_request *rq, struct slice body)
{
    rq->body = body.len > BODY_COPIED ? body : SLICE("");
    if (body.len <= BODY_COPIED)
        buf_put_slice(&rq->head, body);
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
    rq->timeout_ms = post->timeout_ms;
    rq->started_ms = loop_now(c->loop);
    rq->deadline_ms = rq->started_ms + rq->timeout_ms;
    rq->state = HTTP_REQUEST_RESOLVING;
    TAILQ_INSERT_TAIL(&c->active, rq, link);
    c->in_flight++;
    (*c->counters.requests)++;
    put_head(rq, post);
    put_body(rq, post->body);
    if (rq->head.err != ERR_OK)
        end_early(rq, DELIVERY_ERROR_PROTOCOL, false, "the headers to be sent are too long");
    else if (ep->target.https && !(ep->host->tls && ep->host->tls->trust) && !http_tls_load(c))
        end_early(rq, DELIVERY_ERROR_TLS, true, "no trusted certificates could be loaded");
    else if (c->proxy && !http_proxy_is_known(c->proxy))
        end_early(rq, DELIVERY_ERROR_DNS, true, "the egress proxy's name has not been resolved");
    else
        resolve(rq);
    return rq;
}

/* -------- cancelling -------- */

static void cancel_running(struct http_request *rq)
{
    struct http_result result = {.error = DELIVERY_ERROR_CANCELLED, .ours = true, .detail = "cancelled"};
    if (rq->response.head_complete) {
        answered(rq, false);
        return;
    }
    fill_times(rq, &result);
    leave(rq, false);
    conclude(rq, &rq->client->active, &result);
}

void http_request_cancel(struct http_request *rq)
{
    if (rq->state == HTTP_REQUEST_CONNECTING || rq->state == HTTP_REQUEST_EXCHANGING) {
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
    while ((rq = TAILQ_FIRST(&c->dead))) {
        TAILQ_REMOVE(&c->dead, rq, link);
        http_endpoint_unref(rq->ep);
        rq->ep = NULL;
        http_response_reset(&rq->response); /* now, not when it is used again: what rests takes little room */
        rq->state = HTTP_REQUEST_FREE;
        TAILQ_INSERT_HEAD(&c->free, rq, link);
    }
}

void http_requests_free(struct http_client *c)
{
    struct http_request *rq;
    while ((rq = TAILQ_FIRST(&c->free))) {
        TAILQ_REMOVE(&c->free, rq, link);
        request_free(rq);
    }
}
