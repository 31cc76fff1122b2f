/* Webhooks: their rules, and which events they want. */
#include "model/webhook.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>

#include "model/account.h"
#include "model/glob.h"
#include "util/mem.h"
#include "util/utf8.h"

#define MAX_ID 64
#define MAX_URL 2048
#define MAX_DESCRIPTION 1024
#define MAX_HEADER_BYTES 4096 /* names and values of all headers */
#define MAX_RATE 1000000

static bool id_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

bool webhook_id_valid(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (!id_char(id.p[i])) {
            return false;
        }
    }
    return id.len >= 1 && id.len <= MAX_ID;
}

struct webhook *webhook_new(void)
{
    struct webhook *wh = mem_zalloc(sizeof *wh);
    wh->id = mem_strdup("");
    wh->account_id = mem_strdup("");
    wh->url = mem_strdup("");
    wh->description = mem_strdup("");
    wh->disabled_reason = mem_strdup("");
    wh->enabled = true;
    wh->max_attempts = 3;
    wh->timeout_ms = 10000;
    wh->max_concurrency = 16;
    wh->signature = WEBHOOK_SIGN_TRUEFTP;
    return wh;
}

void webhook_free(struct webhook *wh)
{
    if (!wh) {
        return;
    }
    for (size_t i = 0; i < wh->pattern_count; i++) {
        free((void *)(uintptr_t)wh->patterns[i].p);
    }
    webhook_clear_headers(wh);
    for (size_t i = 0; i < wh->secret_count; i++) {
        free(wh->secrets[i].sealed);
    }
    webhook_tls_free(wh->tls);
    free(wh->patterns);
    free(wh->id);
    free(wh->account_id);
    free(wh->url);
    free(wh->description);
    free(wh->disabled_reason);
    free(wh);
}

void webhook_add_header(struct webhook *wh, struct slice name, struct slice value)
{
    wh->headers = mem_array(wh->headers, wh->header_count + 1, sizeof *wh->headers);
    wh->headers[wh->header_count++] = (struct webhook_header){
        .name = mem_dup(name.p, name.len), .value = mem_dup(value.p, value.len), .sealed = mem_strdup("")};
}

void webhook_clear_headers(struct webhook *wh)
{
    for (size_t i = 0; i < wh->header_count; i++) {
        struct webhook_header *h = &wh->headers[i];
        OPENSSL_cleanse(h->value, strlen(h->value));
        free(h->name);
        free(h->value);
        free(h->sealed);
    }
    free(wh->headers);
    wh->headers = NULL;
    wh->header_count = 0;
}

static enum err check_range(const char *name, int64_t value, int64_t min, int64_t max, struct errmsg *why)
{
    if (value < min || value > max) {
        return errmsg_set(why, ERR_INVALID, "%s: must be from %lld to %lld", name, (long long)min, (long long)max);
    }
    return ERR_OK;
}

static enum err check_numbers(const struct webhook *wh, struct errmsg *why)
{
    const struct {
        const char *name;
        int64_t value, min, max;
    } numbers[] = {
        {"max_attempts", wh->max_attempts, 1, 20},
        {"timeout_ms", wh->timeout_ms, 1000, 20000},
        {"max_concurrency", wh->max_concurrency, 1, 1024},
        {"rate_limit_per_second", wh->rate_limit_per_second, 0, MAX_RATE},
        {"version", wh->version, 0, INT64_MAX},
    };
    enum err err = ERR_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && err == ERR_OK; i++) {
        err = check_range(numbers[i].name, numbers[i].value, numbers[i].min, numbers[i].max, why);
    }
    return err;
}

static enum err check_names(const struct webhook *wh, struct errmsg *why)
{
    if (!webhook_id_valid(slice_str(wh->id))) {
        return errmsg_set(why, ERR_INVALID, "id: must be 1-%d of [A-Za-z0-9_-]", MAX_ID);
    }
    if (!account_id_valid(slice_str(wh->account_id))) {
        return errmsg_set(why, ERR_INVALID, "account_id: must be 1-128 of [A-Za-z0-9_.-]");
    }
    if (strlen(wh->url) < 1 || strlen(wh->url) > MAX_URL) {
        return errmsg_set(why, ERR_INVALID, "url: must be 1-%d bytes", MAX_URL);
    }
    if (strlen(wh->description) > MAX_DESCRIPTION) {
        return errmsg_set(why, ERR_INVALID, "description: longer than %d bytes", MAX_DESCRIPTION);
    }
    if (!wh->all_events && wh->events == 0) {
        return errmsg_set(why, ERR_INVALID, "events: must name at least one event, or \"*\"");
    }
    if (wh->signature < WEBHOOK_SIGN_TRUEFTP || wh->signature > WEBHOOK_SIGN_BOTH) {
        return errmsg_set(why, ERR_INVALID, "signature: must be trueftp, standard or both");
    }
    return ERR_OK;
}

static enum err check_patterns(const struct webhook *wh, struct errmsg *why)
{
    struct errmsg inner = {{0}};

    if (wh->pattern_count > WEBHOOK_MAX_PATTERNS) {
        return errmsg_set(why, ERR_INVALID, "path_patterns: more than %d", WEBHOOK_MAX_PATTERNS);
    }
    for (size_t i = 0; i < wh->pattern_count; i++) {
        if (glob_check(wh->patterns[i], &inner) != ERR_OK) {
            return errmsg_set(why, ERR_INVALID, "path_patterns[%zu]: %s", i, inner.text);
        }
        if (!utf8_valid(wh->patterns[i])) {
            return errmsg_set(why, ERR_INVALID, "path_patterns[%zu]: not UTF-8", i);
        }
    }
    return ERR_OK;
}

/* RFC 9110, 5.6.2 */
static bool is_token(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *c = name; *c; c++) {
        if (!id_char(*c) && !strchr(others, *c)) {
            return false;
        }
    }
    return *name != '\0';
}

/* Headers that are the delivery's own, or that say how the connection is used. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {"Host",   "Transfer-Encoding", "TE",        "Connection", "Keep-Alive", "Upgrade",
                                        "Expect", "Trailer",           "User-Agent"};
    static const char *const prefixes[] = {"Content-", "Proxy-", "X-TrueFTP-", "webhook-"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncasecmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Printable ASCII and tabs, and something besides blanks: libcurl takes a header without a value as one to leave out. */
static bool is_value(const char *value)
{
    bool visible = false;
    for (const char *c = value; *c; c++) {
        if ((*c < 0x20 || *c > 0x7e) && *c != '\t') {
            return false;
        }
        visible = visible || (*c != ' ' && *c != '\t');
    }
    return visible;
}

static bool is_repeated(const struct webhook *wh, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcasecmp(wh->headers[i].name, wh->headers[at].name) == 0) {
            return true;
        }
    }
    return false;
}

static enum err check_headers(const struct webhook *wh, struct errmsg *why)
{
    size_t bytes = 0;

    if (wh->header_count > WEBHOOK_MAX_HEADERS) {
        return errmsg_set(why, ERR_INVALID, "headers: more than %d", WEBHOOK_MAX_HEADERS);
    }
    for (size_t i = 0; i < wh->header_count; i++) {
        const struct webhook_header *h = &wh->headers[i];
        if (!is_token(h->name)) {
            return errmsg_set(why, ERR_INVALID, "headers: header %zu: the name must be an HTTP token", i + 1);
        }
        if (is_reserved(h->name)) {
            return errmsg_set(why, ERR_INVALID, "headers: %.64s is not yours to set", h->name);
        }
        if (is_repeated(wh, i)) {
            return errmsg_set(why, ERR_INVALID, "headers: %.64s stands twice", h->name);
        }
        if (!*h->sealed && !is_value(h->value)) {
            return errmsg_set(why, ERR_INVALID, "headers: the value of %.64s must be printable ASCII and not blank", h->name);
        }
        bytes += strlen(h->name) + strlen(h->value);
    }
    if (bytes > MAX_HEADER_BYTES) {
        return errmsg_set(why, ERR_INVALID, "headers: longer than %d bytes together", MAX_HEADER_BYTES);
    }
    return ERR_OK;
}

static enum err check_secrets(const struct webhook *wh, struct errmsg *why)
{
    if (wh->secret_count > 2) {
        return errmsg_set(why, ERR_INVALID, "secrets: more than two");
    }
    for (size_t i = 0; i < wh->secret_count; i++) {
        if (*wh->secrets[i].sealed == '\0') {
            return errmsg_set(why, ERR_INVALID, "secrets[%zu].sealed: missing", i);
        }
        if ((wh->secrets[i].expires_wall_ms == 0) != (i == 0)) {
            return errmsg_set(why, ERR_INVALID, "secrets[%zu].expires_at: only the previous secret has one", i);
        }
    }
    return ERR_OK;
}

static enum err check_tls(const struct webhook *wh, struct errmsg *why)
{
    if (!wh->tls) {
        return ERR_OK;
    }
    if (strncasecmp(wh->url, "https:", 6) != 0) {
        return errmsg_set(why, ERR_INVALID, "tls: is for https:// URLs");
    }
    return webhook_tls_validate(wh->tls, why);
}

enum err webhook_validate(const struct webhook *wh, struct errmsg *why)
{
    enum err err = check_names(wh, why);
    if (err == ERR_OK) {
        err = check_numbers(wh, why);
    }
    if (err == ERR_OK) {
        err = check_patterns(wh, why);
    }
    if (err == ERR_OK) {
        err = check_headers(wh, why);
    }
    if (err == ERR_OK) {
        err = check_secrets(wh, why);
    }
    return err == ERR_OK ? check_tls(wh, why) : err;
}

bool webhook_wants(const struct webhook *wh, enum event_type type, struct slice path)
{
    bool named = (wh->events >> (unsigned)type & 1U) != 0;
    if (!named && (!wh->all_events || event_type_is_extension(type))) {
        return false;
    }
    return path.len == 0 || glob_list_match(wh->patterns, wh->pattern_count, path);
}
