#include "ctl/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "ctl/command.h"
#include "ctl/sse.h"
#include "util/mem.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS 10000
#define POLL_MS 1000
#define SILENCE_S 60L /* the API says something every 15 s */
#define PROBLEM_MAX (64UL * 1024)

enum stream_event { STREAM_OPENED, STREAM_DELIVERY, STREAM_RESET };

/* What libcurl's callback has read, to be handed out when libcurl is not running. */
struct waiting {
    enum stream_event event;
    json_t *data;
    STAILQ_ENTRY(waiting) link;
};

struct stream {
    struct client *client;
    struct buf url;
    struct http_headers headers;
    struct curl_slist *list;
    CURLM *multi;
    CURL *curl; /* NULL: not connected */
    char error[CURL_ERROR_SIZE];
    struct sse sse;
    struct buf problem; /* the body of an answer that is no stream */
    STAILQ_HEAD(, waiting) queue;
    int failures;   /* in a row */
    bool opened;    /* once at least */
    bool streaming; /* this connection is */
    bool away, broken;
};

static void put(struct stream *s, enum stream_event event, json_t *data)
{
    struct waiting *w = mem_zalloc(sizeof *w);
    *w = (struct waiting){.event = event, .data = data};
    STAILQ_INSERT_TAIL(&s->queue, w, link);
}

static void on_event(void *ctx, const char *name, struct slice data)
{
    struct stream *s = ctx;
    if (strcmp(name, "reset") == 0) {
        put(s, STREAM_RESET, NULL);
    } else if (strcmp(name, "delivery") == 0) {
        json_t *json = json_loadb(data.p, data.len, JSON_ALLOW_NUL, NULL);
        if (json) {
            put(s, STREAM_DELIVERY, json);
        } else {
            ctl_warn("an event of the stream is no JSON");
        }
    }
}

/* -------- connections -------- */

static int status_of(const struct stream *s)
{
    long status = 0;
    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static void opened(struct stream *s)
{
    s->failures = 0;
    s->streaming = true;
    if (s->away) {
        ctl_note("connected again");
    }
    s->away = false;
    if (!s->opened) {
        put(s, STREAM_OPENED, NULL);
    }
    s->opened = true;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct stream *s = ctx;
    if (status_of(s) != 200) {
        buf_put(&s->problem, bytes, size * count);
        return size * count;
    }
    if (!s->streaming) {
        opened(s);
    }
    s->broken = sse_feed(&s->sse, slice_of(bytes, size * count)) != ERR_OK;
    return s->broken ? 0 : size * count;
}

static void disconnect(struct stream *s)
{
    if (s->curl) {
        (void)curl_multi_remove_handle(s->multi, s->curl);
        curl_easy_cleanup(s->curl);
        curl_slist_free_all(s->list);
        http_headers_free(&s->headers);
        s->curl = NULL;
        s->list = NULL;
    }
}

static void connect_stream(struct stream *s)
{
    s->curl = curl_easy_init();
    check(s->curl != NULL);
    s->streaming = false;
    sse_restart(&s->sse);
    buf_reset(&s->problem);
    client_headers(s->client, &s->headers);
    http_headers_add(&s->headers, "Accept", "text/event-stream");
    if (*s->sse.last_id) {
        http_headers_add(&s->headers, "Last-Event-ID", s->sse.last_id);
    }
    http_prepare(s->curl, client_way(s->client), buf_cstr(&s->url), &s->headers, &s->list, s->error);
    check(curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK);
    check(curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S) == CURLE_OK);
    check(curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK);
    check(curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s) == CURLE_OK);
    check(curl_multi_add_handle(s->multi, s->curl) == CURLM_OK);
}

static struct stream *stream_new(struct client *c, const char *webhook)
{
    struct stream *s = mem_zalloc(sizeof *s);
    struct buf target;
    s->client = c;
    s->multi = curl_multi_init();
    check(s->multi != NULL);
    buf_init(&target, PROBLEM_MAX);
    buf_init(&s->url, PROBLEM_MAX);
    buf_init(&s->problem, PROBLEM_MAX);
    buf_puts(&target, "/webhooks/");
    put_encoded(&target, webhook);
    buf_puts(&target, "/stream");
    client_url(c, buf_cstr(&target), &s->url);
    buf_done(&target);
    sse_init(&s->sse, RETRY_MS, on_event, s);
    STAILQ_INIT(&s->queue);
    return s;
}

static void stream_free(struct stream *s)
{
    disconnect(s);
    (void)curl_multi_cleanup(s->multi);
    while (!STAILQ_EMPTY(&s->queue)) {
        struct waiting *w = STAILQ_FIRST(&s->queue);
        STAILQ_REMOVE_HEAD(&s->queue, link);
        json_decref(w->data);
        free(w);
    }
    sse_done(&s->sse);
    buf_done(&s->problem);
    buf_done(&s->url);
    free(s);
}

/* -------- the end of a connection -------- */

/* A server that ends a stream is asked again soon; one that is away, less and less often. */
static void wait_before_retry(struct stream *s)
{
    int64_t ms = s->sse.retry_ms;
    for (int i = 1; i < s->failures && ms < RETRY_MAX_MS; i++) {
        ms *= 2;
    }
    s->failures++;
    client_sleep_ms(ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
}

/* Whether it is of no use to ask again. */
static bool is_final(CURLcode code, int status)
{
    return status != 200 && (code == CURLE_OK ? status < 500 && status != 429 : http_failed(code, "", "", NULL) == ERR_INVALID);
}

static int tell_final(const struct stream *s, CURLcode code, int status)
{
    struct errmsg why;
    struct buf text;
    if (code != CURLE_OK) {
        return ctl_fail(http_failed(code, buf_cstr(&s->url), s->error, &why), &why);
    }
    buf_init(&text, PROBLEM_MAX);
    int exit_status = problem_explain(status, buf_slice(&s->problem), NULL, 0, &text);
    (void)ctl_usage("%s", buf_cstr(&text));
    buf_done(&text);
    return exit_status;
}

static void tell_away(struct stream *s, CURLcode code, int status)
{
    struct errmsg why;
    if (s->away) {
        return;
    }
    s->away = true;
    if (code != CURLE_OK) {
        (void)http_failed(code, buf_cstr(&s->url), s->error, &why);
        ctl_note("the stream ended: %s; trying again", why.text);
    } else {
        ctl_note("the stream ended (%d); trying again", status);
    }
}

/* Returns true when all is over, with the exit status. */
static bool ended(struct stream *s, CURLcode code, int *exit_status)
{
    int status = status_of(s);
    if (s->broken) {
        ctl_warn("the stream holds more than an event can be; trying again");
        s->broken = false;
    } else if (is_final(code, status)) {
        *exit_status = tell_final(s, code, status);
        return true;
    } else {
        tell_away(s, code, status);
    }
    disconnect(s);
    wait_before_retry(s);
    return false;
}

static bool over(struct stream *s, int *exit_status)
{
    int left = 0;
    CURLMsg *m = curl_multi_info_read(s->multi, &left);
    return m && m->msg == CURLMSG_DONE && ended(s, m->data.result, exit_status);
}

/* Waits for what comes next; NULL: all is over, with the exit status. */
static struct waiting *next(struct stream *s, int *status)
{
    while (STAILQ_EMPTY(&s->queue)) {
        int running = 0;
        if (!s->curl) {
            connect_stream(s);
        }
        check(curl_multi_perform(s->multi, &running) == CURLM_OK);
        if (STAILQ_EMPTY(&s->queue) && over(s, status)) {
            return NULL;
        }
        if (STAILQ_EMPTY(&s->queue) && s->curl) {
            check(curl_multi_poll(s->multi, NULL, 0, POLL_MS, NULL) == CURLM_OK);
        }
    }
    struct waiting *w = STAILQ_FIRST(&s->queue);
    STAILQ_REMOVE_HEAD(&s->queue, link);
    return w;
}

static int hand_over(struct stream *s, const struct waiting *w, const struct stream_handler *handler, void *ctx)
{
    switch (w->event) {
    case STREAM_OPENED:
        client_be_patient(s->client);
        return handler->opened(ctx);
    case STREAM_RESET:
        ctl_note("changes were missed: the newest deliveries are read again");
        return handler->reset(ctx);
    case STREAM_DELIVERY:
        break;
    }
    handler->delivery(ctx, w->data);
    return CTL_OK;
}

int stream_follow(struct client *c, const char *webhook, const struct stream_handler *handler, void *ctx)
{
    struct stream *s = stream_new(c, webhook);
    struct waiting *w = NULL;
    int status = CTL_OK;
    while (status == CTL_OK && !ferror(stdout) && (w = next(s, &status))) {
        status = hand_over(s, w, handler, ctx);
        json_decref(w->data);
        free(w);
    }
    stream_free(s);
    return status;
}
