#include "scripted_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/mem.h"

#define PEERS_MAX 4096
#define FILL_MAX 65536

struct peer {
    int fd;
    struct buf in;
    const struct script *script; /* NULL: waits for a request */
    int step;
    size_t sent;     /* of the present step */
    int64_t wake_ms; /* 0: not waiting */
    bool wants_write, close_next;
};

struct scripted_server {
    const struct script *scripts;
    int listener, port;
    int stop_pipe[2];
    pthread_t thread;
    pthread_mutex_t lock; /* of last */
    struct buf last;
    _Atomic int accepted, requests;
    struct peer *peers[PEERS_MAX];
    struct pollfd polls[PEERS_MAX + 2];
    int count;
};

static char filling[FILL_MAX];

static void drop(struct scripted_server *s, int i, bool reset)
{
    struct peer *p = s->peers[i];
    struct linger linger = {1, 0};
    if (reset)
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(p->fd);
    buf_done(&p->in);
    free(p);
    s->peers[i] = s->peers[--s->count];
}

/* The request's length when all of it is here, else 0. */
static size_t request_length(const struct buf *in)
{
    const char *text = buf_cstr(in), *end = strstr(text, "\r\n\r\n");
    if (!end)
        return 0;
    const char *field = strcasestr(text, "\r\nContent-Length:");
    size_t body = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
    size_t len = (size_t)(end - text) + 4 + body;
    return len <= in->len ? len : 0;
}

static const struct script *find_script(struct scripted_server *s, const char *request)
{
    const char *path = strchr(request, ' ');
    size_t len = path ? strcspn(++path, " ") : 0;
    for (const struct script *script = s->scripts; script->path; script++)
        if (path && strlen(script->path) == len && strncmp(script->path, path, len) == 0)
            return script;
    return s->scripts;
}

/* false: the peer is gone. */
static bool take_request(struct scripted_server *s, int i)
{
    struct peer *p = s->peers[i];
    size_t len = request_length(&p->in);
    if (!len)
        return true;
    atomic_fetch_add(&s->requests, 1);
    if (p->close_next) {
        drop(s, i, false);
        return false;
    }
    pthread_mutex_lock(&s->lock);
    buf_reset(&s->last);
    buf_put(&s->last, p->in.p, len);
    pthread_mutex_unlock(&s->lock);
    p->script = find_script(s, p->in.p);
    p->step = 0;
    p->sent = 0;
    buf_drop(&p->in, len);
    return true;
}

/* 1: all sent; 0: not yet; -1: gone. */
static int send_some(struct peer *p, const char *text, size_t len)
{
    while (p->sent < len) {
        ssize_t n = send(p->fd, text + p->sent, len - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            p->wants_write = true;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        p->sent += (size_t)n;
    }
    p->sent = 0;
    return 1;
}

/* Runs steps until one has to wait; false: the peer is gone. Bounded, so that an endless script leaves the others their turn. */
static bool play(struct scripted_server *s, int i)
{
    struct peer *p = s->peers[i];
    p->wants_write = false;
    for (int budget = 64; p->script && budget > 0; budget--) {
        const struct step *step = &p->script->steps[p->step];
        int sent = 1;
        switch (step->op) {
        case STEP_SEND:
            sent = send_some(p, step->text, strlen(step->text));
            break;
        case STEP_FILL:
            sent = send_some(p, filling, (size_t)step->n);
            break;
        case STEP_WAIT:
            if (p->wake_ms == 0)
                p->wake_ms = clock_mono_ms() + step->n;
            if (clock_mono_ms() < p->wake_ms)
                return true;
            p->wake_ms = 0;
            break;
        case STEP_REPEAT:
            p->step -= step->n + 1;
            break;
        case STEP_CLOSE:
        case STEP_RESET:
            drop(s, i, step->op == STEP_RESET);
            return false;
        case STEP_CLOSE_NEXT:
            p->close_next = true;
            p->script = NULL;
            return true;
        case STEP_END:
            p->script = NULL;
            return true;
        }
        if (sent < 0)
            drop(s, i, false);
        if (sent <= 0)
            return sent == 0;
        p->step++;
    }
    p->wants_write = p->script != NULL; /* come again at once */
    return true;
}

/* false: the peer is gone. */
static bool hear(struct scripted_server *s, int i)
{
    char bytes[16384];
    struct peer *p = s->peers[i];
    ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        drop(s, i, false);
        return false;
    }
    if (n > 0)
        buf_put(&p->in, bytes, (size_t)n);
    return true;
}

static void welcome(struct scripted_server *s)
{
    int fd;
    while (s->count < PEERS_MAX && (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *p = mem_zalloc(sizeof *p);
        p->fd = fd;
        buf_init(&p->in, 1 << 21);
        s->peers[s->count++] = p;
        atomic_fetch_add(&s->accepted, 1);
    }
}

static void fill_polls(struct scripted_server *s)
{
    s->polls[0] = (struct pollfd){.fd = s->stop_pipe[0], .events = POLLIN};
    s->polls[1] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    for (int i = 0; i < s->count; i++)
        s->polls[i + 2] =
            (struct pollfd){.fd = s->peers[i]->fd, .events = (short)(POLLIN | (s->peers[i]->wants_write ? POLLOUT : 0))};
}

static int wait_ms(struct scripted_server *s)
{
    int64_t now_ms = clock_mono_ms(), wait = 1000;
    for (int i = 0; i < s->count; i++)
        if (s->peers[i]->wake_ms && s->peers[i]->wake_ms - now_ms < wait)
            wait = s->peers[i]->wake_ms - now_ms;
    return wait < 0 ? 0 : (int)wait;
}

static void *serve(void *arg)
{
    struct scripted_server *s = arg;
    for (;;) {
        fill_polls(s);
        poll(s->polls, (nfds_t)s->count + 2, wait_ms(s));
        if (s->polls[0].revents)
            return NULL;
        for (int i = s->count - 1; i >= 0; i--) { /* downwards: dropping one moves the last, which was seen, into its place */
            if ((s->polls[i + 2].revents & (POLLIN | POLLHUP | POLLERR)) && !hear(s, i))
                continue;
            if (!s->peers[i]->script && !take_request(s, i))
                continue;
            play(s, i);
        }
        if (s->polls[1].revents)
            welcome(s);
    }
}

struct scripted_server *scripted_server_start(const struct script *scripts)
{
    struct scripted_server *s = mem_zalloc(sizeof *s);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000005)};
    socklen_t len = sizeof sa;
    memset(filling, 'a', sizeof filling);
    s->scripts = scripts;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check(bind(s->listener, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(s->listener, 4096) == 0);
    check(getsockname(s->listener, (struct sockaddr *)&sa, &len) == 0);
    s->port = ntohs(sa.sin_port);
    buf_init(&s->last, 1 << 21);
    check(pipe2(s->stop_pipe, O_CLOEXEC) == 0);
    pthread_mutex_init(&s->lock, NULL);
    check(pthread_create(&s->thread, NULL, serve, s) == 0);
    return s;
}

void scripted_server_stop(struct scripted_server *s)
{
    check(write(s->stop_pipe[1], "x", 1) == 1);
    pthread_join(s->thread, NULL);
    while (s->count)
        drop(s, 0, false);
    close(s->listener);
    close(s->stop_pipe[0]);
    close(s->stop_pipe[1]);
    buf_done(&s->last);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int scripted_server_port(const struct scripted_server *s)
{
    return s->port;
}

int scripted_server_accepted(struct scripted_server *s)
{
    return atomic_load(&s->accepted);
}

int scripted_server_requests(struct scripted_server *s)
{
    return atomic_load(&s->requests);
}

void scripted_server_last(struct scripted_server *s, struct buf *out)
{
    pthread_mutex_lock(&s->lock);
    buf_put_slice(out, buf_slice(&s->last));
    pthread_mutex_unlock(&s->lock);
}
