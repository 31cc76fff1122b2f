#include "scripted_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/buf.h"
#include "util/mem.h"

#define TYPE_A 1
#define TYPE_CNAME 5
#define TYPE_AAAA 28
#define MAX_ASKED 512
#define MAX_TCP 8

struct tcp {
    struct scripted_dns *dns;
    int fd;
    struct loop_io *io;
};

struct scripted_dns {
    struct loop *loop;
    const struct dns_name *names;
    int udp, listener;
    struct loop_io *udp_io, *listener_io;
    struct tcp tcp[MAX_TCP];
    int tcp_count;
    char address[32];
    char asked[MAX_ASKED][256];
    int asked_count, asked_tcp;
};

struct question {
    char name[256];
    int type;
    size_t end; /* where the question section ends */
};

/* -------- messages -------- */

static bool parse_question(const uint8_t *p, size_t len, struct question *q)
{
    size_t at = 12, out = 0;
    while (at < len && p[at] != 0) {
        size_t label = p[at++];
        if (label > 63 || at + label > len || out + label + 2 > sizeof q->name)
            return false;
        if (out > 0)
            q->name[out++] = '.';
        memcpy(q->name + out, p + at, label);
        out += label;
        at += label;
    }
    q->name[out] = '\0';
    if (at + 5 > len)
        return false;
    q->type = p[at + 1] << 8 | p[at + 2];
    q->end = at + 5;
    return true;
}

static void put16(struct buf *b, unsigned v)
{
    buf_putc(b, (char)(v >> 8));
    buf_putc(b, (char)v);
}

static void put32(struct buf *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b, v & 0xffff);
}

static void put_name(struct buf *b, const char *name)
{
    while (*name) {
        size_t label = strcspn(name, ".");
        buf_putc(b, (char)label);
        buf_put(b, name, label);
        name += label;
        if (*name == '.')
            name++;
    }
    buf_putc(b, 0);
}

static void put_record_head(struct buf *b, const char *name, int type, uint32_t ttl_s)
{
    put_name(b, name);
    put16(b, (unsigned)type);
    put16(b, 1);
    put32(b, ttl_s);
}

static unsigned put_cname(struct buf *b, const struct dns_name *n)
{
    if (!n->cname)
        return 0;
    struct buf target;
    buf_init(&target, 512);
    put_name(&target, n->cname);
    put_record_head(b, n->name, TYPE_CNAME, n->cname_ttl_s);
    put16(b, (unsigned)target.len);
    buf_put_slice(b, buf_slice(&target));
    buf_done(&target);
    return 1;
}

static unsigned put_addresses(struct buf *b, const struct dns_name *n, int type)
{
    const char *list = type == TYPE_A ? n->a : type == TYPE_AAAA ? n->aaaa : NULL;
    unsigned count = 0;
    while (list && *list) {
        char text[64];
        uint8_t bytes[16];
        size_t len = strcspn(list, " ");
        snprintf(text, sizeof text, "%.*s", (int)len, list);
        assert_int_equal(inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, bytes), 1);
        put_record_head(b, n->cname ? n->cname : n->name, type, n->ttl_s);
        put16(b, type == TYPE_A ? 4 : 16);
        buf_put(b, bytes, type == TYPE_A ? 4 : 16);
        count++;
        list += len + strspn(list + len, " ");
    }
    return count;
}

static unsigned response_code(enum dns_behaviour behaviour)
{
    switch (behaviour) {
    case DNS_NXDOMAIN:
        return 3;
    case DNS_SERVFAIL:
        return 2;
    case DNS_REFUSED:
        return 5;
    default:
        return 0;
    }
}

/* An empty answer means silence. */
static void respond(const struct dns_name *n, const struct question *q, const uint8_t *query, bool tcp, struct buf *out)
{
    bool truncated = n->behaviour == DNS_TRUNCATED && !tcp;
    bool with_records = n->behaviour == DNS_ANSWERS || (n->behaviour == DNS_TRUNCATED && tcp);
    if (n->behaviour == DNS_SILENT)
        return;
    if (n->behaviour == DNS_GARBAGE) {
        buf_put(out, "not DNS at all", 14);
        return;
    }
    buf_put(out, query, 2);
    put16(out, 0x8180 | (truncated ? 0x200 : 0) | response_code(n->behaviour));
    put16(out, 1);
    put16(out, 0); /* answers: set below */
    put32(out, 0);
    buf_put(out, query + 12, q->end - 12);
    if (with_records)
        out->p[7] = (char)(put_cname(out, n) + put_addresses(out, n, q->type));
}

static void answer_query(struct scripted_dns *d, const uint8_t *query, size_t len, bool tcp, struct buf *out)
{
    static const struct dns_name unknown = {.behaviour = DNS_NXDOMAIN};
    struct question q;
    assert_true(parse_question(query, len, &q));
    assert_true(d->asked_count < MAX_ASKED);
    snprintf(d->asked[d->asked_count++], sizeof d->asked[0], "%s", q.name);
    d->asked_tcp += tcp;
    const struct dns_name *n = d->names;
    while (n->name && strcasecmp(n->name, q.name) != 0)
        n++;
    respond(n->name ? n : &unknown, &q, query, tcp, out);
}

/* -------- sockets -------- */

static void on_udp(void *ctx, int events)
{
    struct scripted_dns *d = ctx;
    (void)events;
    uint8_t query[1024];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(d->udp, query, sizeof query, 0, (struct sockaddr *)&from, &from_len);
    if (n < 12)
        return;
    struct buf out;
    buf_init(&out, 1 << 16);
    answer_query(d, query, (size_t)n, false, &out);
    if (out.len > 0)
        assert_int_equal(sendto(d->udp, out.p, out.len, 0, (struct sockaddr *)&from, from_len), out.len);
    buf_done(&out);
}

static void on_tcp(void *ctx, int events)
{
    struct tcp *t = ctx;
    (void)events;
    uint8_t query[1024];
    ssize_t n = read(t->fd, query, sizeof query);
    if (n <= 2) {
        loop_io_set(t->io, 0);
        return;
    }
    struct buf out, framed;
    buf_init(&out, 1 << 16);
    buf_init(&framed, 1 << 16);
    for (size_t at = 0; at + 2 < (size_t)n;) { /* both questions can come in one segment */
        size_t len = (size_t)(query[at] << 8 | query[at + 1]);
        assert_true(at + 2 + len <= (size_t)n);
        buf_reset(&out);
        answer_query(t->dns, query + at + 2, len, true, &out);
        put16(&framed, (unsigned)out.len);
        buf_put_slice(&framed, buf_slice(&out));
        at += 2 + len;
    }
    assert_int_equal(send(t->fd, framed.p, framed.len, MSG_NOSIGNAL), framed.len);
    buf_done(&out);
    buf_done(&framed);
}

static void on_listener(void *ctx, int events)
{
    struct scripted_dns *d = ctx;
    (void)events;
    assert_true(d->tcp_count < MAX_TCP);
    struct tcp *t = &d->tcp[d->tcp_count++];
    t->dns = d;
    t->fd = accept4(d->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(t->fd >= 0);
    t->io = loop_io_new(d->loop, t->fd, LOOP_READ, on_tcp, t);
}

/* A port that is free for UDP may be taken for TCP: tries a few. */
static int bind_both(struct scripted_dns *d)
{
    for (int attempt = 0; attempt < 50; attempt++) {
        struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof sa;
        d->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        d->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(d->udp, (struct sockaddr *)&sa, len), 0);
        assert_int_equal(getsockname(d->udp, (struct sockaddr *)&sa, &len), 0);
        if (bind(d->listener, (struct sockaddr *)&sa, len) == 0)
            return ntohs(sa.sin_port);
        close(d->udp);
        close(d->listener);
    }
    fail_msg("no port is free for UDP and TCP");
    return 0;
}

struct scripted_dns *scripted_dns_start(struct loop *l, const struct dns_name *names)
{
    struct scripted_dns *d = mem_zalloc(sizeof *d);
    d->loop = l;
    d->names = names;
    snprintf(d->address, sizeof d->address, "127.0.0.1:%d", bind_both(d));
    assert_int_equal(listen(d->listener, MAX_TCP), 0);
    d->udp_io = loop_io_new(l, d->udp, LOOP_READ, on_udp, d);
    d->listener_io = loop_io_new(l, d->listener, LOOP_READ, on_listener, d);
    return d;
}

void scripted_dns_stop(struct scripted_dns *d)
{
    for (int i = 0; i < d->tcp_count; i++) {
        loop_io_free(d->tcp[i].io);
        close(d->tcp[i].fd);
    }
    loop_io_free(d->udp_io);
    loop_io_free(d->listener_io);
    close(d->udp);
    close(d->listener);
    free(d);
}

const char *scripted_dns_address(const struct scripted_dns *d)
{
    return d->address;
}

void scripted_dns_use(struct scripted_dns *d, const struct dns_name *names)
{
    d->names = names;
}

int scripted_dns_asked(const struct scripted_dns *d, const char *name)
{
    int count = 0;
    for (int i = 0; i < d->asked_count; i++)
        count += !name || strcasecmp(d->asked[i], name) == 0;
    return count;
}

int scripted_dns_asked_tcp(const struct scripted_dns *d)
{
    return d->asked_tcp;
}
