/* libcurl's multi interface with what makes it fast: lazy epoll, CURLU, handles used again, all connections kept. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util/err.h"
#include "util/mem.h"
#include "yard.h"

static struct {
    const struct yard *y;
    CURLM *multi;
    CURL **easy;
    int epoll, started, done, posts;
    unsigned char watched[65536];
    struct curl_slist *list, *resolve;
    CURLU **urls;
    long timeout_ms;
} c;

static int on_socket(CURL *e, curl_socket_t fd, int what, void *u, void *s)
{
    (void)e, (void)u, (void)s;
    if (what == CURL_POLL_REMOVE)
        return 0;
    unsigned char wanted = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = wanted, .data.fd = fd};
    if (c.watched[fd] != wanted)
        epoll_ctl(c.epoll, c.watched[fd] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    c.watched[fd] = wanted;
    return 0;
}

static int on_close(void *u, curl_socket_t fd)
{
    (void)u;
    c.watched[fd] = 0;
    return close(fd);
}

static int on_timer(CURLM *m, long timeout_ms, void *u)
{
    (void)m, (void)u;
    c.timeout_ms = timeout_ms;
    return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *u)
{
    (void)p, (void)u;
    return size * n;
}

static void start(CURL *e)
{
    curl_easy_setopt(e, CURLOPT_CURLU, c.urls[c.started++ % c.y->endpoints]);
    curl_multi_add_handle(c.multi, e);
}

static CURL *easy_new(void)
{
    CURL *e = curl_easy_init();
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, c.list);
    curl_easy_setopt(e, CURLOPT_RESOLVE, c.resolve);
    curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, 60000L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)YARD_BODY_LEN);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, c.y->body);
    if (getenv("CURL_CA_BUNDLE"))
        curl_easy_setopt(e, CURLOPT_CAINFO, getenv("CURL_CA_BUNDLE"));
    return e;
}

static void add_headers(void)
{
    static const char *const lines[] = {
        "X-TrueFTP-Event: file.uploaded",
        "X-TrueFTP-Delivery: 6f1b2c3d-0000-5000-8000-123456789abc",
        "X-TrueFTP-Timestamp: 1780920000",
        "X-TrueFTP-Attempt: 1",
        "X-TrueFTP-Signature: sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "Content-Type: application/json",
        "User-Agent: TrueFTP-Webhooks/0.1.0",
        "Accept:",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        c.list = curl_slist_append(c.list, lines[i]);
}

static void add_url(int i)
{
    char host[64], url[100], entry[100];
    yard_host(c.y, i, host, sizeof host);
    snprintf(url, sizeof url, "%s://%s:%d/hook", c.y->https ? "https" : "http", host, c.y->port);
    c.urls[i] = curl_url();
    curl_url_set(c.urls[i], CURLUPART_URL, url, 0);
    if (!c.y->https)
        return;
    snprintf(entry, sizeof entry, "%s:%d:127.0.0.1", host, c.y->port);
    c.resolve = curl_slist_append(c.resolve, entry);
}

static void prepare(const struct yard *y)
{
    c.y = y;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c.multi = curl_multi_init();
    c.epoll = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(c.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c.multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c.multi, CURLMOPT_MAXCONNECTS, 65536L);
    add_headers();
    c.urls = mem_array(NULL, (size_t)y->endpoints, sizeof(*c.urls));
    for (int i = 0; i < y->endpoints; i++)
        add_url(i);
    c.easy = mem_array(NULL, (size_t)y->in_flight, sizeof(*c.easy));
    for (int i = 0; i < y->in_flight; i++)
        c.easy[i] = easy_new();
}

static void collect(void)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(c.multi, &left))) {
        CURL *e = msg->easy_handle;
        check(msg->data.result == CURLE_OK);
        curl_multi_remove_handle(c.multi, e);
        c.done++;
        if (c.started < c.posts)
            start(e);
    }
}

void yard_curl(const struct yard *y, int posts)
{
    struct epoll_event events[256];
    int running;
    if (!c.multi)
        prepare(y);
    c.started = c.done = 0;
    c.posts = posts;
    for (int i = 0; i < y->in_flight; i++)
        start(c.easy[i]);
    while (c.done < posts) {
        int n = epoll_wait(c.epoll, events, 256, (int)c.timeout_ms);
        for (int i = 0; i < n; i++) {
            int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(c.multi, events[i].data.fd, mask, &running);
            collect();
        }
        if (n == 0 || c.timeout_ms == 0)
            curl_multi_socket_action(c.multi, CURL_SOCKET_TIMEOUT, 0, &running);
        collect();
    }
}
