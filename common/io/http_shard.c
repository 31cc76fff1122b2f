/* libcurl's multi handles on the loop. Many handles, because libcurl walks over all connections of a handle whenever one of them
 * sends or receives (TLS), and over all names whenever one is made.
 *
 * libcurl asks to be called at once (a timer of 0) whenever a transfer is added. All such shards are run once, at the end of the
 * turn. */
#include "http_internal.h"
#include "util/clock.h"

#define UNUSED_MS 90000           /* a shard without connections, into which none came for so long, closes */
#define CONNECTIONS_MAX 16777216L /* libcurl is to close none by itself: http_conn.c counts them */

static void collect(struct http_shard *s)
{
    int left;
    const CURLMsg *msg;
    while (s->multi && (msg = curl_multi_info_read(s->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result; /* msg does not outlive the transfer's removal */
        struct http_conn *conn = NULL;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&conn);
        http_conn_finished(conn, code);
    }
}

void http_shard_act(struct http_shard *s, curl_socket_t fd, int mask)
{
    int running;
    CURLMcode code = curl_multi_socket_action(s->multi, fd, mask, &running);
    check(code == CURLM_OK);
    http_sockets_look(s);
    collect(s);
}

/* -------- timers -------- */

static void make_pending(struct http_shard *s)
{
    if (s->pending)
        return;
    s->pending = true;
    TAILQ_INSERT_TAIL(&s->client->pending, s, pending_link);
    http_client_wake(s->client);
}

static void set_due(struct http_shard *s, long timeout_ms)
{
    if (timeout_ms == 0) {
        s->due_ms = -1;
        make_pending(s);
        return;
    }
    s->due_ms = timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
    /* A timer that is armed for an earlier moment stays: moving it twice a request costs more than waking up in vain. */
    if (timeout_ms > 0 && (!loop_timer_armed(s->timer) || s->due_ms < s->armed_ms)) {
        s->armed_ms = s->due_ms;
        loop_timer_arm(s->timer, timeout_ms);
    }
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userp)
{
    (void)multi;
    set_due(userp, timeout_ms);
    return 0;
}

/* Runs all transfers of the shard, whether libcurl thinks that it is their time or not. */
static void run_all(struct http_shard *s)
{
    int running;
    s->kicked = false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* slow for daily use, says libcurl; this is for the rare case */
    CURLMcode code = curl_multi_socket_all(s->multi, &running);
#pragma GCC diagnostic pop
    check(code == CURLM_OK);
    http_sockets_look(s);
    collect(s);
}

void http_shard_kick(struct http_shard *s)
{
    s->kicked = true;
    make_pending(s);
}

/* libcurl says once when it wants to be called, and not again if it is called too early; so it is asked when it said nothing.
 * Each transfer has its timeout: with one in flight there is always a next time. */
static void act_on_time(struct http_shard *s)
{
    long timeout_ms = -1;
    s->due_ms = -1;
    if (s->kicked)
        run_all(s);
    if (s->multi)
        http_shard_act(s, CURL_SOCKET_TIMEOUT, 0);
    if (s->multi && s->due_ms < 0 && !s->pending && s->connecting > 0 && curl_multi_timeout(s->multi, &timeout_ms) == CURLM_OK)
        set_due(s, timeout_ms);
}

static void on_timer(void *ctx)
{
    struct http_shard *s = ctx;
    if (s->due_ms < 0)
        return;
    int64_t left_ms = s->due_ms - clock_mono_ms();
    if (left_ms > 0) {
        s->armed_ms = s->due_ms;
        loop_timer_arm(s->timer, left_ms);
        return;
    }
    act_on_time(s);
}

void http_shards_run_pending(struct http_client *c)
{
    /* Only those that wait now: what their requests' ends bring about has its next turn. */
    struct http_shard *last = TAILQ_LAST(&c->pending, http_shards);
    struct http_shard *s;
    while (last && (s = TAILQ_FIRST(&c->pending))) {
        TAILQ_REMOVE(&c->pending, s, pending_link);
        s->pending = false;
        if (s->multi)
            act_on_time(s);
        if (s == last)
            break;
    }
}

/* -------- the handle -------- */

static bool open_multi(struct http_shard *s)
{
    CURLM *multi = curl_multi_init();
    if (!multi)
        return false;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_socket_wanted);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, s);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    s->multi = multi;
    s->due_ms = -1;
    return true;
}

static void close_multi(struct http_shard *s)
{
    check(s->handles == 0);
    if (!s->multi)
        return;
    CURLM *multi = s->multi;
    s->multi = NULL;
    s->kicked = false;
    curl_multi_cleanup(multi);
    loop_timer_cancel(s->timer);
    s->due_ms = -1;
    if (s->pending) {
        TAILQ_REMOVE(&s->client->pending, s, pending_link);
        s->pending = false;
    }
}

void http_shard_init(struct http_shard *s, struct http_client *c)
{
    s->client = c;
    s->due_ms = -1;
    LIST_INIT(&s->fresh);
    s->timer = loop_timer_new(c->loop, on_timer, s);
}

void http_shard_done(struct http_shard *s)
{
    close_multi(s);
    loop_timer_free(s->timer);
}

enum err http_shard_add(struct http_shard *s, struct http_conn *conn)
{
    if (!s->multi && !open_multi(s))
        return ERR_NO_MEMORY;
    if (curl_multi_add_handle(s->multi, conn->easy) != CURLM_OK)
        return ERR_NO_MEMORY;
    s->handles++;
    s->connecting++;
    s->used_ms = loop_now(s->client->loop);
    return ERR_OK;
}

void http_shard_remove(struct http_shard *s, struct http_conn *conn)
{
    CURLMcode code = curl_multi_remove_handle(s->multi, conn->easy);
    check(code == CURLM_OK);
    http_sockets_forget(conn);
    s->handles--;
}

void http_shards_sweep(struct http_client *c)
{
    int64_t now_ms = loop_now(c->loop);
    for (int i = 0; i < HTTP_SHARDS; i++) {
        struct http_shard *s = &c->shards[i];
        if (s->multi && s->handles == 0 && now_ms - s->used_ms > UNUSED_MS)
            close_multi(s);
    }
}
