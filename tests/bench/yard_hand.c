/* What a POST costs at least: one buffer sent, one received, one epoll. A connection an endpoint, or one for each POST in flight
 * where these are more. The connections take turns, and each has one POST in flight at a time. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/err.h"
#include "util/mem.h"
#include "yard.h"

static struct {
    int epoll, count;
    struct lane {
        int fd;
        char *request;
        size_t len;
    } * lanes;
    struct lane **idle; /* a ring of those without a POST in flight: the one that has waited longest is the next */
    int first, idle_count;
} h;

static void open_lane(const struct yard *y, struct lane *lane, int i)
{
    char host[64];
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)y->port)};
    yard_host(y, i % y->endpoints, host, sizeof host);
    inet_pton(AF_INET, host, &sa.sin_addr);
    lane->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(connect(lane->fd, (struct sockaddr *)&sa, sizeof sa) == 0);
    lane->request = mem_alloc(2048);
    lane->len = (size_t)snprintf(lane->request, 2048,
                                 "POST /hook HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\n"
                                 "User-Agent: TrueFTP-Webhooks/0.1.0\r\n" YARD_HEADERS "Content-Length: %d\r\n\r\n%s",
                                 host, y->port, YARD_BODY_LEN, y->body);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = lane};
    check(epoll_ctl(h.epoll, EPOLL_CTL_ADD, lane->fd, &ev) == 0);
}

static void prepare(const struct yard *y)
{
    h.epoll = epoll_create1(EPOLL_CLOEXEC);
    h.count = y->endpoints > y->in_flight ? y->endpoints : y->in_flight;
    h.lanes = mem_array(NULL, (size_t)h.count, sizeof *h.lanes);
    h.idle = mem_array(NULL, (size_t)h.count, sizeof(struct lane *));
    for (int i = 0; i < h.count; i++) {
        open_lane(y, &h.lanes[i], i);
        h.idle[h.idle_count++] = &h.lanes[i];
    }
}

static void start(int *started)
{
    struct lane *lane = h.idle[h.first];
    h.first = (h.first + 1) % h.count;
    h.idle_count--;
    (*started)++;
    check(send(lane->fd, lane->request, lane->len, MSG_NOSIGNAL) == (ssize_t)lane->len);
}

void yard_hand(const struct yard *y, int posts)
{
    struct epoll_event events[256];
    char bytes[4096];
    int started = 0, done = 0;
    if (!h.lanes)
        prepare(y);
    while (started < y->in_flight)
        start(&started);
    while (done < posts) {
        int n = epoll_wait(h.epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct lane *lane = events[i].data.ptr;
            ssize_t len = recv(lane->fd, bytes, sizeof bytes, MSG_DONTWAIT);
            check(len > 12 && memcmp(bytes + 9, "200", 3) == 0 && memmem(bytes, (size_t)len, "\r\n\r\n", 4));
            h.idle[(h.first + h.idle_count++) % h.count] = lane;
            done++;
            if (started < posts)
                start(&started);
        }
    }
}
