/* redis:// URLs, split by hand: error texts must not show passwords, and there is little else in them. */
#include "io/redis_url.h"

#include <ctype.h>
#include <string.h>

#include "util/buf.h"

#define DEFAULT_PORT 6379
#define MAX_PORT 65535
#define MAX_DB 65535

static int hex_digit(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* The byte at in->p[0], percent-decoded, which it drops from in; -1: malformed (NUL bytes too). */
static int take_byte(struct slice *in)
{
    int c = (unsigned char)in->p[0];
    size_t used = 1;
    if (c == '%') {
        int high = in->len >= 3 ? hex_digit(in->p[1]) : -1;
        int low = in->len >= 3 ? hex_digit(in->p[2]) : -1;
        c = high < 0 || low < 0 ? -1 : high * 16 + low;
        used = 3;
    }
    if (c <= 0)
        return -1;
    *in = slice_of(in->p + used, in->len - used);
    return c;
}

static enum err decode(struct slice in, char *out, size_t size, const char *what, struct errmsg *why)
{
    size_t len = 0;
    while (in.len > 0) {
        int c = take_byte(&in);
        if (c < 0)
            return errmsg_set(why, ERR_INVALID, "Redis URL: malformed percent-encoding in the %s", what);
        if (len + 1 >= size)
            return errmsg_set(why, ERR_INVALID, "Redis URL: the %s is too long", what);
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return ERR_OK;
}

static enum err parse_number(struct slice s, int min, int max, const char *what, int *out, struct errmsg *why)
{
    int value = 0;
    bool good = s.len > 0 && s.len <= 5;
    for (size_t i = 0; good && i < s.len; i++) {
        good = isdigit((unsigned char)s.p[i]);
        value = value * 10 + (s.p[i] - '0');
    }
    if (!good || value < min || value > max)
        return errmsg_set(why, ERR_INVALID, "Redis URL: the %s is not a number from %d to %d", what, min, max);
    *out = value;
    return ERR_OK;
}

/* What stands before the first c; *rest is what stands behind it, or p NULL when there is no c. */
static struct slice cut(struct slice s, char c, struct slice *rest)
{
    const char *at = s.len ? memchr(s.p, c, s.len) : NULL;
    if (!at) {
        *rest = slice_of(NULL, 0);
        return s;
    }
    size_t before = (size_t)(at - s.p);
    *rest = slice_of(at + 1, s.len - before - 1);
    return slice_of(s.p, before);
}

static enum err parse_userinfo(struct slice s, struct redis_url *u, struct errmsg *why)
{
    struct slice password;
    struct slice user = cut(s, ':', &password);
    if (!password.p)
        return errmsg_set(why, ERR_INVALID,
                          "Redis URL: a user without a password; write redis://:password@host or user:password@");
    enum err err = decode(user, u->user, sizeof u->user, "user", why);
    if (err != ERR_OK)
        return err;
    return decode(password, u->password, sizeof u->password, "password", why);
}

static enum err parse_host(struct slice s, struct redis_url *u, struct errmsg *why)
{
    struct slice port;
    struct slice host;
    if (s.len > 0 && s.p[0] == '[') {
        struct slice after;
        host = cut(slice_of(s.p + 1, s.len - 1), ']', &after);
        if (!after.p || (after.len > 0 && after.p[0] != ':'))
            return errmsg_set(why, ERR_INVALID, "Redis URL: malformed IPv6 address");
        port = after.len > 0 ? slice_of(after.p + 1, after.len - 1) : slice_of(NULL, 0);
    } else {
        host = cut(s, ':', &port);
    }
    if (host.len == 0 || host.len >= sizeof u->host)
        return errmsg_set(why, ERR_INVALID, "Redis URL: the host is missing or longer than 253 characters");
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.p[i];
        if (!isalnum(c) && !strchr("-._:", c))
            return errmsg_set(why, ERR_INVALID, "Redis URL: the host has a character that names do not have");
    }
    memcpy(u->host, host.p, host.len);
    u->host[host.len] = '\0';
    u->port = DEFAULT_PORT;
    return port.p ? parse_number(port, 1, MAX_PORT, "port", &u->port, why) : ERR_OK;
}

/* host[:port] and the path, a database number. */
static enum err parse_server(struct slice s, struct redis_url *u, struct errmsg *why)
{
    struct slice path;
    struct slice authority = cut(s, '/', &path);
    enum err err = parse_host(authority, u, why);
    if (err != ERR_OK || path.len == 0)
        return err;
    return parse_number(path, 0, MAX_DB, "database (the path)", &u->db, why);
}

enum err redis_url_parse(const char *text, struct redis_url *out, struct errmsg *why)
{
    struct redis_url u = {.tls = false};
    struct slice rest;
    if (strncmp(text, "redis://", 8) == 0) {
        rest = slice_str(text + 8);
    } else if (strncmp(text, "rediss://", 9) == 0) {
        rest = slice_str(text + 9);
        u.tls = true;
    } else {
        return errmsg_set(why, ERR_INVALID, "Redis URL: it starts with redis:// or rediss://");
    }
    enum err err = ERR_OK;
    const char *at = rest.len ? memrchr(rest.p, '@', rest.len) : NULL;
    if (at) {
        err = parse_userinfo(slice_of(rest.p, (size_t)(at - rest.p)), &u, why);
        rest = slice_of(at + 1, rest.len - (size_t)(at - rest.p) - 1);
    }
    if (err == ERR_OK)
        err = parse_server(rest, &u, why);
    if (err == ERR_OK)
        *out = u;
    redis_url_wipe(&u);
    return err;
}

void redis_url_wipe(struct redis_url *u)
{
    explicit_bzero(u, sizeof *u);
}
