/* Listening sockets. ":port" is one IPv6 socket that takes IPv4 too, or an IPv4 one where the kernel has no IPv6. */
#include "io/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

struct listen_spec {
    char host[256]; /* "": all addresses */
    char port[6];
};

static enum err parse_spec(const char *text, struct listen_spec *out, struct errmsg *why)
{
    const char *colon = strrchr(text, ':');
    if (!colon)
        return errmsg_set(why, ERR_INVALID, "listen address \"%s\": no port; write host:port, [::1]:port or :port", text);
    const char *host = text;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len)) {
        return errmsg_set(why, ERR_INVALID, "listen address \"%s\": write an IPv6 address in brackets", text);
    }
    size_t digits = strspn(colon + 1, "0123456789");
    unsigned long port = 0;
    for (size_t i = 0; i < digits && port <= 65535; i++)
        port = port * 10 + (unsigned long)(colon[1 + i] - '0');
    if (digits == 0 || digits >= sizeof out->port || colon[1 + digits] != '\0' || port > 65535)
        return errmsg_set(why, ERR_INVALID, "listen address \"%s\": the port is a number from 0 to 65535", text);
    if (len >= sizeof out->host)
        return errmsg_set(why, ERR_INVALID, "listen address: the host is longer than 255 characters");
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    memcpy(out->port, colon + 1, digits + 1);
    return ERR_OK;
}

static int open_one(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    int off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* All addresses: IPv6 first, since that socket takes IPv4 as well. */
static enum err open_family(const struct listen_spec *spec, int family, int *fd, struct errmsg *why)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(spec->host[0] ? spec->host : NULL, spec->port, &hints, &list);
    if (rc != 0)
        return errmsg_set(why, ERR_IO, "cannot listen on \"%s\" port %s: %s", spec->host, spec->port, gai_strerror(rc));
    int opened = -1;
    for (const struct addrinfo *ai = list; ai && opened < 0; ai = ai->ai_next)
        opened = open_one(ai);
    int saved = errno;
    freeaddrinfo(list);
    if (opened < 0)
        return errmsg_set(why, ERR_IO, "cannot listen on \"%s\" port %s: %s", spec->host, spec->port, strerror(saved));
    *fd = opened;
    return ERR_OK;
}

enum err listen_open(const char *text, int *fd, struct errmsg *why)
{
    struct listen_spec spec = {.host = ""};
    enum err err = parse_spec(text, &spec, why);
    if (err != ERR_OK)
        return err;
    if (spec.host[0])
        return open_family(&spec, AF_UNSPEC, fd, why);
    if (open_family(&spec, AF_INET6, fd, why) == ERR_OK)
        return ERR_OK;
    return open_family(&spec, AF_INET, fd, why);
}

int listen_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t len = sizeof sa;
    check(getsockname(fd, &sa.any, &len) == 0);
    return ntohs(sa.any.sa_family == AF_INET6 ? sa.v6.sin6_port : sa.v4.sin_port);
}
