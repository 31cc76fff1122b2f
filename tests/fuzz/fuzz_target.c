/* Targets: the text of a URL, of addresses and of lists of them, and the rules, against second opinions: inet_pton(3) and the
 * ranges of the address oracle. The first byte picks the policy. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "address_oracle.h"
#include "model/target.h"

static struct target_policy policies[4];

static void prepare(void)
{
    static struct address_list *exempt;
    struct errmsg why;
    if (exempt)
        return;
    check(address_list_parse("127.0.0.0/8,10.1.0.0/16,fd00::/8", &exempt, &why) == ERR_OK);
    for (int i = 0; i < 4; i++)
        policies[i] = (struct target_policy){.allow_http = (i & 1) != 0, .exempt = (i & 2) != 0 ? exempt : NULL};
}

/* Where a plain reader sees the host, and how long it is: between "://" and the next of ":/?". */
static size_t plain_host(const char *url, const char **host)
{
    *host = strstr(url, "://") + 3;
    if (**host == '[')
        return 0;
    return strcspn(*host, ":/?");
}

static void check_name(const char *url, const struct target *t)
{
    const char *host;
    struct in_addr legacy;
    struct in6_addr v6;
    size_t len = plain_host(url, &host);
    check(strchr(t->host, '.') != NULL && strlen(t->host) <= 253);
    check(t->host[strspn(t->host, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0');
    check(inet_aton(t->host, &legacy) == 0 && inet_pton(AF_INET6, t->host, &v6) == 0); /* no resolver takes it for an address */
    check(t->port == 443 || t->port == 80 || t->port >= 1024);
    if (!memchr(host, '%', len))
        check(strlen(t->host) == len && strncasecmp(t->host, host, len) == 0);
}

static void check_accepted(const struct target_policy *policy, const char *url, struct target *t)
{
    struct target again;
    struct errmsg why;
    char *text = NULL;
    check(t->https || policy->allow_http);
    check(!strchr(url, '\\') && !strchr(url, '#'));
    if (t->literal)
        check(policy->exempt && !target_address_refused(policy, &t->address));
    else
        check_name(url, t);
    check(curl_url_get(t->url, CURLUPART_URL, &text, 0) == CURLUE_OK);
    check(!strpbrk(text, " \r\n\t") && !memchr(text, '@', strcspn(strstr(text, "://") + 3, "/") + 3 + (t->https ? 5 : 4)));
    check(strlen(text) > TARGET_URL_MAX || target_parse(policy, text, &again, &why) == ERR_OK);
    if (strlen(text) <= TARGET_URL_MAX) {
        check(strcmp(again.host, t->host) == 0 && again.port == t->port && again.https == t->https);
        target_done(&again);
    }
    curl_free(text);
}

static void read_url(const struct target_policy *policy, const char *url)
{
    struct target t = {0};
    struct errmsg why = {""};
    enum err err = target_parse(policy, url, &t, &why);
    if (err == ERR_OK)
        check_accepted(policy, url, &t);
    else
        check((err == ERR_INVALID || err == ERR_REFUSED) && *why.text);
    target_done(&t);
}

static uint64_t number(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void check_rules(const struct address *a)
{
    bool denied = address_denied_by(a) != NULL;
    check(denied == (a->v6 ? oracle_denies6(number(a->bytes, 8)) : oracle_denies4((uint32_t)number(a->bytes, 4))));
}

static void check_format(const struct address *a)
{
    char ours[64], theirs[64];
    struct address again = {0};
    address_format(a, ours);
    check(inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->bytes, theirs, sizeof theirs) != NULL && strcmp(ours, theirs) == 0);
    check(address_parse(slice_str(ours), &again) == ERR_OK && again.v6 == a->v6);
    check(memcmp(again.bytes, a->bytes, a->v6 ? 16 : 4) == 0);
}

/* inet_pton takes exactly the strict forms that we take. */
static void read_address(const char *text)
{
    struct address a = {0};
    uint8_t bytes[16] = {0};
    bool ours = address_parse(slice_str(text), &a) == ERR_OK;
    bool v4 = inet_pton(AF_INET, text, bytes) == 1, v6 = !v4 && inet_pton(AF_INET6, text, bytes) == 1;
    check(ours == (v4 || v6));
    if (!ours)
        return;
    check(a.v6 == v6 && memcmp(a.bytes, bytes, v6 ? 16 : 4) == 0);
    check_rules(&a);
    check_format(&a);
}

static void read_list(const char *text, const struct address *a)
{
    struct address_list *l = NULL;
    struct errmsg why = {""};
    if (address_list_parse(text, &l, &why) == ERR_OK)
        (void)address_list_has(l, a);
    else
        check(*why.text);
    address_list_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address a = {0};
    if (size < 1)
        return 0;
    prepare();
    char *text = fuzz_text(data + 1, size - 1);
    read_url(&policies[data[0] & 3], text);
    read_address(text);
    if (size > 16) {
        memcpy(a.bytes, data + 1, 16);
        a.v6 = (data[0] & 4) != 0;
        check_rules(&a);
        check_format(&a);
    }
    read_list(text, &a);
    free(text);
    return 0;
}
