/* One parser decides: what libcurl made of the text (CURLU) is checked and handed to the transfer. The raw text is looked at
 * first, only to refuse what parsers are known to read differently: a backslash, an '@' before the path, "http:/x", bytes
 * that are not printable ASCII. What is left then means the same to libcurl and to everybody else.
 *
 * A host is a literal when it is one after libcurl's normalisation ("0x7f.1" is 127.0.0.1). Numeric hosts that libcurl leaves
 * alone ("4294967296", "1.2.3.256") but a resolver could take for an address fall to the rule that the last label begins with
 * a letter. */
#include "model/target.h"

#include <stdlib.h>
#include <strings.h>

#include "util/mem.h"

#define HOST_MAX 253 /* RFC 1035, without the final dot */
#define LABEL_MAX 63
#define PORT_UNPRIVILEGED 1024
#define DENIED "the operator's list of denied addresses"

static enum err make_list(const char *setting, const char *text, const struct address_list **out, struct errmsg *why)
{
    struct address_list *list = NULL;
    struct errmsg inner;
    if (address_list_parse(text, &list, &inner) != ERR_OK)
        return errmsg_set(why, ERR_INVALID, "%s: %.400s", setting, inner.text);
    *out = list;
    return ERR_OK;
}

enum err target_policy_make(bool allow_http, const char *allow, const char *deny, struct target_policy *out, struct errmsg *why)
{
    struct target_policy policy = {.allow_http = allow_http};
    enum err err = make_list("TRUEFTP_ALLOW_TARGETS", allow, &policy.exempt, why);
    if (err == ERR_OK)
        err = make_list("TRUEFTP_DENY_TARGETS", deny, &policy.denied, why);
    if (err == ERR_OK)
        *out = policy;
    else
        target_policy_done(&policy);
    return err;
}

void target_policy_done(struct target_policy *policy)
{
    address_list_free((struct address_list *)(uintptr_t)policy->exempt);
    address_list_free((struct address_list *)(uintptr_t)policy->denied);
    *policy = (struct target_policy){0};
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ldh(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

static enum err check_bytes(const char *url, struct errmsg *why)
{
    size_t len = strnlen(url, TARGET_URL_MAX + 1);
    if (len == 0 || len > TARGET_URL_MAX)
        return errmsg_set(why, ERR_INVALID, "the URL must have 1 to %d bytes", TARGET_URL_MAX);
    for (const char *p = url; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c <= ' ' || c == 0x7f)
            return errmsg_set(why, ERR_INVALID, "the URL has a space or a control character at byte %zu", (size_t)(p - url) + 1);
        if (c > 0x7f)
            return errmsg_set(why, ERR_INVALID, "the URL is not ASCII: write the host as punycode, the rest percent-encoded");
        if (c == '\\')
            return errmsg_set(why, ERR_INVALID, "the URL has a backslash");
        if (c == '#')
            return errmsg_set(why, ERR_INVALID, "the URL has a fragment ('#'), which is never sent: leave it out");
    }
    return ERR_OK;
}

static enum err check_scheme(const struct target_policy *policy, const char *url, bool *https, struct errmsg *why)
{
    const char *colon = strchr(url, ':');
    if (!colon || strncmp(colon, "://", 3) != 0 || colon[3] == '/' || colon[3] == '\0')
        return errmsg_set(why, ERR_INVALID, "the URL must begin with https:// and a host");
    size_t len = (size_t)(colon - url);
    *https = len == 5 && strncasecmp(url, "https", 5) == 0;
    if (!*https && !(len == 4 && strncasecmp(url, "http", 4) == 0))
        return errmsg_set(why, ERR_REFUSED, "the scheme must be https");
    if (!*https && !policy->allow_http)
        return errmsg_set(why, ERR_REFUSED, "http is not allowed: use https");
    return ERR_OK;
}

/* Everything before the first '/' counts as authority: some parsers read on past a '?' for the '@'. */
static enum err check_authority(const char *url, struct errmsg *why)
{
    const char *authority = strstr(url, "://") + 3;
    size_t len = strcspn(authority, "/");
    if (memchr(authority, '@', len))
        return errmsg_set(why, ERR_INVALID, "the URL has a user name, or an '@' before the path");
    if (authority[0] == '[' && memchr(authority, '%', strcspn(authority, "]")))
        return errmsg_set(why, ERR_INVALID, "an IPv6 zone is not allowed");
    return ERR_OK;
}

static enum err check_label(struct slice label, bool last, struct errmsg *why)
{
    if (label.len == 0)
        return errmsg_set(why, ERR_INVALID, last ? "the host ends with a dot" : "the host has an empty label");
    if (label.len > LABEL_MAX)
        return errmsg_set(why, ERR_INVALID, "a label of the host is longer than %d bytes", LABEL_MAX);
    for (size_t i = 0; i < label.len; i++)
        if (!is_ldh(label.p[i]))
            return errmsg_set(why, ERR_INVALID, "the host may hold letters, digits, hyphens and dots only");
    if (label.p[0] == '-' || label.p[label.len - 1] == '-')
        return errmsg_set(why, ERR_INVALID, "a label of the host begins or ends with a hyphen");
    if (last && !is_letter(label.p[0]))
        return errmsg_set(why, ERR_INVALID, "the host's last label must begin with a letter");
    return ERR_OK;
}

static enum err check_labels(const char *host, struct errmsg *why)
{
    if (strlen(host) > HOST_MAX)
        return errmsg_set(why, ERR_INVALID, "the host is longer than %d bytes", HOST_MAX);
    const char *label = host;
    for (;;) {
        const char *dot = strchr(label, '.');
        enum err err = check_label(slice_of(label, strcspn(label, ".")), dot == NULL, why);
        if (err != ERR_OK || !dot)
            return err;
        label = dot + 1;
    }
}

/* host equals suffix or ends with "." suffix; both in lower case. */
static bool under(const char *host, const char *suffix)
{
    size_t host_len = strlen(host), len = strlen(suffix);
    if (host_len < len || strcmp(host + host_len - len, suffix) != 0)
        return false;
    return host_len == len || host[host_len - len - 1] == '.';
}

/* Names that mean this machine or its network. host is in lower case. */
static enum err check_name(const char *host, struct errmsg *why)
{
    static const char *const local[] = {"localhost", "local", "internal", "lan", "home.arpa", "cluster.local", "svc"};
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        if (under(host, local[i]))
            return errmsg_set(why, ERR_REFUSED, "the host is a local name (%s)", local[i]);
    if (strncmp(host, "metadata.", 9) == 0)
        return errmsg_set(why, ERR_REFUSED, "the host is a metadata service");
    if (!strchr(host, '.'))
        return errmsg_set(why, ERR_REFUSED, "the host must be a full name, with a dot");
    return ERR_OK;
}

static enum err check_port(uint16_t port, struct errmsg *why)
{
    if (port == 443 || port == 80 || port >= PORT_UNPRIVILEGED)
        return ERR_OK;
    return errmsg_set(why, ERR_REFUSED, "port %u is not allowed: use 443, 80 or one from %d up", (unsigned)port,
                      PORT_UNPRIVILEGED);
}

/* A part of the normalised URL, to be freed; NULL where it has none. */
static char *url_part(CURLU *u, CURLUPart part)
{
    char *text = NULL, *copy = NULL;
    if (curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
        copy = mem_strdup(text);
    curl_free(text);
    return copy;
}

/* In lower case and without brackets, as certificates and resolvers want it. */
static char *normal_host(CURLU *u)
{
    char *host = url_part(u, CURLUPART_HOST);
    if (!host)
        return NULL;
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    for (char *p = host; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return host;
}

static enum err read_port(CURLU *u, uint16_t *out, struct errmsg *why)
{
    char *text = url_part(u, CURLUPART_PORT);
    unsigned long port = text ? strtoul(text, NULL, 10) : 0;
    free(text);
    if (port == 0 || port > 65535)
        return errmsg_set(why, ERR_INVALID, "the port must be 1 to 65535");
    *out = (uint16_t)port;
    return ERR_OK;
}

static enum err read_host(struct target *t, struct errmsg *why)
{
    char *zone = url_part(t->url, CURLUPART_ZONEID);
    bool zoned = zone != NULL;
    free(zone);
    if (zoned)
        return errmsg_set(why, ERR_INVALID, "an IPv6 zone is not allowed");
    t->host = normal_host(t->url);
    if (!t->host)
        return errmsg_set(why, ERR_INVALID, "the URL has no host");
    t->literal = address_parse(slice_str(t->host), &t->address) == ERR_OK;
    if (t->literal)
        return ERR_OK;
    enum err err = check_labels(t->host, why);
    if (err == ERR_OK && curl_url_set(t->url, CURLUPART_HOST, t->host, 0) != CURLUE_OK)
        err = errmsg_set(why, ERR_INVALID, "libcurl does not take the host");
    return err;
}

static enum err apply_policy(const struct target_policy *policy, const struct target *t, struct errmsg *why)
{
    check(t->host != NULL);
    if (t->literal && address_list_has(policy->denied, &t->address))
        return errmsg_set(why, ERR_REFUSED, DENIED);
    if (t->literal && address_list_has(policy->exempt, &t->address))
        return ERR_OK;
    if (t->literal)
        return errmsg_set(why, ERR_REFUSED, "the host is an IP address: use a name");
    enum err err = check_name(t->host, why);
    return err == ERR_OK ? check_port(t->port, why) : err;
}

static enum err parse_normal(const char *url, struct target *t, struct errmsg *why)
{
    t->url = curl_url();
    if (!t->url)
        return errmsg_set(why, ERR_NO_MEMORY, "out of memory");
    CURLUcode code = curl_url_set(t->url, CURLUPART_URL, url, CURLU_DISALLOW_USER);
    if (code != CURLUE_OK)
        return errmsg_set(why, ERR_INVALID, "not a URL: %s", curl_url_strerror(code));
    enum err err = read_host(t, why);
    return err == ERR_OK ? read_port(t->url, &t->port, why) : err;
}

enum err target_parse(const struct target_policy *policy, const char *url, struct target *out, struct errmsg *why)
{
    struct target t = {0};
    enum err err = check_bytes(url, why);
    if (err == ERR_OK)
        err = check_scheme(policy, url, &t.https, why);
    if (err == ERR_OK)
        err = check_authority(url, why);
    if (err == ERR_OK)
        err = parse_normal(url, &t, why);
    if (err == ERR_OK)
        err = apply_policy(policy, &t, why);
    if (err == ERR_OK)
        *out = t;
    else
        target_done(&t);
    return err;
}

void target_done(struct target *t)
{
    curl_url_cleanup(t->url);
    free(t->host);
    t->url = NULL;
    t->host = NULL;
}

const char *target_address_refused(const struct target_policy *policy, const struct address *a)
{
    if (address_list_has(policy->denied, a))
        return DENIED;
    return address_list_has(policy->exempt, a) ? NULL : address_denied_by(a);
}
