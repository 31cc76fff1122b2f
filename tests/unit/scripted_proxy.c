#include "scripted_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/err.h"
#include "util/mem.h"

#define HEAD_MAX 4096

struct scripted_proxy {
    int listener, port;
    pthread_t thread;
    _Atomic int what, asked, stopping, serving;
    char head[HEAD_MAX];
};

struct served {
    struct scripted_proxy *proxy;
    int fd;
};

static bool read_head(struct scripted_proxy *p, int fd)
{
    size_t len = 0;
    while (len + 1 < HEAD_MAX) {
        ssize_t n = read(fd, p->head + len, 1); /* not a byte more: what follows is the tunnel's */
        if (n <= 0)
            return false;
        p->head[++len] = '\0';
        if (len >= 4 && strcmp(p->head + len - 4, "\r\n\r\n") == 0)
            return true;
    }
    return false;
}

static int connect_to_target(const char *head)
{
    static const char verb[] = "CONNECT ";
    char host[64];
    struct sockaddr_in sa = {.sin_family = AF_INET};
    if (strncmp(head, verb, sizeof verb - 1) != 0)
        return -1;
    const char *from = head + sizeof verb - 1, *colon = strchr(from, ':');
    if (!colon || (size_t)(colon - from) >= sizeof host)
        return -1;
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - from), from);
    if (inet_pton(AF_INET, host, &sa.sin_addr) != 1)
        return -1;
    sa.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool pass(int from, int to)
{
    char bytes[16384];
    ssize_t n = read(from, bytes, sizeof bytes);
    return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void relay(struct scripted_proxy *p, int a, int b)
{
    struct pollfd fds[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    bool open = true;
    while (open && !atomic_load(&p->stopping)) {
        poll(fds, 2, 20);
        if (fds[0].revents)
            open = pass(a, b);
        if (open && fds[1].revents)
            open = pass(b, a);
    }
    close(b);
}

static void answer(int fd, int status)
{
    char text[100];
    int len = snprintf(text, sizeof text, "HTTP/1.1 %d As Told\r\n\r\n", status);
    (void)!send(fd, text, (size_t)len, MSG_NOSIGNAL);
}

static void talk(struct scripted_proxy *p, int fd)
{
    int what = atomic_load(&p->what);
    if (what == PROXY_CLOSES)
        return;
    if (what == PROXY_MUTE) {
        while (!atomic_load(&p->stopping) && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20) == 0)
            ;
        return;
    }
    int target = what == PROXY_TUNNELS ? connect_to_target(p->head) : -1;
    answer(fd, what == PROXY_TUNNELS ? (target >= 0 ? 200 : 503) : what);
    if (target >= 0)
        relay(p, fd, target);
}

static void *serve_one(void *arg)
{
    struct served *one = arg;
    struct scripted_proxy *p = one->proxy;
    if (read_head(p, one->fd)) {
        atomic_fetch_add(&p->asked, 1);
        talk(p, one->fd);
    }
    close(one->fd);
    free(one);
    atomic_fetch_sub(&p->serving, 1);
    return NULL;
}

static void *serve(void *arg)
{
    struct scripted_proxy *p = arg;
    int fd;
    while ((fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct served *one = mem_zalloc(sizeof *one);
        pthread_t thread;
        one->proxy = p;
        one->fd = fd;
        atomic_fetch_add(&p->serving, 1);
        check(pthread_create(&thread, NULL, serve_one, one) == 0 && pthread_detach(thread) == 0);
    }
    return NULL;
}

struct scripted_proxy *scripted_proxy_start(bool v6)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000009)}};
    socklen_t len = v6 ? sizeof sa.v6 : sizeof sa.v4;
    struct scripted_proxy *p = mem_zalloc(sizeof *p);
    if (v6)
        sa.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    p->listener = socket(sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(p->listener, &sa.any, len) != 0) {
        check(v6);
        close(p->listener);
        free(p);
        return NULL;
    }
    check(listen(p->listener, 16) == 0 && getsockname(p->listener, &sa.any, &len) == 0);
    p->port = ntohs(v6 ? sa.v6.sin6_port : sa.v4.sin_port);
    check(pthread_create(&p->thread, NULL, serve, p) == 0);
    return p;
}

void scripted_proxy_stop(struct scripted_proxy *p)
{
    atomic_store(&p->stopping, 1);
    shutdown(p->listener, SHUT_RDWR); /* ends accept */
    pthread_join(p->thread, NULL);
    while (atomic_load(&p->serving) > 0)
        usleep(1000);
    close(p->listener);
    free(p);
}

int scripted_proxy_port(const struct scripted_proxy *p)
{
    return p->port;
}

void scripted_proxy_do(struct scripted_proxy *p, int what)
{
    atomic_store(&p->what, what);
}

int scripted_proxy_asked(struct scripted_proxy *p)
{
    return atomic_load(&p->asked);
}

const char *scripted_proxy_head(struct scripted_proxy *p)
{
    return p->head;
}
