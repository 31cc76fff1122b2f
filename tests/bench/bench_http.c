/* What io/http_client costs per POST beside a bare, tuned libcurl loop: user + system CPU of this process, the two interleaved in
 * one run (A B A B ...), medians and their ratio. The receiver is a process of its own on 127.0.0.5.
 *
 *     bench_http [posts per round] [endpoints] [in flight] [rounds] */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/http_client.h"
#include "util/clock.h"
#include "util/mem.h"

#define ADDRESS "127.0.0.5"
#define BODY_LEN 250
#define ROUNDS_MAX 99

static const char *const headers[] = {
    "X-TrueFTP-Event: file.uploaded",
    "X-TrueFTP-Delivery: 6f1b2c3d-0000-5000-8000-123456789abc",
    "X-TrueFTP-Timestamp: 1780920000",
    "X-TrueFTP-Signature: sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "X-TrueFTP-Attempt: 1",
};
#define HEADER_COUNT 5

static struct {
    int posts, endpoints, in_flight, rounds, port;
    char body[BODY_LEN];
} b;

/* -------- the receiver -------- */

static void answer(int ep, int fd)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char bytes[8192];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0); /* a request is one write on loopback */
    if (n > 0 && send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL) > 0)
        return;
    epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
    close(fd);
}

static void receive(int listener)
{
    struct epoll_event events[256], add = {.events = EPOLLIN, .data.fd = listener};
    int ep = epoll_create1(0);
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &add);
    for (;;) {
        int n = epoll_wait(ep, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                answer(ep, events[i].data.fd);
                continue;
            }
            add.data.fd = accept(listener, NULL, NULL);
            if (add.data.fd >= 0)
                epoll_ctl(ep, EPOLL_CTL_ADD, add.data.fd, &add);
        }
    }
}

static pid_t start_receiver(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, ADDRESS, &sa.sin_addr);
    check(bind(listener, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(listener, 4096) == 0);
    check(getsockname(listener, (struct sockaddr *)&sa, &len) == 0);
    b.port = ntohs(sa.sin_port);
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0)
        receive(listener);
    close(listener);
    return pid;
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* -------- A: libcurl alone -------- */

static struct {
    CURLM *multi;
    int epoll, started, done;
    unsigned char watched[65536];
    struct curl_slist *list, *resolve;
    CURLU **urls;
    long timeout_ms;
} bare;

static int bare_socket(CURL *e, curl_socket_t fd, int what, void *u, void *s)
{
    (void)e, (void)u, (void)s;
    if (what == CURL_POLL_REMOVE)
        return 0;
    unsigned char wanted = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = wanted, .data.fd = fd};
    if (bare.watched[fd] != wanted)
        epoll_ctl(bare.epoll, bare.watched[fd] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    bare.watched[fd] = wanted;
    return 0;
}

static int bare_close(void *u, curl_socket_t fd)
{
    (void)u;
    bare.watched[fd] = 0;
    return close(fd);
}

static int bare_timer(CURLM *m, long timeout_ms, void *u)
{
    (void)m, (void)u;
    bare.timeout_ms = timeout_ms;
    return 0;
}

static size_t bare_write(char *p, size_t size, size_t n, void *u)
{
    (void)p, (void)u;
    return size * n;
}

static void bare_start(CURL *e)
{
    curl_easy_setopt(e, CURLOPT_CURLU, bare.urls[bare.started++ % b.endpoints]);
    curl_multi_add_handle(bare.multi, e);
}

static CURL *bare_easy(void)
{
    CURL *e = curl_easy_init();
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, bare.list);
    curl_easy_setopt(e, CURLOPT_RESOLVE, bare.resolve);
    curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, bare_write);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, bare_close);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)BODY_LEN);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, b.body);
    return e;
}

static void bare_collect(void)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(bare.multi, &left))) {
        CURL *e = msg->easy_handle;
        check(msg->data.result == CURLE_OK);
        curl_multi_remove_handle(bare.multi, e);
        bare.done++;
        if (bare.started < b.posts)
            bare_start(e);
    }
}

static void bare_loop(void)
{
    struct epoll_event events[256];
    int running;
    while (bare.done < b.posts) {
        int n = epoll_wait(bare.epoll, events, 256, (int)bare.timeout_ms);
        for (int i = 0; i < n; i++) {
            int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(bare.multi, events[i].data.fd, mask, &running);
            bare_collect();
        }
        if (n == 0 || bare.timeout_ms == 0)
            curl_multi_socket_action(bare.multi, CURL_SOCKET_TIMEOUT, 0, &running);
        bare_collect();
    }
}

static void bare_prepare(void)
{
    bare.multi = curl_multi_init();
    bare.epoll = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(bare.multi, CURLMOPT_SOCKETFUNCTION, bare_socket);
    curl_multi_setopt(bare.multi, CURLMOPT_TIMERFUNCTION, bare_timer);
    curl_multi_setopt(bare.multi, CURLMOPT_MAXCONNECTS, 65536L);
    for (int i = 0; i < HEADER_COUNT; i++)
        bare.list = curl_slist_append(bare.list, headers[i]);
    bare.list = curl_slist_append(bare.list, "Content-Type: application/json");
    bare.list = curl_slist_append(bare.list, "User-Agent: TrueFTP-Webhooks/0.1.0");
    bare.list = curl_slist_append(bare.list, "Accept:");
    bare.urls = mem_array(NULL, (size_t)b.endpoints, sizeof(*bare.urls));
    for (int i = 0; i < b.endpoints; i++) {
        char url[100], entry[100];
        snprintf(url, sizeof url, "http://h%d.example:%d/hook", i, b.port);
        snprintf(entry, sizeof entry, "h%d.example:%d:" ADDRESS, i, b.port);
        bare.urls[i] = curl_url();
        curl_url_set(bare.urls[i], CURLUPART_URL, url, 0);
        bare.resolve = curl_slist_append(bare.resolve, entry);
    }
}

/* µs of CPU per POST. The first round of a kind also opens connections, and does not count. */
static double bare_round(void)
{
    static CURL **easy;
    if (!easy) {
        easy = mem_array(NULL, (size_t)b.in_flight, sizeof(*easy));
        for (int i = 0; i < b.in_flight; i++)
            easy[i] = bare_easy();
    }
    double before = cpu_us();
    bare.started = bare.done = 0;
    for (int i = 0; i < b.in_flight; i++)
        bare_start(easy[i]);
    bare_loop();
    return (cpu_us() - before) / b.posts;
}

/* -------- B: io/http_client -------- */

static struct {
    struct loop *loop;
    struct http_client *client;
    struct http_endpoint **endpoints;
    int started, done;
} ours;

static void ours_start(void);

static void ours_done(void *ctx, const struct http_result *result)
{
    (void)ctx;
    check(result->error == DELIVERY_ERROR_NONE && result->status == 200);
    ours.done++;
    if (ours.started < b.posts)
        ours_start();
    if (ours.done == b.posts)
        loop_stop(ours.loop);
}

static void ours_start(void)
{
    struct http_post post = {
        .headers = headers, .header_count = HEADER_COUNT, .body = slice_of(b.body, BODY_LEN), .timeout_ms = 10000};
    http_client_post(ours.client, ours.endpoints[ours.started++ % b.endpoints], &post, ours_done, NULL);
}

static void ours_prepare(void)
{
    static struct target_policy policy = {.allow_http = true};
    struct address_list *exempt;
    struct errmsg why;
    check(address_list_parse("127.0.0.0/8", &exempt, &why) == ERR_OK);
    policy.exempt = exempt;
    ours.loop = loop_new();
    struct http_client_options o = {.loop = ours.loop,
                                    .resolver = resolver_new(ours.loop, NULL, &why),
                                    .policy = &policy,
                                    .user_agent = "TrueFTP-Webhooks/0.1.0",
                                    .max_connections = 65536};
    ours.client = http_client_new(&o);
    ours.endpoints = mem_array(NULL, (size_t)b.endpoints, sizeof(*ours.endpoints));
    for (int i = 0; i < b.endpoints; i++) {
        char url[100];
        snprintf(url, sizeof url, "http://h%d.example:%d/hook", i, b.port);
        check(http_endpoint_new(ours.client, url, &ours.endpoints[i], &why) == ERR_OK);
    }
}

static double ours_round(void)
{
    double before = cpu_us();
    ours.started = ours.done = 0;
    for (int i = 0; i < b.in_flight; i++)
        ours_start();
    loop_run(ours.loop);
    return (cpu_us() - before) / b.posts;
}

static int compare(const void *x, const void *y)
{
    double d = *(const double *)x - *(const double *)y;
    return d < 0 ? -1 : d > 0;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare);
    return v[n / 2];
}

static int argument(char **argv, int argc, int i, int otherwise)
{
    int value = i < argc ? (int)strtol(argv[i], NULL, 10) : otherwise;
    check(value > 0);
    return value;
}

int main(int argc, char **argv)
{
    double a[ROUNDS_MAX], ours_us[ROUNDS_MAX], ratios[ROUNDS_MAX];
    b.posts = argument(argv, argc, 1, 20000);
    b.endpoints = argument(argv, argc, 2, 100);
    b.in_flight = argument(argv, argc, 3, 100);
    b.rounds = argument(argv, argc, 4, 5);
    check(b.rounds <= ROUNDS_MAX && b.in_flight <= b.posts);
    memset(b.body, 'x', sizeof b.body);
    pid_t receiver = start_receiver();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bare_prepare();
    ours_prepare();
    bare_round();
    ours_round();
    for (int i = 0; i < b.rounds; i++) {
        a[i] = bare_round();
        ours_us[i] = ours_round();
        ratios[i] = ours_us[i] / a[i];
    }
    printf("%d posts, %d endpoints, %d in flight: bare libcurl %.1f us, http_client %.1f us, ratio %.2f\n", b.posts, b.endpoints,
           b.in_flight, median(a, b.rounds), median(ours_us, b.rounds), median(ratios, b.rounds));
    kill(receiver, SIGTERM);
    waitpid(receiver, NULL, 0);
    return 0;
}
