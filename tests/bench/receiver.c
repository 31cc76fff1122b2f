/* The receiver of the benchmarks: answers every POST with an empty 200, at once or after a delay, and is never the limit. What it
 * counts stands in a file that is mapped, so that looking at it costs nobody anything.
 *
 *     bench_receiver --counter FILE [--delay-ms N] [--log FILE] [--tls CERTIFICATE KEY]
 *
 * Prints its port, on every address of 127.0.0.0/8. --log: one line a POST, "nanoseconds of CLOCK_MONOTONIC, delivery's body". */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/err.h"
#include "util/mem.h"

#define PEERS 65536
#define EVENTS 512
#define RING (1 << 20)

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct peer {
    SSL *ssl;
    char in[8192];
    size_t len;
};

static struct {
    int epoll, listener;
    int64_t delay_ms;
    volatile uint64_t *count;
    FILE *log;
    SSL_CTX *tls;
    struct peer *peers[PEERS];
    struct { /* answers that wait, in order, since all wait equally long */
        int fd;
        int64_t due_ms;
    } ring[RING];
    size_t head, tail;
} r;

static void drop(int fd)
{
    if (r.peers[fd]->ssl)
        SSL_free(r.peers[fd]->ssl);
    free(r.peers[fd]);
    r.peers[fd] = NULL;
    close(fd);
}

static void reply(int fd)
{
    struct peer *p = r.peers[fd];
    ++*r.count;
    if (p && p->ssl)
        SSL_write(p->ssl, answer, sizeof answer - 1);
    else if (p)
        (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
}

static void note(const char *body, size_t len)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    fprintf(r.log, "%lld %.*s\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec, (int)len, body);
    fflush(r.log);
}

/* Whole requests are answered; what is left moves to the front. */
static void take_requests(int fd)
{
    struct peer *p = r.peers[fd];
    for (;;) {
        char *end = memmem(p->in, p->len, "\r\n\r\n", 4);
        char *field = end ? memmem(p->in, (size_t)(end - p->in), "Content-Length: ", 16) : NULL;
        if (!field)
            return;
        size_t body = strtoul(field + 16, NULL, 10), all = (size_t)(end - p->in) + 4 + body;
        if (all > p->len)
            return;
        if (r.log)
            note(end + 4, body);
        if (r.delay_ms > 0) {
            r.ring[r.tail % RING].fd = fd;
            r.ring[r.tail++ % RING].due_ms = clock_mono_ms() + r.delay_ms;
        } else {
            reply(fd);
        }
        p->len -= all;
        memmove(p->in, p->in + all, p->len);
    }
}

static void hear(int fd)
{
    struct peer *p = r.peers[fd];
    ssize_t n;
    do {
        if (p->ssl) {
            n = SSL_read(p->ssl, p->in + p->len, (int)(sizeof p->in - p->len));
            if (n <= 0 && (SSL_get_error(p->ssl, (int)n) == SSL_ERROR_WANT_READ))
                return;
        } else {
            n = recv(fd, p->in + p->len, sizeof p->in - p->len, MSG_DONTWAIT);
            if (n < 0 && errno == EAGAIN)
                return;
        }
        if (n <= 0) {
            drop(fd);
            return;
        }
        p->len += (size_t)n;
        take_requests(fd);
    } while (p->ssl);
}

static void welcome(void)
{
    int fd;
    while ((fd = accept4(r.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
        check(fd < PEERS);
        r.peers[fd] = mem_zalloc(sizeof(struct peer));
        if (r.tls) {
            r.peers[fd]->ssl = SSL_new(r.tls);
            SSL_set_fd(r.peers[fd]->ssl, fd);
            SSL_set_accept_state(r.peers[fd]->ssl);
        }
        epoll_ctl(r.epoll, EPOLL_CTL_ADD, fd, &ev);
    }
}

static int reply_due(void)
{
    int64_t now_ms = r.delay_ms > 0 ? clock_mono_ms() : 0;
    while (r.head != r.tail && r.ring[r.head % RING].due_ms <= now_ms)
        reply(r.ring[r.head++ % RING].fd);
    if (r.head == r.tail)
        return -1;
    return (int)(r.ring[r.head % RING].due_ms - now_ms);
}

static void serve(void)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int n = epoll_wait(r.epoll, events, EVENTS, reply_due());
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == r.listener)
                welcome();
            else if (r.peers[events[i].data.fd])
                hear(events[i].data.fd);
        }
    }
}

static void open_counter(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && ftruncate(fd, sizeof(uint64_t)) == 0);
    r.count = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(r.count != MAP_FAILED);
}

static void listen_on_a_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t len = sizeof sa;
    r.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(bind(r.listener, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(r.listener, 65535) == 0);
    check(getsockname(r.listener, (struct sockaddr *)&sa, &len) == 0);
    printf("%d\n", ntohs(sa.sin_port));
    fflush(stdout);
}

static void open_tls(const char *certificate, const char *key)
{
    r.tls = SSL_CTX_new(TLS_server_method());
    check(SSL_CTX_use_certificate_file(r.tls, certificate, SSL_FILETYPE_PEM) == 1);
    check(SSL_CTX_use_PrivateKey_file(r.tls, key, SSL_FILETYPE_PEM) == 1);
}

int main(int argc, char **argv)
{
    struct rlimit files = {PEERS, PEERS};
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--counter") == 0)
            open_counter(argv[i + 1]);
        else if (strcmp(argv[i], "--delay-ms") == 0)
            r.delay_ms = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--log") == 0)
            r.log = fopen(argv[i + 1], "w");
        else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc)
            open_tls(argv[i + 1], argv[i + 2]), i++;
    }
    check(r.count != NULL);
    listen_on_a_port();
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = r.listener};
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(r.epoll, EPOLL_CTL_ADD, r.listener, &ev);
    serve();
}
