/* The address rules are tables of CIDRs, looked at in order: the first that holds the address names the refusal. For IPv4
 * what no rule names is public. IPv6 is the other way round: only 2000::/3 may be public, so that every form that carries an
 * IPv4 address inside (mapped, compatible, translated, NAT64) falls to the default without being decoded; the rules outside
 * 2000::/3 are there for their names alone. Rejected: a list of bad IPv6 ranges, since one that is forgotten is open. */
#include "model/address.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "util/mem.h"

#define ADDRESS_TEXT_MAX 45 /* the longest RFC 4291 form: eight groups, the last two as a dotted quad */
#define PART_SHOWN_MAX 64   /* bytes of a faulty part that a message repeats */

struct cidr {
    struct address net;
    unsigned prefix; /* bits */
};

struct address_list {
    size_t count;
    struct cidr *cidrs;
};

struct rule {
    struct cidr cidr;
    const char *name;
};

#define V4(name, prefix, ...)                                                                                                    \
    {                                                                                                                            \
        {{false, {__VA_ARGS__}}, prefix}, name                                                                                   \
    }
#define V6(name, prefix, ...)                                                                                                    \
    {                                                                                                                            \
        {{true, {__VA_ARGS__}}, prefix}, name                                                                                    \
    }

static const struct rule rules_v4[] = {
    V4("this network (0.0.0.0/8)", 8, 0),
    V4("private (RFC 1918)", 8, 10),
    V4("shared with a carrier (RFC 6598)", 10, 100, 64),
    V4("loopback", 8, 127),
    V4("link-local (RFC 3927)", 16, 169, 254),
    V4("private (RFC 1918)", 12, 172, 16),
    V4("protocol assignments (192.0.0.0/24)", 24, 192, 0, 0),
    V4("documentation (RFC 5737)", 24, 192, 0, 2),
    V4("6to4 relay (192.88.99.0/24)", 24, 192, 88, 99),
    V4("private (RFC 1918)", 16, 192, 168),
    V4("benchmarking (RFC 2544)", 15, 198, 18),
    V4("documentation (RFC 5737)", 24, 198, 51, 100),
    V4("documentation (RFC 5737)", 24, 203, 0, 113),
    V4("multicast", 4, 224),
    V4("broadcast", 32, 255, 255, 255, 255),
    V4("reserved (240.0.0.0/4)", 4, 240),
    V4("cloud host service (168.63.129.16)", 32, 168, 63, 129, 16),
};

static const struct rule rules_v6[] = {
    V6("unspecified (::)", 128, 0),
    V6("loopback", 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    V6("IPv4-mapped", 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
    V6("IPv4-translated", 96, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0),
    V6("IPv4-compatible", 96, 0),
    V6("NAT64 (RFC 6052)", 96, 0, 0x64, 0xff, 0x9b),
    V6("NAT64 (RFC 8215)", 48, 0, 0x64, 0xff, 0x9b, 0, 1),
    V6("unique local (RFC 4193)", 7, 0xfc),
    V6("link-local (fe80::/10)", 10, 0xfe, 0x80),
    V6("site-local (fec0::/10)", 10, 0xfe, 0xc0),
    V6("multicast", 8, 0xff),
    V6("protocol assignments (2001::/23)", 23, 0x20, 0x01),
    V6("documentation (2001:db8::/32)", 32, 0x20, 0x01, 0x0d, 0xb8),
    V6("6to4 (2002::/16)", 16, 0x20, 0x02),
    V6("documentation (3fff::/20)", 20, 0x3f, 0xff),
};

static const struct cidr global_unicast = {{true, {0x20}}, 3};

static unsigned bits_of(const struct address *a)
{
    return a->v6 ? 128 : 32;
}

static bool cidr_has(const struct cidr *c, const struct address *a)
{
    if (c->net.v6 != a->v6)
        return false;
    unsigned whole = c->prefix / 8, rest = c->prefix % 8;
    if (memcmp(c->net.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || ((c->net.bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0;
}

/* No bit is set behind the prefix: "10.0.0.1/8" is more likely a slip than meant as 10.0.0.0/8. */
static bool cidr_is_canonical(const struct cidr *c)
{
    for (unsigned bit = c->prefix; bit < bits_of(&c->net); bit++)
        if (c->net.bytes[bit / 8] & (0x80u >> (bit % 8)))
            return false;
    return true;
}

/* Every part of a dotted quad is decimal without leading zeros: elsewhere "010" is octal. Some inet_pton let them through. */
static bool quad_is_strict(struct slice text)
{
    const char *quad = text.p;
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == ':')
            quad = text.p + i + 1;
    const char *end = text.p + text.len;
    if (!memchr(quad, '.', (size_t)(end - quad)))
        return true; /* IPv6 without a quad */
    for (const char *p = quad; p + 1 < end; p++) {
        bool starts_part = p == quad || p[-1] == '.';
        if (starts_part && p[0] == '0' && p[1] != '.')
            return false;
    }
    return true;
}

enum err address_parse(struct slice text, struct address *out)
{
    char copy[ADDRESS_TEXT_MAX + 1] = "";
    if (text.len == 0 || text.len > ADDRESS_TEXT_MAX)
        return ERR_INVALID;
    memcpy(copy, text.p, text.len);
    if (strspn(copy, "0123456789abcdefABCDEF.:") != text.len || !quad_is_strict(text))
        return ERR_INVALID;
    struct address a = {.v6 = strchr(copy, ':') != NULL};
    if (inet_pton(a.v6 ? AF_INET6 : AF_INET, copy, a.bytes) != 1)
        return ERR_INVALID;
    *out = a;
    return ERR_OK;
}

void address_format(const struct address *a, char out[64])
{
    check(inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->bytes, out, 64) != NULL);
}

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && strchr(" \t", s.p[0]))
        s = slice_of(s.p + 1, s.len - 1);
    while (s.len > 0 && strchr(" \t", s.p[s.len - 1]))
        s.len--;
    return s;
}

/* Decimal, no sign, no leading zero, at most max. */
static bool prefix_parse(struct slice text, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.p[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.p[i] - '0');
    }
    *out = value;
    return value <= max;
}

/* NULL, or what is wrong with it. */
static const char *cidr_parse(struct slice text, struct cidr *out)
{
    const char *slash = text.len > 0 ? memchr(text.p, '/', text.len) : NULL;
    struct slice net = slash ? slice_of(text.p, (size_t)(slash - text.p)) : text;
    if (address_parse(net, &out->net) != ERR_OK)
        return "not an IP address";
    out->prefix = bits_of(&out->net);
    if (slash && !prefix_parse(slice_of(slash + 1, text.len - net.len - 1), bits_of(&out->net), &out->prefix))
        return "the prefix length is not a number of bits of this family";
    if (!cidr_is_canonical(out))
        return "bits are set behind the prefix";
    return NULL;
}

enum err address_list_parse(const char *text, struct address_list **out, struct errmsg *why)
{
    struct address_list *l = mem_zalloc(sizeof(*l));
    bool empty = text[strspn(text, " \t")] == '\0';
    for (const char *p = text; !empty && p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        struct slice part = trimmed(slice_of(p, strcspn(p, ",")));
        struct cidr c;
        const char *fault = cidr_parse(part, &c);
        if (fault) {
            int shown = part.len < PART_SHOWN_MAX ? (int)part.len : PART_SHOWN_MAX;
            address_list_free(l);
            return errmsg_set(why, ERR_INVALID, "\"%.*s\": %s", shown, part.p, fault);
        }
        l->cidrs = mem_array(l->cidrs, l->count + 1, sizeof(*l->cidrs));
        l->cidrs[l->count++] = c;
    }
    *out = l;
    return ERR_OK;
}

void address_list_free(struct address_list *l)
{
    if (!l)
        return;
    free(l->cidrs);
    free(l);
}

bool address_list_has(const struct address_list *l, const struct address *a)
{
    for (size_t i = 0; l && i < l->count; i++)
        if (cidr_has(&l->cidrs[i], a))
            return true;
    return false;
}

const char *address_denied_by(const struct address *a)
{
    const struct rule *rules = a->v6 ? rules_v6 : rules_v4;
    size_t count = a->v6 ? sizeof(rules_v6) / sizeof(rules_v6[0]) : sizeof(rules_v4) / sizeof(rules_v4[0]);
    for (size_t i = 0; i < count; i++)
        if (cidr_has(&rules[i].cidr, a))
            return rules[i].name;
    if (a->v6 && !cidr_has(&global_unicast, a))
        return "not global unicast (2000::/3)";
    return NULL;
}
